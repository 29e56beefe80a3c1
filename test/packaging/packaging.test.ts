/** What is installed: the Debian package is built, unpacked and run; the unit and the container files are checked. */
import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { freePort } from '../harness/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'podns-packaging-'));
afterAll(() => rmSync(folder, { recursive: true }));

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const withoutDpkg = missingTools(['dpkg-deb']);
if (withoutDpkg !== undefined) skipAloud('the Debian package', withoutDpkg);
describe.skipIf(withoutDpkg !== undefined)('the Debian package', () => {
  const root = join(folder, 'root');
  let built: SpawnSyncReturns<string>;
  let file = '';
  beforeAll(() => {
    built = spawnSync(process.execPath, [join(ROOT, 'packaging/debian/build.mjs'), folder], {
      encoding: 'utf8',
    });
    file = built.stdout.trim();
    if (built.status === 0) execFileSync('dpkg-deb', ['-R', file, root]);
  }, 180_000);

  it('is built', () => {
    expect(built.stderr).toBe('');
    const { version } = JSON.parse(text('package.json')) as { version: string };
    expect(file).toMatch(new RegExp(`/podns_${version}_(amd64|arm64)\\.deb$`));
    // What only developers need is not in it.
    expect(statSync(file).size).toBeLessThan(8e6);
    const modules = readdirSync(join(root, 'usr/lib/podns/node_modules'));
    expect(modules).toContain('fastify');
    expect(modules).not.toContain('typescript');
    expect(modules).not.toContain('vitest');
  });

  it('belongs to root, and nobody else can write in it', () => {
    const listed = execFileSync('dpkg-deb', ['--contents', file], { encoding: 'utf8' }).trim().split('\n');
    const wrong = listed.filter(
      (line) =>
        !/^\S{5}[-r][-x]?/.test(line) || !line.includes(' root/root ') || line[5] === 'w' || line[8] === 'w',
    );
    expect(wrong).toEqual([]);
  });

  it('has scripts that a shell takes, and names its configuration', () => {
    for (const script of ['postinst', 'prerm', 'postrm'])
      expect(spawnSync('sh', ['-n', join(root, 'DEBIAN', script)]).status).toBe(0);
    expect(readFileSync(join(root, 'DEBIAN/conffiles'), 'utf8')).toBe('/etc/podns/podns.yaml\n');
    expect(readFileSync(join(root, 'DEBIAN/control'), 'utf8')).toMatch(/^Depends: nodejs \(>= 20\.19\)$/m);
  });

  it('serves, with its own modules and its own configuration', async () => {
    const port = await freePort('127.0.0.1');
    const configuration = readFileSync(join(root, 'etc/podns/podns.yaml'), 'utf8')
      .replaceAll('/etc/podns', join(root, 'etc/podns'))
      .replace('127.0.0.1:5300', `127.0.0.1:${port}@aep/shop`)
      .replace('127.0.0.1:9153', 'off');
    const path = join(folder, 'podns.yaml');
    writeFileSync(path, configuration);
    writeFileSync(
      join(root, 'etc/podns/zones/aep.yaml'),
      'vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::7" } } } }\n',
    );
    const main = join(root, 'usr/lib/podns/dist/cli/main.js');
    // From a folder that has no node_modules above it.
    const served = spawn(process.execPath, [main, 'serve', '--config', path], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [served.stdout, served.stderr])
      stream.on('data', (octets: Buffer) => (printed += octets.toString()));
    try {
      await expect.poll(() => printed, { timeout: 20_000 }).toContain('dig ');
      const args = ['query', 'db', '--short', '--server', `127.0.0.1:${port}`];
      expect(execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' })).toBe('fdfd::7\n');
    } finally {
      served.kill('SIGTERM');
      if (served.exitCode === null) await once(served, 'close');
    }
    expect(printed).not.toMatch(/koffi is not usable/);
    expect(served.exitCode).toBe(0);
  });

  it('has completions and manual pages where Debian looks for them', () => {
    for (const path of [
      'usr/share/man/man1/podns.1.gz',
      'usr/share/man/man5/podns.yaml.5.gz',
      'usr/share/man/man5/podns-zones.5.gz',
      'usr/share/bash-completion/completions/podns',
      'usr/share/zsh/vendor-completions/_podns',
      'usr/share/fish/vendor_completions.d/podns.fish',
      'lib/systemd/system/podns.service',
      'lib/systemd/system/podns.socket',
      'usr/share/doc/podns/copyright',
    ])
      expect(existsSync(join(root, path)), path).toBe(true);
  });
});

it('the configuration of the package is one that podns takes', () => {
  const path = join(ROOT, 'packaging/debian/podns.yaml');
  const { config } = loadConfig({ flags: {}, environment: {}, file: path, folder });
  expect(config.zones).toEqual(['/etc/podns/zones']);
});

const withoutSystemd = missingTools(['systemd-analyze']);
if (withoutSystemd !== undefined) skipAloud('the systemd unit', withoutSystemd);
describe.skipIf(withoutSystemd !== undefined)('the systemd unit', () => {
  // The programs that it names are not installed here.
  const unit = join(folder, 'podns.service');
  writeFileSync(unit, text('packaging/systemd/podns.service').replaceAll('/usr/bin/podns', '/bin/true'));

  it('is one that systemd takes without a word', () => {
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect(verified.stdout + verified.stderr).toBe('');
    expect(verified.status).toBe(0);
  });

  it('has a socket unit beside it, for the addresses of the configuration', () => {
    const socket = join(folder, 'podns.socket');
    writeFileSync(socket, text('packaging/systemd/podns.socket'));
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', unit, socket], { encoding: 'utf8' });
    expect(verified.stdout + verified.stderr).toBe('');
    const { listen } = parse(text('packaging/debian/podns.yaml')) as { listen: string[] };
    for (const address of listen)
      for (const kind of ['Datagram', 'Stream'])
        expect(text('packaging/systemd/podns.socket')).toContain(`Listen${kind}=${address}\n`);
  });

  it('is exposed as little as a nameserver can be', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
      encoding: 'utf8',
    });
    const level = Number(/Overall exposure level for podns\.service: ([\d.]+)/.exec(stdout)?.[1]);
    expect(level).toBeLessThanOrEqual(2);
  });
});

