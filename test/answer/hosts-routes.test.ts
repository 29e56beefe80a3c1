/** Names under `hosts` and `routes`: what comes before them, what they come before, and whose they are. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Vpc } from '../../src/model.ts';
import { World } from './world.ts';

const RED: Vpc = {
  ...{ kind: 'vpc', name: 'red', net6: ['fd01::/48'], services6: [], forward: 'off' },
  routes: {
    'corp.example': ['192.0.2.1:53'],
    'ads.corp.example': [],
    '10.in-addr.arpa': ['192.0.2.1:53'],
    single: ['192.0.2.1:53'],
    local: ['192.0.2.1:53'],
    both: [],
    'deep.shut': ['192.0.2.1:53'],
  },
  hosts: {
    'host.docker.internal': ['172.17.0.1', 'fd00::1'],
    plain: ['192.0.2.7'],
    db: ['192.0.2.7'],
    shop: ['192.0.2.7'],
    'gone.shop': ['192.0.2.7'],
    'kubernetes.default.svc.test': ['192.0.2.8'],
    'x.onion': ['192.0.2.7'],
    'www.ads.corp.example': ['192.0.2.7'],
    'x.dev': ['192.0.2.7'],
    constructor: ['192.0.2.9'],
  },
};
const POD = { kind: 'pod' as const, vpc: 'red', aid: 'x', names: [], overlays: [], ports: [], ready: true };
const OUTSIDE = {
  routes: { shut: [], both: ['192.0.2.2:53'], 'longer.corp.example': ['192.0.2.2:53'] },
  hosts: { everywhere: ['192.0.2.10'], plain: ['192.0.2.11'] },
};

let world: World;
/** What went outside, by name. */
let asked: string[];

function vpcOf(more: Partial<Vpc>): Vpc {
  return { ...RED, ...more };
}

beforeEach(() => {
  asked = [];
  world = new World(
    { outside: OUTSIDE, suffixes: [{ name: 'svc.test', flat: false }] },
    {
      outside: {
        ask: (_packet, responder, _peer, reply) => {
          asked.push(responder.query.labelCount.toString());
          reply(new Uint8Array(0));
        },
      },
    },
  );
  world.put(
    RED,
    { kind: 'vpc', name: 'blue', net6: ['fd02::/48'], services6: [], forward: 'on' },
    { kind: 'namespace', vpc: 'red', name: 'dev', shadow: 'forward' },
    { ...POD, namespace: 'shop', name: 'db', ip6: 'fd01::1' },
    { ...POD, namespace: 'shop', name: 'bare' },
    { ...POD, vpc: 'blue', namespace: 'shop', name: 'db', ip6: 'fd02::1' },
  );
  world.sync();
});

const red = { scope: 'red/shop' };
const blue = { scope: 'blue/shop' };

describe('hosts', () => {
  test.each([
    ['host.docker.internal', 'A', 'NOERROR A 172.17.0.1'],
    ['HOST.docker.Internal', 'AAAA', 'NOERROR AAAA fd00::1'],
    ['host.docker.internal', 'MX', 'NOERROR'],
    ['plain', 'A', 'NOERROR A 192.0.2.7'],
    ['plain', 'AAAA', 'NOERROR'],
    ['constructor', 'A', 'NOERROR A 192.0.2.9'],
    ['everywhere', 'A', 'NOERROR A 192.0.2.10'],
    ['x.onion', 'A', 'NOERROR A 192.0.2.7'],
    ['shop', 'A', 'NOERROR A 192.0.2.7'],
    ['gone.shop', 'A', 'NOERROR A 192.0.2.7'],
    ['x.dev', 'A', 'NOERROR A 192.0.2.7'],
    ['kubernetes.default.svc.test', 'A', 'NOERROR A 192.0.2.8'],
    ['www.ads.corp.example', 'A', 'NOERROR A 192.0.2.7'],
  ])('%s %s is answered where nobody bears the name, and forward is off', (name, type, answer) => {
    expect(world.say(name, type, red)).toBe(answer);
    expect(asked).toEqual([]);
  });

  test.each([
    ['db', 'A', 'NOERROR'],
    ['db', 'AAAA', 'NOERROR AAAA fd01::1'],
    ['toString', 'A', 'NXDOMAIN'],
    ['x.host.docker.internal', 'A', 'NXDOMAIN 15'],
    ['x.plain', 'A', 'NXDOMAIN 15'],
    ['localhost', 'A', 'NOERROR A 127.0.0.1'],
    ['ns.vpc.internal', 'TXT', 'NOERROR'],
  ])('%s %s: a pod comes first, and nothing below a host is one', (name, type, answer) => {
    expect(world.say(name, type, red)).toBe(answer);
  });

  test("are of one VPC alone, but for the configuration's", () => {
    expect(world.say('plain', 'A', blue)).toBe('NOERROR A 192.0.2.11');
    expect(world.say('constructor', 'A', blue)).toBe('NXDOMAIN');
    expect(world.say('everywhere', 'A', blue)).toBe('NOERROR A 192.0.2.10');
    expect(world.say('host.docker.internal', 'A', blue)).toBe('silence');
    expect(asked).toHaveLength(1);
  });

  test('change and go with the VPC, and give their memory back', () => {
    world.writer.tables.settle();
    world.put();
    const { arena, names } = world.writer.usage;
    for (let i = 0; i < 50; i++) {
      world.put(vpcOf({ hosts: { [`h${i}`]: ['192.0.2.1', 'fd00::2'] }, routes: { [`r${i}.example`]: [] } }));
      world.writer.tables.settle();
      expect(world.say(`h${i}`, 'A', red)).toBe('NOERROR A 192.0.2.1');
      expect(world.say(`h${i - 1}`, 'A', red)).toBe('NXDOMAIN');
    }
    world.put(RED);
    world.writer.tables.settle();
    world.put();
    expect(world.writer.usage.arena).toBe(arena);
    expect(world.writer.usage.names).toBe(names);
    world.change([], [{ kind: 'vpc', vpc: 'red', namespace: '', name: '' }]);
    expect(world.say('constructor', 'A', red)).toBe('NXDOMAIN');
    expect(world.say('everywhere', 'A', red)).toBe('NOERROR A 192.0.2.10');
  });
});

