/** The writer against the naive trie: random transactions of all kinds, then every reachable slot compared. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attachment, Pod, Port, Resource, ResourceKey, Service } from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import type { TrieMemory } from '../../src/trie/memory.ts';
import { TrieWriter } from '../../src/trie/writer.ts';
import { Inspector } from './inspect.ts';
import { NaiveTrie } from './naive.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 150);
const VPCS = ['red', 'blue'];
const NAMESPACES = ['alpha', 'beta'];
const OVERLAYS = ['o1', 'o2', 'o3'];
const OWN = ['db', 'app', 'y', 'x.y', 'w.x.y'];
const NAMES = ['db', 'app', 'web', 'y', 'x.y', 'v.u'];
const IP6 = ['fd01::1', 'fd01::2', 'fd02::1', 'fd03::5', 'fd42::1', 'fd42::2'];
const IP4 = ['10.0.0.1', '10.0.0.2'];
/** Prefixes that move between the VPCs: -1 means nobody's. */
const PREFIXES = ['fd01::/16', 'fd02::/16', 'fd03::5/128'];

type Op = { put: Resource; stamp: number } | { remove: ResourceKey } | { prefixes: number[]; stamp: number };

const maybe = <T>(values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined });
const ports = fc.subarray<Port>([
  { name: 'http', protocol: 'tcp', port: 80 },
  { name: 'a-longer-name', protocol: 'udp', port: 65535 },
]);
const aid = fc.constantFrom('p0123456789', 'pffffffffff', 's0123456789', 'by-hand', 'P0123456789');

const place: fc.Arbitrary<Attachment> = fc
  .record({
    overlay: fc.constantFrom(...OVERLAYS),
    ip4: maybe(IP4),
    ip6: maybe(IP6),
    pinned: fc.boolean(),
  })
  .map(({ overlay, ip4, ip6, pinned }) => ({
    overlay,
    pinned,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
  }));

const home = { vpc: fc.constantFrom(...VPCS), namespace: fc.constantFrom(...NAMESPACES) };

const pod: fc.Arbitrary<Pod> = fc
  .record({
    ...home,
    name: fc.constantFrom(...OWN),
    names: fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }),
    ip6: maybe(IP6),
    overlays: fc.array(place, { maxLength: 3 }),
    ports,
    aid,
    ready: fc.boolean(),
  })
  .map(({ ip6, ...rest }) => ({ kind: 'pod', ...rest, ...(ip6 === undefined ? {} : { ip6 }) }));

const service: fc.Arbitrary<Service> = fc
  .record({
    ...home,
    name: fc.constantFrom(...OWN),
    names: fc.array(fc.constantFrom(...NAMES), { maxLength: 2 }),
    ip6: maybe(IP6),
    ports,
    aid,
  })
  .map(({ ip6, ...rest }) => ({ kind: 'service', ...rest, ...(ip6 === undefined ? {} : { ip6 }) }));

const namespace: fc.Arbitrary<Resource> = fc
  .record({ vpc: home.vpc, name: home.namespace, shadow: maybe(['forward'] as const) })
  .map(({ vpc, name, shadow }) => ({ kind: 'namespace', vpc, name, ...(shadow ? { shadow } : {}) }));

const overlay: fc.Arbitrary<Resource> = fc
  .record({
    ...home,
    name: fc.constantFrom(...OVERLAYS),
    net4: maybe(['10.0.0.0/24']),
    internal: fc.boolean(),
  })
  .map(({ net4, ...rest }) => ({
    kind: 'overlay',
    aid: 'v0123456789',
    driver: 'ipip',
    ...rest,
    ...(net4 === undefined ? {} : { net4 }),
  }));

const resource = fc.oneof(
  { weight: 6, arbitrary: pod as fc.Arbitrary<Resource> },
  { weight: 2, arbitrary: service as fc.Arbitrary<Resource> },
  { weight: 1, arbitrary: namespace },
  { weight: 1, arbitrary: overlay },
);

