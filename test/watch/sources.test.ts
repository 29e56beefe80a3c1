/** What the configuration says of its sources reaches them: which VPCs count, and how etcd and streams are spoken to. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { configuredSources } from '../../src/server/sources.ts';
import { podns } from '../cli/harness.ts';
import { skipAloud } from '../harness/tools.ts';
import { makeCertificates, opensslMissing, type Certificates } from '../source/certificates.ts';
import { base64, etcdMissing, newMember, podValue, type EtcdMember } from '../source/etcd-harness.ts';
import { snapshot, WatchServer } from '../source/watch-server.ts';
import { eventually, Node, pod, RESERVE, VPC } from './nodes.ts';

let folder = '';
const undo: (() => unknown)[] = [];
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-sources-'))));
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
  rmSync(folder, { recursive: true });
});

async function start(config: object): Promise<Node> {
  const node = await new Node({ config, reserve: RESERVE }).start();
  undo.push(() => node.close());
  return node;
}

describe('--vpc', () => {
  const kraudView = {
    V: { pod: { p1: { n: ['kraut'], d: 'n', 6: 'fd02::1' } }, srv: {} },
  };

  /** Zone files, a stream whose server heeds no `?vpc=`, and kraud's, each with the VPCs v and w. */
  async function everything(vpc: string[]): Promise<Node> {
    const zones = join(folder, 'zones');
    mkdirSync(zones, { recursive: true });
    for (const name of ['v', 'w']) {
      const text = `vpc: ${name}\nnamespaces: {n: {pods: {file: {ip6: "fd0${name === 'v' ? 0 : 1}::f"}}}}\n`;
      writeFileSync(join(zones, `${name}.yaml`), text);
    }
    const stream = new WatchServer();
    await stream.listen();
    undo.push(() => stream.close());
    const kraud = new WatchServer();
    await kraud.listen();
    undo.push(() => kraud.close());
    const node = await start({
      zones: [zones],
      watch: [stream.url],
      kraud: [{ url: kraud.url, vpc: 'w', net6: [], services6: [] }],
      vpc,
    });
    const one = await stream.conversation(1);
    expect(one.url.searchParams.getAll('vpc')).toEqual(vpc);
    one.say(
      ...snapshot('1', VPC, pod('a', 'fd00::a'), pod('b', 'fd01::b', { vpc: 'w' })),
      { type: 'put', revision: '2', object: pod('c', 'fd01::c', { vpc: 'w' }), more: true },
      { type: 'delete', revision: '2', object: { kind: 'pod', vpc: 'w', namespace: 'n', name: 'b' } },
      { type: 'put', revision: '3', object: pod('d', 'fd00::d') },
    );
    (await kraud.conversation(1)).say(kraudView);
    await eventually(
      () => node.server.status(),
      (all) => all.every(({ synced }) => synced) && all[1]!.revision === '3',
    );
    return node;
  }

  const names = (node: Node): string[] =>
    [...node.server.list('pod')].map((each) => ('vpc' in each ? `${each.vpc}/${each.name}` : ''));

  it('keeps other VPCs out, whichever source says them', async () => {
    const node = await everything(['v']);
    expect(names(node)).toEqual(['v/a', 'v/d', 'v/file']);
    expect((await node.status()).counts).toMatchObject({ vpc: 1, pod: 3 });
  });

  it('takes all where none is named', async () => {
    expect(names(await everything([]))).toEqual(['v/a', 'v/d', 'v/file', 'w/c', 'w/file', 'w/kraut']);
  });
});

it('names its sources by what they watch', () => {
  const config = {
    ...loadConfig().config,
    etcd: ['http://h:1', 'http://i:1'],
    etcdPrefix: '/p',
    vpc: ['v', 'w'],
  };
  expect(configuredSources(config).map(({ name }) => name)).toEqual([
    'etcd:http://h:1/p/v/',
    'etcd:http://h:1/p/w/',
  ]);
});

