/** The image beside the saved view: when it is written, when it is used, and what is told meanwhile. */
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/table.ts';
import type { Pod, Resource } from '../../src/model.ts';
import type { Arena } from '../../src/trie/write/arena.ts';
import { encodeQuery } from '../harness/build.ts';
import { Clock } from '../catalog/saved-world.ts';
import { parseWire } from '../harness/wire.ts';
import { ImageWorld, RESERVE } from './image-world.ts';
import type { Life } from './image-world.ts';

const pod = (i: number): Pod => ({
  ...{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: `p${i}`, aid: `p${String(i).padStart(10, '0')}` },
  ...{ ip6: `fdfd:1a8::${(i + 1).toString(16)}`, names: [], ready: true, ports: [] },
  overlays: [{ overlay: 'default', ip4: `10.1.${i >> 8}.${i & 255}`, pinned: true }],
});
const RESOURCES: Resource[] = [
  { kind: 'vpc', name: 'aep', net6: ['fdfd:1a8::/48'], services6: [] },
  { kind: 'vpc', name: 'own', net6: [], services6: [], upstreams: ['127.0.0.1:9'] },
  ...Array.from({ length: 300 }, (_, i) => pod(i)),
];

let world = new ImageWorld();
beforeEach(() => {
  world = new ImageWorld();
});
afterEach(() => world.close());

const CLIENT = { address: '127.0.0.1', port: 4000, scope: 'aep/shop', local: '127.0.0.9', tcp: true };

async function ask(
  { server }: Pick<Life, 'server'>,
  name: string,
  type = 'AAAA',
  edns = false,
): Promise<Answered> {
  const packet = encodeQuery({ name, type, ...(edns && { edns: {} }) });
  const message = parseWire((await server.answer(packet, CLIENT))!);
  return { rcode: message.rcode, texts: message.answer.map(({ text }) => text), octets: message };
}

interface Answered {
  rcode: number;
  texts: string[];
  octets: ReturnType<typeof parseWire>;
}

/** A process that has left an image. */
async function left(config: Partial<Config> = {}): Promise<void> {
  const { server } = await world.grown(RESOURCES, config);
  await server.close(0);
  expect(existsSync(world.path)).toBe(true);
  world.lines = [];
}

it('is served before the records are there, as a saved view, and says so', async () => {
  await left();
  const life = await world.begin();
  const { server } = life;
  const restored = server.restore();
  expect((await ask(life, 'p7')).texts).toEqual(['fdfd:1a8::8']);
  expect((await ask(life, 'nosuch')).rcode).toBe(3);
  // Extended error 3: stale.
  const { edns: opt } = (await ask(life, 'p7', 'AAAA', true)).octets;
  expect(opt!.options.map(({ code, data }) => [code, data[1]])).toEqual([[15, 3]]);
  expect(server.restoring.count('pod')).toBe(300);
  expect(server.catalog.count('pod')).toBe(0);
  expect(server.readiness()).toEqual({
    ready: true,
    reasons: [
      'degraded: told: has not delivered yet, a saved view is served',
      'degraded: the records of the saved view are being loaded: names are answered, lists and explanations wait',
    ],
  });
  expect([...server.vpcNumbers()].map(([name]) => name).sort()).toEqual(['aep', 'own']);
  await expect(server.explain({ name: 'p7', from: 'shop/p1' })).rejects.toThrow('are being loaded');
  expect(server.restoring.get({ kind: 'vpc', vpc: 'own', namespace: '', name: '' })).toMatchObject({
    upstreams: ['127.0.0.1:9'],
  });
  const numbers = new Map(server.vpcNumbers());
  await restored;
  expect(server.catalog.count('pod')).toBe(300);
  expect(new Map(server.vpcNumbers())).toEqual(numbers);
  expect(server.readiness().reasons).toHaveLength(1);
  expect((await ask(life, 'p7')).texts).toEqual(['fdfd:1a8::8']);
  expect(await server.explain({ name: 'p7', from: 'shop/p1' })).toMatchObject({
    answer: { rcode: 'NOERROR' },
  });
  expect(world.lines.map(({ text }) => text)).toEqual([
    'the image of the saved view is served; its records are being loaded',
    'the saved view is served, and all of its records are there',
  ]);
});

