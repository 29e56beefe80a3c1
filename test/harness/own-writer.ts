/** A writer of the trie that remembers itself what was put, where the server has a catalog. */
import type { Resource, ResourceKey } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';
import type { TrieMemory } from '../../src/trie/memory.ts';
import { TrieWriter } from '../../src/trie/write/writer.ts';
import type { WriterSettings } from '../../src/trie/write/writer.ts';
import type { Arena } from '../../src/trie/write/arena.ts';
import type { Claims } from '../../src/trie/write/claims.ts';
import type { NameOwners } from '../../src/trie/write/name-owners.ts';
import type { Tables } from '../../src/trie/write/tables.ts';

/** What only tests look at. */
interface Inside {
  arena: Arena;
  claims: Claims;
  nameOwners: NameOwners;
  tables: Tables;
}

/** A name with more owners than `most` becomes a CROWD, so that a test needs few of them. */
export function makeCrowdsAbove(writer: TrieWriter, most: number): void {
  (writer as unknown as Inside).nameOwners.most = most;
}

/** What the changes so far have cost, in steps of work: words written, slots changed, claims compared. */
export function stepsOf(writer: TrieWriter): number {
  const { arena, claims, tables } = writer as unknown as Inside;
  return arena.handed + tables.steps + claims.steps;
}

export class OwnWriter extends TrieWriter {
  private readonly known: Map<string, { resource: Resource; stamp: bigint }>;

  constructor(memory: TrieMemory, settings: Omit<WriterSettings, 'resourceOf'>) {
    const known = new Map<string, { resource: Resource; stamp: bigint }>();
    super(memory, { ...settings, resourceOf: (key) => known.get(keyText(key)) });
    this.known = known;
  }

  override put(resource: Resource, stamp: bigint | number): void {
    super.put(resource, BigInt(stamp));
    this.known.set(keyText(keyOf(resource)), { resource, stamp: BigInt(stamp) });
  }

  /** As the feed does it for the server. */
  override commit(): void {
    for (const vpc of this.outdated())
      for (const { resource, stamp } of this.known.values())
        if (resource.kind === 'pod' && resource.vpc === vpc) super.put(resource, stamp);
    super.commit();
  }

  override remove(key: ResourceKey): void {
    super.remove(key);
    this.known.delete(keyText(key));
  }
}
