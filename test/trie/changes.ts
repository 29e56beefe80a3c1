/** Random changes over so few names and addresses that everything meets everything. */
import fc from 'fast-check';
import type { ARecords, Attachment, Pod, Port, Resource, ResourceKey, Service } from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';

export const VPCS = ['red', 'blue'];
const NAMESPACES = ['alpha', 'beta'];
const OVERLAYS = ['o1', 'o2', 'o3'];
/** Those that attachments name: in the own namespace, in the other one, in one that nothing else is in. */
const ATTACHED = [...OVERLAYS, 'alpha/o1', 'beta/o2', 'gamma/o1'];
const OWN = ['db', 'app', 'y', 'x.y', 'w.x.y'];
const NAMES = ['db', 'app', 'web', 'y', 'x.y', 'v.u'];
const IP6 = ['fd01::1', 'fd01::2', 'fd02::1', 'fd03::5', 'fd42::1', 'fd42::2'];
const IP4 = ['10.0.0.1', '10.0.0.2'];
/** Prefixes that move between the VPCs: with -1, no VPC has the prefix. */
export const PREFIXES = ['fd01::/16', 'fd02::/16', 'fd03::5/128'];

export type Op =
  | { put: Resource; stamp: bigint }
  | { remove: ResourceKey }
  | { prefixes: number[]; policies: (ARecords | undefined)[]; stamp: bigint };

const maybe = <T>(values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined });
const ports = fc.subarray<Port>([
  { name: 'http', protocol: 'tcp', port: 80 },
  { name: 'a-longer-name', protocol: 'udp', port: 65535 },
]);
const aid = fc.constantFrom('p0123456789', 'pffffffffff', 's0123456789', 'by-hand', 'P0123456789');

const place: fc.Arbitrary<Attachment> = fc
  .record({
    overlay: fc.constantFrom(...ATTACHED),
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
const stamp = fc.constantFrom(1n, 2n, 3n, 4n, 2n ** 33n + 1n, 2n ** 48n + 1n, 2n ** 63n - 1n, 2n ** 63n);

export const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ put: resource, stamp }) },
  { weight: 4, arbitrary: resource.map((gone) => ({ remove: keyOf(gone) })) },
  {
    weight: 1,
    arbitrary: fc.record({
      prefixes: fc.tuple(...PREFIXES.map(() => fc.integer({ min: -1, max: 1 }))),
      policies: fc.tuple(...VPCS.map(() => maybe<ARecords>(['pinned', 'all', 'none']))),
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

/** Keys of all that these changes can have made. */
export function* everything(): Iterable<ResourceKey> {
  for (const vpc of VPCS) yield { kind: 'vpc', vpc, namespace: '', name: '' };
  for (const vpc of VPCS) {
    for (const namespace of NAMESPACES) {
      for (const name of OWN) {
        yield { kind: 'pod', vpc, namespace, name };
        yield { kind: 'service', vpc, namespace, name };
      }
      for (const name of OVERLAYS) yield { kind: 'overlay', vpc, namespace, name };
      yield { kind: 'namespace', vpc, namespace, name: '' };
    }
  }
}
