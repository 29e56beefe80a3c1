/** What an engine does at the wrong moment: races, losses, slow and broken answers, versions, restarts. */
import { afterEach, expect, test } from 'vitest';
import type { ScriptedEngine } from '../../harness/scripted-engine.ts';
import { stage, type Stage } from './docker-harness.ts';

let open: Stage | undefined;
afterEach(async () => {
  const { violations = [], doubles = [] } = open?.sink ?? {};
  await open?.end();
  open = undefined;
  expect(violations).toEqual([]);
  expect(doubles).toEqual([]);
});

async function live(setUp: (engine: ScriptedEngine) => void): Promise<Stage> {
  open = await stage(setUp);
  await open.sink.until(() => open!.sink.lastState === 'live');
  return open;
}

function bridge(engine: ScriptedEngine): void {
  engine.network('bridge', { net4: '172.17.0.0/24' });
}

/** Something that a test ends when it likes. */
function gate(): { wait: Promise<void>; open: () => void } {
  let release = (): void => undefined;
  const wait = new Promise<void>((resolve) => (release = resolve));
  return { wait, open: () => release() };
}

test.each([
  ['1.24', '1.24', '1.12', '/v1.24/'],
  ['1.41', '1.41', '1.12', '/v1.41/'],
  ['1.52', '1.52', '1.44', '/v1.52/'],
  ['1.55', '1.55', '1.40', '/v1.52/'],
  ['', '1.43', '1.24', '/v1.43/'],
])('an engine that says %j and speaks %s is spoken to so', async (version, spoken, minimum, path) => {
  const { engine, sink } = await live((engine) => {
    Object.assign(engine, { version, spoken, minimum });
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: { aliases: ['x'] } } });
  });
  expect(sink.pod('default', 'a')!.names).toContain('x');
  const versioned = engine.requests.filter((request) => !/^\/(_ping|version)$/.test(request));
  expect(versioned.length).toBeGreaterThan(3);
  for (const request of versioned) expect(request.startsWith(path)).toBe(true);
});

test('an engine that refuses the version names the one that it wants', async () => {
  const { engine, sink } = await live((engine) => {
    Object.assign(engine, { version: '1.60', spoken: '1.60', minimum: '1.55' });
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
  });
  expect(sink.pods()).toEqual(['default/a']);
  expect(engine.requests.filter((request) => request.startsWith('/v1.52/'))).toHaveLength(1);
});

test('what happens between the list and the subscription is not lost', async () => {
  let once = true;
  const { sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
    engine.before = (path) => {
      // The rows have been written when b starts and a goes.
      if (!path.startsWith(`/v1.41/containers/${engine.called('a')?.id}/`) || !once) return undefined;
      once = false;
      engine.run({ name: 'b', networks: { bridge: {} } });
      engine.remove(engine.called('a'));
      return undefined;
    };
  });
  await sink.until(() => sink.pods().join() === 'default/b');
});

test('an address that moves is never in two pods', async () => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
    engine.create({ name: 'b', networks: { bridge: {} } });
  });
  for (let round = 0; round < 10; round++) {
    const [from, to] = round % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
    // Every other time the engine is slow to say that the one has stopped.
    engine.before = (path) =>
      round % 3 > 0 && path.includes(engine.called(from!).id)
        ? new Promise((resolve) => setTimeout(resolve, 20))
        : undefined;
    engine.stopContainer(engine.called(from!));
    engine.startContainer(engine.called(to!));
    await sink.until(() => sink.addresses('default', to!)?.[0] === '172.17.0.2');
    await sink.until(() => sink.addresses('default', from!)?.length === 0);
  }
});

test('one container that does not answer does not hold up the others', async () => {
  const slow = gate();
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'slow', networks: { bridge: {} } });
    for (let i = 0; i < 30; i++) engine.run({ name: `a${i}`, networks: { bridge: {} } });
    const { id } = engine.called('slow');
    engine.before = (path) => (path.includes(id) ? slow.wait : undefined);
  });
  expect(sink.pods()).toHaveLength(30);
  expect(sink.reasons).toEqual([expect.stringMatching(/^the engine does not describe it: /)]);
  engine.run({ name: 'more', networks: { bridge: {} } });
  await sink.until(() => sink.pods().length === 31);
  slow.open();
  await sink.until(() => sink.pod('default', 'slow') !== undefined && sink.standing.size === 0);
});

test('a container keeps its last good version while the engine does not answer', async () => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
  });
  const slow = gate();
  engine.before = (path) => (path.includes('/containers/') ? slow.wait : undefined);
  engine.stopContainer(engine.called('a'));
  engine.network('sign', { net4: '10.9.0.0/24' });
  await sink.until(() => sink.overlay('default', 'sign') !== undefined);
  expect(sink.addresses('default', 'a')).toEqual(['172.17.0.2']);
  slow.open();
  await sink.until(() => sink.addresses('default', 'a')?.length === 0);
});

