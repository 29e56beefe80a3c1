/** Two real engines with equal subnets are two VPCs of one podns. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, engineReason, SLOW } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { Node } from './node.ts';

const reason = engineReason('docker');
if (reason !== undefined) skipAloud('two engines', reason);
else
  describe('two engines', { timeout: SLOW }, () => {
    const engines = [new Engine('docker'), new Engine('docker')];
    const node = new Node(engines, {
      vpcs: ['left', 'right'],
      flags: ['--listen', '172.17.0.1:53@left'],
      config: { forward: 'off' },
    });
    beforeAll(async () => {
      await Promise.all(engines.map((engine) => engine.start()));
      for (const [index, engine] of engines.entries()) {
        await engine.projectNetwork('shop', 'default', { IPAM: { Config: [{ Subnet: '10.50.0.0/24' }] } });
        await engine.service('shop', 'app');
        await engine.service('shop', index === 0 ? 'only-left' : 'only-right');
        await engine.service('shop', 'db');
      }
      await node.start();
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await Promise.all(engines.map((engine) => engine.close()));
    });

    test('each is served as it is', async () => {
      const [left, right] = [await node.equal(0), await node.equal(1)];
      expect(left.pods['shop/app-1']?.overlays).toEqual(right.pods['shop/app-1']?.overlays);
      expect(left.pods['shop/only-right-1']).toBeUndefined();
      expect(right.pods['shop/only-left-1']).toBeUndefined();
    });

    test('a client gets nothing of the other', async () => {
      const truth = await node.equal(0);
      expect(await node.answersEqual(truth, 'shop-app-1', 'shop/app-1', '172.17.0.1')).toBeGreaterThan(10);
      const server = '172.17.0.1';
      for (const name of ['only-right', 'only-right.shop', 'only-right-1.shop.vpc.internal'])
        expect(await node.dig(engines[0]!, 'shop-app-1', server, name)).toEqual([]);
      expect((await node.dig(engines[0]!, 'shop-app-1', server, 'only-left')).length).toBe(1);
    });

    test('one that is killed does not touch the other', async () => {
      const before = await node.view(1);
      await engines[1]!.kill();
      await engines[0]!.service('shop', 'new');
      expect((await node.equal(0)).pods['shop/new-1']?.ready).toBe(true);
      expect(await node.view(1)).toEqual(before);
      await engines[1]!.run();
      await node.equal(1);
    });
  });
