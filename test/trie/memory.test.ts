/** What happens when the memory is not there, or is full: a change is refused alone, everything else is served. */
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Arena, roundWords } from '../../src/trie/write/arena.ts';
import { MemoryFullError, reserveMemory } from '../../src/trie/memory.ts';
import * as layout from '../../src/trie/layout.ts';
import { View } from '../../src/trie/read/view.ts';
import { OwnWriter } from '../harness/own-writer.ts';
import { op } from './changes.ts';
import { label } from './inspect.ts';
import { Pair } from './pair.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);

describe('reserving', () => {
  const Real = SharedArrayBuffer;

  afterEach(() => vi.unstubAllGlobals());

  /** A system that grants no more than `most` octets in one piece. */
  function grantAtMost(most: number): void {
    vi.stubGlobal(
      'SharedArrayBuffer',
      class {
        constructor(length: number) {
          if (length > most) throw new RangeError('Array buffer allocation failed');
          return new Real(length) as never;
        }
      },
    );
  }

  test('falls back to halves, aligned for every view', () => {
    grantAtMost(1 << 20);
    const memory = reserveMemory({ names: 2_000_004, addresses: 1_000_000, arena: 8_000_008 });
    expect(memory.arena.byteLength).toBe(1_000_000);
    expect(memory.names[0].byteLength).toBe(memory.names[1].byteLength);
    expect(memory.names[0].byteLength).toBe(250_000);
    for (const buffer of [...memory.names, ...memory.addresses, memory.arena]) {
      expect(() => new Int32Array(buffer)).not.toThrow();
    }
  });

  test('gives up with a named error', () => {
    grantAtMost(1 << 16);
    expect(() => reserveMemory()).toThrow(MemoryFullError);
  });

  test('seeds differ from one to the next', () => {
    const small = { names: 4096, addresses: 4096, arena: 4096 };
    const seeds = [1, 2].map(() => new Int32Array(reserveMemory(small).head).slice(3, 5).join());
    expect(seeds[0]).not.toBe(seeds[1]);
  });
});

describe('the arena', () => {
  test('every block is apart from every other, and all of it can be used again', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 45 }), fc.integer({ min: 1, max: 900 }));
    const step = fc.oneof(size, fc.integer({ min: -40, max: -1 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const arena = new Arena(new Int32Array(4096));
        const blocks: { at: number; words: number }[] = [];
        const owner = new Int32Array(4096);
        const drop = (i: number): void => {
          const [{ at, words }] = blocks.splice(i, 1) as [{ at: number; words: number }];
          owner.fill(0, at, at + words);
          arena.release(at, words);
        };
        let count = 0;
        for (const words of steps) {
          if (words < 0) {
            if (blocks.length > 0) drop(-words % blocks.length);
            continue;
          }
          let fits = true;
          try {
            arena.reserve(Math.ceil((words * 9) / 8) + 1);
          } catch (error) {
            expect(error).toBeInstanceOf(MemoryFullError);
            fits = false;
          }
          if (!fits) continue;
          const at = arena.allocate(words);
          expect(at).toBeGreaterThanOrEqual(8);
          expect(at + words).toBeLessThanOrEqual(4096);
          expect(owner.subarray(at, at + words).every((who) => who === 0)).toBe(true);
          owner.fill(++count, at, at + words);
          arena.words.fill(-count, at, at + words);
          blocks.push({ at, words });
          for (const block of blocks) {
            const who = owner[block.at]!;
            expect(
              arena.words.subarray(block.at, block.at + block.words).every((word) => word === -who),
            ).toBe(true);
          }
        }
        expect(arena.used).toBe(blocks.reduce((sum, { words }) => sum + roundWords(words), 0));
        while (blocks.length > 0) drop(0);
        expect(arena.used).toBe(0);
        // Nothing is left in pieces, but for what rounding lost.
        arena.reserve(4096 - 8 - 64);
      }),
      { numRuns: RUNS },
    );
  });

  test('a block takes at most an eighth more than was asked for', () => {
    for (let words = 2; words < 100_000; words += 1 + (words >>> 6)) {
      expect(roundWords(words)).toBeGreaterThanOrEqual(words);
      expect(roundWords(words)).toBeLessThanOrEqual((words * 9) / 8);
      expect(roundWords(roundWords(words))).toBe(roundWords(words));
    }
  });
});