describe('routes', () => {
  test.each([
    ['corp.example', 'A'],
    ['www.corp.example', 'A'],
    ['single', 'A'],
    ['single', 'SOA'],
    ['_ldap._tcp.single', 'SRV'],
    ['local', 'SOA'],
    ['printer.local', 'A'],
    ['7.0.0.10.in-addr.arpa', 'PTR'],
    ['10.in-addr.arpa', 'SOA'],
    ['x.longer.corp.example', 'A'],
    ['x.deep.shut', 'A'],
  ])('%s %s leaves by its route although forward is off', (name, type) => {
    expect(world.say(name, type, red)).toBe('silence');
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['ads.corp.example', 'A', 'NXDOMAIN 15'],
    ['x.ads.corp.example', 'A', 'NXDOMAIN 15'],
    ['both', 'A', 'NXDOMAIN 15'],
    ['x.shut', 'A', 'NXDOMAIN 15'],
    ['xcorp.example', 'A', 'NXDOMAIN 15'],
    ['db', 'A', 'NOERROR'],
    ['gone.dev', 'A', 'NXDOMAIN 15'],
    ['1.2.168.192.in-addr.arpa', 'PTR', 'NXDOMAIN'],
  ])('%s %s does not', (name, type, answer) => {
    expect(world.say(name, type, red)).toBe(answer);
    expect(asked).toEqual([]);
  });

  test('an empty one is NXDOMAIN whatever forward says; the other VPC is asked by its own', () => {
    for (const forward of ['on', 'refuse', ['shut']] as const) {
      world.put(vpcOf({ forward: forward as Vpc['forward'] }));
      expect(world.say('x.shut', 'A', red)).toBe('NXDOMAIN 15');
      expect(world.say('x.corp.example', 'A', red)).toBe('silence');
    }
    expect(world.say('x.shut', 'A', blue)).toBe('NXDOMAIN 15');
    expect(world.say('x.deep.shut', 'A', blue)).toBe('NXDOMAIN 15');
    expect(world.say('x.both', 'A', blue)).toBe('silence');
    expect(world.say('single', 'A', blue)).toBe('NXDOMAIN');
  });

  test('a pod whose overlays are all internal gets hosts, and no routes', () => {
    const overlays = [{ overlay: 'inside', ip4: '10.9.0.1', pinned: true }];
    world.put(
      {
        kind: 'overlay',
        vpc: 'red',
        namespace: 'shop',
        name: 'inside',
        aid: 'o',
        driver: 'x',
        internal: true,
      },
      { ...POD, namespace: 'shop', name: 'shut', ip6: 'fd01::9', overlays },
    );
    const shut = { from: 'fd01::9' };
    expect(world.say('x.corp.example', 'A', shut)).toBe('NXDOMAIN 15');
    expect(world.say('plain', 'A', shut)).toBe('NOERROR A 192.0.2.7');
    expect(world.say('x.corp.example', 'A', { from: 'fd01::1' })).toBe('silence');
  });
});
