/** Services of a scripted swarm over time: what happens to them, and what the engine cannot say meanwhile. */
import { afterEach, expect, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { FAST, stage, type Stage } from './docker-harness.ts';

let open: Stage | undefined;
afterEach(async () => {
  expect(open?.sink.violations ?? []).toEqual([]);
  await open?.end();
  open = undefined;
});

/** Lists come only when something asks for them. */
const SELDOM: Clock = { ...FAST, setTimeout: (run: () => void, ms: number) => setTimeout(run, ms) };

function service(name: string, networkId: string, address: string): object {
  return {
    ID: `id-${name}`,
    Spec: { Name: name },
    Endpoint: { VirtualIPs: [{ NetworkID: networkId, Addr: `${address}/24` }] },
  };
}

async function swarm(clock: Clock = SELDOM): Promise<Stage & { id: string }> {
  let id = '';
  open = await stage(
    (engine) => {
      ({ id } = engine.network('front', { driver: 'overlay', scope: 'swarm', net4: '10.8.0.0/24' }));
      engine.services = [];
    },
    { clock },
  );
  await open.sink.until(() => open!.sink.lastState === 'live');
  return { ...open, id };
}

test('a service that comes, changes its address and goes is seen at its events', async () => {
  const { engine, sink, id } = await swarm();
  engine.services = [service('web', id, '10.8.0.2')];
  engine.tell('service', 'create', 'id-web', { name: 'web' });
  await sink.until(() => sink.addresses('default', 'web')?.join() === '10.8.0.2');
  engine.services = [service('web', id, '10.8.0.9'), service('db', id, '10.8.0.2')];
  engine.tell('service', 'update', 'id-web', { name: 'web' });
  await sink.until(() => sink.addresses('default', 'web')?.join() === '10.8.0.9');
  expect(sink.addresses('default', 'db')).toEqual(['10.8.0.2']);
  engine.services = [];
  engine.tell('service', 'remove', 'id-web', { name: 'web' });
  await sink.until(() => sink.pods().length === 0);
});

test('an address that is given out after the event is seen', async () => {
  const { engine, sink, id } = await swarm();
  engine.services = [{ ID: 'id-web', Spec: { Name: 'web' }, Endpoint: {} }];
  const asked = (): number => engine.requests.filter((path) => path.endsWith('/services')).length;
  const before = asked();
  engine.tell('service', 'create', 'id-web', { name: 'web' });
  await sink.until(() => asked() > before);
  engine.services = [service('web', id, '10.8.0.2')];
  await sink.until(() => sink.addresses('default', 'web') !== undefined);
});

test('a hundred events at once are few lists', async () => {
  const { engine, sink, id } = await swarm();
  const asked = (): number => engine.requests.filter((path) => path.endsWith('/services')).length;
  const before = asked();
  engine.services = [service('web', id, '10.8.0.2')];
  for (let n = 0; n < 100; n++) engine.tell('service', 'update', 'id-web', { name: 'web' });
  await sink.until(() => sink.addresses('default', 'web') !== undefined);
  engine.services = [];
  engine.tell('service', 'remove', 'id-web', { name: 'web' });
  await sink.until(() => sink.addresses('default', 'web') === undefined);
  expect(asked() - before).toBeLessThan(20);
});

test('a swarm that has lost its leader keeps what it said last; an engine that leaves it has no services', async () => {
  const { engine, sink, id } = await swarm(FAST);
  engine.services = [service('web', id, '10.8.0.2')];
  engine.tell('service', 'create', 'id-web', { name: 'web' });
  await sink.until(() => sink.addresses('default', 'web') !== undefined);
  engine.leaderless = true;
  engine.run({ name: 'after', networks: { front: {} } });
  const lists = (): number => engine.requests.filter((path) => path.endsWith('/services')).length;
  const before = lists();
  await sink.until(() => lists() > before + 1 && sink.pods().includes('default/after'));
  expect(sink.addresses('default', 'web')).toEqual(['10.8.0.2']);
  engine.leaderless = false;
  engine.services = undefined;
  await sink.until(() => sink.addresses('default', 'web') === undefined);
});

test('a manager that does not list its services in time does not hold up its containers', async () => {
  let free = (): void => undefined;
  const wait = new Promise<void>((resolve) => (free = resolve));
  open = await stage((engine) => {
    engine.network('bridge', { net4: '10.1.0.0/24' });
    engine.run({ name: 'a', networks: { bridge: {} } });
    engine.services = [];
    engine.before = (path) => (path.endsWith('/services') ? wait : undefined);
  });
  const { sink } = open;
  await sink.until(() => sink.pods().includes('default/a'));
  free();
});
