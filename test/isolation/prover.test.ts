/** The proof finds nothing where there is nothing, and what is planted: in the view, and by a rule. */
import { afterEach, describe, expect, it } from 'vitest';
import { createAdmin } from '../../src/admin/http.ts';
import { proofRoutes } from '../../src/admin/prove.ts';
import type { IsolationFacts, ProofEnd, ProofLine, Violation } from '../../src/isolation/facts.ts';
import { proveIsolation } from '../../src/isolation/prover.ts';
import { isolationFacts } from '../../src/server/proving.ts';
import { ServerCore } from '../../src/server.ts';
import type { Config } from '../../src/config/table.ts';
import type { Pod, Resource } from '../../src/model.ts';
import { World } from '../answer/world.ts';
import { RESERVE } from '../watch/nodes.ts';

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

async function serverOf(config: Partial<Config> = {}): Promise<ServerCore> {
  const server = new ServerCore({ config: { workers: 0, forward: 'off', ...config }, reserve: RESERVE });
  closing.push({ close: () => server.close(0) });
  const port = { name: 'http', protocol: 'tcp' as const, port: 80 };
  const tenant = (vpc: string, net6: string) => [
    { kind: 'vpc' as const, name: vpc, net6: [`${net6}::/32`], hosts: { 'files.example': ['192.0.2.7'] } },
    { kind: 'pod' as const, vpc, namespace: 'web', name: 'db', ip6: `${net6}::1`, ports: [port] },
    {
      ...{
        kind: 'pod' as const,
        vpc,
        namespace: 'web',
        name: 'app',
        ip6: `${net6}::2`,
        names: ['front.end'],
      },
      overlays: [{ overlay: 'o', ip4: '10.0.0.2', pinned: true }],
    },
    { kind: 'pod' as const, vpc, namespace: `only-${vpc}`, name: 'lone', ip6: `${net6}::3` },
    { kind: 'service' as const, vpc, namespace: 'web', name: 'api', ip6: `${net6}::9`, ports: [port] },
  ];
  await server.apply({ put: [...tenant('v', 'fd00:a'), ...tenant('w', 'fd00:b'), ...tenant('x', 'fd00:c')] });
  return server;
}

async function prove(facts: IsolationFacts, limit?: number): Promise<{ found: Violation[]; end: ProofEnd }> {
  const lines: ProofLine[] = [];
  for await (const line of proveIsolation(facts, limit)) lines.push(line);
  const end = lines.at(-1)!;
  if (end.type !== 'end') throw new Error('no end');
  return { found: lines.filter((line) => line.type === 'violation'), end };
}

