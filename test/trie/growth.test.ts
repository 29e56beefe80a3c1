/** What one change costs, in steps of work, grows at most with the logarithm of what is there; a load is linear. */
import { describe, expect, test } from 'vitest';
import type { Pod, Resource, ResourceKey } from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { OwnWriter, stepsOf } from '../harness/own-writer.ts';

/** How much there is: eight times as much is three doublings. */
const SMALL = 120;
const LARGE = 8 * SMALL;

interface Case {
  name: string;
  /** The i-th of n resources that are there. */
  resource(i: number): Resource;
  before?: Resource[];
  /** Single changes, each a transaction of its own. */
  changes(n: number): (Resource | ResourceKey)[];
}

function pod(vpc: string, namespace: string, name: string, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc,
    namespace,
    name,
    aid: 'p0123456789',
    names: [],
    overlays: [],
    ports: [],
    ready: true,
    ...more,
  };
}

function vpc(name: string, net6: string[], forward?: string[]): Resource {
  return { kind: 'vpc', name, net6, services6: [], ...(forward === undefined ? {} : { forward }) };
}

function overlay(namespace: string, name: string, net4: string): Resource {
  return {
    kind: 'overlay',
    vpc: 'a',
    namespace,
    name,
    aid: 'v0123456789',
    driver: 'ipip',
    net4,
    internal: false,
  };
}

const on = (ip4: string, more: Partial<Pod['overlays'][0]> = {}): Pod['overlays'] => [
  { overlay: 'default', ip4, pinned: true, ...more },
];
const hex = (i: number): string => `fd00::${(i + 1).toString(16)}`;
const spaces = (i: number, more: Partial<Pod> = {}): Pod =>
  pod('a', `n${i}`, 'p', { ip6: hex(i), overlays: on('10.0.0.1'), ...more });
const claimant = (i: number, more: Partial<Pod> = {}): Pod =>
  pod('a', 'n', `p${i}`, { ip6: 'fd00::1', ...more });
const twin = (i: number, more: Partial<Pod> = {}): Pod => pod(`v${i}`, 'n', 'p', { ip6: 'fd42::1', ...more });

const CASES: Case[] = [
  {
    name: 'namespaces that hold one IPv4',
    resource: spaces,
    changes: (n) => [
      spaces(3, { ready: false }),
      keyOf(spaces(5)),
      spaces(5),
      spaces(n),
      spaces(7, { overlays: on('10.0.0.2') }),
      spaces(7),
    ],
  },
  {
    name: 'overlays of one namespace that hold one IPv4',
    resource: (i) => pod('a', 'n', `p${i}`, { overlays: on('10.0.0.1', { overlay: `o${i}` }) }),
    changes: () => [
      pod('a', 'n', 'p0', { overlays: on('10.0.0.1', { overlay: 'o0' }), ready: false }),
      keyOf(pod('a', 'n', 'p1')),
      pod('a', 'n', 'p1', { overlays: on('10.0.0.1', { overlay: 'o1' }) }),
    ],
  },
  {
    name: 'claims of one address',
    resource: claimant,
    changes: (n) => [
      claimant(3, { ready: false }),
      keyOf(claimant(3)),
      claimant(n),
      keyOf(claimant(n)),
      claimant(5, { ip6: 'fd00::2' }),
      claimant(5),
    ],
  },
  {
    name: 'VPCs with a prefix',
    resource: (i) => vpc(`v${i}`, [`fd00:${i.toString(16)}::/32`]),
    changes: () => [
      vpc('w', ['fd01::/32']),
      vpc('v3', ['fd00:3::/32', 'fd02::/32']),
      pod('v4', 'n', 'p', { ip6: 'fd00:4::1' }),
      { kind: 'vpc', vpc: 'w', namespace: '', name: '' },
    ],
  },
  {
    name: 'pods, when a VPC comes that has their addresses in its prefix',
    before: [vpc('a', [])],
    resource: (i) => pod('a', 'n', `p${i}`, { ip6: hex(i) }),
    changes: () => [vpc('b', ['fd00::/16']), vpc('b', []), vpc('a', ['fd00::/16']), vpc('a', [])],
  },
  {
    name: 'VPCs with one IPv6',
    resource: twin,
    changes: (n) => [twin(3, { ready: false }), keyOf(twin(3)), twin(3), twin(n)],
  },
  {
    name: 'overlays of one VPC',
    resource: (i) => overlay(`n${i}`, 'default', `10.${i >> 8}.${i & 255}.0/24`),
    changes: () => [
      overlay('m', 'o', '11.0.0.0/24'),
      overlay('n3', 'default', '11.0.1.0/24'),
      keyOf(overlay('n5', 'default', '')),
      pod('a', 'n4', 'p', { ip6: 'fd00::1', overlays: on('10.0.4.1') }),
      keyOf(pod('a', 'n4', 'p')),
    ],
  },
  {
    name: 'overlays of one namespace',
    resource: (i) => overlay('n', `o${i}`, `10.${i >> 8}.${i & 255}.0/24`),
    changes: () => [
      pod('a', 'n', 'p', { overlays: on('10.0.4.1', { overlay: 'o4' }) }),
      keyOf(pod('a', 'n', 'p')),
      keyOf(overlay('n', 'o5', '')),
    ],
  },
  {
    name: 'namespaces of one VPC',
    resource: (i) => ({ kind: 'namespace', vpc: 'a', name: `n${i}` }),
    changes: () => [
      { kind: 'namespace', vpc: 'a', name: 'm' },
      { kind: 'namespace', vpc: 'a', namespace: 'n3', name: '' },
      pod('a', 'n4', 'p', { ip6: 'fd00::1' }),
    ],
  },
  {
    name: 'names with dots',
    resource: (i) => pod('a', 'n', `x.y${i}.z`, { ip6: hex(i) }),
    changes: (n) => [
      pod('a', 'n', 'x.y3.z', { ready: false }),
      pod('a', 'm', 'x.y4.z'),
      pod('a', 'n', `x.y${n}.z`),
    ],
  },
  {
    name: 'a forward list',
    before: [
      vpc(
        'a',
        ['fd00::/16'],
        Array.from({ length: 200 }, (_, i) => `s${i}.example`),
      ),
    ],
    resource: (i) => pod('a', 'n', `p${i}`, { ip6: hex(i) }),
    changes: () => [pod('a', 'n', 'p3', { ready: false }), overlay('n', 'o', '10.0.0.0/24')],
  },
];

