/** Names in containers of a real Podman, on networks without its own DNS; and on one that has IPv6 alone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { composeLabels, Engine, engineReason, SLOW } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { Node } from './node.ts';

const GATEWAY = '10.70.0.1';
const GATEWAY6 = 'fd00:71::1';

const reason = engineReason('podman');
if (reason !== undefined) skipAloud('names in containers of Podman', reason);
else
  describe('names in containers of Podman', { timeout: SLOW }, () => {
    const engine = new Engine('podman');
    const node = new Node([engine], {
      flags: ['--listen', `${GATEWAY}:53@docker`, '--listen', `[${GATEWAY6}]:53@docker`],
      config: { hosts: { 'outside.example.com': ['192.0.2.80'] }, forward: 'off' },
    });
    const ids = new Map<string, string>();

    beforeAll(async () => {
      await engine.start();
      const network = (name: string, key: string, ...subnets: string[]): Promise<unknown> =>
        engine.api('POST', '/v4.0.0/libpod/networks/create', {
          name,
          driver: 'bridge',
          dns_enabled: false,
          // `ipv6_enabled` would add the family that is not given.
          subnets: subnets.map((subnet) => ({ subnet })),
          labels: { 'com.docker.compose.project': name.split('_')[0]!, 'com.docker.compose.network': key },
        });
      await network('shop_default', 'default', '10.70.0.0/24');
      await network('six_default', 'default', 'fd00:71::/64');
      for (const [project, service, server] of [
        ['shop', 'app', GATEWAY],
        ['shop', 'db', GATEWAY],
        ['six', 'app', GATEWAY6],
        ['six', 'db', GATEWAY6],
      ] as const) {
        const id = await engine.container(`${project}-${service}-1`, {
          network: `${project}_default`,
          endpoint: { Aliases: [service] },
          Labels: composeLabels(project, service),
          host: { Dns: [server] },
        });
        ids.set(`${project}/${service}`, id);
      }
      await node.start();
      await node.equal();
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await engine.close();
    });

    const look = async (from: string, name: string): Promise<string[]> => {
      const { out } = await engine.exec(ids.get(from)!, ['/bin/lookup-musl', name]);
      return out
        .split('\n')
        .filter((line) => /^[0-9a-f:.]*[:.][0-9a-f:.]*$/.test(line))
        .sort();
    };

    test('a project with IPv4 alone, and one with IPv6 alone', async () => {
      expect(await look('shop/app', 'db')).toEqual([expect.stringMatching(/^10\.70\.0\.\d+$/)]);
      expect(await look('six/app', 'db')).toEqual([expect.stringMatching(/^fd00:71::\w+$/)]);
    });

    test('another project, an outside name, and what is missing', async () => {
      expect(await look('shop/app', 'db.six')).toEqual(await look('six/app', 'db'));
      expect(await look('six/app', 'db.shop')).toEqual(await look('shop/app', 'db'));
      expect(await look('shop/app', 'outside.example.com')).toEqual(['192.0.2.80']);
      for (const name of ['nosuch', 'nosuch.six', 'nosuch.example.com'])
        expect(await look('shop/app', name)).toEqual([]);
    });

    test('every name of every pod, and PTR', async () => {
      const truth = await node.equal();
      expect(await node.answersEqual(truth, ids.get('shop/app')!, 'shop/app-1', GATEWAY)).toBeGreaterThan(20);
      expect(await node.answersEqual(truth, ids.get('six/app')!, 'six/app-1', GATEWAY6)).toBeGreaterThan(20);
      const [four] = await look('shop/app', 'db');
      expect(await node.dig(engine, ids.get('shop/app')!, GATEWAY, '-x', four!)).toEqual([
        'db-1.shop.vpc.internal.',
      ]);
    });
  });
