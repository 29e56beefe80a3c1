/** `serve` as a process: what it prints, what it binds, its signals and its exit codes. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { podns } from './harness.ts';
import { Served } from './served.ts';

const ONE =
  'vpc: aep\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "fdfd:1a8::1" }\n      app: { ip6: "fdfd:1a8::2", overlays: { o: 10.0.0.7 } }\n';

let folder = '';
let running: Served[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-serve-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'one.yaml'), ONE);
});
afterEach(async () => {
  for (const served of running) served.child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
  rmSync(folder, { recursive: true });
});

function serve(args: string[], environment?: Record<string, string>): Served {
  const served = new Served(args, folder, environment);
  running.push(served);
  return served;
}

const QUIET = ['--admin', 'off'];
const LISTEN = ['--listen', '127.0.0.1:0@aep/web'];

describe('serve', () => {
  it('answers from ./zones, says so on stdout, and keeps its log on stderr', async () => {
    const served = serve([...QUIET, ...LISTEN]);
    const address = await served.address();
    await served.until('out', 'try:');
    expect(served.out).toMatch(
      /^podns \d+\.\d+\.\d+ serves 1 VPC, 1 namespace, 2 pods and 0 services from zones:zones\n/,
    );
    expect(await podns(['query', 'db', '--short', '--server', address])).toMatchObject({
      code: 0,
      out: 'fdfd:1a8::1\n',
    });
    expect((await podns(['query', 'nothing', '--server', address])).code).toBe(3);
    for (const row of served.err.trim().split('\n')) expect(() => JSON.parse(row) as unknown).not.toThrow();
    expect(served.out).not.toContain('{');
  });

  it('lets nothing through that a terminal would obey, neither into its log nor beside it', async () => {
    const odd = 'zones\u009b31m\u202e';
    mkdirSync(join(folder, odd));
    writeFileSync(join(folder, odd, 'one.yaml'), ONE);
    const served = serve([...QUIET, ...LISTEN, '--zones', odd]);
    await served.until('out', 'zones\\u009b31m\\u202e');
    await served.until('err', 'zones\\u009b31m\\u202e');
    expect(served.out + served.err).not.toMatch(/[\u007f-\u009f\u202a-\u202e]/);
    const sources = served.err
      .trim()
      .split('\n')
      .map((row) => (JSON.parse(row) as { source?: string }).source);
    expect(sources).toContain(`zones:${odd}`);
  });

  it('suggests dig lines that have an answer', async () => {
    const served = serve([...QUIET, ...LISTEN]);
    const address = await served.address();
    await served.until('out', /try:\n(?: {2}dig.*\n){3}/);
    const lines = [...served.out.matchAll(/^ {2}dig @(\S+) -p (\d+) (.*?) +#/gm)];
    expect(lines.map(([, host, port]) => `${host}:${port}`)).toEqual([address, address, address]);
    for (const [, , , words] of lines) {
      const args = words!.startsWith('-x ') ? [words!.slice(3)] : words!.split(' ');
      const asked = await podns(['query', ...args, '--short', '--server', address]);
      expect(asked).toMatchObject({ code: 0 });
      expect(asked.out).not.toBe('');
    }
  });

  it('tells of an edit to a zone file at once, and of a broken one where it is broken', async () => {
    const served = serve([...QUIET, ...LISTEN]);
    const address = await served.address();
    const file = join(folder, 'zones', 'one.yaml');
    writeFileSync(file, ONE.replace('fdfd:1a8::1', 'fdfd:1a8::9'));
    await expect
      .poll(async () => (await podns(['query', 'db', '--short', '--server', address])).out, {
        timeout: 10_000,
        interval: 20,
      })
      .toBe('fdfd:1a8::9\n');
    writeFileSync(file, `${ONE}      bad: { ip6: 7 }\n`);
    await served.until('err', /one\.yaml:7:\d+/);
    expect((await podns(['query', 'app', '--short', '--server', address])).out).toBe('fdfd:1a8::2\n');
  });

  it('serves health over HTTP and over a unix socket, which is replaced when it is dead', async () => {
    const path = join(folder, 'admin.sock');
    const first = serve([...LISTEN, '--admin', `unix:${path}`]);
    await first.until('out', `admin  unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = serve([...LISTEN, '--admin', `unix:${path}`]);
    await second.until('out', `admin  unix:${path}`);
    const third = serve([...LISTEN, '--admin', '127.0.0.1:0']);
    await third.until('out', 'admin  http://');
    const url = /admin {2}(\S+)/.exec(third.out)![1]!;
    expect(await (await fetch(`${url}/readyz`)).text()).toBe('ok\n');
  });

  it('is not ready while a source has not delivered, and says which', async () => {
    const served = serve([
      ...LISTEN,
      '--admin',
      '127.0.0.1:0',
      '--watch',
      `unix:${join(folder, 'absent.sock')}`,
    ]);
    await served.until('out', 'admin  http://');
    expect(served.out).toContain('waits for the first view');
    const response = await fetch(`${/admin {2}(\S+)/.exec(served.out)![1]!}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.text()).toMatch(/^not ready\nwatch:.*absent\.sock/);
  });

  it('creates the folder of its state for itself alone', async () => {
    const served = serve([...QUIET, ...LISTEN, '--state', 'deep/state']);
    await served.address();
    expect(statSync(join(folder, 'deep/state')).mode & 0o777).toBe(0o700);
  });

  it('takes flags before variables before podns.yaml', async () => {
    writeFileSync(
      join(folder, 'podns.yaml'),
      'ttl: 30\nnegative_ttl: 31\nadmin: off\nlisten: 127.0.0.1:0@aep/web\n',
    );
    const served = serve(['--ttl', '10'], { PODNS_TTL: '20', PODNS_NEGATIVE_TTL: '21' });
    const address = await served.address();
    expect((await podns(['query', 'db', '--server', address])).out).toContain('db.\t\t10\tIN\tAAAA');
    expect((await podns(['query', 'no', '--server', address])).out).toMatch(/\t21\tIN\tSOA\t.* 21\n/);
  });
});

describe('signals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0', async (signal) => {
    const served = serve([...QUIET, ...LISTEN]);
    await served.until('out', 'try:');
    served.child.kill(signal);
    expect(await served.ended).toEqual({ code: 0, signal: null });
    expect(served.err).toContain(`draining, because of ${signal}`);
  });

  it('SIGHUP reads the zones again and goes on', async () => {
    const served = serve([...QUIET, ...LISTEN]);
    const address = await served.address();
    await served.until('out', 'try:');
    served.child.kill('SIGHUP');
    expect((await podns(['query', 'db', '--short', '--server', address])).out).toBe('fdfd:1a8::1\n');
    served.child.kill('SIGTERM');
    expect((await served.ended).code).toBe(0);
  });
});

describe('the exit code', () => {
  it('is 69 for an address that is taken, and was asked for', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const tcp = serve([...QUIET, '--listen', `127.0.0.1:${port}@aep/web`]);
    expect((await tcp.ended).code).toBe(69);
    expect(tcp.err).toContain(
      `127.0.0.1:${port}@aep/web: TCP port ${port} of 127.0.0.1 is taken by another process; ss -lntp 'sport = :${port}' names it`,
    );
    const admin = serve([...LISTEN, '--admin', `127.0.0.1:${port}`]);
    expect((await admin.ended).code).toBe(69);
    expect(admin.err).toContain(`admin 127.0.0.1:${port}: TCP port ${port} of 127.0.0.1 is taken by another`);
    await new Promise((resolve) => other.close(resolve));

    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const taken = socket.address().port;
    for (const workers of ['0', '1', '2']) {
      const udp = serve([...QUIET, '--workers', workers, '--listen', `127.0.0.1:${taken}@aep/web`]);
      expect((await udp.ended).code).toBe(69);
      expect(udp.err).toContain(
        `127.0.0.1:${taken}@aep/web: UDP port ${taken} of 127.0.0.1 is taken by another process; ss -lnup 'sport = :${taken}' names it`,
      );
    }
    socket.close();
    const twice = serve([...QUIET, '--listen', `127.0.0.1:${taken}@aep`, '--listen', `127.0.0.1:${taken}@b`]);
    expect((await twice.ended).code).toBe(69);
    expect(twice.err).toContain(
      `127.0.0.1:${taken}@b: UDP port ${taken} of 127.0.0.1 is taken by 127.0.0.1:${taken}@aep, which is a listener of this process`,
    );
  });

  it('is 78 for bad configuration, and 2 for a bad command line', async () => {
    writeFileSync(join(folder, 'podns.yaml'), 'lisen: 127.0.0.1:5300\n');
    const config = serve([]);
    expect((await config.ended).code).toBe(78);
    expect(config.err).toContain(
      `${join(folder, 'podns.yaml')}:1:1: unknown key "lisen" (did you mean "listen"?)`,
    );
    rmSync(join(folder, 'podns.yaml'));
    expect((await serve(['--listen', 'localhost:53']).ended).code).toBe(2);
    expect((await serve(['--colour']).ended).code).toBe(2);
    expect((await serve([...QUIET, ...LISTEN, '--watch', 'nonsense']).ended).code).toBe(78);
    rmSync(join(folder, 'zones'), { recursive: true });
    const nothing = serve(QUIET);
    expect((await nothing.ended).code).toBe(78);
    expect(nothing.err).toContain('the folder ./zones does not exist');
  });

  it('is 77 for a state folder in which others may write', async () => {
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o777);
    const refused = serve([...QUIET, ...LISTEN, '--state', 'open']);
    expect((await refused.ended).code).toBe(77);
    expect(refused.err).toMatch(
      /^podns: state: open has mode 0777, so other users can write to it; .*: chmod go-w it/m,
    );
  });

  it('is 78 for a state folder that is a file', async () => {
    writeFileSync(join(folder, 'file'), '');
    const blocked = serve([...QUIET, ...LISTEN, '--state', 'file']);
    expect((await blocked.ended).code).toBe(78);
    expect(blocked.err).toContain('is not a folder');
  });
});

describe('the default listeners', () => {
  it('warn where one of them is taken, and go on with the other', async () => {
    const socket = createSocket('udp4');
    const bound = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(5300, '127.0.0.1', () => resolve(true));
    });
    const served = serve(QUIET);
    try {
      await served.until('out', 'try:');
      expect(served.out).not.toContain('127.0.0.1:5300');
      expect(served.out).toContain('[::1]:5300@aep/web');
      expect(served.out).toContain('scoped to aep/web, the only namespace');
      expect(served.err).toContain(
        '127.0.0.1:5300@aep/web: UDP port 5300 of 127.0.0.1 is taken by another process',
      );
    } finally {
      if (bound) socket.close();
    }
  });

  it('are not scoped where there are several VPCs, and the scopes to ask for are named', async () => {
    writeFileSync(join(folder, 'zones', 'two.yaml'), 'vpc: globex\nnamespaces: { shop: {} }\n');
    const served = serve(QUIET);
    await served.until('out', 'try:');
    await served.until('out', '@globex/shop');
    expect(served.out).toContain('not scoped, because there are 2 VPCs');
    expect(served.out).toMatch(/ {2}podns serve --listen \S+:5300@aep\/web\n/);
  });
});
