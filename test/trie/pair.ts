/** A writer and the reference trie beside it: every change goes to both, and what readers see is compared. */
import { expect } from 'vitest';
import type { Resource, ResourceKey } from '../../src/model.ts';
import { MemoryFullError, reserveMemory } from '../../src/trie/memory.ts';
import type { Reserve, TrieMemory } from '../../src/trie/memory.ts';
import { makeCrowdsAbove, OwnWriter } from '../harness/own-writer.ts';
import { PREFIXES, VPCS, everything } from './changes.ts';
import type { Op } from './changes.ts';
import { Inspector } from './inspect.ts';
import { ReferenceTrie } from './reference.ts';

const ROOMY: Reserve = { names: 1 << 18, addresses: 1 << 18, arena: 1 << 20 };

export class Pair {
  readonly memory: TrieMemory;
  readonly reference: ReferenceTrie;
  readonly writer: OwnWriter;
  readonly inspector: Inspector;
  readonly touched = new Set<string>();
  /** Changes that were refused because the memory was full. */
  refused = 0;
  private wasShort = false;
  private readonly isRoomy: boolean;
  time = 1000;

  /** `most`: owners of the name of a name that stand in a SET; more are a CROWD. */
  constructor(policy: 'pinned' | 'all' | 'none' = 'pinned', reserve = ROOMY, most = 64) {
    this.memory = reserveMemory(reserve, [1, 2]);
    this.isRoomy = reserve === ROOMY;
    this.reference = new ReferenceTrie(policy);
    this.writer = new OwnWriter(this.memory, {
      zone: 'vpc.internal',
      suffixes: [],
      aRecords: policy,
      forward: 'off',
      canForward: false,
      now: () => this.time,
    });
    makeCrowdsAbove(this.writer, most);
    this.inspector = new Inspector(this.memory, this.writer);
  }

  put(put: Resource, at: bigint): void {
    if (this.refuses(() => this.writer.put(put, at))) return;
    this.touched.add(put.kind === 'vpc' ? put.name : put.vpc);
    this.reference.put(put, at);
  }

  remove(key: ResourceKey): void {
    this.writer.remove(key);
    if (this.reference.get(key) !== undefined) this.touched.add(key.vpc);
    this.reference.remove(key);
  }

  private refuses(change: () => void): boolean {
    try {
      change();
      return false;
    } catch (error) {
      if (!(error instanceof MemoryFullError)) throw error;
      this.refused++;
      return true;
    }
  }

  apply(one: Op): void {
    if ('put' in one) this.put(one.put, one.stamp);
    else if ('remove' in one) this.remove(one.remove);
    else {
      VPCS.forEach((name, i) => {
        const net6 = PREFIXES.filter((_, p) => one.prefixes[p] === i);
        // A change that finds no room for all that it changes is the feed's affair.
        const a_records = this.isRoomy ? one.policies[i] : undefined;
        this.put(
          { kind: 'vpc', name, net6, services6: [], ...(a_records === undefined ? {} : { a_records }) },
          one.stamp,
        );
      });
    }
  }

  transaction(ops: Op[]): void {
    const before = this.inspector.serials();
    this.writer.begin();
    for (const one of ops) this.apply(one);
    this.writer.commit();
    if (this.isShort) this.inspector.expectPart(this.reference.state());
    else this.inspector.expectState(this.reference.state());
    for (const [vpc, serial] of this.inspector.serials()) {
      const old = before.get(vpc);
      if (old === undefined) expect(serial).toBeGreaterThanOrEqual(this.time);
      else if (this.touched.has(vpc)) expect(serial).toBeGreaterThan(old);
      else if (!this.isShort && !this.wasShort) expect(serial).toBe(old);
    }
    this.wasShort = this.isShort;
    this.touched.clear();
  }

  /** From now on, checks what readers see after each flip: a commit without enough room makes several. */
  watchFlips(): void {
    const { tables } = this.writer;
    const flip = tables.commit.bind(tables);
    tables.commit = () => {
      flip();
      this.inspector.expectPart(this.reference.state());
    };
  }

  /** Some of the state waits for room to be shown. */
  get isShort(): boolean {
    return this.writer.problems().some(({ reason }) => reason.startsWith('the memory is full'));
  }

  /** One transaction that takes everything away. */
  clear(): void {
    this.transaction([...everything()].map((remove) => ({ remove })));
  }

  settle(): void {
    expect(this.writer.tables.settle()).toBe(true);
    this.inspector.expectCopiesEqual();
  }
}
