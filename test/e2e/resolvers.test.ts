/** Real resolvers, with our server as the only nameserver, in a network and mount namespace of their own. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enterNamespace } from '../harness/netns.ts';
import { encodeQuery } from '../harness/build.ts';
import { UdpClients } from '../harness/client.ts';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { Tap } from './tap.ts';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const PORT = 5353;
const MANY = Array.from({ length: 60 }, (_, index) => `fdfd:1a8::6:${(index + 1).toString(16)}`);

const ZONE = {
  vpc: 'aep',
  forward: 'off',
  net6: ['fdfd:1a8::/48'],
  namespaces: {
    nextcloud: {
      overlays: { default: { net4: '10.198.62.0/23' } },
      pods: {
        db: { ip6: 'fdfd:1a8::2:1' },
        both: { ip6: 'fdfd:1a8::2:2', overlays: { default: '10.198.62.20' } },
        four: { overlays: { default: '10.198.62.22' } },
        ...Object.fromEntries(MANY.map((ip6, index) => [`many-${index}`, { names: ['many'], ip6 }])),
      },
    },
    shop: { pods: { app: { ip6: 'fdfd:1a8::3:1' } } },
  },
};

interface Resolver {
  title: string;
  tools: string[];
  /** Makes what has to be compiled; returns the command line for a name. */
  prepare(folder: string): (name: string) => string[];
  /** Follows TC by TCP: gets all 60. */
  tcp: boolean;
  /** Applies the search list. */
  search: boolean;
}

const RESOLVERS: Resolver[] = [
  {
    title: 'glibc, getent ahosts',
    tools: ['getent'],
    prepare: () => (name) => ['sh', '-c', `getent ahosts ${name} || { echo error none; exit 1; }`],
    tcp: true,
    search: true,
  },
  {
    title: 'musl, a static program',
    tools: ['musl-gcc'],
    prepare(folder) {
      const program = join(folder, 'lookup-musl');
      execFileSync('musl-gcc', ['-static', '-O1', '-o', program, join(HERE, 'lookup.c')]);
      return (name) => [program, name];
    },
    // musl has TCP since 1.2.4; before, it lives on what fits.
    tcp: false,
    search: true,
  },
  {
    title: 'glibc, getaddrinfo',
    tools: ['gcc'],
    prepare(folder) {
      const program = join(folder, 'lookup-glibc');
      execFileSync('gcc', ['-O1', '-o', program, join(HERE, 'lookup.c')]);
      return (name) => [program, name];
    },
    tcp: true,
    search: true,
  },
  {
    title: "Node's c-ares, dns.resolve",
    tools: [],
    prepare: () => (name) => [process.execPath, join(HERE, 'lookup.mjs'), 'resolve', name],
    tcp: true,
    search: true,
  },
  {
    title: 'Node, dns.lookup',
    tools: [],
    prepare: () => (name) => [process.execPath, join(HERE, 'lookup.mjs'), 'lookup', name],
    tcp: true,
    search: true,
  },
  {
    title: "Go's own resolver",
    tools: ['go'],
    prepare(folder) {
      const source = join(folder, 'go');
      mkdirSync(source);
      copyFileSync(join(HERE, 'lookup.go.txt'), join(source, 'main.go'));
      writeFileSync(join(source, 'go.mod'), 'module lookup\n');
      const program = join(folder, 'lookup-go');
      const environment = {
        ...process.env,
        CGO_ENABLED: '0',
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
        GOTOOLCHAIN: 'local',
      };
      execFileSync('go', ['build', '-tags', 'netgo', '-o', program, '.'], { cwd: source, env: environment });
      return (name) => [program, name];
    },
    tcp: true,
    search: true,
  },
  {
    title: 'dig over UDP',
    tools: ['dig'],
    prepare: () => (name) => ['sh', '-c', `dig +search +short ${name} AAAA; dig +search +short ${name} A`],
    tcp: true,
    search: true,
  },
  {
    title: 'dig over TCP',
    tools: ['dig'],
    prepare: () => (name) => [
      'sh',
      '-c',
      `dig +tcp +search +short ${name} AAAA; dig +tcp +search +short ${name} A`,
    ],
    tcp: true,
    search: true,
  },
  {
    title: 'busybox nslookup',
    tools: ['busybox'],
    // Its first two lines name the server.
    prepare: () => (name) => ['sh', '-c', `busybox nslookup ${name} ::1 | tail -n +3`],
    tcp: false,
    search: true,
  },
];

/** Before anything of this process is in a namespace; every later child is. */
const reason = namespaceReason() ?? (await enterNamespace([]));

