/** `explain` and `query --from`: from zone files and from a running server, with their exit codes; the words of dig. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Explanation } from '../../src/index.ts';
import { readWords } from '../../src/cli/dig-words.ts';
import { Node, RESERVE } from '../watch/nodes.ts';
import { podns } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'podns-explain-'));
writeFileSync(
  join(folder, 'v.yaml'),
  `vpc: v
net6: ['fd00::/64']
forward: off
namespaces:
  n:
    pods:
      client: { ip6: 'fd00::1' }
      db: { ip6: 'fd00::2' }
`,
);
afterAll(() => rmSync(folder, { recursive: true }));

const nodes: Node[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

/** A server with the same records, and the flag that leads to it. */
async function running(): Promise<string[]> {
  const node = await new Node({ config: { workers: 0 }, reserve: RESERVE }).start();
  nodes.push(node);
  const pods = ['client', 'db'].map((name, i) => ({
    kind: 'pod',
    vpc: 'v',
    namespace: 'n',
    name,
    ip6: `fd00::${i + 1}`,
  }));
  await node.server.apply({
    put: [{ kind: 'vpc', name: 'v', net6: ['fd00::/64'], forward: 'off' }, ...pods],
  });
  return ['--admin', node.url];
}

const ways: [string, () => Promise<string[]>][] = [
  ['from zone files', () => Promise.resolve(['--zones', folder])],
  ['from a running server', running],
];

describe.each(ways)('explain %s', (_, way) => {
  it.each([
    ['db', 0, 'pod n/client asks for db. AAAA and gets one record.'],
    ['nosuch', 3, 'NXDOMAIN'],
    ['db A', 3, 'no data: the name exists'],
    ['www.example.com', 3, 'Extended error 15 (Blocked): outside names are not forwarded for this VPC'],
    ['db AXFR', 1, 'REFUSED'],
    ['fd00::2', 0, 'PTR db.n.vpc.internal.'],
  ])('%s', async (question, code, text) => {
    const ran = await podns(['explain', ...question.split(' '), '--from', 'n/client', ...(await way())]);
    expect(ran).toMatchObject({ code, err: '' });
    expect(ran.out).toContain(text);
  });

  it('as JSON', async () => {
    const { out, code } = await podns([
      'explain',
      'db',
      '--from',
      'v/n/client',
      '-o',
      'json',
      ...(await way()),
    ]);
    const explanation = JSON.parse(out) as Explanation;
    expect(code).toBe(0);
    expect(explanation.answer.records).toEqual(['db. 1 IN AAAA fd00::2']);
    expect(explanation.client).toMatchObject({ vpc: 'v', namespace: 'n', pod: 'n/client' });
  });

  it('an unknown client is REFUSED, and told what helps', async () => {
    const flags = ['--from', '203.0.113.9', '--listener', '127.0.0.1:53'];
    const ran = await podns(['explain', 'db', ...flags, '--from', 'fd99::1', ...(await way())]);
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('No rule tells whose client this is');
    expect(ran.out).toContain('use --listen ADDR:PORT@vpc/namespace');
  });

  it.each([
    [['explain', 'db', '--from', 'n/nobody'], 3, 'podns: there is no pod n/nobody\n'],
    [
      ['explain', 'db', '--from', 'nobody'],
      2,
      'podns: "nobody": NS/POD, VPC/NS/POD or an address is expected\n',
    ],
    [['explain', 'a..b', '--from', 'n/client'], 2, 'podns: empty label in "a..b"\n'],
    [['query', 'db', '--from', 'n/nobody'], 3, 'podns: there is no pod n/nobody\n'],
  ])('%j ends with %i', async (args, code, err) => {
    expect(await podns([...args, ...(await way())])).toEqual({ code, out: '', err });
  });
});

describe.each(ways)('query --from %s', (_, way) => {
  it('is the answer on the wire', async () => {
    const { out, code } = await podns(['query', 'db', '--from', 'n/client', ...(await way())]);
    expect(code).toBe(0);
    expect(out).toContain(';; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1');
    expect(out).toContain('db.\t\t1\tIN\tAAAA\tfd00::2');
    expect(out).toMatch(/;; Query time: \d+ msec\n;; SERVER: \[::1\]:53@v, asked as n\/client \(UDP\)/);
  });

  it('understands the words of dig', async () => {
    const flags = ['--from', 'n/client', ...(await way())];
    expect(await podns(['query', 'db', '+short', '+tcp', ...flags])).toEqual({
      code: 0,
      out: 'fd00::2\n',
      err: '',
    });
    const plain = await podns(['query', '+noedns', 'nosuch', ...flags]);
    expect(plain.code).toBe(3);
    expect(plain.out).not.toContain('EDNS');
  });
});

describe('what does not go together', () => {
  it.each([
    [['query', 'db', '@127.0.0.1', '--from', 'n/client'], 'a server and --from exclude each other'],
    [['query', 'db', '--zones', 'zones'], '--zones goes with --from'],
    [['query', 'db', '+norec', '--from', 'n/client'], '+norecurse does not go with --from'],
    [['query', 'db', '+dnssecc'], '"+dnssecc": of dig\'s options there are +[no]tcp'],
    [['query', 'db', 'A', 'B'], '"B": one name and one type are expected'],
    [['query', '+short'], 'which name to ask for is missing'],
    [['explain', 'db'], "required option '--from <pod|address>'"],
    [['explain', 'db', '--from', 'n/client', '--size', 'x'], 'Octets, 0 to 65535.'],
  ])('%j', async (args, text) => {
    const ran = await podns(args);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(text);
  });

  it('is told apart from a server that is not there', async () => {
    const ran = await podns(['explain', 'db', '--from', 'n/client', '--admin', '127.0.0.1:1']);
    expect(ran.code).toBe(4);
    expect(ran.err).toContain('nothing listens there');
  });
});

describe('words of dig', () => {
  it.each([
    ['db @192.0.2.1', { address: '192.0.2.1', port: 53 }],
    ['@::1 db', { address: '::1', port: 53 }],
    ['db @192.0.2.1#5300', { address: '192.0.2.1', port: 5300 }],
    ['db @::1#5300', { address: '::1', port: 5300 }],
    ['db @[::1]:5300', { address: '::1', port: 5300 }],
    ['db', undefined],
  ])('%s', (text, server) => {
    expect(readWords(text.split(' '))).toMatchObject({ name: 'db', server });
  });

  it('may say the contrary', () => {
    expect(readWords(['a', '+tcp', '+notcp', '+vc', 'mx', '+norecurse', '+noedns'])).toEqual({
      ...{ name: 'a', type: 15, server: undefined, tcp: true },
      ...{ short: undefined, edns: false, recursion: false },
    });
  });
});
