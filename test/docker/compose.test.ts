/** A project that Compose itself brings up on a real engine, and what `podns import compose` says of the same file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Engine, engineReason, IMAGE, ran, SLOW } from '../harness/engine.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { Node, podns } from './node.ts';

const FILE = `version: "2.4"
services:
  db:
    image: ${IMAGE}
    command: sleep 100000
    stop_signal: SIGKILL
    dns: 172.17.0.1
    networks:
      back:
        ipv4_address: 10.61.0.10
        ipv6_address: fd00:61::10
        aliases: [database]
  web:
    image: ${IMAGE}
    command: sleep 100000
    stop_signal: SIGKILL
    container_name: front
    hostname: webhost
    dns: 172.17.0.1
    expose: ["80"]
    networks: [default, back]
  job:
    image: ${IMAGE}
    command: sleep 100000
    stop_signal: SIGKILL
    scale: 2
    networks:
      default: { aliases: [worker] }
networks:
  default:
    ipam: { config: [{ subnet: 10.60.0.0/24 }] }
  back:
    enable_ipv6: true
    ipam: { config: [{ subnet: 10.61.0.0/24 }, { subnet: "fd00:61::/64" }] }
`;

interface Imported {
  namespaces: Record<
    string,
    {
      overlays: Record<string, { net4?: string; net6?: string; internal?: boolean }>;
      pods: Record<
        string,
        { names?: string[]; overlays?: Record<string, string | { ip4?: string; ip6?: string } | null> }
      >;
    }
  >;
}

const reason = engineReason('docker') ?? missingTools(['docker-compose']);
if (reason !== undefined) skipAloud('Compose', reason);
else
  describe('Compose', { timeout: SLOW }, () => {
    const engine = new Engine('docker');
    const folder = join(engine.folder, 'shop');
    const node = new Node([engine], {
      flags: ['--listen', '172.17.0.1:53@docker'],
      config: { forward: 'off' },
    });
    const compose = async (...args: string[]): Promise<void> => {
      const env = {
        PATH: process.env['PATH'],
        DOCKER_HOST: `unix://${engine.socket}`,
        HOME: engine.folder,
      };
      const { code, out } = await ran('docker-compose', ['-p', 'shop', ...args], { cwd: folder, env });
      if (code !== 0) throw new Error(`docker-compose ${args.join(' ')}: ${out}`);
    };
    beforeAll(async () => {
      await engine.start();
      // Its name is the project's.
      mkdirSync(folder);
      writeFileSync(join(folder, 'docker-compose.yaml'), FILE);
      await node.start();
      await compose('up', '-d');
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await engine.close();
    });

    test('the project as it came up', async () => {
      const truth = await node.equal();
      expect(Object.keys(truth.pods).sort()).toEqual(['shop/db-1', 'shop/front', 'shop/job-1', 'shop/job-2']);
      const id = (await engine.api<{ Id: string }>('GET', '/containers/front/json')).Id;
      expect(await node.answersEqual(truth, id, 'shop/front', '172.17.0.1')).toBeGreaterThan(20);
      expect(await node.dig(engine, id, '172.17.0.1', 'database')).toEqual(['10.61.0.10', 'fd00:61::10']);
    });

    test('the import of the same file', async () => {
      const { code, out } = await podns(['import', 'compose', 'docker-compose.yaml', '-n', 'shop'], folder);
      expect(code, out).toBe(0);
      const { overlays, pods } = (parse(out.replace(/^podns: .*$/gm, '')) as Imported).namespaces['shop']!;
      const truth = await node.equal();
      const ofEngine = Object.entries(truth.overlays).filter(([key]) => key.startsWith('shop/'));
      const ofFile = Object.entries(overlays).map(([name, { net4 = '-', net6 = '-', internal }]) => [
        `shop/${name}`,
        `${net4} ${net6} ${internal === true ? 'internal' : 'open'}`,
      ]);
      expect(Object.fromEntries(ofFile)).toEqual(Object.fromEntries(ofEngine));

      const left = new Map(Object.entries(truth.pods).filter(([key]) => key.startsWith('shop/')));
      for (const [name, pod] of Object.entries(pods)) {
        const found = [...left].find(([key, { names }]) => key === `shop/${name}` || names.includes(name));
        expect(found, `no container for ${name}`).toBeDefined();
        const [key, { names, overlays: on }] = found!;
        left.delete(key);
        // Compose 1 writes `_` between the parts of a container's name, and Compose 2 `-`.
        const all = [key.slice('shop/'.length), ...names].map((text) =>
          text.replace(/^shop_(\w+)_(\d+)$/, 'shop-$1-$2'),
        );
        expect(all).toEqual(expect.arrayContaining([name, ...(pod.names ?? [])]));
        // Only what the engine alone knows is added: ids, and the names that it gave the containers.
        const added = all.filter((text) => text !== name && !(pod.names ?? []).includes(text));
        for (const text of added) expect(text).toMatch(/^([0-9a-f]{12}|shop-\w+-\d+|\w+-\d+|front)$/);
        const attached = Object.entries(pod.overlays ?? {}).map(([overlay, value]) => {
          const { ip4, ip6 } = typeof value === 'string' ? { ip4: value, ip6: undefined } : (value ?? {});
          return ip4 === undefined && ip6 === undefined
            ? overlay
            : `${overlay} ${ip4 ?? '-'} ${ip6 ?? '-'} pinned`;
        });
        const seen = on.map((text) => (text.endsWith('pinned') ? text : text.split(' ')[0]!));
        expect(attached.sort(), key).toEqual(seen.sort());
      }
      expect([...left.keys()]).toEqual([]);
    });

    test(
      'scaling, recreating, a run beside the service, and the end',
      async () => {
        await compose('up', '-d', '--scale', 'job=5');
        expect(
          Object.keys((await node.equal()).pods).filter((key) => key.startsWith('shop/job-')).length,
        ).toBe(5);
        await compose('up', '-d', '--scale', 'job=1', '--force-recreate', 'job', 'db');
        expect(
          Object.keys((await node.equal()).pods).filter((key) => key.startsWith('shop/job-')).length,
        ).toBe(1);
        await compose('run', '-d', 'job', 'sleep', '1000');
        const { pods } = await node.equal();
        const run = Object.keys(pods).find((key) => key.includes('job_run'));
        expect(run).toBeDefined();
        expect(pods[run!]!.names).not.toContain('job');
        await compose('down', '-t', '0', '--remove-orphans');
        expect((await node.equal()).pods).toEqual({});
      },
      SLOW,
    );
  });
