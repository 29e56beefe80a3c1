/** docs/docker.md and its section in README.md, line by line with a real engine: each command does what the page says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine, engineReason, IMAGE, pause, ran } from '../harness/engine.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { blocksOf, ROOT } from './markdown.ts';

const reason = engineReason('docker') ?? missingTools(['docker']);
if (reason !== undefined) skipAloud('docs/docker.md', reason);

const page = blocksOf('docs/docker.md');

/** The block that holds a text. */
function block(holds: string, of = page): string {
  const found = of.filter(({ text }) => text.includes(holds));
  expect(found, holds).toHaveLength(1);
  return found[0]!.text;
}

describe.skipIf(reason !== undefined)('docs/docker.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podns-docker-page-'));
  const flags: string[] = [];
  const engine = new Engine('docker', flags);
  let served: ChildProcess | undefined;
  let log = '';

  /** A line of the page as a shell on the host of the engine runs it. */
  function adapted(line: string): string {
    return line
      .replace('npx podns', 'podns')
      .replace(/--docker(?= )/, `--docker unix:${engine.socket}`)
      .replaceAll('/etc/podns-resolv.conf', join(folder, 'resolv.conf'));
  }
  const environment = () => ({
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
    HOME: folder,
    DOCKER_HOST: `unix://${engine.socket}`,
  });
  async function shell(line: string): Promise<string> {
    const command = [...engine.enter('-n'), 'sh', '-c', adapted(line)];
    const { code, out } = await ran('nsenter', command, { cwd: folder, env: environment() });
    expect(code, `${line}\n${out}\n${log}`).toBe(0);
    return out;
  }
  async function shellAll(text: string): Promise<string> {
    let out = '';
    for (const line of text.trim().split('\n')) out += await shell(line);
    return out;
  }
  /** Starts what the page serves, instead of what it served before; resolves when it is ready. */
  async function serve(line: string): Promise<void> {
    await stop();
    log = '';
    const command = [...engine.enter('-n'), 'sh', '-c', `exec ${adapted(line).replace(/ &$/, '')}`];
    served = spawn('nsenter', command, {
      cwd: folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [served.stdout!, served.stderr!]) stream.on('data', (data) => (log += String(data)));
    await until(() => log.includes('serves 1 VPC'));
  }
  async function stop(): Promise<void> {
    if (served === undefined || served.exitCode !== null) return;
    const ended = new Promise((resolve) => served!.once('exit', resolve));
    served.kill('SIGTERM');
    await ended;
  }
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let attempt = 0; !(await isSo()); attempt++) {
      if (attempt === 400) throw new Error(`it does not come to that:\n${log}`);
      await pause(50);
    }
  }
  async function addressOf(container: string): Promise<string> {
    const format = `'{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'`;
    return (await shell(`docker inspect --format ${format} ${container}`)).trim();
  }

  beforeAll(async () => {
    mkdirSync(join(folder, 'bin'));
    const run = `#!/bin/sh\nexec ${process.execPath} ${ROOT}dist/cli/main.js "$@"\n`;
    writeFileSync(join(folder, 'bin/podns'), run, { mode: 0o755 });
    await engine.start();
    await engine.api('POST', `/images/${IMAGE}/tag?repo=busybox&tag=latest`);
  }, 120_000);
  afterAll(async () => {
    await stop();
    await engine.close();
    rmSync(folder, { recursive: true });
  }, 60_000);

  it('in five minutes', { timeout: 120_000 }, async () => {
    await serve(block('podns serve --docker --listen 172.17.0.1:53@docker\n').trim());
    await shellAll(block('--name shop-db'));
    const [shop, wiki] = [await addressOf('shop-db'), await addressOf('wiki-db')];
    const [own, other] = block('nslookup -type=a db.shop').trim().split('\n');
    expect(await shell(own!)).toContain(`Name:\tdb\nAddress: ${wiki}\n`);
    expect(await shell(other!)).toContain(`Name:\tdb.shop\nAddress: ${shop}\n`);
    expect(await shell(block('dig @172.17.0.1 db.shop'))).toBe(`${shop}\n`);
    expect(await shell('podns pod ls -n wiki')).toContain(`wiki-db`);
    expect(await shell('podns explain db A --from docker/wiki/wiki-db')).toContain('gets one record');
    // The host is known at once, and is in no namespace.
    const bare = await shell('dig @172.17.0.1 db +norec');
    expect(bare).toContain('status: NXDOMAIN');
    expect(await shell(block('podns problems\n').split('\n')[0]!)).toBe('no problems\n');
    expect(await shell(block('podns problems\n').split('\n')[1]!)).toContain('db.shop. AAAA');
  });

  it('with the only server in resolv.conf', { timeout: 120_000 }, async () => {
    const out = await shellAll(block("echo 'nameserver 172.17.0.1'"));
    expect(out).toContain(`Server:\t\t172.17.0.1`);
    expect(out).toContain(`Address: ${await addressOf('wiki-db')}\n`);
    // Without it Docker's own server is asked, which asks podns for the rest from the container's own address.
    const who = 'busybox nslookup -type=txt _whoami.vpc.internal';
    const docker = await shell(`docker run --rm --network front --dns 172.17.0.1 ${who}`);
    expect(docker).toContain('Server:\t\t127.0.0.11');
    expect(docker).toMatch(/address=172\.(?!17\.)\d+\.0\.[2-9]/);
  });

  it('on each gateway, as networks come and go', { timeout: 120_000 }, async () => {
    await serve(block('podns serve --docker --docker-listen\n').trim());
    await until(() => log.includes('172.17.0.1:53@docker') && log.includes('[fd00:d0c::1]:53@docker'));
    await shell('docker network create --subnet 10.77.0.0/24 --ipv6 --subnet fd00:77::/64 late');
    // A bridge without a container has no carrier, and then the kernel does not take up its IPv6 address.
    await shell('docker run -d --name later --network late busybox sleep 3600');
    const shop = await addressOf('shop-db');
    for (const server of ['10.77.0.1', 'fd00:77::1', '172.17.0.1', 'fd00:d0c::1'])
      for (const protocol of ['+notcp', '+tcp'])
        await until(async () => {
          const line = `dig @${server} db.shop +short +tries=1 +time=1 ${protocol} || true`;
          return (await shell(line)) === `${shop}\n`;
        });
    const label = '--label com.docker.compose.project=wiki';
    const asked = await shell(
      `docker run --rm --network late --dns 10.77.0.1 ${label} busybox nslookup -type=a wiki-db`,
    );
    expect(asked).toContain(`Address: ${await addressOf('wiki-db')}\n`);
    expect(await shell('podns status')).not.toContain('degraded');
    await shell('docker rm -f later && docker network rm late');
    await until(async () => !(await shell('ss -Hlun')).includes('10.77.0.1:53'));
    expect(await shell('ss -Hltn')).not.toContain('10.77.0.1:53');
    // The others have not noticed.
    expect(await shell('dig @172.17.0.1 db.shop +short')).toBe(`${shop}\n`);
  });

  it('where another program has the port, which harms no other gateway', { timeout: 120_000 }, async () => {
    await shell('ip addr add 10.78.0.1/32 dev lo');
    const holder = `const s = require('dgram').createSocket('udp4'); s.bind(53, '10.78.0.1', () => console.log('has it'))`;
    const taker = spawn('nsenter', [...engine.enter('-n'), process.execPath, '-e', holder]);
    try {
      await new Promise((resolve) => taker.stdout.once('data', resolve));
      await shell('ip addr del 10.78.0.1/32 dev lo');
      await shell('docker network create --subnet 10.78.0.0/24 contested');
      await until(async () =>
        /10\.78\.0\.1:53@docker.*tries again/.test(await shell('podns problems || true')),
      );
      expect(await shell('dig @172.17.0.1 db.shop +short')).toBe(`${await addressOf('shop-db')}\n`);
    } finally {
      const ended = new Promise((resolve) => taker.once('exit', resolve));
      taker.kill();
      await ended;
    }
    await until(async () => (await shell('podns problems || true')) === 'no problems\n');
    await until(async () =>
      (await shell('dig @10.78.0.1 db.shop +short +time=1 || true')).startsWith('172.'),
    );
  });

  it('for every container, by daemon.json', { timeout: 120_000 }, async () => {
    const file = join(folder, 'daemon.json');
    writeFileSync(file, block('"dns"'));
    await engine.kill();
    rmSync(join(engine.folder, 'pid'), { force: true });
    flags.push('--config-file', file);
    await engine.run();
    await shell('docker start shop-db');
    const shop = await addressOf('shop-db');
    // The listeners of an engine that was away are still those of its networks.
    await until(async () => (await shell('dig @172.17.0.1 db.shop +short')) === `${shop}\n`);
    for (const network of ['bridge', 'front'])
      expect(await shell(`docker run --rm --network ${network} busybox nslookup -type=a db.shop`)).toContain(
        `Name:\tdb.shop\nAddress: ${shop}\n`,
      );
  });

  it('by the three commands of README.md', { timeout: 120_000 }, async () => {
    const [first, ...rest] = block('--docker-listen', blocksOf('README.md')).trim().split('\n');
    await serve(first!);
    const out = await shellAll(rest.join('\n'));
    expect(out).toContain(`Name:\tdb.shop\nAddress: `);
    expect(out).toContain(`Address: ${await addressOf('db')}\n`);
  });
});
