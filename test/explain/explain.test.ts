/** Who is meant by `from`, which listener it asks, names that were meant, crowds, outside names, holds, ages. */
import { afterEach, describe, expect, it } from 'vitest';
import { ExplainError, type ExplainAsk, type Explanation } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import { explanationText } from '../../src/explain/prose.ts';
import { ManualClock, turn } from '../harness/clock.ts';
import { Upstream } from '../harness/upstream.ts';
import { parseWire } from '../harness/wire.ts';
import { pod, RESERVE } from '../watch/nodes.ts';

const servers: ServerCore[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function open(
  put: object[],
  options: ConstructorParameters<typeof ServerCore>[0] = {},
): Promise<ServerCore> {
  const { config, ...more } = options;
  const server = new ServerCore({
    config: { workers: 0, forward: 'off', ...config },
    reserve: RESERVE,
    ...more,
  });
  servers.push(server);
  if (put.length > 0) await server.apply({ put, full: true, revision: '1' });
  return server;
}

const V = { kind: 'vpc', name: 'v', net6: ['fd00::/48'] };
const W = { kind: 'vpc', name: 'w', net6: ['fd01::/48'] };
const at = (vpc: string, namespace: string, name: string, more: object = {}): object => ({
  ...{ kind: 'pod', vpc, namespace, name },
  ...more,
});
const CLIENT = at('v', 'n', 'client', { ip6: 'fd00::1' });
const near = ({ near: all }: Explanation): string[] => all.map(({ name, text }) => `${name}: ${text}`);
const failure = (asked: Promise<unknown>): Promise<ExplainError> =>
  asked.then(
    () => expect.unreachable('it was explained'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ExplainError);
      return error as ExplainError;
    },
  );

describe('who asks', () => {
  const world = [V, W, CLIENT, at('w', 'n', 'client', { ip6: 'fd01::1' }), at('v', 'n', 'shy')];

  it('is a pod by its path, an aid, or an address', async () => {
    const server = await open([...world, at('v', 'm', 'q.b', { ip6: 'fd00::5', aid: 'p0123456789' })]);
    const of = async (from: string, more: Partial<ExplainAsk> = {}): Promise<string> => {
      const { client } = await server.explain({ name: 'x', from, ...more });
      return `${client.vpc ?? '-'}/${client.pod ?? '-'} ${client.address} on ${client.listener}`;
    };
    expect(await of('v/n/client')).toBe('v/n/client fd00::1 on [::1]:53@v');
    expect(await of('n/client', { vpc: 'w' })).toBe('w/n/client fd01::1 on [::1]:53@w');
    expect(await of('M/Q.B')).toBe('v/m/q.b fd00::5 on [::1]:53@v');
    expect(await of('m/p0123456789')).toBe('v/m/q.b fd00::5 on [::1]:53@v');
    expect(await of('fd01::1')).toBe('w/n/client fd01::1 on [::1]:53');
    expect(await of('fd01::1', { listener: '[::1]:53@v/n' })).toBe('v/- fd01::1 on [::1]:53@v/n');
  });

  it('is told apart where several VPCs have such a pod, and named to operators alone', async () => {
    const server = await open(world);
    const several = await failure(server.explain({ name: 'x', from: 'n/client' }));
    expect(several.message).toBe('several VPCs have a pod n/client: choose one with --vpc or VPC/NS/POD');
    const operator = await failure(server.explain({ name: 'x', from: 'n/client', operator: true }));
    expect(operator.message).toContain('one of v, w');
  });

  it.each<[Partial<ExplainAsk>, string, boolean]>([
    [{ from: 'n/nobody' }, 'there is no pod n/nobody', true],
    [{ from: 'v/n/nobody' }, 'there is no pod n/nobody in VPC v', true],
    [{ from: 'v/n/shy' }, 'pod n/shy has no address yet, so it cannot ask', false],
    [{ from: 'client' }, '"client": NS/POD, VPC/NS/POD or an address is expected', false],
    [{ from: 'w/n/client', vpc: 'v' }, '"w/n/client" is not in the VPC that was named besides, v', false],
    [{ from: 'fd00::1', listener: 'nonsense' }, '--listener: ', false],
    [{ from: 'fd00::1', name: 'a..b' }, 'empty label in "a..b"', false],
    [{ from: 'fd00::1', type: 'NONE' }, '"NONE" is not a DNS record type', false],
    [{ from: 'fd00::1', size: 70_000 }, 'size: a whole number from 0 to 65535', false],
  ])('%j is refused', async (ask, message, unknown) => {
    const server = await open(world);
    const error = await failure(server.explain({ name: 'x', from: 'n/client', ...ask }));
    expect(error.message).toContain(message);
    expect(error.unknown).toBe(unknown);
  });

  it('asks the listener that serves it, of its own family where there is one', async () => {
    const server = await open([
      ...world,
      at('v', 'o', 'four', { overlays: [{ overlay: 'x', ip4: '10.1.0.4' }] }),
    ]);
    const listeners = ['127.0.0.1:0@w', '127.0.0.1:0@v', '[::1]:0@v/n', '[::1]:0'];
    for (const text of listeners) await server.listen(text);
    const [, v4, own, any] = server.listeners.map(({ listener }) => listener.text);
    const of = async (from: string): Promise<string> => {
      const { client } = await server.explain({ name: 'x', from });
      expect(client.isOpen).toBe(true);
      return client.listener;
    };
    expect(await of('v/n/client')).toBe(own);
    expect(await of('fd00::1')).toBe(own);
    expect(await of('v/o/four')).toBe(v4);
    expect(await of('fd01::1')).toBe(any);
    expect(await of('203.0.113.9')).toBe(any);
    const asked = await server.explain({ name: 'x', from: 'v/n/client', listener: v4! });
    expect([asked.client.listener, asked.client.isOpen]).toEqual([v4, true]);
  });

  it('cannot be told by an address alone where only scoped listeners are', async () => {
    const server = await open(world);
    for (const text of ['127.0.0.1:0@w', '127.0.0.1:0@v']) await server.listen(text);
    const tenant = await failure(server.explain({ name: 'x', from: '127.0.0.1' }));
    expect(tenant.message).toMatch(/address: say --listener$/);
    const operator = await failure(server.explain({ name: 'x', from: '127.0.0.1', operator: true }));
    expect(operator.message).toContain('@w, 127.0.0.1:');
    const scoped = await server.explain({ name: 'x', from: '127.0.0.1', vpc: 'v' });
    expect(scoped.client.vpc).toBe('v');
  });
});

