/** Zone files beside the main thread: in slices, one thread for all, gone when idle, and no file can hang it. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alias } from 'yaml';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { problemText } from '../../src/model.ts';
import { LONGEST_SLICE, slices } from '../../src/source/reflector/slices.ts';
import { FILE_OCTETS_MAX, FILES_MAX, parseZoneOctets, readZones } from '../../src/source/zones/zone-dir.ts';
import { ZoneThread } from '../../src/source/zones/zone-thread.ts';
import { zones } from '../../src/source/zones/zones.ts';
import { ManualClock } from './manual-clock.ts';
import { MapSink } from './map-sink.ts';

function file(pods: number, more = ''): Buffer {
  let text = `vpc: a\n${more}namespaces:\n  n:\n    pods:\n      p0: &pod { ip6: "fd00::1" }\n`;
  for (let i = 1; i < pods; i++) text += `      p${i}: { <<: *pod, names: [web] }\n`;
  return Buffer.from(text);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-thread-'));
  slices.longest = 0;
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  expect(slices.longest).toBeLessThanOrEqual(LONGEST_SLICE);
});

test('what the thread finds is what is found without one, problems and places as well', async () => {
  const thread = new ZoneThread();
  const texts = [
    file(300),
    file(300, 'id: [\n'),
    file(5, 'upstreams: [x, y]\nid: "a b"\n'),
    Buffer.from([0xff, ...file(9)]),
  ];
  for (const octets of texts) {
    const zone = await thread.parse(Buffer.from(octets), 'z.yaml', { zone: 'vpc.internal' });
    expect(zone).toEqual(parseZoneOctets(octets, 'z.yaml', { zone: 'vpc.internal' }));
  }
  expect(thread.started).toBe(1);
});

test('one thread does one file after the other, and ends when it has nothing to do', async () => {
  const clock = new ManualClock();
  const thread = new ZoneThread({ clock, idle: 50, patience: 1000 });
  const both = await Promise.all([thread.parse(file(40), 'a', {}), thread.parse(file(50), 'b', {})]);
  expect(both.map(({ placed }) => placed.length)).toEqual([42, 52]);
  expect(thread.running).toBe(true);
  clock.advance(49);
  expect(thread.running).toBe(true);
  clock.advance(1);
  expect(thread.running).toBe(false);
  expect((await thread.parse(file(40), 'a', {})).placed).toHaveLength(42);
  expect(thread.started).toBe(2);
  clock.advance(50);
});

test('a few names need no thread', async () => {
  const thread = new ZoneThread();
  const small = Buffer.from('vpc: a\nnamespaces: { n: { pods: { db: { ip6: "fd00::1" } } } }\n');
  expect((await thread.parse(small, 'a', {})).placed).toHaveLength(3);
  expect(thread.started).toBe(0);
});

test('a few small files need none at the start, but aliases and more files do, and edits do later', async () => {
  const pods = (count: number): Buffer =>
    Buffer.from(
      `vpc: a\nnamespaces:\n  n:\n    pods:\n${Array.from({ length: count }, (_, i) => `      p${i}: { ip6: "fd00::${i}" }\n`).join('')}`,
    );
  const thread = new ZoneThread();
  expect(thread.wants(pods(100))).toBe(true);
  expect((await thread.parse(pods(100), 'a', {})).placed).toHaveLength(102);
  expect((await thread.parse(pods(200), 'b', {})).placed).toHaveLength(202);
  expect(thread.started).toBe(0);
  expect((await thread.parse(pods(200), 'c', {})).placed).toHaveLength(202);
  expect(thread.started).toBe(1);

  const aliased = new ZoneThread();
  expect((await aliased.parse(file(40), 'a', {})).placed).toHaveLength(42);
  expect(aliased.started).toBe(1);

  const large = new ZoneThread();
  expect((await large.parse(pods(1000), 'a', {})).placed).toHaveLength(1002);
  expect(large.started).toBe(1);
});

test('it starts as soon as something is about to change, and rests again', async () => {
  const clock = new ManualClock();
  const thread = new ZoneThread({ clock, idle: 50 });
  thread.warm();
  expect(thread.running).toBe(true);
  clock.advance(49);
  thread.warm();
  clock.advance(49);
  expect(thread.running).toBe(true);
  clock.advance(1);
  expect(thread.running).toBe(false);
  expect(thread.started).toBe(1);
});

test('a folder of too many files is not read, in serve and in check', async () => {
  for (let i = 0; i <= FILES_MAX; i++) writeFileSync(join(folder, `${i}.yaml`), '');
  const reason = 'has more than 4096 zone files: merge some of them';
  expect(readZones(folder).problems.map(problemText)).toEqual([`${folder}: ${reason}`]);
  const sink = new MapSink();
  const source = zones(folder);
  source.start(sink);
  await sink.until(() => sink.states.length > 0);
  expect(sink.states).toEqual([{ state: 'starting', reason: `${folder} ${reason}` }]);
  await source.close();
});

test('who closes does not wait for a file that is being read', async () => {
  writeFileSync(join(folder, 'a.yaml'), file(20_000));
  const sink = new MapSink();
  let order: (() => void) | undefined;
  const thread = new ZoneThread();
  const parse = thread.parse.bind(thread);
  const ordered = new Promise<void>((resolve) => (order = resolve));
  let found = false;
  thread.parse = (...args) => {
    order!();
    return parse(...args).then((zone) => ((found = true), zone));
  };
  const source = zones(folder, { thread });
  source.start(sink);
  await ordered;
  await source.close();
  expect(found).toBe(false);
  expect(sink.log).toEqual([]);
});

test('a file that takes too long is refused, and the next is read by a new thread', async () => {
  const clock = new ManualClock();
  const thread = new ZoneThread({ clock, patience: 1000 });
  const slow = thread.parse(file(20_000), 'slow.yaml', {});
  await Promise.resolve();
  const next = thread.parse(file(40), 'next.yaml', {});
  await Promise.resolve();
  clock.advance(1000);
  const zone = await slow;
  expect(zone.usable).toBe(false);
  expect(zone.problems.map(problemText)).toEqual(['slow.yaml:1:1: takes more than 1 s to read: split it']);
  expect((await next).placed).toHaveLength(42);
  expect(thread.started).toBe(2);
});

test('aliases are looked up in one walk: none is searched for by itself', () => {
  const resolve = vi.spyOn(Alias.prototype, 'resolve');
  const { placed, problems } = parseZoneOctets(file(2000), 'z.yaml', {});
  expect(problems).toEqual([]);
  expect(placed).toHaveLength(2002);
  expect(placed[1000]!.resource).toMatchObject({ ip6: 'fd00::1', names: ['web'] });
  expect(resolve).not.toHaveBeenCalled();
});

test('a directory of many records is compared and handed on in slices, and only what changed', async () => {
  writeFileSync(join(folder, 'a.yaml'), file(2000));
  const sink = new MapSink();
  const source = zones(folder);
  source.start(sink);
  await sink.until(() => sink.lastState === 'live');
  expect(sink.visible.size).toBe(2002);
  writeFileSync(join(folder, 'b.yaml'), 'vpc: b\nnet6: [fd01::/48]\n');
  await sink.until(() => sink.commits === 2);
  expect(sink.log.slice(-3)).toEqual(['begin delta 2', 'put vpc b', 'commit']);
  await source.close();
  expect(sink.violations).toEqual([]);
});

test('a file refused for its size says so in serve and in check', async () => {
  const path = join(folder, 'big.yaml');
  writeFileSync(path, Buffer.alloc(FILE_OCTETS_MAX + 1, ' '));
  const reason = `${path}:1:1: the file has 4194305 octets; at most 4194304 are read: split it`;
  expect(readZones(folder).problems.map(problemText)).toEqual([reason]);
  const sink = new MapSink();
  const source = zones(folder);
  source.start(sink);
  await sink.until(() => sink.standing.size > 0);
  expect([...sink.standing.values()].flat().map(problemText)).toEqual([reason]);
  await source.close();
});

test('the thread keeps no process alive', () => {
  const script = join(folder, 'ends.mjs');
  const module = new URL('../../dist/source/zones/zone-thread.js', import.meta.url);
  writeFileSync(
    script,
    `import { ZoneThread } from ${JSON.stringify(module.href)};
     const alive = setInterval(() => undefined, 1000);
     const thread = new ZoneThread({ idle: 3600000 });
     const { placed } = await thread.parse(Buffer.from(${JSON.stringify(file(40).toString())}), 'a', {});
     console.log(placed.length, thread.running);
     clearInterval(alive);`,
  );
  expect(execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 })).toBe('42 true\n');
});
