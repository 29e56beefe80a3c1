/** What an explanation shows is what goes over the wire, octet by octet; and nothing of another tenant is in it. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ExplainAsk, Explanation } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import { buildQuery } from '../../src/dns/build.ts';
import type { TrieWriter } from '../../src/trie/write/writer.ts';
import { typeNumber } from '../../src/dns/text.ts';
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
import { makeCrowdsAbove } from '../harness/own-writer.ts';
import { Upstream } from '../harness/upstream.ts';
import { parseWire } from '../harness/wire.ts';
import { RESERVE } from '../watch/nodes.ts';

const [red, blue] = TENANTS as [(typeof TENANTS)[0], (typeof TENANTS)[0]];
const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);
const upstream = new Upstream();
beforeAll(() => upstream.open());
afterAll(() => upstream.close());

// SOA serials and ages are made of seconds.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_795_000_000_000 });
});
const servers: ServerCore[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const server of servers.splice(0)) await server.close(0);
});

interface Settings {
  aRecords: 'pinned' | 'all' | 'none';
  forward: 'on' | 'off' | 'refuse' | string[];
  most: number;
}

async function open({ aRecords, forward, most }: Settings, withBlue = true): Promise<ServerCore> {
  const server = new ServerCore({
    config: {
      ...{ workers: 0, podHold: 1, syncHold: 1, aRecords, forward, nodeName: 'node' },
      suffixes: [
        { name: 'svc.test', flat: false },
        { name: 'flat.zone', flat: true },
      ],
      hosts: { 'license.corp': ['192.0.2.9'] },
      clients: [{ from: '192.0.2.0/24', vpc: 'red', namespace: 'beta' }],
      upstreams: [`127.0.0.1:${upstream.port}`],
    },
    reserve: RESERVE,
    cookieSecret: new Uint8Array(16),
  });
  servers.push(server);
  const { writer } = server as unknown as { writer: TrieWriter };
  makeCrowdsAbove(writer, most);
  const resources = [...(withBlue ? tenantResources(blue) : []), ...tenantResources(red)];
  await server.apply({ put: resources, full: true, revision: '1' });
  return server;
}

async function apply(server: ServerCore, change: Change, revision: number): Promise<void> {
  await server.apply({
    put: 'put' in change ? [change.put] : [],
    delete: 'remove' in change ? [change.remove] : [],
    revision: String(revision),
  });
}

interface Who {
  address: string;
  scope: string;
}

/** Pods by their addresses, strangers on each kind of scope, a rule's client, an unknown pod, the other tenant's. */
const whoArbitrary: fc.Arbitrary<Who> = fc.oneof(
  fc.constantFrom(...NAMESPACES).map((namespace) => ({ address: '127.0.0.1', scope: `red/${namespace}` })),
  fc.integer({ min: 1, max: 70 }).map((host) => ({ address: `fdfd:1::${host.toString(16)}`, scope: '' })),
  fc.integer({ min: 1, max: 9 }).map((host) => ({ address: `10.1.0.${host}`, scope: 'red' })),
  fc.constantFrom(
    { address: 'fdfd:1::dead', scope: 'red' },
    { address: '192.0.2.7', scope: '' },
    { address: '192.0.2.7', scope: 'red' },
    { address: 'fdfd:2::16', scope: 'red' },
    { address: '203.0.113.9', scope: '' },
    { address: '10.1.0.1', scope: 'nowhere' },
    { address: '10.1.0.1', scope: 'red/nowhere' },
  ),
);

interface Asked {
  ask: Ask;
  who: Who;
  id: number;
  tcp: boolean;
  size: number;
  turned: number;
}

const askedArbitrary: fc.Arbitrary<Asked> = fc.record({
  ask: fc.oneof(
    { weight: 8, arbitrary: askArbitrary(red) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { name: 'ns.vpc.internal', type: 'A' },
        { name: '_whoami.vpc.internal', type: 'TXT' },
        { name: 'license.corp', type: 'A' },
        { name: 'p0', type: 'AXFR' },
      ),
    },
  ),
  who: whoArbitrary,
  id: fc.integer({ min: 0, max: 65_535 }),
  tcp: fc.boolean(),
  size: fc.constantFrom(0, 512, 1232),
  turned: fc.integer(),
});