describe('the container', () => {
  const lines = text('packaging/container/Dockerfile')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line));
  const instructions = lines.map((line) => ({
    name: line.split(' ')[0]!,
    rest: line.slice(line.indexOf(' ') + 1).trim(),
  }));
  const of = (name: string): string[] =>
    instructions.filter((each) => each.name === name).map(({ rest }) => rest);

  it('is made of instructions that Docker knows, from images with a version', () => {
    const known = [
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'EXPOSE',
      'USER',
      'VOLUME',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ];
    expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]);
    for (const image of of('FROM')) expect(image).toMatch(/^\S+:(?!latest)\S+( AS \w+)?$/);
  });

  it('copies files that are there and are not ignored', () => {
    const ignored = text('.dockerignore').split('\n').filter(Boolean);
    for (const rest of of('COPY').filter((line) => !line.includes('--from=')))
      for (const path of rest.split(/\s+/).slice(0, -1)) {
        expect(existsSync(join(ROOT, path)), path).toBe(true);
        expect(ignored).not.toContain(path);
      }
  });

  it('runs as nobody in particular, and says how it is', () => {
    expect(of('USER')).toEqual(['nonroot']);
    expect(of('HEALTHCHECK')[0]).toContain('/usr/lib/podns/healthcheck.mjs');
    expect(() => JSON.parse(of('ENTRYPOINT')[0]!) as unknown).not.toThrow();
    expect((JSON.parse(of('CMD')[0]!) as string[])[0]).toBe('serve');
  });

  it('is healthy when the admin listener says so', async () => {
    const script = join(ROOT, 'packaging/container/healthcheck.mjs');
    const { createServer } = await import('node:http');
    const server = createServer((request, answer) => {
      answer.statusCode = request.url === '/healthz' ? 200 : 503;
      answer.end('not ready\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const ended = async (...args: string[]) =>
      (await once(spawn(process.execPath, [script, ...args]), 'close'))[0] as number;
    expect(await ended('/healthz', base)).toBe(0);
    expect(await ended('/readyz', base)).toBe(1);
    server.close();
    expect(await ended('/readyz', base)).toBe(1);
  });

  it('is described to Compose and Kubernetes with paths and flags that exist', () => {
    const compose = parse(text('packaging/container/compose.yaml')) as {
      services: { podns: { build: { context: string; dockerfile: string }; command: string[] } };
    };
    const { build, command } = compose.services.podns;
    expect(existsSync(join(ROOT, 'packaging/container', build.context, build.dockerfile))).toBe(true);
    for (const flag of command.slice(1))
      expect(text('docs/configuration.md')).toContain(`\`${flag.slice(2).split('=')[0]}\``);
    const [, settings, daemons] = parseAllDocuments(text('packaging/kubernetes/daemonset.yaml')).map(
      (each) => each.toJS() as Record<string, never>,
    );
    const path = join(folder, 'kubernetes.yaml');
    writeFileSync(path, settings!['data']['podns.yaml']);
    const { config } = loadConfig({ flags: {}, environment: {}, file: path, folder });
    expect(config.listen.map((each) => each.text)).toEqual(['169.254.20.53:53']);
    const { containers } = daemons!['spec']['template']['spec'] as { containers: { args: string[] }[] };
    expect(containers[0]!.args).toEqual(['serve', '--config', '/etc/podns/podns.yaml']);
  });
});
