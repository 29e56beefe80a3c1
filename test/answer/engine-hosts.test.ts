/** The host of a container engine asks: from a gateway, over loopback, from the address that it asks. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EngineHosts, engineMemory, GATEWAYS_MAX, writeGateways } from '../../src/answer/engine-hosts.ts';
import type { Overlay, Pod } from '../../src/model.ts';
import { propertySeed } from '../seed.ts';
import { octets, World } from './world.ts';

const overlay = (name: string, net4: string, more: Partial<Overlay> = {}): Overlay => ({
  ...{ kind: 'overlay', vpc: 'docker', namespace: 'shop', name, aid: name, driver: 'bridge', net4 },
  ...more,
});
const pod = (name: string, on: string, ip4: string): Pod => ({
  ...{ kind: 'pod', vpc: 'docker', namespace: 'shop', name, aid: name, names: [], ports: [], ready: true },
  overlays: [{ overlay: on, ip4, pinned: true }],
});

/** One engine with a bridge, and one whose containers reach nothing outside. */
function docker(): World {
  const engines = engineMemory(['other', 'docker']);
  const world = new World({ engines, forward: 'on' });
  world.put(
    overlay('front', '172.18.0.0/16'),
    overlay('back', '172.19.0.0/16', { internal: true }),
    pod('app', 'front', '172.18.0.2'),
    pod('db', 'back', '172.19.0.2'),
  );
  writeGateways(engines, [['10.9.0.1'], ['172.18.0.1', 'fd00:18::1', '172.19.0.1']]);
  world.sync();
  return world;
}

describe('the host of the engine', () => {
  const HOSTS = [
    { from: '172.18.0.1', to: '172.19.0.1' },
    { from: 'fd00:18::1', to: 'fd00:19::1' },
    { from: '127.0.0.1', to: '127.0.0.1' },
    { from: '127.0.0.1', to: '127.0.0.53' },
    { from: '::1', to: '::1' },
    { from: '192.0.2.7', to: '192.0.2.7' },
  ];
  test.each(HOSTS)('asks from $from, without a hold and without a namespace', ({ from, to }) => {
    const world = docker();
    const host = { from, to, scope: 'docker' };
    expect(world.say('app.shop', 'A', host)).toBe('NOERROR A 172.18.0.2');
    expect(world.say('db.shop.vpc.internal', 'A', host)).toBe('NOERROR A 172.19.0.2');
    expect(world.say('app', 'A', host)).toBe('NXDOMAIN');
    // An internal network keeps no outside name from it: it is asked outside, where this world has no upstream.
    expect(world.say('www.example.com', 'A', host)).toBe('SERVFAIL 22');
    expect(world.say('www.example.com', 'A', { ...host, from: '172.18.0.9' })).toBe('SERVFAIL 14');
  });

  test('is nobody else: not a neighbour, not the gateway of another engine, not where the VPC is no engine', () => {
    const world = docker();
    for (const from of ['172.18.0.9', '10.9.0.1', '192.0.2.7', '::2', '::ffff'])
      expect(world.say('app', 'A', { from, to: '172.18.0.1', scope: 'docker' })).toBe('waiting');
    const plain = new World();
    plain.put(overlay('front', '172.18.0.0/16'), pod('app', 'front', '172.18.0.2'));
    plain.sync();
    for (const from of ['127.0.0.1', '172.18.0.1'])
      expect(plain.say('app', 'A', { from, to: from, scope: 'docker' })).toBe('waiting');
  });

  test('is told by its gateway on a listener without a scope, but not by its loopback', () => {
    const world = docker();
    expect(world.say('app.shop', 'A', { from: '172.18.0.1', to: '172.18.0.1' })).toBe('NOERROR A 172.18.0.2');
    expect(world.say('app', 'A', { from: '172.18.0.1', to: '172.18.0.1' })).toBe('NXDOMAIN');
    expect(world.say('app.shop', 'A', { from: '127.0.0.1', to: '127.0.0.1' })).toBe('REFUSED 18');
  });

  test('yields to a container that has its address, and to a rule under clients', () => {
    const engines = engineMemory(['docker']);
    const clients = [{ from: '172.18.0.1', vpc: 'docker', namespace: 'shop' }];
    const world = new World({ engines, clients });
    world.put(overlay('front', '172.18.0.0/16'), pod('app', 'front', '172.18.0.2'));
    writeGateways(engines, [['172.18.0.1', '172.18.0.2']]);
    world.sync();
    for (const from of ['172.18.0.1', '172.18.0.2'])
      expect(world.say('app', 'A', { from, to: '172.18.0.1', scope: 'docker' })).toBe('NOERROR A 172.18.0.2');
  });

  test('goes with its network, and comes with it', () => {
    const engines = engineMemory(['docker']);
    const world = new World({ engines });
    world.put(pod('app', 'front', '172.18.0.2'), overlay('front', '172.18.0.0/16'));
    world.sync();
    const host = { from: '172.18.0.1', to: '172.17.0.1', scope: 'docker' };
    expect(world.say('nosuch', 'A', host)).toBe('waiting');
    writeGateways(engines, [['172.18.0.1']]);
    expect(world.say('nosuch', 'A', host)).toBe('NXDOMAIN');
    writeGateways(engines, [[]]);
    expect(world.say('nosuch', 'A', host)).toBe('waiting');
  });
});

describe('the memory of gateways', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  test('has what was written, whatever it is, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.array(address, { maxLength: 20 }), { maxLength: 4 }), address, (all, other) => {
        const engines = engineMemory(all.map((_, i) => `vpc-${i % 3}`));
        writeGateways(engines, all);
        const hosts = new EngineHosts(engines);
        const text = (one: string): string => octets(one).join();
        all.forEach((gateways, engine) => {
          const first = hosts.engineOf(`vpc-${engine % 3}`);
          for (const gateway of gateways) expect(hosts.has(first, octets(gateway))).toBe(true);
          const same = all.filter((_, i) => i % 3 === engine % 3).flat();
          expect(hosts.has(first, octets(other))).toBe(same.some((one) => text(one) === text(other)));
        });
      }),
      { seed: propertySeed(), numRuns: 200 },
    );
  });

  test('is bounded, and takes no text that is no address', () => {
    const engines = engineMemory(['docker']);
    const many = Array.from({ length: GATEWAYS_MAX + 9 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
    writeGateways(engines, [['', 'nonsense', '1.2.3', ...many]]);
    const hosts = new EngineHosts(engines);
    expect(hosts.has(0, octets(many[GATEWAYS_MAX - 1]!))).toBe(true);
    expect(hosts.has(0, octets(many[GATEWAYS_MAX]!))).toBe(false);
  });
});
