/** Trees of chunks against sorted lists: random changes, what a reader of an older root still sees, and what a change copies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena } from '../../src/trie/write/arena.ts';
import { ChunkTrees, builtWords, stepWords } from '../../src/trie/write/chunks.ts';
import * as layout from '../../src/trie/layout.ts';
import { Cursor, totalOf } from '../../src/trie/read/members.ts';
import type { Tables } from '../../src/trie/write/tables.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 40);

type Entry = [key: number, record: number];

/** Trees over an arena of their own; `released` is what has been let go and not been taken back yet. */
class World {
  readonly arena = new Arena(new Int32Array(1 << 22));
  readonly released: number[] = [];
  readonly trees: ChunkTrees;

  constructor() {
    const tables = { release: (at: number) => this.released.push(at) } as unknown as Tables;
    this.trees = new ChunkTrees(this.arena, tables);
  }

  /** As the writer does when no reader is inside any more. */
  publish(): void {
    this.trees.publish();
    for (const at of this.released.splice(0)) this.arena.release(at, layout.CHUNK_WORDS);
  }

  list(root: number, from = 0): Entry[] {
    const cursor = new Cursor(this.arena.words);
    const entries: Entry[] = [];
    if (root === 0) return entries;
    cursor.seek(root, from);
    for (let record = cursor.next(); record !== 0; record = cursor.next()) entries.push([cursor.key, record]);
    return entries;
  }
}

const byOrder = (a: Entry, b: Entry): number => a[0] - b[0] || a[1] - b[1];
const doubles = (entries: Entry[]): Float64Array =>
  Float64Array.from(entries.map(([key, record]) => key * 2 ** 32 + record)).sort();
const chain = (count: number, keys: number): Entry[] =>
  Array.from({ length: count }, (_, i) => [(i * 7919) % keys, i + 1]);

describe('a tree', () => {
  // Few keys, so that many records have the same one.
  const entry = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 60 }));
  const bulk = fc.integer({ min: 0, max: 3000 });
  const changes = fc.array(
    fc.array(fc.record({ entry, add: fc.boolean(), many: fc.integer({ min: 1, max: 90 }) }), {
      maxLength: 20,
    }),
    { maxLength: 6 },
  );

  test('is the sorted list of what is in it, and an older root is what it was', () => {
    fc.assert(
      fc.property(bulk, changes, (count, rounds) => {
        const world = new World();
        const { trees } = world;
        const model = new Map(chain(count, 50).map((each) => [String(each), each]));
        let root = trees.build(doubles([...model.values()]));
        world.publish();
        for (const round of rounds) {
          const before = world.list(root);
          const old = root;
          for (const { entry: one, add, many } of round) {
            for (let i = 0; i < many; i++) {
              const [key, record] = [one[0], one[1] + 31 * i] as Entry;
              const isIn = model.has(`${key},${record}`);
              if (add && !isIn) {
                root = trees.insert(root, key, record);
                model.set(`${key},${record}`, [key, record]);
              } else if (!add) {
                root = trees.remove(root, key, record);
                expect(trees.found).toBe(isIn);
                model.delete(`${key},${record}`);
              }
            }
          }
          // Nothing has been given back: a reader of the old root sees what it saw.
          expect(world.list(old)).toEqual(before);
          world.publish();
          const wanted = [...model.values()].sort(byOrder);
          expect(world.list(root)).toEqual(wanted);
          expect(totalOf(world.arena.words, root)).toBe(wanted.length);
          const middle = wanted.length >> 1;
          expect(world.list(root, middle)).toEqual(wanted.slice(middle));
          for (const key of [0, 7, 41]) {
            if (root === 0) continue;
            const cursor = new Cursor(world.arena.words);
            cursor.seekKey(root, key);
            const first = wanted.find(([each]) => each >= key);
            expect(cursor.next()).toBe(first?.[1] ?? 0);
          }
        }
        trees.release(root);
        world.publish();
        expect(world.arena.used).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  test('takes no more words than `stepWords` and `builtWords` return', () => {
    for (const count of [1, 46, 47, 62, 63, 1000, 1058, 1059, 40_000]) {
      const world = new World();
      const { trees, arena } = world;
      let root = trees.build(doubles(chain(count, 1 << 21)));
      world.publish();
      expect(arena.used).toBeLessThanOrEqual(builtWords(count, 1));
      for (let i = 0; i < 300; i++) {
        const used = arena.used;
        const level = arena.words[root + layout.CHUNK_LEVEL]!;
        const [key, record] = chain(count, 1 << 21)[i % count]!;
        root = trees.insert(root, key, 1_000_000 + i);
        expect(arena.used - used).toBeLessThanOrEqual(stepWords(level));
        world.publish();
        const again = arena.used;
        if (i < count) root = trees.remove(root, key, record);
        expect(arena.used - again).toBeLessThanOrEqual(stepWords(level + 1));
        world.publish();
      }
    }
  });

  test('that shrinks gives its memory back', () => {
    const world = new World();
    const { trees, arena } = world;
    const entries = chain(20_000, 1 << 21);
    let root = trees.build(doubles(entries));
    world.publish();
    for (const [key, record] of entries.slice(0, 19_000)) {
      root = trees.remove(root, key, record);
      world.publish();
    }
    expect(world.list(root)).toEqual(entries.slice(19_000).sort(byOrder));
    expect(arena.used).toBeLessThanOrEqual(4 * builtWords(1000, 1));
  });
});
