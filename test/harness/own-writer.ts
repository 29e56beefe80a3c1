/** A writer of the trie that remembers itself what was put, where the server has a catalog. */
import type { Resource, ResourceKey } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';
import type { TrieMemory } from '../../src/trie/memory.ts';
import { TrieWriter } from '../../src/trie/write/writer.ts';
import type { WriterSettings } from '../../src/trie/write/writer.ts';

export class OwnWriter extends TrieWriter {
  private readonly said: Map<string, { resource: Resource; stamp: bigint }>;

  constructor(memory: TrieMemory, settings: Omit<WriterSettings, 'resourceOf'>) {
    const said = new Map<string, { resource: Resource; stamp: bigint }>();
    super(memory, { ...settings, resourceOf: (key) => said.get(keyText(key)) });
    this.said = said;
  }

  override put(resource: Resource, stamp: bigint | number): void {
    super.put(resource, BigInt(stamp));
    this.said.set(keyText(keyOf(resource)), { resource, stamp: BigInt(stamp) });
  }

  override remove(key: ResourceKey): void {
    super.remove(key);
    this.said.delete(keyText(key));
  }
}