it('holds an inventory until the records are there', async () => {
  await left();
  const life = await world.begin({ syncHold: 5000 });
  const restored = life.server.restore();
  const asked = ask(life, '_namespaces.vpc.internal', 'TXT');
  expect(life.server.restoring.isLoading).toBe(true);
  await restored;
  expect((await asked).texts).toEqual(['"shop"']);
});

/** Nothing of the image is left in its copy of the tables, and both copies hold the same. */
async function expectSame({ server }: Life): Promise<void> {
  const slots = (table: SharedArrayBuffer): number[] =>
    [...new Int32Array(table)].filter((word) => word !== 0).sort((a, b) => a - b);
  const { names, addresses } = server.memory;
  // The last change reaches the other copy once its readers have left.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(slots(names[0])).toEqual(slots(names[1]));
  expect(slots(addresses[0])).toEqual(slots(addresses[1]));
}

it('leaves nothing in the tables, however small they are', async () => {
  const { server } = await world.grown(RESOURCES.slice(0, 5));
  await server.close(0);
  const life = await world.begin();
  expect(life.image).toBeDefined();
  await life.server.start();
  life.source.say(false, [pod(1)]);
  await life.server.settled();
  await expectSame(life);
});

it('is gone once the records are there: its words are used again, and changes go on', async () => {
  await left();
  const life = await world.begin();
  await life.server.start();
  for (let round = 0; round < 5; round++) {
    life.source.say(
      false,
      Array.from({ length: 300 }, (_, i) => ({ ...pod(i), ready: round % 2 === 0 })),
    );
    await life.server.settled();
  }
  life.source.say(false, [pod(1000)]);
  await life.server.settled();
  expect((await ask(life, 'p1000')).texts).toEqual(['fdfd:1a8::3e9']);
  await expectSame(life);
  const { arena } = (life.server as unknown as { writer: { arena: Arena } }).writer;
  const used = arena.stretches(1024).reduce((sum, { from, to }) => sum + to - from, 0);
  // Both views lay in it, and those that came after.
  expect(used).toBeLessThan(2 * arena.used);
  expect(arena.fits(arena.words.length - 4 * used - 8192)).toBe(true);
});

it('keeps its size over many lives', async () => {
  await left();
  const sizes: number[] = [];
  for (let life = 0; life < 6; life++) {
    const { server, image } = await world.begin();
    expect(image).toBeDefined();
    await server.start();
    await server.close(0);
    sizes.push(statSync(world.path).size);
  }
  expect(Math.max(...sizes)).toBeLessThan(1.3 * Math.min(...sizes));
});

