/** docs/docker.md and its section in README.md, line by line with a real engine: each command does what the page says. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineReason } from '../harness/engine.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { blockOf, EngineHost } from './engine-host.ts';

const reason = engineReason('docker') ?? missingTools(['docker']);
if (reason !== undefined) skipAloud('docs/docker.md', reason);

const block = (holds: string): string => blockOf('docs/docker.md', holds);

describe.skipIf(reason !== undefined)('docs/docker.md', () => {
  const host = new EngineHost('docker');
  const { engine } = host;
  const shell = (line: string): Promise<string> => host.shell(line);
  const until = (isSo: () => boolean | Promise<boolean>): Promise<void> => host.until(isSo);

  async function addressOf(container: string): Promise<string> {
    const format = `'{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'`;
    return (await shell(`docker inspect --format ${format} ${container}`)).trim();
  }

  beforeAll(() => host.start(), 120_000);
  afterAll(() => host.close(), 60_000);

  it('in five minutes', { timeout: 120_000 }, async () => {
    await host.serve(block('podns serve --docker --listen 172.17.0.1:53@docker\n').trim());
    await host.shellAll(block('--name shop-db'));
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
    const out = await host.shellAll(block("echo 'nameserver 172.17.0.1'"));
    expect(out).toContain(`Server:\t\t172.17.0.1`);
    expect(out).toContain(`Address: ${await addressOf('wiki-db')}\n`);
    // Without it Docker's own server is asked, which asks podns for the rest from the container's own address.
    const who = 'busybox nslookup -type=txt _whoami.vpc.internal';
    const docker = await shell(`docker run --rm --network front --dns 172.17.0.1 ${who}`);
    expect(docker).toContain('Server:\t\t127.0.0.11');
    expect(docker).toMatch(/address=172\.(?!17\.)\d+\.0\.[2-9]/);
  });

  it('on each gateway, as networks come and go', { timeout: 120_000 }, async () => {
    await host.serve(block('podns serve --docker --docker-listen\n').trim());
    await until(
      () => host.log.includes('172.17.0.1:53@docker') && host.log.includes('[fd00:d0c::1]:53@docker'),
    );
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
    const taker = spawn('nsenter', [...host.inside(), process.execPath, '-e', holder]);
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
    const file = join(host.folder, 'daemon.json');
    writeFileSync(file, block('"dns"'));
    await engine.kill();
    rmSync(join(engine.folder, 'pid'), { force: true });
    host.flags.push('--config-file', file);
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
    const [first, ...rest] = blockOf('README.md', '--docker-listen').trim().split('\n');
    await host.serve(first!);
    const out = await host.shellAll(rest.join('\n'));
    expect(out).toContain(`Name:\tdb.shop\nAddress: `);
    expect(out).toContain(`Address: ${await addressOf('db')}\n`);
  });
});
