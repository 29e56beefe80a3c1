/** What the command says where an address, a token, a certificate or a flag is wrong: the cause, and what to write. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { ServerCore } from '../../src/server.ts';
import { nearest } from '../../src/config/suggest.ts';
import { hasTool } from '../harness/tools.ts';
import { podns } from './harness.ts';
import { Served } from './served.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-errors-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'v.yaml'), 'vpc: v\nnamespaces: { n: { pods: { p: {} } } }\n');
  writeFileSync(join(folder, 'plain'), '');
  writeFileSync(join(folder, 'text.pem'), 'no certificate\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A server that cannot start. */
async function refused(args: string[]): Promise<{ code: number | null; err: string }> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0@v/n'];
  const served = new Served(['--log-level', 'silent', ...listen, ...args], folder);
  const { code } = await served.ended;
  return { code, err: served.err };
}

describe('addresses', () => {
  it.each([
    [
      ['--admin', 'unix:absent/a.sock'],
      69,
      'admin unix:absent/a.sock: there is no folder absent; create it first',
    ],
    [
      ['--admin', 'unix:plain'],
      69,
      'admin unix:plain: plain is a file, not a socket; podns replaces only sockets',
    ],
    [
      ['--admin', 'unix:zones'],
      69,
      'admin unix:zones: zones is a folder, not a socket; podns replaces only sockets',
    ],
    [['--admin', 'unix:'], 2, '--admin: "unix:": no path of a socket, such as unix:/run/podns/admin.sock'],
    [['--admin', '10.9.9.1'], 2, '--admin: "10.9.9.1": no port; write 10.9.9.1:9153'],
    [['--admin', '[::1]'], 2, '--admin: "[::1]": no port; write [::1]:9153'],
    [
      ['--admin', 'here'],
      2,
      '--admin: "here": no port; expected ADDR:PORT, unix:PATH or off, such as 127.0.0.1:9153',
    ],
    [
      ['--listen', '127.0.0.1:5377@v', '--listen', '127.0.0.1:5377@v'],
      2,
      '--listen: 127.0.0.1:5377@v is given twice; once is enough',
    ],
  ])('serve %j', async (args, code, text) => {
    expect(await refused(args)).toEqual({ code, err: `podns: ${text}\n` });
  });

  it('a client knows them too', async () => {
    const ran = await podns(['status', '--admin', '10.9.9.1'], { folder });
    expect(ran).toMatchObject({ code: 2, err: 'podns: --admin: "10.9.9.1": no port; write 10.9.9.1:9153\n' });
  });

  it.each(['nohost', 'nohost:53'])('query --server %s', async (server) => {
    const ran = await podns(['query', 'db', '--server', server]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(`argument '${server}' is invalid. It is not the address of a server: `);
    expect(ran.err).toMatch(/host names are not looked up|podns looks up no host names/);
    expect(ran.err).not.toMatch(/listener|vpc/);
  });
});

describe('the token', () => {
  let server: ServerCore;
  let admin: Admin;
  afterEach(async () => {
    await admin.close();
    await server.close(0);
  });

  it('that is missing, and the one that is wrong, are told apart, with where it comes from', async () => {
    server = new ServerCore({ config: { workers: 0 } });
    const facts = { readiness: () => server.readiness() };
    admin = createAdmin({ bind: '127.0.0.1:0', token: 'right', facts, routes: serverRoutes(server, '0') });
    const at = await admin.open();
    const file = join(folder, 'token');
    const ask = (more: string[] = [], environment: Record<string, string> = {}) =>
      podns(['status', '--admin', at, ...more], { folder, environment });
    const from = `podns: http://${at}/v1/status: `;
    expect(await ask()).toEqual({
      code: 77,
      out: '',
      err: `${from}the server requires a token: give it with PODNS_ADMIN_TOKEN or --admin-token-file\n`,
    });
    const wrong = (place: string) =>
      `${from}the server refuses the token from ${place}: it is not that of its listener\n`;
    expect((await ask(['--admin-token', 'x'])).err).toBe(wrong('--admin-token'));
    expect((await ask([], { PODNS_ADMIN_TOKEN: 'x' })).err).toBe(wrong('PODNS_ADMIN_TOKEN'));
    writeFileSync(file, 'x\n');
    expect((await ask(['--admin-token-file', file])).err).toBe(wrong(file));
    writeFileSync(file, 'right\n');
    expect((await ask(['--admin-token-file', file])).code).toBe(0);
    expect((await ask(['--admin-token-file', file], { PODNS_ADMIN_TOKEN: 'x' })).code).toBe(0);
    expect((await ask([], { PODNS_ADMIN_TOKEN_FILE: file })).code).toBe(0);
    expect(await ask(['--admin-token-file', join(folder, 'none')])).toMatchObject({
      code: 78,
      err: `podns: ${join(folder, 'none')} cannot be read: there is no such file\n`,
    });
  });
});

describe('admin_token_file', () => {
  it('is read at the start and at SIGHUP; others must not read it', async () => {
    const file = join(folder, 'secret');
    writeFileSync(file, 'one\n');
    chmodSync(file, 0o644);
    const args = ['--listen', '127.0.0.1:0@v/n', '--admin', '127.0.0.1:0', '--admin-token-file', file];
    const served = new Served(args, folder);
    await served.until('out', /admin {2}http:\S+\n/);
    await served.until('err', `chmod o-r ${file}`);
    const url = /admin {2}(http:\S+)\n/.exec(served.out)![1]!;
    const ask = async (token: string) =>
      (await fetch(`${url}/v1/status`, { headers: { authorization: `bearer ${token}` } })).status;
    expect([await ask('one'), await ask('two')]).toEqual([200, 401]);
    writeFileSync(file, 'two\n');
    chmodSync(file, 0o600);
    served.child.kill('SIGHUP');
    await expect.poll(() => ask('two')).toBe(200);
    expect(await ask('one')).toBe(401);
    writeFileSync(file, '');
    served.child.kill('SIGHUP');
    await served.until(
      'err',
      'holds no token; write the token into it, on one line; the admin listener keeps its',
    );
    expect(await ask('two')).toBe(200);
    // No debugger, and no end.
    served.child.kill('SIGUSR1');
    served.child.kill('SIGHUP');
    await served.until('err', /(?:keeps its token[\s\S]*){2}/);
    expect(await ask('two')).toBe(200);
    expect(served.err).not.toContain('Debugger');
    served.child.kill('SIGTERM');
    expect((await served.ended).code).toBe(0);
  });

  it.each([
    ['absent', 'cannot be read: there is no such file'],
    ['plain', 'holds no token; write the token into it, on one line'],
    ['text.pem', 'holds more than one word; a token has no space in it'],
  ])('%s ends the start: 78', async (file, text) => {
    const { code, err } = await refused(['--admin', '127.0.0.1:0', '--admin-token-file', file]);
    expect({ code, err }).toEqual({ code: 78, err: `podns: ${file} ${text}\n` });
  });
});

describe.skipIf(!hasTool('openssl'))('certificates', () => {
  beforeAll(() => {
    for (const name of ['one', 'other']) {
      const made = spawnSync(
        'openssl',
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}.key -out ${name}.pem -days 2 -subj /CN=x`.split(
          ' ',
        ),
        { cwd: folder, encoding: 'utf8' },
      );
      expect(made.status, made.stderr).toBe(0);
    }
  });

  it.each([
    [['--etcd-ca-file', 'absent.pem'], 'absent.pem cannot be read: there is no such file'],
    [['--etcd-ca-file', 'zones'], 'zones cannot be read: it is a folder'],
    [
      ['--etcd-ca-file', 'text.pem'],
      'text.pem holds no certificate in PEM (no line -----BEGIN CERTIFICATE-----)',
    ],
    [
      ['--etcd-cert-file', 'absent.pem', '--etcd-key-file', 'one.key'],
      'absent.pem cannot be read: there is no such file',
    ],
    [
      ['--etcd-cert-file', 'one.pem'],
      'one.pem is a client certificate without a key; the file of its key must be set too',
    ],
    [
      ['--etcd-key-file', 'one.key'],
      'one.key is a key without a client certificate; the file of its certificate must be set too',
    ],
    [
      ['--etcd-cert-file', 'one.pem', '--etcd-key-file', 'one.pem'],
      'one.pem holds no private key in PEM (no line -----BEGIN PRIVATE KEY-----)',
    ],
    [
      ['--etcd-cert-file', 'one.pem', '--etcd-key-file', 'other.key'],
      'other.key is not the key of the certificate in one.pem',
    ],
  ])('%j', async (args, text) => {
    const etcd = ['--etcd', 'https://127.0.0.1:1'];
    expect(await refused([...etcd, ...args])).toEqual({ code: 78, err: `podns: ${text}\n` });
    const watch = args.map((word) => word.replace('--etcd', '--watch'));
    expect(await refused(['--watch', 'https://127.0.0.1:1', ...watch])).toMatchObject({ code: 78 });
    // In this process the files are in another folder.
    const paths = args.map((word, i) => (i % 2 === 0 ? word : join(folder, word)));
    const deleted = await podns(['delete', 'vpc', 'v', ...etcd, ...paths], { folder });
    expect(deleted.code).toBe(77);
    expect(deleted.err.replaceAll(`${folder}/`, '')).toBe(`podns: etcd: ${text}\n`);
  });
});

describe('suggestions', () => {
  it.each([
    [['serve', '--docker-sok', 'x'], '--docker'],
    [['serve', '--docker-lisen'], '--docker-listen'],
    [['serve', '--kubernetes', 'x'], undefined],
    [['serve', '--etcd-ca', 'x'], '--etcd-ca-file'],
    [['serve', '--listn', 'x'], '--listen'],
    [['serve', '--admin-tokenfile', 'x'], '--admin-token-file'],
    [['pod', 'ls', '--zone', 'x'], '--zones'],
    [['put', 'x', '--dryrun'], '--dry-run'],
  ])('%j', async (args, meant) => {
    const ran = await podns(args);
    expect(ran.code).toBe(2);
    const suggestion = meant === undefined ? '' : `(Did you mean ${meant}?)\n`;
    expect(ran.err).toBe(
      `error: unknown option '${args.find((word) => word.startsWith('--'))!}'\n${suggestion}(see --help)\n`,
    );
  });

  it('prefer a word that continues or begins the wrong one', () => {
    const words = ['docker', 'docker_listen', 'state', 'workers'];
    expect(nearest('docker-sock', words)).toBe('docker');
    expect(nearest('docker-lisen', words)).toBe('docker_listen');
    expect(nearest('stat', words)).toBe('state');
    expect(nearest('elephant', words)).toBe('');
  });
});

describe('help', () => {
  it.each([[['serve']], [['put']], [['pod', 'ls']], [['import', 'compose']], [[]]])(
    'of %j fits into 80 columns',
    async (words) => {
      const { out } = await podns([...words, '--help']);
      expect(out.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
    },
  );

  it('of serve has the defaults', async () => {
    const text = (await podns(['serve', '--help'])).out.replace(/\s+/g, ' ');
    for (const part of [
      '(default: 127.0.0.1:9153)',
      '(default: 16MiB)',
      '(default: 30s)',
      '(default: 300ms)',
      '(default: pinned)',
      '(default: true)',
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/default: [[{]/);
  });
});