describe('names that were meant', () => {
  const world = [
    ...[V, W, CLIENT, at('v', 'n', 'mailer'), at('v', 'n', 'worker-0', { names: ['worker'] })],
    ...[at('v', 'shop', 'db'), at('v', 'shop', 'app'), at('v', 'lab', 'db'), at('w', 'zoo', 'db')],
    at('w', 'zoo', 'secret'),
  ];
  const asked = async (name: string, more: Partial<ExplainAsk> = {}): Promise<string[]> => {
    const server = await open(world);
    return near(await server.explain({ name, from: 'v/n/client', ...more }));
  };

  it('are of other namespaces, or nearly so written', async () => {
    expect(await asked('db')).toEqual([
      'db.lab: `db` is in namespace lab.',
      'db.shop: `db` is in namespace shop.',
    ]);
    expect(await asked('worekr')).toEqual(['worker: `worker` is a name of namespace n.']);
    expect(await asked('app.shpo')).toEqual(['app.shop: There is a namespace shop, and it has `app`.']);
    expect(await asked('db.shpo.vpc.internal')).toEqual([
      'db.shop: There is a namespace shop, and it has `db`.',
    ]);
    expect(await asked('mailer.shop')).toEqual(["mailer: `mailer` is in the client's own namespace, n."]);
    expect(await asked('ap.shop')).toEqual(['app.shop: `app` is a name of namespace shop.']);
    expect(await asked('nothing-like-it')).toEqual([]);
  });

  it('of other VPCs are told to operators alone', async () => {
    expect(await asked('secret')).toEqual([]);
    expect(await asked('secret', { operator: true })).toEqual([
      'secret.zoo: VPC w has `secret.zoo`; nothing of it is ever given to this client.',
    ]);
  });
});

describe('a crowd', () => {
  it('is listed in part, and counted', async () => {
    const many = Array.from({ length: 1000 }, (_, i) =>
      at('v', 'n', `c${i}`, { ip6: `fd00::1:${(i + 1).toString(16)}`, names: ['crowd'], ready: i % 2 === 0 }),
    );
    const server = await open([V, CLIENT, ...many]);
    const explanation = await server.explain({ name: 'crowd', from: 'v/n/client', tcp: true });
    const { candidates, moreCandidates, answer } = explanation;
    expect([candidates.length, moreCandidates]).toEqual([32, 968]);
    expect(candidates.every(({ taken }) => taken)).toBe(true);
    expect([answer.records.length, answer.moreRecords]).toEqual([64, 436]);
    expect(parseWire(Buffer.from(answer.wire, 'base64')).answer).toHaveLength(500);
    expect(explanationText(explanation)).toContain('+968 more');
  });
});

