/** The server against the reference model: random tenants, random changes, random questions, every answer compared. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { encodeQuery } from '../harness/build.ts';
import { Reference } from '../harness/reference.ts';
import { ReferenceWorld } from '../harness/reference-world.ts';
import {
  askArbitrary,
  changeArbitrary,
  NAMESPACES,
  tenantResources,
  TENANTS,
  turnCase,
  type Ask,
  type Change,
} from '../harness/random.ts';
import { openSubject, type Subject } from '../harness/subject.ts';
import { Upstream } from '../harness/upstream.ts';
import { parseWire } from '../harness/wire.ts';
import { compare, sourcesOf } from './comparison.ts';

const red = TENANTS[0]!;
const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);
const SUFFIXES = [
  { name: 'svc.test', flat: false },
  { name: 'flat.zone', flat: true },
];
const SCOPES = ['', '@red', ...NAMESPACES.map((namespace) => `@red/${namespace}`)];

const upstream = new Upstream();
beforeAll(() => upstream.open());
afterAll(() => upstream.close());

async function openTenants(
  resources: Resource[],
  { aRecords, forward, most }: Pick<Story, 'aRecords' | 'forward'> & Partial<Pick<Story, 'most'>>,
): Promise<Subject> {
  return openSubject({
    config: { forward, suffixes: SUFFIXES, a_records: aRecords },
    resources,
    scopes: SCOPES,
    listen: false,
    workers: 0,
    upstreamPort: upstream.port,
    hold: 1,
    ...(most === undefined ? {} : { most }),
  });
}

interface Story {
  rounds: Change[][];
  /** Question, which of the clients asks, and how its letters are turned. */
  asks: [Ask, number, number][];
  aRecords: 'pinned' | 'all' | 'none';
  /** Bearers of one name that stand in a SET; more are a CROWD. */
  most: number;
  forward: 'on' | 'off' | 'refuse' | string[];
}

const storyArbitrary: fc.Arbitrary<Story> = fc.record({
  rounds: fc.array(
    fc.array(
      fc.oneof(
        { weight: 2, arbitrary: changeArbitrary(red) },
        { weight: 1, arbitrary: changeArbitrary(TENANTS[1]!) },
      ),
      {
        minLength: 1,
        maxLength: 14,
      },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  asks: fc.array(fc.tuple(askArbitrary(red), fc.nat(30), fc.integer()), {
    minLength: 1,
    maxLength: 60,
    size: 'max',
  }),
  aRecords: fc.constantFrom('pinned', 'pinned', 'all', 'none'),
  most: fc.constantFrom(64, 2, 1),
  forward: fc.constantFrom<Story['forward'][]>('off', 'off', 'on', 'refuse', [
    ...['corp', 'local', 'home.arpa', 'example.com', 'b', 'internal'],
    ...['168.192.in-addr.arpa', '31.172.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa', '3.10.in-addr.arpa'],
  ]),
});

/** Plays a story on both, and tells every difference. */
async function faultsOf({ rounds, asks, aRecords, most, forward }: Story): Promise<string[]> {
  const resources = TENANTS.flatMap(tenantResources);
  const world = new ReferenceWorld({ suffixes: SUFFIXES, aRecords, forward });
  for (const resource of resources) world.put(resource, 0);
  const reference = new Reference(world);
  const subject = await openTenants(resources, { aRecords, most, forward });
  const faults: string[] = [];
  let stamp = 0;
  try {
    for (const round of rounds) {
      for (const change of round) {
        stamp++;
        if ('put' in change) world.put(change.put, stamp);
        else world.delete(change.remove);
        await subject.change('put' in change ? [change.put] : [], 'remove' in change ? [change.remove] : []);
      }
      const sources = sourcesOf(world);
      for (const [ask, pick, seed] of asks) {
        const { source, scope } = sources[pick % sources.length]!;
        const name = turnCase(ask.name, seed);
        const query = encodeQuery({ name, type: ask.type });
        const client = { address: source.address, port: 4000, scope, local: '127.0.0.9', tcp: true };
        const bytes = await subject.answer(query, client);
        const head = `${name} ${ask.type} from ${source.address} on '${scope}'`;
        for (const fault of compare(reference, source, name, ask.type, parseWire(bytes!)))
          faults.push(`${head}: ${fault}`);
      }
    }
  } finally {
    await subject.close();
  }
  return faults;
}

test('the server answers as the reference model does', async () => {
  const property = fc.asyncProperty(storyArbitrary, async (story) => {
    expect(await faultsOf(story)).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS });
}, 300_000);

test('a query type never changes whether a name exists', async () => {
  const changes = fc.array(changeArbitrary(red), { minLength: 1, maxLength: 12 });
  const types = fc.uniqueArray(fc.integer({ min: 0, max: 65_535 }), { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      changes,
      fc.array(askArbitrary(red), { minLength: 20, maxLength: 30 }),
      types,
      async (some, asks, numbers) => {
        const subject = await openTenants(TENANTS.flatMap(tenantResources), {
          aRecords: 'pinned',
          forward: 'off',
        });
        try {
          await subject.change(
            some.flatMap((change) => ('put' in change ? [change.put] : [])),
            [],
          );
          // IXFR, AXFR and OPT are no questions about data.
          const usual = ['A', 'AAAA', 'TXT', 'SRV', 'PTR', 'NS', 'SOA', 'DS', 'HTTPS', 'ANY'];
          const strange = numbers
            .filter((number) => ![41, 249, 250, 251, 252].includes(number))
            .map((number) => `TYPE${number}`);
          for (const { name } of asks) {
            const seen = new Map<number, string[]>();
            for (const type of [...usual, ...strange]) {
              const client = {
                address: '127.0.0.1',
                port: 4000,
                scope: '@red/alpha',
                local: '127.0.0.9',
                tcp: true,
              };
              const bytes = await subject.answer(encodeQuery({ name, type }), client);
              const { rcode } = parseWire(bytes!);
              seen.set(rcode, [...(seen.get(rcode) ?? []), type]);
            }
            expect(seen.size, `${name}: ${JSON.stringify([...seen])}`).toBe(1);
          }
        } finally {
          await subject.close();
        }
      },
    ),
    { numRuns: Math.ceil(RUNS / 4) },
  );
}, 300_000);