test.each([
  [
    'more than podns reads',
    () => JSON.stringify({ Id: 'x'.repeat(300_000) }),
    /has more than 262144 octets; give it/,
  ],
  ['nested too deeply', () => '['.repeat(40) + ']'.repeat(40), /nested more than 32 levels/],
  ['no JSON', () => '{"Id":', /is not JSON/],
  ['no container', () => '[]', /without Id or Name/],
])('an answer that is %s refuses that container alone', async (_what, text, reason) => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
    engine.run({ name: 'b', networks: { bridge: {} } });
  });
  const { id } = engine.called('a');
  engine.instead = (path) => (path.includes(id) ? text() : undefined);
  engine.setStatus(engine.called('a'), 'paused', 'pause');
  await sink.until(() => sink.standing.size > 0);
  expect(sink.reasons).toEqual([expect.stringMatching(reason)]);
  expect([...sink.standing.values()][0]![0]!.place).toEqual({ text: 'docker container a' });
  expect(sink.pod('default', 'a')).toMatchObject({ ready: true });
  expect(sink.pods()).toEqual(['default/a', 'default/b']);
  engine.instead = () => undefined;
  engine.setStatus(engine.called('a'), 'running', 'unpause');
  await sink.until(() => sink.standing.size === 0);
});

test('events that come before their effect, or not at all, are mended', async () => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
  });
  const a = engine.called('a');
  engine.tellContainer(a, 'pause');
  await new Promise((resolve) => setTimeout(resolve, 3));
  a.status = 'paused';
  await sink.until(() => !sink.pod('default', 'a')!.ready);
  engine.telling = false;
  a.status = 'running';
  engine.run({ name: 'b', networks: { bridge: {} } });
  engine.network('quiet', { net4: '10.9.0.0/24' });
  await sink.until(() => sink.pod('default', 'a')!.ready && sink.pod('default', 'b') !== undefined);
  await sink.until(() => sink.overlay('default', 'quiet') !== undefined);
  engine.remove(a);
  engine.removeNetwork('quiet');
  await sink.until(
    () => sink.pods().join() === 'default/b' && sink.overlay('default', 'quiet') === undefined,
  );
  engine.setHealth(engine.called('b'), 'unhealthy');
  await sink.until(() => !sink.pod('default', 'b')!.ready);
  engine.rename(engine.called('b'), 'c');
  await sink.until(() => sink.pods().join() === 'default/c');
});

test('a list that says nothing new changes nothing, and asks for no container', async () => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    // Nothing has happened for long.
    engine.telling = false;
    engine.run({ name: 'a', networks: { bridge: {} }, health: 'healthy' });
    engine.stopContainer(engine.run({ name: 'b', networks: { bridge: {} } }));
  });
  const lists = (): number => engine.requests.filter((path) => path.includes('/containers/json')).length;
  const { commits } = sink;
  const looks = engine.requests.filter((path) => /containers\/[0-9a-f]+/.test(path)).length;
  expect(looks).toBe(2);
  const seen = lists();
  await sink.until(() => lists() >= seen + 2);
  expect(sink.commits).toBe(commits);
  expect(engine.requests.filter((path) => /containers\/[0-9a-f]+/.test(path)).length).toBe(looks);
});

test('an event that nobody can read makes podns list again', async () => {
  const { engine, sink } = await live(bridge);
  engine.telling = false;
  engine.run({ name: 'a', networks: { bridge: {} } });
  engine.send(`{"Type":"container","Actor":{"ID":"${'x'.repeat(100_000)}"}}`);
  await sink.until(() => sink.pods().join() === 'default/a');
});

test('a rename is one change, and a recreate never takes the name from who has it', async () => {
  const { engine, sink } = await live((engine) => {
    engine.projectNetwork('shop', 'default', { net4: '10.1.0.0/24' });
    engine.service('shop', 'web');
  });
  const old = engine.called('shop-web-1');
  const labels = { ...old.labels, 'com.docker.compose.replace': old.id };
  const short = old.id.slice(0, 12);
  const next = engine.create({ name: `${short}_shop-web-1`, labels, networks: { shop_default: {} } });
  await sink.until(() => sink.pods().join() === `shop/${short}_shop-web-1,shop/web-1`);
  expect(sink.addresses('shop', 'web-1')).toEqual(['10.1.0.2']);
  engine.remove(old);
  await sink.until(() => sink.pods().length === 1);
  engine.rename(next, 'shop-web-1');
  engine.startContainer(next);
  await sink.until(() => sink.addresses('shop', 'web-1')?.[0] === '10.1.0.2');
  expect(sink.pods()).toEqual(['shop/web-1']);
  const { commits } = sink;
  engine.rename(next, 'other');
  await sink.until(() => sink.pods().join() === 'shop/other');
  expect(sink.commits).toBe(commits + 1);
});

test('an engine that restarts is found again, at a new socket of that name', async () => {
  const { engine, sink } = await live((engine) => {
    bridge(engine);
    engine.run({ name: 'a', networks: { bridge: {} } });
  });
  await engine.stop();
  await sink.until(() => sink.lastState === 'lost');
  expect(sink.pods()).toEqual(['default/a']);
  await sink.until(() => sink.states.at(-1)!.reason.includes('is the engine running?'));
  engine.run({ name: 'b', networks: { bridge: {} } });
  engine.remove(engine.called('a'));
  await engine.start();
  await sink.until(() => sink.lastState === 'live');
  await sink.until(() => sink.pods().join() === 'default/b');
});

test('an engine that is not there yet is waited for', async () => {
  open = await stage();
  const { engine, sink } = open;
  await engine.stop();
  await sink.until(() => sink.states.some(({ reason }) => reason.includes('is the engine running?')));
  await engine.start();
  await sink.until(() => sink.lastState === 'live');
});
