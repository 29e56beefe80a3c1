/** The program and etcd: written by `podns put`, answered over UDP; killed at any moment, it serves what it had. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import { podns, type Ran } from '../cli/harness.ts';
import { etcdMissing, newMember, type EtcdMember } from '../source/etcd-harness.ts';
import { skipAloud } from '../harness/tools.ts';
import { eventually, RESERVE, Served, statusOf, WatchReader } from './nodes.ts';

const ZONE = `
vpc: v
net6: ["fd00::/64"]
namespaces:
  n:
    pods:
      client: { ip6: "fd00::1" }
      db: { ip6: "fd00::2" }
`;

let folder = '';
let etcd: EtcdMember;
const running: Served[] = [];

function serve(...more: string[]): Served {
  const served = new Served([
    ...['--etcd', etcd.url, '--listen', '127.0.0.1:0@v/n', '--admin', '127.0.0.1:0'],
    ...['--state', join(folder, 'state'), '--log-level', 'warn', ...more],
  ]);
  running.push(served);
  return served;
}

function run(...args: string[]): Promise<Ran> {
  return podns(args, { folder, environment: { PODNS_ETCD: etcd.url } });
}

async function query(server: string, name: string): Promise<string> {
  return (await podns(['query', name, '--server', server])).out;
}

const suite = etcdMissing === undefined ? describe : undefined;
if (suite === undefined) skipAloud('the program and etcd', etcdMissing!);

suite?.('the program and etcd', () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'podns-etcd-e2e-'));
    etcd = await newMember();
    await etcd.start();
  });
  afterEach(async () => {
    for (const served of running.splice(0)) await served.kill();
    await etcd.close();
    rmSync(folder, { recursive: true });
  });

  it('puts, answers, lists, tells, deletes', async () => {
    writeFileSync(join(folder, 'zone.yaml'), ZONE);
    const { dns, admin } = await serve().addresses();
    expect(await run('put', 'zone.yaml')).toMatchObject({
      code: 0,
      out: 'vpc v\npod v/n/client\npod v/n/db\n',
      err: 'podns: 3 put, revision 2\n',
    });
    await eventually(
      () => query(dns, 'db'),
      (text) => text.includes('fd00::2'),
    );
    expect((await run('pod', 'ls', '--admin', admin, '-o', 'json')).out).toContain('"name": "db"');
    expect((await run('ns', 'ls', '--admin', admin)).out).toBe('NAME  CREATED\nn     -\n');

    const events = new WatchReader(`${admin}/v1/events`);
    await events.headed;
    // A small file about one pod does not take the VPC's prefixes away.
    writeFileSync(join(folder, 'one.yaml'), 'vpc: v\nnamespaces: {n: {pods: {web: {ip6: "fd00::3"}}}}\n');
    expect((await run('put', 'one.yaml')).out).toBe('pod v/n/web\n');
    await events.until(({ object }) => object?.name === 'web');
    expect(await query(dns, 'web')).toContain('fd00::3');
    expect(await run('delete', 'pod', 'v/n/web')).toMatchObject({ code: 0, out: 'pod v/n/web\n' });
    await events.until(({ type }) => type === 'delete');
    expect(await query(dns, 'web')).toContain('NXDOMAIN');
    events.close();

    const status = await run('status', '--admin', admin, '--digest');
    expect(status.out).toMatch(/^podns \S+ on \S+, for \d+s: ready\nvpc 1, namespace 0, overlay 0, pod 2, /);
    expect(status.out).toMatch(/^etcd:http:\S+ +live +4 /m);
    expect(status.out).toMatch(/^digest {10}[0-9a-f]{16}$/m);
  });

  it('says what is wrong, and then writes nothing', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'vpc: v\nnamespaces: {n: {pods: {web: {ip6: "fd00::x"}}}}\n');
    const lines = [
      { kind: 'pod', vpc: 'v', namespace: 'n', name: 'good', ip6: 'fd00::9' },
      { kind: 'pod', vpc: 'v', namespace: 'n', name: 'bad', ip7: 'fd00::9' },
    ];
    writeFileSync(join(folder, 'some.ndjson'), lines.map((line) => JSON.stringify(line)).join('\n'));
    const bad = await run('put', 'bad.yaml', 'some.ndjson', 'absent.yaml');
    expect(bad).toMatchObject({ code: 78, out: '' });
    expect(bad.err).toMatch(/bad\.yaml:2:\d+: error: .*"fd00::x"/);
    expect(bad.err).toMatch(/some\.ndjson:2:1: error: .*ip7/);
    expect(bad.err).toMatch(/absent\.yaml: error: does not exist/);
    expect(bad.err).toMatch(/podns: nothing was written\n$/);
    expect((await etcd.content()).size).toBe(0);
    expect(await run('delete', 'pod', 'n')).toMatchObject({
      code: 2,
      err: 'podns: "n": a pod is named as VPC/NS/NAME or NS/NAME\n',
    });
    expect(await run('delete', 'pod', 'v/n')).toMatchObject({
      code: 3,
      err: 'podns: pod v/n: etcd has no such resource\n',
    });
    expect(await run('delete', 'pod', 'v/n/x')).toMatchObject({
      code: 3,
      err: 'podns: pod v/n/x: etcd has no such resource\n',
    });
    expect((await podns(['put', 'some.ndjson'], { folder })).code).toBe(2);
    const away = await podns(['delete', 'vpc', 'v', '--etcd', 'http://127.0.0.1:1'], { folder });
    expect(away).toMatchObject({ code: 4 });
    expect((await run('status', '--admin', '127.0.0.1:1')).code).toBe(4);
    expect((await run('pod', 'ls', '--admin', `unix:${folder}/none`)).code).toBe(4);
  });

  it('delete of a VPC or namespace says what stays served, and what takes it away', async () => {
    writeFileSync(join(folder, 'zone.yaml'), ZONE);
    expect((await run('put', 'zone.yaml')).code).toBe(0);
    const many = Array.from({ length: 12 }, (_, i) => ({
      kind: 'pod',
      vpc: 'w',
      namespace: 'm',
      name: `p${i}`,
    }));
    const input = JSON.stringify([
      { kind: 'vpc', name: 'w' },
      { kind: 'namespace', vpc: 'w', name: 'm' },
      ...many,
    ]);
    await podns(['put', '-', '--etcd', etcd.url], { folder, input });
    const one = await run('delete', 'vpc', 'v');
    expect(one).toMatchObject({ code: 0, out: 'vpc v\n' });
    expect(one.err).toContain(
      [
        'podns: vpc v stays served, because it still contains 2 pods; to delete that:',
        '  podns delete pod v/n/client',
        '  podns delete pod v/n/db',
        '',
      ].join('\n'),
    );
    for (const line of one.err.split('\n').filter((text) => text.startsWith('  '))) {
      expect((await run(...line.trim().split(' ').slice(1))).code).toBe(0);
    }
    const namespace = await run('delete', 'namespace', 'w/m');
    expect(namespace.err).toContain('namespace w/m stays served, because it still contains 12 pods;');
    expect(namespace.err).toContain('  … and 2 more\n');
    expect((await run('delete', 'vpc', 'w')).err).toContain('12 pods;');
    await run('put', 'zone.yaml');
    await run('delete', 'pod', 'v/n/client');
    await run('delete', 'pod', 'v/n/db');
    expect((await run('delete', 'vpc', 'v')).err).toMatch(/^podns: deleted, revision \d+\n$/);
  });

  it('a dry run tells what would change, and writes nothing', async () => {
    writeFileSync(join(folder, 'zone.yaml'), ZONE);
    const first = await run('put', 'zone.yaml', '--dry-run');
    expect(first).toEqual({
      code: 0,
      out: 'create vpc v\ncreate pod v/n/client\ncreate pod v/n/db\n',
      err: 'podns: nothing was written; put would create 3, change 0 and leave 0 as they are\n',
    });
    expect((await etcd.content()).size).toBe(0);
    await run('put', 'zone.yaml');
    const again = await run('put', 'zone.yaml', '--dry-run');
    expect(again.out).toBe('same vpc v\nsame pod v/n/client\nsame pod v/n/db\n');
    writeFileSync(join(folder, 'zone.yaml'), ZONE.replace('fd00::2', 'fd00::7'));
    await etcd.change({ '/podns/v/pod/n/client': { ip6: 7 } });
    const changed = await run('put', 'zone.yaml', '--dry-run');
    expect(changed.out.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^change pod v\/n\/client: what etcd holds is not valid: ip6/),
      'change pod v/n/db: ip6 "fd00::2" → "fd00::7"',
    ]);
    const json = await run('put', 'zone.yaml', '--dry-run', '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({
      dryRun: true,
      changes: [
        { change: 'same', key: { kind: 'vpc', vpc: 'v' }, fields: [] },
        { change: 'change' },
        { change: 'change', fields: [{ field: 'ip6', before: 'fd00::2', after: 'fd00::7' }] },
      ],
    });
    const many = Array.from({ length: 100 }, (_, i) => ({ kind: 'vpc', name: `v${i}` }));
    const input = JSON.stringify(many);
    expect((await podns(['put', '-', '--etcd', etcd.url, '-o', 'json'], { folder, input })).out).toContain(
      '"put"',
    );
    const dry = await podns(['put', '-', '--etcd', etcd.url, '--dry-run'], { folder, input });
    expect(dry.err).toContain('create 0, change 0 and leave 100');
    const bad = await podns(['put', '-', '--etcd', etcd.url, '--dry-run'], {
      folder,
      input: '{"kind":"pot"}',
    });
    expect(bad.code).toBe(78);
  });

  it('delete finds the only VPC that has the resource', async () => {
    const pod = (vpc: string, name: string) => ({ kind: 'pod', vpc, namespace: 'n', name });
    const all = [
      pod('v', 'db'),
      pod('w', 'db'),
      pod('w', 'web'),
      { kind: 'namespace', vpc: 'w', name: 'late' },
    ];
    await podns(['put', '-', '--etcd', etcd.url], { folder, input: JSON.stringify(all) });
    await etcd.change({ '/podns/stray': {} });
    expect(await run('delete', 'pod', 'n/db')).toEqual({
      code: 2,
      out: '',
      err: 'podns: n/db: several VPCs have such a pod: name one of v/n/db, w/n/db\n',
    });
    expect(await run('delete', 'pod', 'n/web', '-o', 'json')).toMatchObject({ code: 0 });
    expect((await run('delete', 'pod', 'v/n/db')).out).toBe('pod v/n/db\n');
    expect((await run('delete', 'pod', 'N/DB')).out).toBe('pod w/n/db\n');
    expect((await run('delete', 'namespace', 'late')).out).toBe('namespace w/late\n');
    expect((await run('delete', 'pod', 'n/db')).code).toBe(3);
  });

  it('reads resources from standard input, as an array or a line each', async () => {
    const one = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'one', ip6: 'fd00::8' };
    const two = { ...one, name: 'two' };
    for (const input of [JSON.stringify([one, two], undefined, 2), `${JSON.stringify(one)}\n`]) {
      const ran = await podns(['put', '-', '--etcd', etcd.url], { folder, input });
      expect(ran.code).toBe(0);
    }
    expect([...(await etcd.content()).keys()].sort()).toEqual(['pod v/n/one', 'pod v/n/two']);
  });

  /** What a fresh server makes of etcd, to compare by. */
  async function freshDigest(): Promise<string> {
    const server = new ServerCore({ config: { etcd: [etcd.url] }, reserve: RESERVE });
    await server.start();
    await eventually(
      () => server.readiness().ready,
      (ready) => ready,
    );
    const digest = server.catalog.digest();
    await server.close();
    return digest;
  }

  it('says how old a VPC is: every node names the same owner, whatever is edited', async () => {
    const vpc = (more = {}) => ({ net6: ['fd00::/48'], ...more });
    const open = async (vpc: string[] = []): Promise<ServerCore> => {
      const server = new ServerCore({ config: { etcd: [etcd.url], vpc }, reserve: RESERVE });
      await server.start();
      await eventually(
        () => server.readiness().ready,
        (ready) => ready,
      );
      return server;
    };
    const owners = (server: ServerCore): string[] =>
      [...server.list('vpc')].flatMap((one) => (one.kind === 'vpc' && one.net6.length > 0 ? [one.name] : []));
    await etcd.change({ '/podns/victim/vpc': vpc() });
    const living = await open();
    await etcd.change({ '/podns/mallory/vpc': vpc() });
    await etcd.change({ '/podns/victim/vpc': vpc({ forward: 'off' }) });
    await eventually(
      () => [...living.list('vpc')],
      (list) => JSON.stringify(list).includes('off'),
    );
    // One lists all, one has a source for each VPC, the younger first.
    const others = [await open(), await open(['mallory', 'victim'])];
    for (const server of [living, ...others]) expect(owners(server)).toEqual(['victim']);
    await etcd.change({ '/podns/victim/vpc': undefined });
    await etcd.change({ '/podns/victim/vpc': vpc() });
    for (const server of [living, ...others]) {
      await eventually(
        () => owners(server),
        (names) => names.join() === 'mallory',
      );
      await server.close();
    }
  });

  it(
    'killed under load, twenty times, it serves what it had at once, and has all of it in the end',
    { timeout: 180_000 },
    async () => {
      writeFileSync(join(folder, 'zone.yaml'), ZONE);
      await run('put', 'zone.yaml');
      let loading = true;
      let version = 0;
      const load = (async () => {
        while (loading) {
          version++;
          const changes: Record<string, object | undefined> = {};
          for (let i = 0; i < 10; i++) {
            const name = `p${(version * 7 + i) % 300}`;
            const gone = (version + i) % 5 === 0;
            changes[`/podns/v/pod/n/${name}`] = gone
              ? undefined
              : { ip6: `fd00::${(version + 16).toString(16)}:${i + 1}` };
          }
          await etcd.change(changes);
        }
      })();

      for (let round = 0; round < 20; round++) {
        const served = serve();
        const { dns } = await served.addresses();
        expect(await query(dns, 'db')).toContain('fd00::2');
        // Killed in the middle of whatever it does then: reading, applying, saving.
        const before = version;
        await eventually(
          () => version,
          (value) => value > before + 20 + ((round * 37) % 150),
        );
        await served.kill();
      }
      loading = false;
      await load;

      // Nobody to ask: what was saved is served, and says that it is old.
      const url = etcd.url.slice('http://'.length);
      await etcd.kill();
      const alone = serve();
      const { dns, admin } = await alone.addresses();
      const text = await query(dns, 'db');
      expect(text).toContain('fd00::2');
      expect(text).toContain('EDE: 3');
      const status = await statusOf(admin);
      expect(status.ready).toBe(true);
      expect(status.sources[0]).toMatchObject({ restored: true, synced: false });
      expect(status.sources[0]!.reason).toContain(url);
      expect(readdirSync(join(folder, 'state')).filter((name) => name.includes('damaged'))).toEqual([]);

      await etcd.start();
      const digest = await freshDigest();
      const last = await eventually(
        () => statusOf(admin, true),
        (value) => value.sources[0]!.synced && value.digest === digest,
      );
      expect(last.sources[0]!.state).toBe('live');
      expect(await query(dns, 'db')).not.toContain('EDE');
    },
  );

  it('goes on after its revision without a list where the history is the same, and lists where it is not', async () => {
    writeFileSync(join(folder, 'zone.yaml'), ZONE);
    await run('put', 'zone.yaml');
    const first = serve();
    const at = await first.addresses();
    await eventually(
      () => statusOf(at.admin),
      ({ counts, saved }) => counts.pod === 2 && saved!.at !== null,
    );
    await first.kill('SIGTERM');
    await etcd.change({ '/podns/v/pod/n/web': { ip6: 'fd00::3' } });
    const second = serve();
    const now = await second.addresses();
    const status = await eventually(
      () => statusOf(now.admin),
      ({ counts }) => counts.pod === 3,
    );
    // Two records came back from the file, and one change from etcd.
    expect(status.sources[0]).toMatchObject({ synced: true, restored: true, revision: '3', changes: 4 });
    await second.kill('SIGTERM');

    await etcd.kill();
    etcd.wipe();
    await etcd.start();
    // Another history, whose revisions look like a continuation.
    for (let i = 0; i < 8; i++) await etcd.change({ '/podns/v/pod/n/other': { ip6: `fd00::1${i}` } });
    const third = serve();
    const then = await third.addresses();
    await eventually(
      () => statusOf(then.admin),
      ({ counts, sources }) => counts.pod === 1 && sources[0]!.synced,
    );
    expect(await query(then.dns, 'db')).toContain('NXDOMAIN');
  });
});