// Stamps mostly grow; ties and older ones come when sources start anew.
const stamp = fc.constantFrom(1, 2, 3, 4, 2 ** 33 + 1);

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ put: resource, stamp }) },
  { weight: 4, arbitrary: resource.map((gone) => ({ remove: keyOf(gone) })) },
  {
    weight: 1,
    arbitrary: fc.record({
      prefixes: fc.tuple(...PREFIXES.map(() => fc.integer({ min: -1, max: 1 }))),
      stamp,
    }),
  },
  {
    weight: 1,
    arbitrary: home.vpc.map((name) => ({
      remove: { kind: 'vpc' as const, vpc: name, namespace: '', name: '' },
    })),
  },
);

class Pair {
  readonly memory: TrieMemory = reserveMemory({ names: 1 << 18, addresses: 1 << 18, arena: 1 << 20 }, [1, 2]);
  readonly naive: NaiveTrie;
  readonly writer: TrieWriter;
  readonly inspector: Inspector;
  readonly touched = new Set<string>();
  time = 1000;

  constructor(policy: 'pinned' | 'all' | 'none' = 'pinned') {
    this.naive = new NaiveTrie(policy);
    this.writer = new TrieWriter(this.memory, {
      zone: 'vpc.internal',
      suffixes: [],
      aRecords: policy,
      forward: 'off',
      canForward: false,
      now: () => this.time,
    });
    this.inspector = new Inspector(this.memory, this.writer);
  }

  put(put: Resource, at: number): void {
    this.touched.add(put.kind === 'vpc' ? put.name : put.vpc);
    this.naive.put(put, at);
    this.writer.put(put, at);
  }

  remove(key: ResourceKey): void {
    if (this.naive.get(key) !== undefined) this.touched.add(key.vpc);
    this.naive.remove(key);
    this.writer.remove(key);
  }

  apply(one: Op): void {
    if ('put' in one) this.put(one.put, one.stamp);
    else if ('remove' in one) this.remove(one.remove);
    else {
      VPCS.forEach((name, i) => {
        const net6 = PREFIXES.filter((_, p) => one.prefixes[p] === i);
        this.put({ kind: 'vpc', name, net6, services6: [] }, one.stamp);
      });
    }
  }

  transaction(ops: Op[]): void {
    const before = this.inspector.serials();
    this.writer.begin();
    for (const one of ops) this.apply(one);
    this.writer.commit();
    this.inspector.expectState(this.naive.state());
    for (const [vpc, serial] of this.inspector.serials()) {
      const old = before.get(vpc);
      if (old === undefined) expect(serial).toBeGreaterThanOrEqual(this.time);
      else if (this.touched.has(vpc)) expect(serial).toBeGreaterThan(old);
      else expect(serial).toBe(old);
    }
    this.touched.clear();
  }

  settle(): void {
    expect(this.writer.tables.settle()).toBe(true);
    this.inspector.expectCopiesEqual();
  }
}

describe('the writer and the naive trie agree', () => {
  for (const policy of ['pinned', 'all', 'none'] as const) {
    test(`after every transaction, a_records ${policy}`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.array(op, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 10 }),
          (transactions) => {
            const pair = new Pair(policy);
            pair.settle();
            const start = pair.writer.usage;
            for (const ops of transactions) {
              pair.transaction(ops);
              pair.settle();
            }
            // Everything goes, and nothing stays behind.
            pair.writer.begin();
            for (const vpc of VPCS) pair.remove({ kind: 'vpc', vpc, namespace: '', name: '' });
            for (const vpc of VPCS)
              for (const name of NAMESPACES) {
                for (const own of OWN) {
                  pair.remove({ kind: 'pod', vpc, namespace: name, name: own });
                  pair.remove({ kind: 'service', vpc, namespace: name, name: own });
                }
                for (const each of OVERLAYS)
                  pair.remove({ kind: 'overlay', vpc, namespace: name, name: each });
                pair.remove({ kind: 'namespace', vpc, namespace: name, name: '' });
              }
            pair.writer.commit();
            pair.inspector.expectState(pair.naive.state());
            pair.settle();
            expect(pair.naive.size).toBe(0);
            expect(pair.writer.usage).toEqual(start);
            expect(pair.writer.problems()).toEqual([]);
          },
        ),
        { numRuns: RUNS },
      );
    });
  }
});