class Growing {
  readonly writer = new OwnWriter(
    reserveMemory({ names: 1 << 22, addresses: 1 << 22, arena: 1 << 25 }, [1, 2]),
    {
      zone: 'vpc.internal',
      suffixes: [],
      aRecords: 'pinned',
      forward: Array.from({ length: 100 }, (_, i) => `t${i}.example`),
      canForward: true,
      now: () => 1,
    },
  );
  private stamp = 0;

  /** Steps that one transaction takes. */
  steps(...changes: (Resource | ResourceKey)[]): number {
    const before = stepsOf(this.writer);
    this.writer.begin();
    for (const change of changes) {
      if ('namespace' in change && !('aid' in change)) this.writer.remove(change);
      else this.writer.put(change as Resource, ++this.stamp);
    }
    this.writer.commit();
    this.writer.tables.settle();
    return stepsOf(this.writer) - before;
  }
}

function measure({ before = [], resource, changes }: Case, n: number): { load: number; changes: number[] } {
  const growing = new Growing();
  growing.steps(...before);
  const load = growing.steps(...Array.from({ length: n }, (_, i) => resource(i)));
  return { load, changes: changes(n).map((change) => growing.steps(change)) };
}

describe('eight times as much of', () => {
  for (const each of CASES) {
    test(`${each.name} costs no more than three doublings do`, () => {
      const small = measure(each, SMALL);
      const large = measure(each, LARGE);
      expect(large.load / small.load).toBeLessThan(8 * 1.3);
      large.changes.forEach((steps, i) => {
        // Three steps down a tree or a heap more, for each of the few places that a change looks at.
        expect(steps, `change ${i}`).toBeLessThanOrEqual(1.2 * small.changes[i]! + 40);
      });
    });
  }
});

test('a VPC goes with all that is in it in as many steps as it has pods', () => {
  const remove = (n: number): number => {
    const growing = new Growing();
    const pods = Array.from({ length: n }, (_, i) => spaces(i));
    growing.steps(...pods);
    return growing.steps(...pods.map(keyOf));
  };
  expect(remove(LARGE) / remove(SMALL)).toBeLessThan(8 * 1.3);
});