function questionOf({ ask, who, id, tcp, size, turned }: Asked): { words: ExplainAsk; packet: Uint8Array } {
  const name = turnCase(ask.name, turned);
  const scope = who.scope === '' ? '' : `@${who.scope}`;
  const { type } = ask;
  const words = { name, type, from: who.address, listener: `127.0.0.1:53${scope}`, id, tcp, size };
  const packet = buildQuery({ name, type: typeNumber(type), id, ...(size === 0 ? {} : { edns: { size } }) });
  return { words, packet };
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const wireOf = ({ answer }: Explanation): string => Buffer.from(answer.wire, 'base64').toString('hex');

const settingsArbitrary: fc.Arbitrary<Settings> = fc.record({
  aRecords: fc.constantFrom('pinned', 'all', 'none'),
  forward: fc.constantFrom<Settings['forward'][]>('on', 'off', 'refuse', ['corp', 'b', '3.10.in-addr.arpa']),
  most: fc.constantFrom(64, 2, 1),
});

describe('an explanation', () => {
  it('shows the answer that goes over the wire', async () => {
    const changes = fc.array(fc.oneof(changeArbitrary(red), changeArbitrary(blue)), {
      minLength: 1,
      maxLength: 30,
    });
    const asks = fc.array(askedArbitrary, { minLength: 20, maxLength: 60, size: 'max' });
    const property = fc.asyncProperty(settingsArbitrary, changes, asks, async (settings, some, questions) => {
      const server = await open(settings);
      let revision = 1;
      for (const change of some) await apply(server, change, ++revision);
      for (const asked of questions) {
        // How many inventories a VPC is given in a second is not what is compared.
        if (asked.ask.type === 'TXT' && asked.tcp && !asked.ask.name.startsWith('_whoami')) continue;
        const { words, packet } = questionOf(asked);
        const { who, tcp } = asked;
        const explanation = await server.explain(words);
        const wire = await server.answer(packet, { ...who, tcp });
        const head = `${words.name} ${words.type!} from ${who.address} on '${who.scope}'`;
        if (explanation.answer.outcome === 'forwarded') {
          const { flags } = parseWire(wire!);
          expect([flags.aa, flags.ra], head).toEqual([false, true]);
          // Now it is in the cache, and explained from there.
          const again = await server.explain(words);
          expect(again.answer.outcome, head).toBe('answered');
          expect(again.outside?.cache.state, head).toBe('fresh');
          expect(wireOf(again), head).toBe(hex(wire));
        } else expect(wireOf(explanation), head).toBe(hex(wire));
      }
      await server.close(0);
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 2) });
  }, 300_000);

  it('says of each address whether it is in the answer', async () => {
    const changes = fc.array(changeArbitrary(red), { minLength: 10, maxLength: 40 });
    const asks = fc.array(askedArbitrary, { minLength: 20, maxLength: 40, size: 'max' });
    const property = fc.asyncProperty(settingsArbitrary, changes, asks, async (settings, some, questions) => {
      const server = await open({ ...settings, forward: 'off' });
      let revision = 1;
      for (const change of some) await apply(server, change, ++revision);
      for (const asked of questions) {
        const { words } = questionOf(asked);
        const type = asked.ask.type === 'A' ? 'A' : 'AAAA';
        const { answer, candidates, moreCandidates } = await server.explain({ ...words, type });
        if (candidates.length === 0 || moreCandidates > 0) continue;
        const inAnswer = answer.records.map((record) => record.split(' ').at(-1)!);
        const said = candidates.flatMap(({ addresses }) =>
          addresses.filter(({ given, why }) => given && why === null).map(({ address }) => address),
        );
        // Two pods may have one address; an RRset has it once.
        expect([...new Set(said)].sort(), `${words.name} ${type}`).toEqual(inAnswer.sort());
        for (const { taken, why, addresses } of candidates) {
          expect(taken).toBe(why === null);
          for (const one of addresses) if (!one.given && taken) expect(one.why).not.toBeNull();
        }
      }
      await server.close(0);
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 2) });
  }, 300_000);
});

describe('an explanation for a tenant', () => {
  it('is the same whether another is there or not', async () => {
    const step = fc.oneof(
      changeArbitrary(red).map((change) => ({ who: 'red', change })),
      changeArbitrary(blue).map((change) => ({ who: 'blue', change })),
    );
    const asks = fc.array(
      fc.tuple(
        askedArbitrary,
        fc.constantFrom<Who[]>(
          { address: '127.0.0.1', scope: 'red/alpha' },
          { address: '10.1.0.3', scope: 'red' },
          { address: 'fdfd:1::16', scope: '' },
          { address: 'fdfd:1::dead', scope: 'red' },
          { address: '203.0.113.9', scope: 'red/beta' },
        ),
      ),
      { minLength: 10, maxLength: 30 },
    );
    const property = fc.asyncProperty(
      settingsArbitrary,
      fc.array(step, { minLength: 4, maxLength: 30 }),
      asks,
      async (settings, steps, questions) => {
        const all = { ...settings, forward: 'off' as const };
        const alone = await open(all, false);
        const beside = await open(all);
        let revision = 1;
        for (const { who, change } of steps) {
          revision++;
          await apply(beside, change, revision);
          if (who === 'red') await apply(alone, change, revision);
        }
        for (const [asked, who] of questions) {
          const { words } = questionOf({ ...asked, who });
          const [one, two] = [await alone.explain(words), await beside.explain(words)];
          expect(two, `${words.name} from ${who.address} on '${who.scope}'`).toEqual(one);
        }
        await alone.close(0);
        await beside.close(0);
      },
    );
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 2) });
  }, 300_000);

  it('names no other VPC, also where the client is one of it; an operator is told', async () => {
    const blues = /blue|fdfd:2|fdcc:2/;
    const changes = fc.array(fc.oneof(changeArbitrary(red), changeArbitrary(blue)), {
      minLength: 10,
      maxLength: 30,
    });
    const asks = fc.array(askedArbitrary, { minLength: 10, maxLength: 30 });
    const property = fc.asyncProperty(changes, asks, async (some, questions) => {
      const server = await open({ aRecords: 'pinned', forward: 'on', most: 64 });
      let revision = 1;
      for (const change of some) await apply(server, change, ++revision);
      for (const asked of questions) {
        const { words } = questionOf(asked);
        const text = JSON.stringify(await server.explain(words));
        // What the asker said itself is repeated.
        expect(text.replaceAll(asked.who.address, '')).not.toMatch(blues);
      }
      const foreign = { name: 'p0', from: 'fdfd:2::16', listener: '127.0.0.1:53@red' };
      const tenant = await server.explain(foreign);
      expect(JSON.stringify(tenant).replaceAll(foreign.from, '')).not.toMatch(blues);
      const operator = await server.explain({ ...foreign, operator: true });
      expect(operator.client.found.join(' ')).toContain('VPC blue');
      await server.close(0);
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 3) });
  }, 300_000);
});