describe('outside names', () => {
  it('have policy, route, upstreams and the state of the cache', async () => {
    const upstream = new Upstream();
    await upstream.open();
    try {
      const routes = { 'corp.example': ['192.0.2.53'], 'none.example': [] };
      const server = await open([{ ...V, routes, forward: 'on' }, CLIENT], {
        config: { upstreams: [`127.0.0.1:${upstream.port}`] },
      });
      const ask = (name: string): Promise<Explanation> => server.explain({ name, from: 'v/n/client' });
      const before = await ask('www.example.com');
      expect(before.answer.outcome).toBe('forwarded');
      expect(before.outside).toMatchObject({
        policy: 'on',
        route: null,
        from: 'the configuration',
        upstreams: [{ upstream: `127.0.0.1:${upstream.port}`, state: 'untried' }],
        cache: { state: 'none' },
      });
      expect(upstream.names.size).toBe(0);
      const { answer, listener } = await server.query({ name: 'www.example.com', from: 'v/n/client' });
      expect(parseWire(answer!).answer.map(({ text }) => text)).toEqual(['2001:db8::53']);
      expect(listener).toBe('[::1]:53@v');
      const after = await ask('www.example.com');
      expect(after.outside?.cache).toMatchObject({ state: 'fresh' });
      expect(after.answer.records[0]).toMatch(/^www\.example\.com\. \d+ IN AAAA 2001:db8::53$/);
      expect(explanationText(after)).toContain('The answer is in the cache, for ');
      const routed = await ask('a.corp.example');
      expect(routed.outside).toMatchObject({
        route: { suffix: 'corp.example', of: 'vpc' },
        from: 'the route for corp.example',
        upstreams: [{ upstream: '192.0.2.53:53' }],
      });
      expect((await ask('a.none.example')).answer).toMatchObject({ rcode: 'NXDOMAIN', ede: { code: 15 } });
    } finally {
      await upstream.close();
    }
  });

  it('without an upstream say what was looked at', async () => {
    const server = await open([{ ...V, forward: 'on' }, CLIENT], {
      config: { resolvConf: '/nowhere/resolv.conf' },
    });
    const { answer, outside } = await server.explain({ name: 'www.example.com', from: 'v/n/client' });
    expect(answer).toMatchObject({ outcome: 'answered', rcode: 'SERVFAIL', ede: { code: 22 } });
    expect(outside!.upstreams).toEqual([]);
  });
});

describe('what waits', () => {
  it('for its pod is explained as if nothing came, and after the grace as if there were none', async () => {
    const clock = new ManualClock();
    const server = await open([V, CLIENT], { clock, wallClock: () => clock.wall() });
    await server.listen('[::1]:0@v');
    const ask = { name: 'db', from: 'fd00::9' };
    const first = await server.explain(ask);
    expect(first.client.status).toBe('pod-unknown');
    expect(first.answer).toMatchObject({ outcome: 'held', rcode: 'SERVFAIL', ede: { code: 14 } });
    expect(explanationText(first)).toContain('waits, and gets SERVFAIL if nothing changes');
    const wire = server.query(ask);
    await turn();
    await clock.advance(300);
    expect(parseWire((await wire).answer!).rcode).toBe(2);
    expect((await server.explain(ask)).answer).toMatchObject({ outcome: 'answered', rcode: 'SERVFAIL' });
    await clock.advance(5000);
    expect((await server.explain(ask)).answer).toMatchObject({ outcome: 'answered', rcode: 'NXDOMAIN' });
    const again = server.query(ask);
    await turn();
    await clock.advance(1);
    expect(parseWire((await again).answer!).rcode).toBe(3);
  });

  it('for the first view', async () => {
    const server = await open([]);
    const { answer, reading } = await server.explain({ name: 'db', from: 'fd00::1' });
    expect(answer).toMatchObject({ outcome: 'held', rcode: 'SERVFAIL', ede: { code: 14 } });
    expect(reading).toEqual([]);
  });
});

it('an inventory over TCP is the one that goes over the wire', async () => {
  const pods = Array.from({ length: 300 }, (_, i) => pod(`p${i}`, `fd00::2:${(i + 1).toString(16)}`));
  const server = await open([V, CLIENT, ...pods]);
  const ask = { name: '_pods.n.vpc.internal', type: 'TXT', from: 'v/n/client', tcp: true, id: 7 };
  const { answer } = await server.explain(ask);
  expect(answer.wire).toBe(Buffer.from((await server.query(ask)).answer!).toString('base64'));
  expect(parseWire(Buffer.from(answer.wire, 'base64')).answer[0]!.text).toContain('p299');
});

it('a record has its source, its revision, and its age', async () => {
  const clock = new ManualClock();
  const server = await open([V, CLIENT], { clock, wallClock: () => clock.wall() });
  await clock.advance(60_000);
  await server.apply({ put: [at('v', 'n', 'db', { ip6: 'fd00::2' })], revision: '5' });
  await clock.advance(30_000);
  await server.apply({ put: [at('v', 'n', 'web', { ip6: 'fd00::3' })], revision: '9' });
  const of = async (name: string): Promise<object> => {
    const { candidates } = await server.explain({ name, from: 'v/n/client' });
    return candidates[0]!.provenance!;
  };
  const more = { source: 'api', place: null, shadowed: [] };
  expect(await of('client')).toEqual({ ...more, revision: '1', age: { seconds: 90, atLeast: true } });
  expect(await of('db')).toEqual({ ...more, revision: '5', age: { seconds: 30, atLeast: false } });
  expect(await of('web')).toEqual({ ...more, revision: '9', age: { seconds: 0, atLeast: false } });
});
