/** What waits: before the first view, for pods that are not known yet, for texts; on a clock of the test's own. */
import { describe, expect, test } from 'vitest';
import { resourcesOf } from '../harness/fixture.ts';
import type { ZoneDocument } from '../harness/fixture.ts';
import { World, summary } from './world.ts';

const ZONE: ZoneDocument = {
  vpc: 'aep',
  net6: ['fdfd::/16'],
  namespaces: { shop: { pods: { app: { ip6: 'fdfd::1' }, db: { ip6: 'fdfd::2' } } } },
};
const LATE = resourcesOf({ vpc: 'aep', namespaces: { shop: { pods: { late: { ip6: 'fdfd::9' } } } } }).filter(
  ({ kind }) => kind === 'pod',
);
const late = { from: 'fdfd::9' };

describe('before the first view', () => {
  test('a query is held for a second and a half, then failed, never denied', async () => {
    const world = new World();
    const asked = world.ask({ name: 'db' });
    const other = world.ask({ name: 'no.such.name' }, { port: 4001 });
    await world.clock.advance(1499);
    expect(asked.answer).toBe('waiting');
    await world.clock.advance(1);
    expect(summary(asked.answer)).toBe('SERVFAIL 14');
    expect(summary(other.answer)).toBe('SERVFAIL 14');
    expect(world.deferred.held).toBe(0);
  });

  test('a query is answered as soon as the view is there', async () => {
    const world = new World();
    const asked = world.ask({ name: 'db' });
    world.put(...resourcesOf(ZONE));
    expect(asked.answer).toBe('waiting');
    world.sync();
    expect(summary(asked.answer)).toBe('NOERROR AAAA fdfd::2');
    await world.clock.advance(5000);
    expect(world.deferred.held).toBe(0);
  });

  test('what then waits for its pod waits as long as any other that does', async () => {
    const world = new World();
    const asked = world.ask({ name: 'db' }, late);
    await world.clock.advance(100);
    world.put(...resourcesOf(ZONE));
    world.sync();
    expect(asked.answer).toBe('waiting');
    await world.clock.advance(299);
    expect(asked.answer).toBe('waiting');
    await world.clock.advance(1);
    expect(summary(asked.answer)).toBe('SERVFAIL 14');
    // It was held in vain: the next is failed at once.
    expect(world.say('db', 'AAAA', late)).toBe('SERVFAIL 14');
  });
});

describe('a pod that is not known yet', () => {
  const synced = (): World => {
    const world = new World();
    world.put(...resourcesOf(ZONE));
    world.sync();
    return world;
  };

  test('is answered when its event comes in time', async () => {
    const world = synced();
    const asked = world.ask({ name: 'db' }, late);
    expect(asked.answer).toBe('waiting');
    await world.clock.advance(200);
    world.put(...LATE);
    expect(summary(asked.answer)).toBe('NOERROR AAAA fdfd::2');
    expect(world.deferred.held).toBe(0);
  });

  test('does not wait for names that say their namespace', () => {
    const world = synced();
    expect(world.say('db.shop', 'AAAA', late)).toBe('NOERROR AAAA fdfd::2');
    expect(world.say('db.shop.vpc.internal', 'AAAA', late)).toBe('NOERROR AAAA fdfd::2');
    expect(world.say('example.com', 'AAAA', late)).toBe('NXDOMAIN 15');
  });

  test('is failed after the hold, at once for five seconds, and denied when it never comes', async () => {
    const world = synced();
    const asked = world.ask({ name: 'db' }, late);
    await world.clock.advance(300);
    expect(summary(asked.answer)).toBe('SERVFAIL 14');
    expect(world.say('db', 'AAAA', late)).toBe('SERVFAIL 14');
    await world.clock.advance(4699);
    expect(world.say('db', 'AAAA', late)).toBe('SERVFAIL 14');
    await world.clock.advance(1);
    expect(world.say('db', 'AAAA', late)).toBe('NXDOMAIN 14');
    world.put(...LATE);
    expect(world.say('db', 'AAAA', late)).toBe('NOERROR AAAA fdfd::2');
  });

  test('is not denied while a source is lost', async () => {
    const world = synced();
    world.live = false;
    for (let i = 0; i < 5; i++) {
      const asked = world.ask({ name: 'db' }, late);
      await world.clock.advance(4000);
      expect(summary(asked.answer)).toBe('SERVFAIL 14');
    }
    world.live = true;
    const asked = world.ask({ name: 'db' }, late);
    await world.clock.advance(300);
    expect(summary(asked.answer)).toBe('SERVFAIL 14');
  });

  test('asks again: the earlier one gives way, and the later has a time of its own', async () => {
    const world = synced();
    const first = world.ask({ name: 'db', id: 7 }, late);
    await world.clock.advance(200);
    const second = world.ask({ name: 'db', id: 7 }, late);
    const different = world.ask({ name: 'db', id: 8 }, late);
    expect(summary(first.answer)).toBe('silence');
    expect(world.deferred.held).toBe(2);
    await world.clock.advance(299);
    expect(second.answer).toBe('waiting');
    world.put(...LATE);
    expect(summary(second.answer)).toBe('NOERROR AAAA fdfd::2');
    expect(summary(different.answer)).toBe('NOERROR AAAA fdfd::2');
  });

  test('over TCP has no byRetransmission', () => {
    const world = synced();
    const tcp = { ...late, tcp: true };
    const both = [1, 2].map(() => world.ask({ name: 'db', id: 7 }, tcp));
    expect(both.map(({ answer }) => answer)).toEqual(['waiting', 'waiting']);
    world.put(...LATE);
    expect(both.map(({ answer }) => summary(answer))).toEqual(Array(2).fill('NOERROR AAAA fdfd::2'));
  });

  test('may wait ten times at once, its VPC fifty times: more is failed at once', () => {
    const world = synced();
    for (let id = 0; id < 10; id++) expect(world.ask({ name: 'db', id }, late).answer).toBe('waiting');
    expect(summary(world.ask({ name: 'db', id: 10 }, late).answer)).toBe('SERVFAIL 14');
    for (let n = 0; n < 40; n++) {
      expect(world.ask({ name: 'db' }, { from: `fdfd::${(16 + n).toString(16)}` }).answer).toBe('waiting');
    }
    expect(world.say('db', 'AAAA', { from: 'fdfd::ff' })).toBe('SERVFAIL 14');
    expect(world.deferred.held).toBe(50);
  });

  test('many that wait are looked at every few milliseconds, not at every change', async () => {
    const world = synced();
    const asked = Array.from({ length: 40 }, (_, n) =>
      world.ask({ name: 'db' }, { from: `fdfd::${(16 + n).toString(16)}` }),
    );
    const pods = Object.fromEntries(
      asked.map((_, n) => [`p${n}`, { ip6: `fdfd::${(16 + n).toString(16)}` }]),
    );
    world.put(
      ...resourcesOf({ vpc: 'aep', namespaces: { shop: { pods } } }).filter(({ kind }) => kind === 'pod'),
    );
    expect(asked.every(({ answer }) => answer === 'waiting')).toBe(true);
    await world.clock.advance(5);
    for (const { answer } of asked) expect(summary(answer)).toBe('NOERROR AAAA fdfd::2');
  });

  test('everybody gets an answer at the end', () => {
    const world = synced();
    const asked = world.ask({ name: 'db' }, late);
    world.deferred.close();
    expect(summary(asked.answer)).toBe('SERVFAIL 14');
    expect(world.deferred.held).toBe(0);
  });
});

