/** A real swarm of one node: the virtual addresses of services, and their tasks, as they come, change and go. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, engineReason, IMAGE, pause, SLOW } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { Node } from './node.ts';

/** Far below the time after which podns lists an engine anew, so that a list cannot make up for an event. */
const SETTLES = 20_000;

interface Served {
  namespace: string;
  name: string;
  names: string[];
  overlays: { overlay: string; ip4?: string; pinned: boolean }[];
}

interface Service {
  ID: string;
  Version: { Index: number };
  Spec: { Name: string; Mode: object };
  Endpoint: { VirtualIPs?: { Addr: string }[] };
}

const reason = engineReason('docker');
if (reason !== undefined) skipAloud('a swarm', reason);
else
  describe('a swarm', { timeout: SLOW }, () => {
    const engine = new Engine('docker');
    const node = new Node([engine], { flags: ['--docker-listen'], config: { forward: 'off' } });

    const spec = (name: string, replicas: number, labels: Record<string, string> = {}): object => ({
      Name: name,
      Labels: labels,
      TaskTemplate: {
        ContainerSpec: {
          Image: IMAGE,
          Command: ['/bin/sleep', '100000'],
          StopGracePeriod: 1,
          Labels: labels,
        },
        Networks: [{ Target: 'front' }],
      },
      Mode: { Replicated: { Replicas: replicas } },
    });
    const service = (name: string): Promise<Service> => engine.api('GET', `/services/${name}`);
    const vipOf = async (name: string): Promise<string | undefined> =>
      (await service(name)).Endpoint.VirtualIPs?.[0]?.Addr.split('/')[0];
    const pods = async (): Promise<Map<string, Served>> => {
      const list = await node.get<Served[]>('/v1/pods?vpc=docker');
      return new Map(list.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    };
    const addressesOf = (pod: Served | undefined): (string | undefined)[] =>
      (pod?.overlays ?? []).map(({ ip4 }) => ip4);

    /** Waits until it holds of what podns serves. */
    async function until(what: string, holds: (served: Map<string, Served>) => unknown): Promise<void> {
      const end = Date.now() + SETTLES;
      for (;;) {
        const served = await pods();
        if (await holds(served)) return;
        if (Date.now() > end)
          throw new Error(`${what}: ${JSON.stringify([...served.values()])}\n${node.log}`);
        await pause(50);
      }
    }

    /** The addresses of the tasks that run, by the engine. */
    async function tasks(name: string): Promise<string[]> {
      const filters = encodeURIComponent(
        JSON.stringify({ label: [`com.docker.swarm.service.name=${name}`] }),
      );
      const rows = await engine.api<
        { NetworkSettings: { Networks: Record<string, { IPAddress: string }> } }[]
      >('GET', `/containers/json?filters=${filters}`);
      return rows.flatMap(({ NetworkSettings: { Networks } }) => Networks['front']?.IPAddress ?? []).sort();
    }

    /** The addresses of the pods with this name that podns serves, but stopped ones have none. */
    function named(served: Map<string, Served>, namespace: string, name: string): string[] {
      return [...served.values()]
        .filter((pod) => pod.namespace === namespace && (pod.name === name || pod.names.includes(name)))
        .flatMap((pod) => addressesOf(pod))
        .filter((address): address is string => address !== undefined)
        .sort();
    }

    beforeAll(async () => {
      await engine.start();
      // No manager yet when podns begins: it becomes one under its eyes.
      await node.start();
      await engine.api('POST', '/swarm/init', {
        ListenAddr: '127.0.0.1:2377',
        AdvertiseAddr: '127.0.0.1',
      });
      await engine.api('POST', '/networks/create', {
        Name: 'front',
        Driver: 'overlay',
        IPAM: { Config: [{ Subnet: '10.99.0.0/24' }] },
      });
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await engine.close();
    });

    test('a service has its virtual address under its name, and its tasks are behind `tasks.`', async () => {
      await engine.api('POST', '/services/create', spec('web', 2));
      await until('the virtual address', async (served) => {
        const vip = await vipOf('web');
        return vip !== undefined && named(served, 'default', 'web').join() === vip;
      });
      await until('the tasks', async (served) => {
        const expected = await tasks('web');
        return expected.length === 2 && named(served, 'default', 'tasks.web').join() === expected.join();
      });
      const served = await pods();
      expect(served.get('default/web')?.overlays).toEqual([
        { overlay: 'front', ip4: await vipOf('web'), pinned: false },
      ]);
      // The cluster has chosen the addresses, though the engine names them as if a user had.
      for (const pod of served.values()) for (const { pinned } of pod.overlays) expect(pinned).toBe(false);
    });

    test('a stack is a namespace', async () => {
      const labels = { 'com.docker.stack.namespace': 'shop' };
      await engine.api('POST', '/services/create', spec('shop_db', 1, labels));
      await until('the virtual address', async (served) => {
        const vip = await vipOf('shop_db');
        return vip !== undefined && addressesOf(served.get('shop/db')).join() === vip;
      });
      await until('the task', async (served) => {
        const expected = await tasks('shop_db');
        return expected.length === 1 && named(served, 'shop', 'tasks.db').join() === expected.join();
      });
    });

    test('a container of the node asks, and gets the virtual address', async () => {
      await engine.container('asker');
      const ask = (name: string): Promise<string[]> => node.dig(engine, 'asker', '172.17.0.1', name, 'A');
      expect(await ask('web')).toEqual([await vipOf('web')]);
      expect(await ask('db.shop')).toEqual([await vipOf('shop_db')]);
      expect(await ask('tasks.web')).toEqual(await tasks('web'));
    });

    test('scaled, and removed', async () => {
      const { Version, Spec } = await service('web');
      const scaled = { ...Spec, Mode: { Replicated: { Replicas: 3 } } };
      await engine.api('POST', `/services/web/update?version=${Version.Index}`, scaled);
      await until('three tasks', async (served) => {
        const expected = await tasks('web');
        return expected.length === 3 && named(served, 'default', 'tasks.web').join() === expected.join();
      });
      expect(named(await pods(), 'default', 'web')).toEqual([await vipOf('web')]);
      await engine.api('DELETE', '/services/web');
      await until('its end', (served) => named(served, 'default', 'web').length === 0);
    });

    test('a node that leaves the swarm has no virtual addresses any more', async () => {
      await engine.api('POST', '/swarm/leave?force=1');
      await until('the end of the services', (served) => !served.has('shop/db'));
    });
  });
