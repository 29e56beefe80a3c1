/** No byte of an answer to one tenant depends on what another tenant has, does or had. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import {
  askArbitrary,
  changeArbitrary,
  NAMESPACES,
  tenantResources,
  TENANTS,
  type Change,
} from '../harness/random.ts';
import { openSubject, type Subject } from '../harness/subject.ts';

const [red, blue] = TENANTS as [(typeof TENANTS)[0], (typeof TENANTS)[0]];
const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);

// SOA serials are made of seconds: both servers must live in the same one.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_795_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

function open(withBlue: boolean): Promise<Subject> {
  return openSubject({
    config: { forward: 'off', suffixes: [{ name: 'flat.zone', flat: true }], node_name: 'node' },
    resources: withBlue ? [...tenantResources(blue), ...tenantResources(red)] : tenantResources(red),
    scopes: ['', '@red', ...NAMESPACES.map((namespace) => `@red/${namespace}`)],
    listen: false,
    workers: 0,
    upstreamPort: undefined,
  });
}

async function apply(subject: Subject, change: Change): Promise<void> {
  await subject.change('put' in change ? [change.put] : [], 'remove' in change ? [change.remove] : []);
}

test('answers to red are the same octets whether blue is there or not', async () => {
  const step = fc.oneof(
    changeArbitrary(red).map((change) => ({ who: 'red' as const, change })),
    changeArbitrary(blue).map((change) => ({ who: 'blue' as const, change })),
  );
  const clients = fc.constantFrom(
    { address: '127.0.0.1', scope: '@red/alpha' },
    { address: '127.0.0.1', scope: '@red/com' },
    { address: '2001:db8::1', scope: '@red/beta' },
  );
  // Names of the other tenant too, and questions of types that list things.
  const asks = fc.array(
    fc.tuple(
      fc.oneof(
        askArbitrary(red),
        askArbitrary(blue),
        fc.constantFrom(
          { name: '_namespaces.vpc.internal', type: 'TXT' },
          { name: '_pods.alpha.vpc.internal', type: 'TXT' },
          { name: '_whoami.vpc.internal', type: 'TXT' },
          { name: 'vpc', type: 'TXT' },
          { name: 'vpc.internal', type: 'SOA' },
        ),
      ),
      clients,
      fc.integer({ min: 0, max: 65_535 }),
      fc.boolean(),
    ),
    { minLength: 30, maxLength: 50 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), asks, async (steps, questions) => {
      const alone = await open(false);
      const beside = await open(true);
      try {
        for (const { who, change } of steps) {
          await apply(beside, change);
          if (who === 'red') await apply(alone, change);
        }
        let inventories = 0;
        for (const [ask, who, id, tcp] of questions) {
          // Inventories are limited by rate; the limit is not what is tested here.
          if (ask.type === 'TXT' && inventories++ > 3) continue;
          const query = encodeQuery({ id, name: ask.name, type: ask.type, edns: {} });
          const client = { ...who, port: 4000, local: '127.0.0.9', tcp };
          const [one, two] = [await alone.answer(query, client), await beside.answer(query, client)];
          const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
          expect(hex(two), `${ask.name} ${ask.type} from ${who.address} on ${who.scope}`).toBe(hex(one));
        }
      } finally {
        await alone.close();
        await beside.close();
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