const reason = etcdMissing ?? opensslMissing;
if (reason !== undefined) skipAloud('etcd with certificates and passwords, as configured', reason);

describe.skipIf(reason !== undefined)('a guarded etcd, as configured', () => {
  let etcd: EtcdMember;
  let certificates: Certificates;
  let settings: Record<string, string>;

  /** With TLS. */
  async function guarded(byCertificate: boolean): Promise<void> {
    certificates = makeCertificates();
    undo.push(() => certificates.remove());
    etcd = await newMember();
    undo.push(() => etcd.close());
    const spare = await newMember();
    undo.push(() => spare.close());
    const { server, caFile } = certificates;
    const url = `https://127.0.0.1:${spare.clientPort}`;
    // The plain port stays for the harness; etcd serves both.
    etcd.extra = [
      ['--listen-client-urls', `${etcd.url},${url}`],
      ['--cert-file', server.certFile, '--key-file', server.keyFile],
      byCertificate ? ['--client-cert-auth', '--trusted-ca-file', caFile] : [],
    ].flat();
    await etcd.start();
    settings = { etcd: url, etcd_ca_file: caFile };
  }

  async function withUsers(): Promise<void> {
    await guarded(false);
    await etcd.call('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await etcd.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await etcd.call('/v3/auth/user/add', { name: 'node', password: 'word' });
    await etcd.call('/v3/auth/role/add', { name: 'mine' });
    const range = { key: base64('/mine/'), range_end: base64('/mine0') };
    await etcd.call('/v3/auth/role/grant', { name: 'mine', perm: { permType: 'READWRITE', ...range } });
    await etcd.call('/v3/auth/user/grant', { user: 'node', role: 'mine' });
    await etcd.call('/v3/auth/enable', {});
    writeFileSync(join(folder, 'password'), 'word\n', { mode: 0o600 });
    settings = {
      ...settings,
      ...{ etcd_prefix: '/mine/', etcd_user: 'node', etcd_password_file: 'password' },
    };
  }

  function configure(changed: Record<string, string> = {}): void {
    const lines = Object.entries({ ...settings, ...changed }).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(join(folder, 'podns.yaml'), lines.join(''));
  }

  /** Written, seen by a server, and deleted, all by these settings. */
  async function works(): Promise<void> {
    configure();
    const value = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'one', ...podValue(1) };
    const put = await podns(['put', '-'], { folder, input: JSON.stringify(value) });
    expect(put).toMatchObject({ code: 0, out: 'pod v/n/one\n' });
    const node = await start(loadConfig({ folder }).config);
    const pods = (): number => node.server.catalog.count('pod');
    await eventually(pods, (count) => count === 1);
    expect(await podns(['delete', 'pod', 'v/n/one'], { folder })).toMatchObject({ code: 0 });
    await eventually(pods, (count) => count === 0);
  }

  async function attempt(changed: Record<string, string>): Promise<string> {
    configure(changed);
    const { code, err } = await podns(['delete', 'pod', 'v/n/x'], { folder });
    return `${code} ${err}`;
  }

  it('by a password and a prefix', async () => {
    await withUsers();
    await works();
    writeFileSync(join(folder, 'wrong'), 'bird');
    expect(await attempt({ etcd_password_file: 'wrong' })).toMatch(/^77 .*authentication failed/);
    expect(await attempt({ etcd_prefix: '/podns/' })).toMatch(/^77 .*permission denied/);
  });

  it('by a certificate of ours', async () => {
    await guarded(true);
    const { client } = certificates;
    expect(await attempt({})).toMatch(/^4 /);
    settings = { ...settings, etcd_cert_file: client.certFile, etcd_key_file: client.keyFile };
    await works();
    expect(await attempt({ etcd_key_file: 'absent.pem' })).toMatch(/^77 .*absent\.pem cannot be read/);
  });
});