/** Takes every block that can still be had. */
function hog(arena: Arena): { at: number; words: number }[] {
  const blocks: { at: number; words: number }[] = [];
  for (let words = arena.words.length; words >= 2;) {
    const size = roundWords(words);
    if (arena.hasBlock(size)) blocks.push({ at: arena.allocate(size), words: size });
    else words = Math.min(words - 1, Math.floor(words * 0.9));
  }
  return blocks;
}

describe('a full trie', () => {
  const transactions = fc.array(fc.array(op, { minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 20,
  });
  const reserve = fc.record({
    names: fc.constantFrom(4096, 1 << 16),
    addresses: fc.constantFrom(4096, 1 << 16),
    arena: fc.constantFrom(8000, 10_000, 16_384, 1 << 16),
    /** A crowd wants more room than these arenas have for many of them, but for the last. */
    most: fc.constantFrom(64, 64, 2),
  });

  test('refuses what does not fit, alone, and serves the rest', () => {
    let refused = 0;
    let taken = 0;
    fc.assert(
      fc.property(transactions, reserve, (list, sizes) => {
        const pair = new Pair('pinned', sizes, sizes.most);
        pair.settle();
        const start = pair.writer.usage;
        for (const ops of list) {
          const wasShort = pair.isShort;
          pair.transaction(ops);
          // What the mark let in finds room, but for the chunks of a crowd in the smallest arenas.
          const isRoomy = sizes.most === 64 || sizes.arena > 16_384;
          if (isRoomy && !wasShort && !ops.some((each) => 'remove' in each)) expect(pair.isShort).toBe(false);
          pair.settle();
          taken += ops.length;
        }
        refused += pair.refused;
        pair.refused = 0;
        // Taking away is never refused, and once all is gone there is room as before.
        pair.clear();
        pair.settle();
        expect(pair.reference.size).toBe(0);
        expect(pair.writer.usage).toEqual(start);
      }),
      { numRuns: RUNS },
    );
    // Otherwise this test would say nothing.
    expect(refused).toBeGreaterThan(0);
    expect(taken - refused).toBeGreaterThan(0);
  });

  test('takes away without any room, and shows the rest in full when there is some', () => {
    const removals = fc.array(
      op.filter((each) => 'remove' in each),
      { minLength: 1, maxLength: 6 },
    );
    const most = fc.constantFrom(64, 2, 1);
    let short = 0;
    fc.assert(
      fc.property(
        transactions,
        fc.array(removals, { minLength: 1, maxLength: 4 }),
        most,
        (list, rounds, few) => {
          const pair = new Pair('pinned', { names: 1 << 16, addresses: 1 << 16, arena: 1 << 18 }, few);
          pair.settle();
          const start = pair.writer.usage;
          for (const ops of list) pair.transaction(ops);
          pair.settle();
          pair.watchFlips();
          const { arena } = pair.writer as unknown as { arena: Arena };
          const hogs = hog(arena);
          for (const ops of rounds) {
            pair.transaction(ops);
            pair.settle();
            if (pair.isShort) short++;
            // What the removals have let go is not to be had either.
            hogs.push(...hog(arena));
          }
          for (const { at, words } of hogs) arena.release(at, words);
          pair.transaction([]);
          expect(pair.isShort).toBe(false);
          pair.settle();
          pair.clear();
          pair.settle();
          expect(pair.writer.usage).toEqual(start);
        },
      ),
      { numRuns: RUNS },
    );
    // Otherwise this test would say nothing.
    expect(short).toBeGreaterThan(0);
  });

  test('forwards what the configuration lists once a VPC has no list of its own any more', () => {
    const memory = reserveMemory({ names: 1 << 16, addresses: 1 << 16, arena: 1 << 16 });
    const writer = new OwnWriter(memory, {
      zone: 'vpc.internal',
      suffixes: [],
      aRecords: 'pinned',
      forward: ['corp.example'],
      canForward: true,
      now: () => 1,
    });
    const transaction = (change: () => void): void => {
      writer.begin();
      change();
      writer.commit();
    };
    transaction(() => {
      writer.put({ kind: 'vpc', name: 'red', net6: [], services6: [], forward: ['example.org'] }, 1n);
      writer.put({ kind: 'namespace', vpc: 'red', name: 'alpha' }, 1n);
    });
    const view = new View(memory);
    const listed = (name: string): boolean => {
      view.refresh();
      expect(view.step(view.vpcRoot, label('red'), 0)).toBe(true);
      const vpc = view.payload;
      expect(view.vpcWord(vpc, layout.VPC_POLICY) & layout.FORWARD_MASK).toBe(layout.FORWARD_LIST);
      const root = view.vpcWord(vpc, layout.VPC_FORWARD_ROOT);
      const labels = name.split('.').toReversed();
      let node = root;
      return labels.every((each) => view.step(node, label(each), 0) && (node = view.node) !== 0);
    };
    expect(listed('example.org')).toBe(true);
    writer.tables.settle();
    const { arena } = writer as unknown as { arena: Arena };
    const hogs = hog(arena);
    transaction(() => writer.remove({ kind: 'vpc', vpc: 'red', namespace: '', name: '' }));
    expect([listed('example.org'), listed('corp.example')]).toEqual([false, true]);
    for (const { at, words } of hogs) arena.release(at, words);
    expect(writer.problems()).toEqual([]);
  });

  test('has room below the mark for a pod of the largest size, and for the copies that it causes', () => {
    const pair = new Pair('pinned', { names: 1 << 24, addresses: 1 << 20, arena: 1 << 25 });
    const { arena } = pair.writer as unknown as { arena: Arena };
    const put = (name: string, names: string[]): void =>
      pair.writer.put(
        {
          kind: 'pod',
          vpc: 'red',
          namespace: 'alpha',
          name,
          aid: 'p0123456789',
          names,
          overlays: [],
          ports: [],
          ready: true,
        },
        1n,
      );
    const transaction = (change: () => void): void => {
      pair.writer.begin();
      change();
      pair.writer.commit();
      pair.settle();
    };
    const fill = (): void => {
      while (arena.room > (1 << 20) + 1024) arena.allocate(1024);
    };
    // 64 KiB of text: nothing takes more nodes. Then as many names that each are a crowd's already.
    const largest = (right: string): string[] =>
      Array.from({ length: 255 }, (_, i) => `${'a.'.repeat(123)}${right}${i.toString(36)}`);
    const crowded = Array.from({ length: 255 }, (_, i) => `n${i}`);
    transaction(() => {
      for (let i = 0; i < 80; i++) put(`p${i}`, crowded);
      // So that the tree of names with dots is there, and all that the largest takes is free again after it.
      put('with.dots', []);
    });
    fill();
    transaction(() => put('large', largest('x')));
    expect(pair.isShort).toBe(false);
    transaction(() => expect(() => put('more', largest('y'))).toThrow(MemoryFullError));
    transaction(() => pair.writer.remove({ kind: 'pod', vpc: 'red', namespace: 'alpha', name: 'large' }));
    fill();
    transaction(() => put('large', crowded));
    expect(pair.isShort).toBe(false);
  });

  test('a table that is full refuses names until some have gone', () => {
    const pair = new Pair('pinned', { names: 4096, addresses: 1 << 16, arena: 1 << 20 });
    const put = (i: number): void =>
      pair.put(
        {
          kind: 'pod',
          vpc: 'red',
          namespace: 'alpha',
          name: `p${i}`,
          aid: 'p0123456789',
          names: [],
          ip6: `fd01::${i.toString(16)}`,
          overlays: [],
          ports: [],
          ready: true,
        },
        BigInt(i),
      );
    pair.writer.begin();
    for (let i = 1; i <= 400; i++) put(i);
    pair.writer.commit();
    pair.inspector.expectState(pair.reference.state());
    expect(pair.refused).toBeGreaterThan(50);
    expect(pair.reference.size).toBeGreaterThan(200);
    pair.writer.begin();
    for (let i = 1; i <= 100; i++)
      pair.remove({ kind: 'pod', vpc: 'red', namespace: 'alpha', name: `p${i}` });
    pair.refused = 0;
    for (let i = 501; i <= 550; i++) put(i);
    pair.writer.commit();
    pair.inspector.expectState(pair.reference.state());
    expect(pair.refused).toBe(0);
  });
});
