/** The slot tables against maps: random inserts, replacements and deletions, growth, and both copies after each flip. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena } from '../../src/trie/write/arena.ts';
import * as layout from '../../src/trie/layout.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { closeGap, findSlot, rebuild } from '../../src/trie/write/slots.ts';
import { Tables } from '../../src/trie/write/tables.ts';
import { HASH_RANGE } from '../../src/trie/read/left-right.ts';
import { View } from '../../src/trie/read/view.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 100);

describe('one table', () => {
  /** Hashes that crowd a few homes, the last slot's among them, so that runs wrap around. */
  const hash = fc.oneof(
    fc.integer({ min: 0, max: 3 }).map((i) => HASH_RANGE - 1 - i),
    fc.integer({ min: 0, max: 7 }).map((i) => i * 0x10000000),
    fc.integer({ min: 0, max: HASH_RANGE - 1 }),
  );

  test('finds what is in it after any deletions, and nothing else', () => {
    const step = fc.record({ hash, ref: fc.integer({ min: 1, max: 12 }), add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const width = 3;
        const capacity = 16;
        const scale = capacity / HASH_RANGE;
        const table = new Int32Array(64 * width);
        const model = new Map<number, number>();
        for (const { hash: at, ref, add } of steps) {
          if (add && !model.has(ref) && model.size < 13) {
            let slot = ((at * scale) | 0) * width;
            while (table[slot + 1] !== 0) slot = (slot + width) % (capacity * width);
            table.set([at, ref, ref * 7], slot);
            model.set(ref, at);
          } else if (!add && model.has(ref)) {
            const slot = findSlot(table, width, capacity, scale, model.get(ref)!, ref);
            expect(slot).toBeGreaterThanOrEqual(0);
            closeGap(table, width, capacity, scale, slot);
            model.delete(ref);
          }
          for (let each = 1; each <= 12; each++) {
            const known = model.get(each);
            const slot = findSlot(table, width, capacity, scale, known ?? at, each);
            if (known === undefined) expect(slot).toBe(-1);
            else expect([...table.subarray(slot, slot + width)]).toEqual([known, each, each * 7]);
          }
        }
        rebuild(table, width, capacity, 23);
        for (const [ref, at] of model) {
          const slot = findSlot(table, width, 23, 23 / HASH_RANGE, at, ref);
          expect([...table.subarray(slot, slot + width)]).toEqual([at, ref, ref * 7]);
        }
        expect(table.filter((value, i) => i % width === 1 && value !== 0).length).toBe(model.size);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the two copies', () => {
  const memoryOf = (): ReturnType<typeof reserveMemory> =>
    reserveMemory({ names: 1 << 18, addresses: 1 << 18, arena: 1 << 16 }, [7, 8]);

  interface Model {
    names: Map<number, number>;
    addresses: Map<number, number>;
  }

  /** Hash and reference of the i-th entry of a test: few hashes, so that they collide. */
  const hashOf = (i: number): number => (Math.imul(i % 997, 0x9e3779b1) >>> 1) & 0x7fffffff;

  function expectCopy(view: View, model: Model): void {
    const names = new Map<number, number>();
    for (let at = 0; at < view.nameCapacity * 3; at += 3) {
      if (view.names[at + 1] !== 0) names.set(view.names[at + 1]!, view.names[at + 2]!);
    }
    const addresses = new Map<number, number>();
    for (let at = 0; at < view.addressCapacity * 2; at += 2) {
      if (view.addresses[at + 1] !== 0) addresses.set(view.addresses[at + 1]!, view.addresses[at]!);
    }
    expect(names).toEqual(model.names);
    expect(addresses).toEqual(model.addresses);
    for (const [node, payload] of model.names) expect(view.payloadHashed(node, hashOf(node))).toBe(payload);
  }

  const change = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 3000 }) },
    { weight: 3, arbitrary: fc.integer({ min: -3000, max: -1 }) },
    // Many at once: the log gives way to a whole copy, and the tables grow.
    { weight: 1, arbitrary: fc.constant(0) },
  );

  test('are equal to the model and to each other after every transaction', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 30 }), { maxLength: 12 }), (transactions) => {
        const memory = memoryOf();
        const tables = new Tables(memory, new Arena(new Int32Array(memory.arena)));
        const view = new View(memory);
        const model: Model = { names: new Map(), addresses: new Map() };
        let bulk = 5000;
        const put = (i: number): void => {
          const payload = (model.names.get(i) ?? i) + 1;
          if (model.names.has(i)) tables.setName(hashOf(i), i, payload);
          else tables.putName(hashOf(i), i, payload);
          model.names.set(i, payload);
          if (!model.addresses.has(i)) {
            // Takes the place of another record of the same hash where there is one.
            const old = model.addresses.has(i + 997) ? i + 997 : 0;
            tables.putAddress(hashOf(i), i, old);
            model.addresses.delete(old);
            model.addresses.set(i, hashOf(i));
          }
        };
        const drop = (i: number): void => {
          tables.deleteName(hashOf(i), i);
          tables.deleteAddress(hashOf(i), i);
          model.names.delete(i);
          model.addresses.delete(i);
        };
        const before = { names: new Map<number, number>(), addresses: new Map<number, number>() };
        for (const changes of transactions) {
          tables.begin();
          for (const i of changes) {
            if (i > 0) put(i);
            else if (i < 0) drop(-i);
            else for (let n = 0; n < 1200; n++) put(bulk++);
          }
          // Nothing is visible before the commit.
          view.refresh();
          expectCopy(view, before);
          tables.commit();
          view.refresh();
          expectCopy(view, model);
          expect(tables.settle()).toBe(true);
          view.use(1 - view.copy);
          expectCopy(view, model);
          expect(tables.sizes).toEqual({ names: model.names.size, addresses: model.addresses.size });
          const slots = view.nameCapacity * 12;
          expect(
            Buffer.compare(Buffer.from(memory.names[0], 0, slots), Buffer.from(memory.names[1], 0, slots)),
          ).toBe(0);
          before.names = new Map(model.names);
          before.addresses = new Map(model.addresses);
        }
      }),
      { numRuns: Math.ceil(RUNS / 8) },
    );
  });

  test('a reader inside keeps its copy to the last slot while the other grows', () => {
    const memory = memoryOf();
    const tables = new Tables(memory, new Arena(new Int32Array(memory.arena)));
    const reader = new View(memory, 5);
    tables.begin();
    for (let i = 1; i <= 500; i++) tables.putName(hashOf(i), i, i);
    tables.commit();
    expect(tables.settle()).toBe(true);
    reader.enter();
    const capacity = reader.nameCapacity;
    const slots = reader.names.slice(0, capacity * 3);
    tables.begin();
    for (let i = 501; i <= 5000; i++) tables.putName(hashOf(i), i, i);
    for (let i = 1; i <= 500; i += 2) tables.deleteName(hashOf(i), i);
    tables.commit();
    expect(tables.settle()).toBe(false);
    expect(reader.nameCapacity).toBe(capacity);
    expect(slots.every((word, i) => reader.names[i] === word)).toBe(true);
    expect(reader.payloadHashed(3, hashOf(3))).toBe(3);
    expect(reader.payloadHashed(600, hashOf(600))).toBe(0);
    reader.leave();
    expect(tables.settle()).toBe(true);
    reader.enter();
    expect(reader.nameCapacity).toBeGreaterThan(capacity);
    expect(reader.payloadHashed(3, hashOf(3))).toBe(0);
    expect(reader.payloadHashed(600, hashOf(600))).toBe(600);
    reader.leave();
  });

  test('words of each copy follow like slots', () => {
    const memory = memoryOf();
    const arena = new Arena(new Int32Array(memory.arena));
    const tables = new Tables(memory, arena);
    const at = arena.allocate(8);
    arena.words.fill(0, at, at + 8);
    tables.begin();
    tables.writeBoth(at, 4, 42);
    tables.writeBothHeads(layout.HEAD_ONLY_VPC, 1, 43);
    const view = new View(memory);
    const seen = (): number[] => {
      view.refresh();
      return [view.words[at + 4 * view.copy]!, view.head[layout.HEAD_ONLY_VPC + view.copy]!];
    };
    expect(seen()).toEqual([0, 0]);
    tables.commit();
    expect(seen()).toEqual([42, 43]);
    tables.begin();
    expect(seen()).toEqual([42, 43]);
    tables.commit();
    expect(seen()).toEqual([42, 43]);
  });

  test('released blocks are not handed out again while a reader may reach them', () => {
    const memory = memoryOf();
    const arena = new Arena(new Int32Array(memory.arena));
    const tables = new Tables(memory, arena);
    const reader = new View(memory, 0);
    tables.begin();
    const block = arena.allocate(10);
    tables.putName(hashOf(1), 1, block);
    tables.commit();
    expect(tables.settle()).toBe(true);
    reader.enter();
    tables.begin();
    tables.deleteName(hashOf(1), 1);
    tables.release(block, 10);
    expect(arena.allocate(10)).not.toBe(block);
    tables.commit();
    expect(tables.settle()).toBe(false);
    expect(arena.allocate(10)).not.toBe(block);
    reader.leave();
    expect(tables.settle()).toBe(true);
    expect(arena.allocate(10)).toBe(block);
  });

  test('a generation names one state of one copy', () => {
    const memory = memoryOf();
    const tables = new Tables(memory, new Arena(new Int32Array(memory.arena)));
    const view = new View(memory);
    const seen = new Set([view.generation]);
    for (let i = 1; i <= 20; i++) {
      tables.begin();
      tables.putName(hashOf(i), i, i);
      view.refresh();
      expect(seen.has(view.generation)).toBe(true);
      tables.commit();
      view.refresh();
      expect(seen.has(view.generation)).toBe(false);
      seen.add(view.generation);
    }
  });
});
