/** What happens to containers and networks, on a real engine: after each step podns serves what `inspect` says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { composeLabels, Engine, engineReason, pause, type EngineKind, SLOW } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { Node } from './node.ts';

const CHECK = { Interval: 200_000_000, Timeout: 1_000_000_000, Retries: 1 };

/** Waits for something that the engine does by itself. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await holds()) return;
    await pause(50);
  }
  throw new Error(`${what} does not come true`);
}

export function lifecycle(kind: EngineKind): void {
  const reason = engineReason(kind);
  if (reason !== undefined) {
    skipAloud(`containers of ${kind}`, reason);
    return;
  }

  describe(`containers of ${kind}`, { timeout: SLOW }, () => {
    const engine = new Engine(kind);
    const node = new Node([engine]);
    const state = async (
      id: string,
    ): Promise<{ Status: string; Health?: { Status: string }; OOMKilled: boolean }> =>
      (await engine.api<{ State: { Status: string; OOMKilled: boolean } }>('GET', `/containers/${id}/json`))
        .State;
    const pod = async (key: string) => (await node.equal()).pods[key];

    beforeAll(async () => {
      await engine.start();
      const both = {
        EnableIPv6: true,
        IPAM: { Config: [{ Subnet: '10.50.0.0/24' }, { Subnet: 'fd00:50::/64' }] },
      };
      await engine.projectNetwork('shop', 'default', both);
      await engine.projectNetwork('blog', 'default', { IPAM: { Config: [{ Subnet: '10.51.0.0/24' }] } });
      await engine.service('shop', 'db');
      await node.start();
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await engine.close();
    });

    test('what was there before podns', async () => {
      const { pods, overlays } = await node.equal();
      expect(pods['shop/db-1']?.names).toContain('db');
      expect(overlays['shop/default']).toBe('10.50.0.0/24 fd00:50::/64 open');
      if (kind === 'docker') expect(overlays['blog/default']).toBe('10.51.0.0/24 - open');
    });

    test('equal service names of two projects', async () => {
      await engine.service('blog', 'db');
      const { pods } = await node.equal();
      expect(Object.keys(pods).sort()).toEqual(['blog/db-1', 'shop/db-1']);
    });

    test('scale to 5 and back', async () => {
      const ids = await Promise.all([2, 3, 4, 5].map((number) => engine.service('shop', 'db', number)));
      const five = await node.equal();
      expect(Object.keys(five.pods).filter((key) => key.startsWith('shop/db-')).length).toBe(5);
      await Promise.all(ids.map((id) => engine.remove(id)));
      expect(Object.keys((await node.equal()).pods).sort()).toEqual(['blog/db-1', 'shop/db-1']);
    });

    test('stop, start, restart, pause, unpause', async () => {
      const id = await engine.service('shop', 'web');
      expect((await pod('shop/web-1'))?.ready).toBe(true);
      await engine.api('POST', `/containers/${id}/stop?t=0`);
      const stopped = await pod('shop/web-1');
      expect(stopped?.names).toContain('web');
      expect(stopped?.overlays.join()).not.toMatch(/\d\.\d/);
      expect(stopped?.ready).toBe(false);
      await engine.api('POST', `/containers/${id}/start`);
      expect((await pod('shop/web-1'))?.overlays.join()).toMatch(/10\.50\.0\.\d+ fd00:50::\w+/);
      await engine.api('POST', `/containers/${id}/restart?t=0`);
      expect((await pod('shop/web-1'))?.ready).toBe(true);
      await engine.api('POST', `/containers/${id}/pause`);
      const paused = await pod('shop/web-1');
      expect(paused?.ready).toBe(false);
      expect(paused?.overlays.join()).toMatch(/10\.50\.0\./);
      await engine.api('POST', `/containers/${id}/unpause`);
      expect((await pod('shop/web-1'))?.ready).toBe(true);
      await engine.api('POST', `/containers/${id}/kill`);
      expect((await pod('shop/web-1'))?.ready).toBe(false);
      await engine.remove(id);
      expect(await pod('shop/web-1')).toBeUndefined();
    });

    test('a rename, and a recreate as Compose does it', async () => {
      const old = await engine.service('shop', 'api');
      await pod('shop/api-1');
      await engine.api('POST', `/containers/${old}/rename?name=${old.slice(0, 12)}_shop-api-1`);
      expect(await pod('shop/api-1')).toBeUndefined();
      const fresh = await engine.create('shop-api-1', {
        network: 'shop_default',
        endpoint: { Aliases: ['api'] },
        Labels: composeLabels('shop', 'api'),
      });
      await node.equal();
      await engine.api('POST', `/containers/${old}/stop?t=0`);
      await engine.remove(old);
      await engine.api('POST', `/containers/${fresh}/start`);
      expect((await pod('shop/api-1'))?.names).toContain(fresh.slice(0, 12));
      await engine.api('POST', `/containers/${fresh}/rename?name=other`);
      expect((await pod('shop/other'))?.names).toContain('api');
      await engine.remove(fresh);
      await node.equal();
    });

    test('a container that ends, and a restart policy', async () => {
      const once = await engine.container('once', { Cmd: ['/bin/true'] });
      await until('its end', async () => (await state(once)).Status === 'exited');
      expect((await pod('default/once'))?.ready).toBe(false);
      const again = await engine.container('again', {
        Cmd: ['/bin/sh', '-c', 'test -e /tmp/x && exec sleep 1000; touch /tmp/x; sleep 0.2; exit 1'],
        host: { RestartPolicy: { Name: 'always' } },
      });
      const count = async (): Promise<number> =>
        (await engine.api<{ RestartCount: number }>('GET', `/containers/${again}/json`)).RestartCount;
      await until('a restart', async () => (await count()) > 0 && (await state(again)).Status === 'running');
      expect((await pod('default/again'))?.ready).toBe(true);
      await Promise.all([engine.remove(once), engine.remove(again)]);
      await node.equal();
    });

    test('a container without memory', async () => {
      const id = await engine.container('greedy', {
        Cmd: ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M'],
        host: { Memory: 16 << 20, MemorySwap: 16 << 20 },
      });
      await until('its end', async () => (await state(id)).Status === 'exited');
      expect((await pod('default/greedy'))?.ready).toBe(false);
      await engine.remove(id);
      await node.equal();
    });

    test('health', async () => {
      const id = await engine.service('shop', 'ill', 1, {
        Healthcheck: { Test: ['CMD', '/bin/test', '-e', '/tmp/well'], ...CHECK },
      });
      const health = async (): Promise<string | undefined> => {
        // Without systemd nobody starts Podman's checks but who asks for them.
        if (kind === 'podman') await engine.send('GET', `/v4.0.0/libpod/containers/${id}/healthcheck`);
        return (await state(id)).Health?.Status;
      };
      await until('illness', async () => (await health()) === 'unhealthy');
      expect((await pod('shop/ill-1'))?.ready).toBe(false);
      await engine.exec(id, ['/bin/touch', '/tmp/well']);
      await until('health', async () => (await health()) === 'healthy');
      expect((await pod('shop/ill-1'))?.ready).toBe(true);
      await engine.exec(id, ['/bin/rm', '/tmp/well']);
      await until('illness', async () => (await health()) === 'unhealthy');
      expect((await pod('shop/ill-1'))?.ready).toBe(false);
      await engine.remove(id);
      await node.equal();
    });

    test('networks come and go, connect and disconnect', async () => {
      const id = await engine.service('shop', 'app');
      await engine.network('side', { IPAM: { Config: [{ Subnet: '10.52.0.0/24' }] }, Internal: true });
      if (kind === 'docker')
        expect((await node.equal()).overlays['default/side']).toBe('10.52.0.0/24 - internal');
      await engine.join('side', id, ['sidecar']);
      const on = await pod('shop/app-1');
      expect(on?.overlays.join()).toMatch(/default\/side 10\.52\.0\.\d+/);
      expect(on?.names).toContain('sidecar');
      await engine.join('blog_default', id);
      expect((await pod('shop/app-1'))?.overlays.join()).toMatch(/blog\/default 10\.51\.0\.\d+/);
      await engine.leave('side', id);
      expect((await pod('shop/app-1'))?.overlays.join()).not.toContain('side');
      // A stopped container: the engine tells nobody, and its start does.
      await engine.api('POST', `/containers/${id}/stop?t=0`);
      await node.equal();
      await engine.join('side', id, ['sidecar']);
      await engine.leave('blog_default', id);
      await engine.api('POST', `/containers/${id}/start`);
      const after = await pod('shop/app-1');
      expect(after?.overlays.join()).toContain('default/side 10.52');
      expect(after?.overlays.join()).not.toContain('blog');
      await engine.remove(id);
      await engine.api('DELETE', '/networks/side');
      expect((await node.equal()).overlays['default/side']).toBeUndefined();
    });

    test('addresses that the user fixes', async () => {
      const id = await engine.service('shop', 'fixed', 1, {
        endpoint: { IPAMConfig: { IPv4Address: '10.50.0.200', IPv6Address: 'fd00:50::200' } },
      });
      const words = kind === 'docker' ? 'pinned' : '(pinned|free)';
      expect((await pod('shop/fixed-1'))?.overlays.join()).toMatch(
        new RegExp(`^default 10.50.0.200 fd00:50::200 ${words}$`),
      );
      await engine.remove(id);
      await node.equal();
    });

    test("another container's network, the host's and none", async () => {
      const id = await engine.service('shop', 'main');
      const labels = composeLabels('shop', 'helper');
      const sharer = await engine.container('shop-helper-1', { network: `container:${id}`, Labels: labels });
      const { pods } = await node.equal();
      expect(pods['shop/main-1']?.names).toContain('helper');
      expect(pods['shop/helper-1']).toBeUndefined();
      await engine.api('POST', `/containers/${sharer}/stop?t=0`);
      expect((await pod('shop/main-1'))?.names).not.toContain('helper');
      const bare = await engine.container('bare', { network: 'none' });
      const host = await engine.container('onhost', { network: 'host' });
      expect((await node.equal()).pods['default/onhost']).toMatchObject({ overlays: [] });
      // Podman removes nothing that another one needs.
      for (const each of [sharer, id, bare, host]) await engine.remove(each);
      await node.equal();
    });

    test('the engine is killed and comes back', async () => {
      await engine.service('shop', 'keep', 1, { host: { RestartPolicy: { Name: 'always' } } });
      const before = await node.equal();
      await engine.kill();
      // What it said last stays.
      expect((await node.view()).pods).toEqual(before.pods);
      await engine.run();
      await node.equal();
      await engine.service('shop', 'late');
      expect((await pod('shop/late-1'))?.ready).toBe(true);
    });

    test(
      'a storm of starts and stops',
      async () => {
        const count = process.env['PODNS_TEST_WHOLE'] === '1' ? 200 : 40;
        const ids = new Map<number, string>();
        let next = 0;
        const worker = async (): Promise<void> => {
          for (;;) {
            const number = next++;
            if (number >= count) return;
            const id = await engine.service(number % 2 === 0 ? 'shop' : 'blog', `s${number % 7}`, number + 1);
            // Some go at once, some stop, some change their name, and the others stay.
            if (number % 4 === 0) await engine.remove(id);
            else if (number % 4 === 1) await engine.api('POST', `/containers/${id}/stop?t=0`);
            else if (number % 8 === 2)
              await engine.api('POST', `/containers/${id}/rename?name=moved-${number}`);
            if (number % 4 !== 0) ids.set(number, id);
          }
        };
        await Promise.all([worker(), worker(), worker(), worker()]);
        const { pods } = await node.equal();
        expect(Object.keys(pods).length).toBeGreaterThan(count / 2);
        for (const id of ids.values()) await engine.remove(id);
        await node.equal();
      },
      3 * SLOW,
    );
  });
}
