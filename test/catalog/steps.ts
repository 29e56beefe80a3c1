/** Random change sets over so few words that everything collides with everything. */
import fc from 'fast-check';
import type { Catalog, Transaction } from '../../src/catalog/catalog.ts';
import type { Resource } from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';
import type { Operation, Step } from './model.ts';

export const SOURCES = ['files', 'watch', 'etcd', 'etcd2'];
/** The last two read one database. */
export const familyOf = (source: string): string => source.slice(0, 4);
const PREFIXES = [
  '::/0',
  'fd00::/8',
  'fd00:1::/32',
  'fd00:1:2::/48',
  'fd00:1:3::/48',
  'fd00:1:2:8000::/49',
  '2001:db8::/32',
];

const vpcName = fc.constantFrom('a', 'b', 'c', 'd');
const namespaceName = fc.constantFrom('n', 'm');
const name = fc.constantFrom('db', 'web', 'app.1', 'x'.repeat(130));
const ip6 = fc.option(fc.constantFrom('fd00:1::1', 'fd00:1::2', '::', '2001:db8::f'), { nil: undefined });
const names = fc.subarray(['app', 'www', 'bücher']);
const aid = fc.constantFrom('p0123456789', 's00ff00ff00', 'own', '');

export const resource: fc.Arbitrary<Resource> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('vpc' as const),
      name: vpcName,
      net6: fc.subarray(PREFIXES),
      services6: fc.constant([] as string[]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('namespace' as const), vpc: vpcName, name: namespaceName }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('overlay' as const),
      vpc: vpcName,
      namespace: namespaceName,
      name,
      aid,
      driver: fc.constantFrom('ipip', 'gre'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        kind: fc.constant('pod' as const),
        vpc: vpcName,
        namespace: namespaceName,
        name,
        aid,
        names,
        ip6,
        overlays: fc.array(
          fc.record(
            {
              overlay: fc.constantFrom('default', 'back'),
              ip4: fc.constantFrom('10.0.0.1', '10.0.0.2'),
              pinned: fc.boolean(),
            },
            { requiredKeys: ['overlay', 'pinned'] },
          ),
          { maxLength: 2 },
        ),
        ports: fc.constant([]),
        ready: fc.boolean(),
      })
      .map((pod) => JSON.parse(JSON.stringify(pod)) as Resource),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        kind: fc.constant('service' as const),
        vpc: vpcName,
        namespace: namespaceName,
        name,
        aid,
        names,
        ip6,
        ports: fc.constant([{ name: 'http', protocol: 'tcp' as const, port: 80 }]),
      })
      .map((service) => JSON.parse(JSON.stringify(service)) as Resource),
  },
);

export const revision = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map(String),
  fc.constantFrom('r1', 'r2', '9007199254740993', '281474976710657', '9223372036854775807'),
  fc.constantFrom('9223372036854775808', '9223372036854775809', '99999999999999999999'),
);
const stamp = fc.oneof(
  fc.integer({ min: 0, max: 9 }).map(String),
  fc.constantFrom('9007199254740992', '9007199254740993', '9223372036854775807', '9223372036854775808'),
);

export const step: fc.Arbitrary<Step> = fc.record({
  source: fc.constantFrom(...SOURCES),
  full: fc.boolean(),
  revision,
  operations: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ put: resource, revision, stamp }, { requiredKeys: ['put'] }) },
      { weight: 1, arbitrary: fc.record({ delete: resource }) },
      { weight: 1, arbitrary: fc.record({ keep: resource, stamp }, { requiredKeys: ['keep'] }) },
    ),
    { maxLength: 12 },
  ),
});

export function stageAll(transaction: Transaction, operations: Operation[]): void {
  for (const { put, delete: gone, keep, revision: own, stamp: given } of operations) {
    if (put !== undefined) transaction.put(put, undefined, own, given);
    if (gone !== undefined) transaction.delete(keyOf(gone));
    if (keep !== undefined) transaction.keep(keyOf(keep), given);
  }
}

export function run(catalog: Catalog, { source, full, revision: text, operations }: Step): Transaction {
  const transaction = catalog.begin(source, full, text);
  stageAll(transaction, operations);
  return transaction;
}