describe('resolvers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podns-e2e-'));
  const tap = new Tap('::1', PORT);
  let server: ChildProcess | undefined;
  let log = '';

  beforeAll(async () => {
    if (reason !== undefined) return;
    mkdirSync(join(folder, 'zones'));
    // JSON is YAML.
    writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(ZONE));
    writeFileSync(
      join(folder, 'resolv.conf'),
      'nameserver ::1\nsearch nextcloud.vpc.internal\noptions ndots:1 timeout:5 attempts:2\n',
    );
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
    writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
    const main = join(ROOT, 'dist/cli/main.js');
    expect(existsSync(main), `${main} is not built`).toBe(true);
    const listen = ['--listen', `[::1]:${PORT}@aep/nextcloud`];
    server = spawn(
      process.execPath,
      [main, 'serve', '--zones', join(folder, 'zones'), '--admin', 'off', ...listen],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (data) => (log += String(data)));
    await ready(server);
    await tap.open();
  });

  afterAll(async () => {
    if (server !== undefined) {
      await tap.close();
      const ended = new Promise((resolve) => server!.once('exit', resolve));
      if (server.exitCode === null) {
        server.kill('SIGTERM');
        await ended;
      }
    }
    rmSync(folder, { recursive: true, force: true });
  });

  /** Asks until there is an answer: the socket is bound a little after the process starts. */
  async function ready(child: ChildProcess): Promise<void> {
    const query = encodeQuery({ name: 'db', type: 'AAAA' });
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}:\n${log}`);
      const clients = new UdpClients();
      const answer = clients.ask(query, '::1', '::1', PORT, false).catch(() => undefined);
      const pause = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 100));
      const first = await Promise.race([answer, pause]);
      await clients.close();
      if (first !== undefined && (first[3]! & 15) === 0) return;
    }
    throw new Error(`serve does not answer:\n${log}`);
  }

  /** Runs a command with our files in place of those of /etc; a hang is an error, not a measure. */
  function run(command: string[]): Promise<string[]> {
    const binds = ['resolv.conf', 'nsswitch.conf', 'hosts'].map(
      (file) => `mount --bind ${join(folder, file)} /etc/${file}`,
    );
    const script = [...binds, 'exec "$@"'].join(' && ');
    return new Promise((resolve, reject) => {
      const options = { timeout: 60_000, cwd: folder };
      execFile('unshare', ['-m', 'sh', '-c', script, 'sh', ...command], options, (error, stdout, stderr) => {
        if (error !== null && error.killed === true)
          reject(new Error(`${command.join(' ')} hung: ${stdout}${stderr}`));
        else resolve((stdout + stderr).split('\n').filter((line) => line !== ''));
      });
    });
  }

  /** Addresses of the lines, each once, sorted. */
  function addresses(lines: string[]): string[] {
    const found = lines.flatMap(
      (line) => /(?:^|\s|: )((?:[0-9a-f]*:){2,}[0-9a-f.:]*|(?:\d+\.){3}\d+)(?:\s|$)/.exec(line)?.[1] ?? [],
    );
    return [...new Set(found)].sort();
  }

  for (const resolver of RESOLVERS) {
    const missing = reason ?? missingTools(resolver.tools);
    if (missing !== undefined) {
      skipAloud(resolver.title, missing);
      continue;
    }

    describe(resolver.title, () => {
      let command: (name: string) => string[];
      beforeAll(() => {
        command = resolver.prepare(mkdtempSync(join(folder, 'build-')));
      });

      async function ask(name: string): Promise<{ found: string[]; lines: string[]; asked: string[] }> {
        tap.asked.length = 0;
        const lines = await run(command(name));
        return { found: addresses(lines), lines, asked: [...tap.asked] };
      }

      test('a bare name with AAAA only', async () => {
        const { found, lines } = await ask('db');
        expect(found, lines.join('\n')).toEqual(['fdfd:1a8::2:1']);
      });

      test('a name in another namespace', async () => {
        const { found, lines } = await ask('app.shop');
        expect(found, lines.join('\n')).toEqual(['fdfd:1a8::3:1']);
      });

      test('a name with A and AAAA', async () => {
        const { found, lines } = await ask('both');
        expect(found, lines.join('\n')).toEqual(['10.198.62.20', 'fdfd:1a8::2:2']);
      });

      test('a name with A only', async () => {
        const { found, lines } = await ask('four');
        expect(found, lines.join('\n')).toEqual(['10.198.62.22']);
      });

      // A second copy of one question would be a time-out or an answer that the resolver did not believe.
      test.each(['nosuch', 'gone.shop', 'www.example.com'])('%s is missing at once', async (name) => {
        const { found, lines, asked } = await ask(name);
        expect(found, lines.join('\n')).toEqual([]);
        expect(lines.join('\n')).not.toContain('again');
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.toSorted()).toEqual([...new Set(asked)].sort());
      });

      test('a name with 60 pods', async () => {
        const { found, lines } = await ask('many');
        for (const address of found) expect(MANY).toContain(address);
        if (resolver.tcp) expect(found.length, lines.join('\n')).toBe(60);
        // 512 octets hold 16 records behind this question.
        else expect(found.length, lines.join('\n')).toBeGreaterThanOrEqual(16);
      });
    });
  }
});