describe('a proof', () => {
  it('asks every pair, and finds nothing where VPCs have the same names and the same IPv4', async () => {
    const { found, end } = await prove(isolationFacts(await serverOf()));
    expect(found).toEqual([]);
    expect(end).toMatchObject({ vpcs: 3, violations: 0, stopped: false });
    expect(end.pairs).toBe(end.of);
    // db 8, app 6 + 6 + 2, lone 7, api 8: names, ports and addresses; of the two other VPCs.
    expect(end.of).toBe(end.clients * 2 * 37);
    expect(end.clients).toBeGreaterThan(3 * 6);
  });

  it('asks a sample above its limit, and says of how many', async () => {
    const facts = isolationFacts(await serverOf());
    const whole = await prove(facts);
    const { end } = await prove(facts, 200);
    expect(end.of).toBe(whole.end.of);
    expect(end.limit).toBe(200);
    expect(end.pairs).toBeGreaterThan(100);
    expect(end.pairs).toBeLessThanOrEqual(200);
  });

  it('finds a rule that gives the clients of one VPC the names of another, and shows how to see it', async () => {
    const server = await serverOf({ clients: [{ from: 'fd00:a::1', vpc: 'w', namespace: 'web' }] });
    await server.listen('127.0.0.1:0');
    const { found, end } = await prove(isolationFacts(server));
    expect(end.violations).toBe(found.length);
    const [first] = found;
    expect(first).toMatchObject({
      client: { vpc: 'v', class: 'rule for fd00:a::1/128', address: 'fd00:a::1' },
      of: { vpc: 'w' },
      given: expect.stringContaining('fd00:b::'),
    });
    expect(first!.dig).toMatch(/^dig @127\.0\.0\.1 -p \d+ -b fd00:a::1 \S+ (?:A|AAAA|SRV|PTR)$/);
    const [, name, type, from, listener] =
      /^podns explain (\S+) (\S+) --from (\S+) --listener (\S+) --operator$/.exec(first!.explain)!;
    const explanation = await server.explain({ name: name!, type: type!, from: from!, listener: listener! });
    expect(explanation.answer.records).toEqual([first!.given]);
  });

  it('finds an address, a PTR and a port of another VPC that stand in the view of one', async () => {
    const world = new World();
    const pod = (vpc: string, name: string, ip6: string): Pod => ({
      ...{ kind: 'pod', vpc, namespace: 'web', name, aid: `p${vpc}${name}`, names: [], ip6, overlays: [] },
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
      ready: true,
    });
    const vpcs: Resource[] = [
      { kind: 'vpc', name: 'v', net6: ['fd00:a::/32'], services6: [] },
      { kind: 'vpc', name: 'w', net6: ['fd00:b::/32'], services6: [] },
    ];
    const rest = [pod('v', 'a', 'fd00:a::1'), pod('w', 'db', 'fd00:b::1')];
    // The catalog knows nothing of it: only the view gives v a pod that is w's.
    world.put(...vpcs, ...rest, pod('v', 'db', 'fd00:b::1'));
    world.sync();
    const listOf = (kind: string, vpc?: string): Resource[] =>
      [...vpcs, ...rest].filter(
        (one) => one.kind === kind && (vpc === undefined || ('vpc' in one && one.vpc === vpc)),
      );
    const facts: IsolationFacts = {
      memory: world.memory,
      settings: world.settings,
      list: (kind, { vpc }) => listOf(kind, vpc),
      listeners: () => [],
      seconds: () => 1,
      pause: () => Promise.resolve(),
    };
    const { found } = await prove(facts);
    expect(found.every(({ client, of }) => client.vpc === 'v' && of.vpc === 'w')).toBe(true);
    expect(new Set(found.map(({ question }) => question.type))).toEqual(new Set(['AAAA', 'SRV', 'PTR']));
    expect(found.map(({ question }) => question.name)).toContain('db.web.vpc.internal');
  });

  it('lets other work run, in slices', async () => {
    const server = await serverOf();
    const pods = Array.from({ length: 2000 }, (_, i) => ({
      ...{
        kind: 'pod' as const,
        vpc: 'x',
        namespace: 'web',
        name: `p${i}`,
        ip6: `fd00:c:1::${i.toString(16)}`,
      },
    }));
    await server.apply({ put: pods });
    let turns = 0;
    let isOver = false;
    const tick = (): void => {
      turns++;
      if (!isOver) setImmediate(tick);
    };
    setImmediate(tick);
    const began = performance.now();
    const { end } = await prove(isolationFacts(server), 30_000);
    isOver = true;
    expect(end.pairs).toBeGreaterThan(20_000);
    // Slices of 4 ms, of which a machine that is busy with other things may stretch some.
    expect(turns).toBeGreaterThan((performance.now() - began) / 20);
  });
});

describe('/v1/prove-isolation', () => {
  it('streams lines and ends; one at a time', async () => {
    const server = await serverOf();
    const admin = createAdmin({
      bind: '127.0.0.1:0',
      facts: { readiness: () => server.readiness() },
      routes: [(app) => proofRoutes(app, server)],
    });
    closing.push(admin);
    const url = `http://${await admin.open()}/v1/prove-isolation`;
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text()).trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ type: 'end', violations: 0, vpcs: 3 });
    expect((await fetch(`${url}?limit=0`)).status).toBe(400);
  });
});