describe('is not used', () => {
  const flip = (at: (size: number) => number) => (): void => {
    const octets = readFileSync(world.path);
    const place = at(octets.length);
    octets[place] = octets[place]! ^ 1;
    writeFileSync(world.path, octets);
  };
  const view = (): string => join(world.state, 'view.ndjson');
  const cases: [string, RegExp, 'info' | 'warn', () => void][] = [
    ['with a bit turned at its beginning', /it is no image/, 'warn', flip(() => 3)],
    ['with a bit turned in its words', /wrong checksum/, 'warn', flip((size) => size - 5000)],
    ['with a bit turned in its tables', /wrong checksum/, 'warn', flip((size) => size >> 1)],
    ['with a bit turned in its checksum', /wrong checksum/, 'warn', flip((size) => size - 1)],
    ['cut', /another length/, 'warn', () => truncateSync(world.path, statSync(world.path).size - 1)],
    ['cut in its head', /length|ends too early|too long/, 'warn', () => truncateSync(world.path, 40)],
    ['empty', /ends too early/, 'warn', () => truncateSync(world.path, 0)],
    ['with more behind it', /another length/, 'warn', () => appendFileSync(world.path, 'x')],
    [
      'beside a view that has been written since',
      /another one/,
      'info',
      () => appendFileSync(view(), '{}\n'),
    ],
  ];
  it.each(cases)('%s', async (_, reason, level, spoil) => {
    await left();
    spoil();
    const life = await world.begin();
    expect(life.image).toBeUndefined();
    expect(world.lines).toEqual([{ level, text: expect.stringMatching(reason) as string }]);
    await life.server.restore();
    if (level === 'warn') expect((await ask(life, 'p7')).texts).toEqual(['fdfd:1a8::8']);
  });

  it('by another version, or with other settings, or where it does not fit', async () => {
    await left();
    const other = [
      await world.begin({}, { version: '2' }),
      await world.begin({ aRecords: 'all' }),
      await world.begin({ zone: 'other.internal' }),
      await world.begin({ suffixes: [{ name: 'svc.test', flat: false }] }),
      await world.begin({ forward: 'off' }),
      await world.begin({ hosts: { 'a.test': ['10.0.0.1'] } }),
    ];
    expect(other.map(({ image }) => image)).toEqual(other.map(() => undefined));
    for (const line of world.lines)
      expect(line).toEqual({
        level: 'info',
        text: expect.stringContaining('another version of podns') as string,
      });
    world.lines = [];
    const small = await world.begin({}, { reserve: { ...RESERVE, arena: 1 << 16 } });
    expect(small.image).toBeUndefined();
    expect(world.lines[0]!.text).toMatch(/does not fit|beyond the end/);
    await small.server.close(0);
  });

  it('once a record has been saved after it, also by a process that was killed', async () => {
    const life = await world.grown(RESOURCES);
    await life.server.close(0);
    const second = await world.begin();
    expect(second.image).toBeDefined();
    await second.server.start();
    second.source.say(false, [{ ...pod(7), ip6: 'fdfd:1a8::777' }]);
    await second.server.settled();
    const journals = (): number =>
      readdirSync(world.state)
        .filter((name) => name.includes('journal'))
        .reduce((sum, name) => sum + statSync(join(world.state, name)).size, 0);
    const before = journals();
    await expect.poll(journals).toBeGreaterThan(before);
    world.lines = [];
    // As after kill -9: nothing is written at the end.
    const third = await world.begin();
    expect(third.image).toBeUndefined();
    expect(world.lines[0]).toEqual({
      level: 'info',
      text: expect.stringContaining('records have been saved since') as string,
    });
    await third.server.restore();
    expect((await ask(third, 'p7')).texts).toEqual(['fdfd:1a8::777']);
  });
});

it('stays good while sources only give signs of life', async () => {
  await left();
  const second = await world.begin();
  await second.server.start();
  second.source.sink!.bookmark('9');
  second.server.subscribers.commit();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const third = await world.begin();
  expect(third.image, JSON.stringify(world.lines)).toBeDefined();
});

it('goes with its view where that turns out to be damaged: queries are held, not denied', async () => {
  await left();
  const life = await world.begin({ syncHold: 50 });
  expect(life.image).toBeDefined();
  // After it was compared: a disk that fails.
  const view = join(world.state, 'view.ndjson');
  const octets = readFileSync(view);
  octets[octets.length >> 1] = octets[octets.length >> 1]! ^ 1;
  writeFileSync(view, octets);
  const restored = life.server.restore();
  expect((await ask(life, 'p7')).texts).toEqual(['fdfd:1a8::8']);
  const rcodes = new Set<number>();
  let done = false;
  void restored.then(() => (done = true));
  while (!done) {
    rcodes.add((await ask(life, 'p7')).rcode);
    await new Promise(setImmediate);
  }
  expect((await ask(life, 'p7', 'AAAA')).rcode).toBe(2);
  expect([...rcodes].every((rcode) => rcode === 0 || rcode === 2)).toBe(true);
  expect(life.server.readiness().ready).toBe(false);
  expect(world.lines.at(-1)).toMatchObject({ level: 'warn' });
});

it('leaves everything as it was where the process ends while records are being loaded', async () => {
  await left();
  const before = readdirSync(world.state).map((name) => [name, readFileSync(join(world.state, name), 'hex')]);
  const life = await world.begin();
  const restored = life.server.restore();
  void restored;
  life.server.handing.release();
  await life.server.close(0);
  expect(
    readdirSync(world.state).map((name) => [name, readFileSync(join(world.state, name), 'hex')]),
  ).toEqual(before);
  const next = await world.begin();
  expect(next.image).toBeDefined();
  await next.server.restore();
  expect((await ask(next, 'p299')).texts).toEqual(['fdfd:1a8::12c']);
});