describe('what a listener fixes', () => {
  test('is found when it appears', () => {
    const world = new World();
    world.sync();
    const scoped = { from: '127.0.0.1', to: '127.0.0.1', scope: 'aep/shop' };
    expect(world.say('db', 'AAAA', scoped)).toBe('SERVFAIL 14');
    world.put({ kind: 'vpc', name: 'aep', net6: [], services6: [] });
    expect(world.say('db', 'AAAA', scoped)).toBe('NXDOMAIN 14');
    world.put(...resourcesOf(ZONE));
    expect(world.say('db', 'AAAA', scoped)).toBe('NOERROR AAAA fdfd::2');
    world.change(
      [],
      [
        { kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db' },
        { kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app' },
        { kind: 'namespace', vpc: 'aep', namespace: 'shop', name: '' },
      ],
    );
    expect(world.say('db', 'AAAA', scoped)).toBe('NXDOMAIN 14');
    world.put(...resourcesOf(ZONE));
    expect(world.say('db', 'AAAA', scoped)).toBe('NOERROR AAAA fdfd::2');
  });
});

describe('who is told apart', () => {
  const world = new World();
  world.put(
    ...resourcesOf(ZONE),
    ...resourcesOf({
      vpc: 'globex',
      net6: ['fdfe::/16', 'fd00::7/128'],
      namespaces: {
        shop: {
          pods: { astray: { ip6: 'fdfd::77' }, app: { ip6: 'fdfe::1' }, lone: { ip6: 'fd00::7' } },
          services: { front: { ip6: 'fdfe::f' } },
        },
      },
    }),
  );
  world.sync();

  test('a pod with an address of another VPC’s prefix is neither’s', () => {
    expect(world.say('app', 'AAAA', { from: 'fdfd::77' })).toBe('SERVFAIL 24');
    expect(world.say('app.shop', 'AAAA', { from: 'fdfd::77', scope: 'globex' })).toBe('SERVFAIL 24');
  });

  test('a prefix of one whole address is a prefix', () => {
    expect(world.say('app', 'AAAA', { from: 'fd00::7' })).toBe('NOERROR AAAA fdfe::1');
  });

  test('a whole-address prefix and an astray pod are found beside each other', () => {
    world.put(
      ...resourcesOf({ vpc: 'aep', namespaces: { shop: { pods: { thief: { ip6: 'fd00::7' } } } } }).filter(
        ({ kind }) => kind === 'pod',
      ),
    );
    expect(world.say('app', 'AAAA', { from: 'fd00::7' })).toBe('NOERROR AAAA fdfe::1');
    world.change([], [{ kind: 'pod', vpc: 'globex', namespace: 'shop', name: 'lone' }]);
    expect(world.say('app', 'AAAA', { from: 'fd00::7' })).toBe('SERVFAIL 24');
    world.change([], [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'thief' }]);
    expect(world.ask({ name: 'app' }, { from: 'fd00::7' }).answer).toBe('waiting');
    expect(world.say('app.shop', 'AAAA', { from: 'fd00::7' })).toBe('NOERROR AAAA fdfe::1');
  });

  test('a virtual IP is no pod', () => {
    expect(world.ask({ name: 'app' }, { from: 'fdfe::f' }).answer).toBe('waiting');
  });
});
