/** Every reason that the code knows is given by some question; each has words. */
import { afterEach, expect, it } from 'vitest';
import * as reason from '../../src/answer/decide/reasons.ts';
import type { ExplainAsk, Explanation } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import { RESERVE } from '../watch/nodes.ts';

const servers: ServerCore[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

function open(config: object): ServerCore {
  const server = new ServerCore({ config: { workers: 0, podHold: 1, ...config }, reserve: RESERVE });
  servers.push(server);
  return server;
}

const overlay = (vpc: string, namespace: string, name: string, more: object = {}): object => ({
  ...{ kind: 'overlay', vpc, namespace, name, net4: '10.1.0.0/24' },
  ...more,
});
const pod = (vpc: string, namespace: string, name: string, more: object): object => ({
  ...{ kind: 'pod', vpc, namespace, name },
  ...more,
});
const place = (overlay: string, ip4: string, pinned = true): object => ({ overlay, ip4, pinned });

/** One VPC with everything in it that a pod can meet. */
const WORLD: object[] = [
  {
    ...{ kind: 'vpc', name: 'v', net6: ['fd00::/64'], forward: ['corp.example'] },
    routes: { 'routed.example': ['192.0.2.53'], 'blocked.example': [] },
    hosts: { license: ['192.0.2.9'] },
  },
  { kind: 'namespace', vpc: 'v', name: 'm', shadow: 'forward' },
  overlay('v', 'n', 'o1'),
  overlay('v', 'n', 'o2'),
  overlay('v', 'm', 'o1'),
  overlay('v', 'n', 'inside', { net4: '10.2.0.0/24', internal: true }),
  pod('v', 'n', 'client', { ip6: 'fd00::1' }),
  pod('v', 'n', 'sharer', { ip6: 'fd00::2', overlays: [place('o1', '10.1.0.2')] }),
  pod('v', 'n', 'closed', { ip6: 'fd00::3', overlays: [place('inside', '10.2.0.3')] }),
  pod('v', 'n', 'web-0', {
    ...{ ip6: 'fd00::10', names: ['web'], ports: [{ name: 'http', protocol: 'tcp', port: 80 }] },
  }),
  pod('v', 'n', 'web-1', { ip6: 'fd00::11', names: ['web'], ready: false }),
  pod('v', 'n', 'down', { ip6: 'fd00::12', ready: false }),
  pod('v', 'n', 'front-pod', { ip6: 'fd00::13', names: ['front'] }),
  { kind: 'service', vpc: 'v', namespace: 'n', name: 'front', ip6: 'fd01::1' },
  pod('v', 'n', 'loose', {
    ip6: 'fd00::14',
    overlays: [{ ...place('o1', '10.1.0.14', false), ip6: 'fd02::14' }],
  }),
  pod('v', 'n', 'two', { ip6: 'fd00::15', overlays: [place('o1', '10.1.0.15'), place('o2', '10.1.0.16')] }),
  pod('v', 'n', 'twin-1', { overlays: [place('o1', '10.1.0.17')] }),
  pod('v', 'n', 'twin-2', { overlays: [place('o2', '10.1.0.17')] }),
  pod('v', 'n', 'early', { ip6: 'fd00::18' }),
  pod('v', 'n', 'late', { ip6: 'fd00::18' }),
  ...Array.from({ length: 40 }, (_, i) =>
    pod('v', 'n', `many-${i}`, { ip6: `fd00::1:${(i + 1).toString(16)}`, names: ['many'] }),
  ),
];

function codesOf({ reasons }: Explanation): number[] {
  return reasons.map(({ code }) => code);
}

it('is reached', async () => {
  const main = open({
    clients: [{ from: '192.0.2.0/24', vpc: 'v', namespace: 'n' }],
    suffixes: [{ name: 'svc.test', flat: false }],
    docker: [{ socket: '/nowhere.sock', vpc: 'v' }],
  });
  await main.apply({ put: WORLD, full: true });
  const none = open({ aRecords: 'none' });
  await none.apply({ put: WORLD, full: true });
  const refusing = open({ forward: 'refuse' });
  await refusing.apply({
    put: [pod('w', 'n', 'client', { ip6: 'fd00::1' }), { kind: 'vpc', name: 'w', net6: ['fd00::/64'] }],
  });
  const forwarding = open({ forward: 'on', upstreams: ['127.0.0.1:9'] });
  await forwarding.apply({ put: [...WORLD.slice(1), { kind: 'vpc', name: 'v', net6: ['fd00::/64'] }] });
  const unsynced = open({});
  const seen = new Set<number>();
  const ask = async (server: ServerCore, name: string, more: Partial<ExplainAsk> = {}): Promise<number[]> => {
    const codes = codesOf(await server.explain({ name, from: 'v/n/client', listener: '[::1]:53', ...more }));
    for (const code of codes) seen.add(code);
    return codes;
  };
  const scoped = { listener: '127.0.0.1:53@v' };
  const cases: [number, Promise<number[]>][] = [
    [reason.BY_PREFIX, ask(main, 'web')],
    [reason.BY_LISTENER, ask(main, 'web', scoped)],
    [reason.BY_RULE, ask(main, 'web', { from: '192.0.2.1' })],
    [reason.BY_ONLY_VPC, ask(main, 'web', { from: '10.1.0.2' })],
    [reason.BY_HOST, ask(main, 'web', { from: '127.0.0.1', ...scoped })],
    [reason.POD_BY_ADDRESS, ask(main, 'web')],
    [reason.POD_UNKNOWN, ask(main, 'web', { from: 'fd00::dead' })],
    [reason.POD_AMBIGUOUS, ask(main, 'web', { from: '10.1.0.17' })],
    [reason.READ_LOCALHOST, ask(main, 'a.localhost')],
    [reason.READ_REVERSE, ask(main, 'fd00::10')],
    [reason.READ_SUFFIX, ask(main, 'web.n.svc.test')],
    [reason.READ_PORT, ask(main, '_http._tcp.web', { type: 'SRV' })],
    [reason.READ_OWN_NAMESPACE, ask(main, 'web')],
    [reason.READ_NAMESPACE, ask(main, 'web.n')],
    [reason.READ_REPLICA, ask(main, 'web-0.web.n')],
    [reason.READ_INVENTORY, ask(main, 'vpc', { type: 'TXT' })],
    [reason.READ_DOTLESS, ask(main, 'nosuch')],
    [reason.READ_ANCESTOR, ask(main, 'internal')],
    [reason.READ_SPECIAL, ask(main, 'a.onion')],
    [reason.READ_OUTSIDE, ask(main, 'www.example.com')],
    [reason.READ_SHADOW, ask(main, 'nosuch.m')],
    [reason.READ_SERVER, ask(main, 'ns.vpc.internal')],
    [reason.READ_ROOT, ask(main, '.')],
    [reason.READ_HOST, ask(main, 'license', { type: 'A' })],
    [reason.READ_OWN_REPLICA, ask(main, 'web-0.web')],
    [reason.READ_BELOW_OWN, ask(main, 'nosuch.web')],
    [reason.READ_NEVER, ask(main, '10.0.0.5', { type: 'A' })],
    [reason.TOOK_SERVICES, ask(main, 'front')],
    [reason.LEFT_NOT_READY, ask(main, 'web')],
    [reason.NONE_READY, ask(main, 'down')],
    [reason.LEFT_OVERLAY, ask(main, 'twin-1', { type: 'A' })],
    [reason.NO_SUCH_TYPE, ask(main, 'web', { type: 'MX' })],
    [reason.NO_SUCH_NAME, ask(main, 'nosuch')],
    [reason.NEEDS_NAMESPACE, ask(main, 'web', { from: 'fd00::dead' })],
    [reason.FORWARD_LISTED, ask(main, 'a.corp.example')],
    [reason.OUTSIDE_OFF, ask(main, 'www.example.com')],
    [reason.OUTSIDE_INTERNAL, ask(forwarding, 'www.example.com', { from: 'v/n/closed' })],
    [reason.OUTSIDE_REFUSED, ask(refusing, 'www.example.com', { from: 'w/n/client' })],
    [reason.NOT_SYNCED, ask(unsynced, 'web', { from: 'fd00::1' })],
    [reason.ROUTED, ask(main, 'a.routed.example')],
    [reason.ROUTE_BLOCKED, ask(main, 'a.blocked.example')],
    [reason.LEFT_NOT_PINNED, ask(main, 'loose', { type: 'A' })],
    [reason.LEFT_A_RECORDS, ask(none, 'sharer', { type: 'A' })],
    [reason.LEFT_OTHER_OVERLAY, ask(main, 'two', { type: 'A', from: 'v/n/sharer' })],
    [reason.LEFT_CONTESTED, ask(main, 'late')],
    [reason.LEFT_SECOND_IP6, ask(main, 'loose')],
    [reason.LEFT_CUT, ask(main, 'many', { size: 512 })],
  ];
  for (const [code, codes] of cases) expect(await codes, reason.REASON_TEXTS[code]).toContain(code);
  const known = Object.keys(reason.REASON_TEXTS).map(Number);
  expect(known.filter((code) => !seen.has(code))).toEqual([]);
  const numbers = Object.values(reason).filter((value) => typeof value === 'number');
  expect(numbers.filter((code) => !known.includes(code))).toEqual([]);
});

it('before the first view, does not say that a pod is missing', async () => {
  const asked = open({}).explain({ name: 'web', from: 'v/n/web' });
  await expect(asked).rejects.toThrow('no source has delivered its records yet');
});

it('before the first view, says that the client is not identified, not that no rule does', async () => {
  const { client } = await open({}).explain({ name: 'web', from: 'fd00::1', listener: '[::1]:53@v' });
  expect(client.status).toBe('unknown');
  expect(client.found).toEqual(['podns identifies no client before a source has delivered a whole state.']);
});