it('is not written by a process that does not have the folder', async () => {
  const life = await world.grown(RESOURCES);
  await expect.poll(() => existsSync(join(world.state, 'view.ndjson'))).toBe(true);
  life.server.handing.hold();
  await life.server.close(0);
  expect(existsSync(world.path)).toBe(false);
});

describe('of a quiet server', () => {
  it('is written while it runs, and again after a change, but not too often', async () => {
    const clock = new Clock();
    const life = await world.grown(RESOURCES, {}, clock);
    await expect.poll(() => existsSync(join(world.state, 'view.ndjson'))).toBe(true);
    await clock.pass(9000);
    expect(existsSync(world.path)).toBe(false);
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        await clock.pass(1000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await pass(10);
    await expect.poll(() => existsSync(world.path)).toBe(true);
    const { ino } = statSync(world.path);
    await pass(100);
    expect(statSync(world.path).ino).toBe(ino);
    life.source.say(false, [{ ...pod(7), ip6: 'fdfd:1a8::777' }]);
    await life.server.settled();
    await pass(20);
    await expect.poll(() => statSync(world.path).ino).not.toBe(ino);
    const second = statSync(world.path).ino;
    life.source.say(false, [{ ...pod(7), ip6: 'fdfd:1a8::778' }]);
    await life.server.settled();
    await pass(20);
    expect(statSync(world.path).ino).toBe(second);
    await pass(60);
    await expect.poll(() => statSync(world.path).ino).not.toBe(second);
    // As after kill -9.
    const next = await world.begin();
    expect(next.image, JSON.stringify(world.lines)).toBeDefined();
    void next.server.restore();
    expect((await ask(next, 'p7')).texts).toEqual(['fdfd:1a8::778']);
    await next.server.restore();
  });

  it('is written at once where the view has been written whole anew, to which the last one does not belong', async () => {
    const clock = new Clock();
    const many = Array.from({ length: 8000 }, (_, i) => pod(i));
    const life = await world.grown([...RESOURCES, ...many], {}, clock);
    const view = join(world.state, 'view.ndjson');
    const pass = async (isOver: () => boolean): Promise<void> => {
      for (let i = 0; i < 40 && !isOver(); i++) {
        await clock.pass(100);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await pass(() => existsSync(view));
    // Of the view before.
    writeFileSync(world.path, '', { mode: 0o600 });
    const old = statSync(world.path).ino;
    const { ino } = statSync(view);
    for (let n = 1; n < 5 && statSync(view).ino === ino; n++) {
      const said = many.map((one) => ({ ...one, ready: n % 2 === 0 }));
      life.source.say(false, said);
      await life.server.settled();
      await pass(() => statSync(view).ino !== ino);
    }
    expect(statSync(view).ino).not.toBe(ino);
    await pass(() => statSync(world.path).ino !== old);
    // Not ten seconds after the last change.
    expect(clock.time).toBeLessThan(10_000);
    const next = await world.begin();
    expect(next.image, JSON.stringify(world.lines)).toBeDefined();
    await next.server.restore();
    expect(life.server.catalog.count('pod')).toBe(8000);
  });

  it('is given up where a change comes while it is written, and written then', async () => {
    const clock = new Clock();
    const life = await world.grown(RESOURCES, {}, clock);
    await expect.poll(() => existsSync(join(world.state, 'view.ndjson'))).toBe(true);
    clock.time += 20_000;
    for (const entry of clock.waiting.splice(0)) entry.run();
    life.source.say(false, [{ ...pod(7), ip6: 'fdfd:1a8::777' }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(existsSync(world.path)).toBe(false);
    expect(readdirSync(world.state).filter((name) => name.includes('tmp'))).toEqual([]);
    await life.server.close(0);
    const next = await world.begin();
    void next.server.restore();
    expect((await ask(next, 'p7')).texts).toEqual(['fdfd:1a8::777']);
    await next.server.restore();
  });
});

it('is of mode 0600, and nothing else is left beside it', async () => {
  await left();
  expect(statSync(world.path).mode & 0o777).toBe(0o600);
  expect(readdirSync(world.state).filter((name) => name.includes('tmp'))).toEqual([]);
});
