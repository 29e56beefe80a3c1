/** The watch source against a scripted server: what it asks, what it applies, and what it does when things go wrong. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { retryAfterOf } from '../../src/source/watch/http.ts';
import { watchSource, type WatchOptions } from '../../src/source/watch/watch.ts';
import { ManualClock } from './manual-clock.ts';
import { MapSink } from './map-sink.ts';
import { pod, snapshot, WatchServer } from './watch-server.ts';
import type { Pod, Source } from '../../src/model.ts';

let server: WatchServer;
let source: Source | undefined;

beforeEach(async () => {
  server = new WatchServer();
  await server.listen();
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  server.close();
});

function follow(options: Partial<WatchOptions> = {}): MapSink {
  const sink = new MapSink();
  source = watchSource({ url: server.url, random: () => 0.2, ...options });
  source.start(sink);
  return sink;
}

function names(sink: MapSink): string[] {
  return [...sink.visible.keys()].map((key) => key.replace('pod v/n/', ''));
}

describe('asking', () => {
  test('first without a revision, after a loss with the last one, and with the VPCs wanted', async () => {
    const sink = follow({ vpcs: ['v', 'w'] });
    const first = await server.conversation(1);
    expect(first.url.search).toBe('?vpc=v&vpc=w');
    first.say(...snapshot('41', pod('a')), { type: 'bookmark', revision: '43' });
    await sink.until(() => sink.revision === '43');
    first.cut();
    const second = await server.conversation(2);
    expect(second.url.search).toBe('?vpc=v&vpc=w&revision=43');
    second.say({ type: 'put', revision: '44', object: pod('b') });
    await sink.until(() => sink.revision === '44');
    expect(names(sink)).toEqual(['a', 'b']);
    expect(sink.states.map(({ state }) => state)).toEqual(['starting', 'live', 'lost', 'live']);
  });

  test('410: the next question is without a revision, and the list replaces everything at once', async () => {
    const sink = follow();
    (await server.conversation(1)).say(...snapshot('5', pod('a')));
    await sink.until(() => sink.commits === 1);
    (await server.conversation(1)).response.end();
    (await server.conversation(2)).refuse(410);
    const third = await server.conversation(3);
    expect(third.url.search).toBe('');
    third.say(...snapshot('2', pod('b')));
    await sink.until(() => sink.commits === 2);
    expect(names(sink)).toEqual(['b']);
    expect(sink.revision).toBe('2');
  });

  test('Retry-After is honoured', async () => {
    const clock = new ManualClock();
    const sink = follow({ clock, random: () => 0 });
    (await server.conversation(1)).refuse(503, { 'retry-after': '7' }, 'busy');
    await sink.until(() => sink.states.length === 2);
    expect(sink.states[1]).toEqual({ state: 'starting', reason: '503 Service Unavailable: busy' });
    await new Promise(setImmediate);
    expect(clock.asked.at(-1)).toBe(7000);
    clock.advance(7000);
    await server.conversation(2);
  });

  test('Retry-After in seconds and as a date, bounded, never negative', () => {
    const now = Date.parse('2026-11-22T10:00:00Z');
    const read = (header?: string): number => retryAfterOf(header, now);
    expect([read('7'), read(' 0 '), read(undefined), read('soon')]).toEqual([7000, 0, 0, 0]);
    expect(read('Sun, 22 Nov 2026 10:00:30 GMT')).toBe(30_000);
    expect(read('Sun, 22 Nov 2026 09:00:00 GMT')).toBe(0);
    expect(read('99999999')).toBe(300_000);
  });

  test('401 fails a source that has no view, with the words of the server', async () => {
    const sink = follow();
    (await server.conversation(1)).refuse(401, {}, 'no such token');
    await sink.until(() => sink.lastState === 'failed');
    expect(sink.states.at(-1)!.reason).toBe('401 Unauthorized: no such token');
  });

  test('a page instead of a stream is said so', async () => {
    const sink = follow();
    (await server.conversation(1)).refuse(200, { 'content-type': 'text/html' }, '<html>');
    await sink.until(() => sink.states.length === 2);
    expect(sink.states[1]!.reason).toBe('/v1/watch is a page, not a watch stream; try /v1/watch');
  });

  test('a server that does not answer, and one that falls silent, are asked again', async () => {
    const sink = follow({ connectTimeout: 200, stallAfter: 400 });
    await server.conversation(1);
    (await server.conversation(2)).say(...snapshot('5', pod('a')));
    const third = await server.conversation(3);
    expect(third.url.search).toBe('?revision=5');
    expect(sink.states.map(({ reason }) => reason.replace(/127.*: /, ''))).toEqual([
      ...['', 'no answer within 0.2 s', '', 'nothing was heard for 0.4 s'],
    ]);
  });
});

describe('applying', () => {
  test('the lines of one revision are one change; "at" is handed on', async () => {
    const sink = follow();
    const server1 = await server.conversation(1);
    const at = '2026-11-22T10:00:00.123Z';
    server1.say(...snapshot('41', pod('a', { ip6: 'fd00::1' })));
    server1.say({ type: 'put', revision: '42', at, object: pod('b', { ip6: 'fd00::1' }), more: true });
    await sink.until(() => sink.log.at(-1) === 'put pod v/n/b');
    expect(names(sink)).toEqual(['a']);
    server1.say({ type: 'delete', revision: '42', object: pod('a') });
    await sink.until(() => sink.revision === '42');
    expect(names(sink)).toEqual(['b']);
    expect(sink.lastAt).toBe(Date.parse(at));
  });

  test('a snapshot that is cut leaves nothing; the next whole one counts', async () => {
    const sink = follow();
    (await server.conversation(1)).say(...snapshot('5', pod('a'), pod('b')).slice(0, 2));
    await sink.until(() => sink.log.includes('put pod v/n/a'));
    (await server.conversation(1)).cut();
    const second = await server.conversation(2);
    expect(sink.visible.size).toBe(0);
    second.say(...snapshot('6', pod('c')));
    await sink.until(() => sink.commits === 1);
    expect(names(sink)).toEqual(['c']);
    expect(sink.violations).toEqual([]);
  });

  test('a line cut by the end of the stream is not a line', async () => {
    const sink = follow();
    const first = await server.conversation(1);
    first.say(...snapshot('5', pod('a')));
    await first.write(
      '{"type":"delete","revision":"6","object":{"kind":"pod","vpc":"v","namespace":"n","name":"a"}}',
    );
    first.response.end();
    const second = await server.conversation(2);
    expect(second.url.search).toBe('?revision=5');
    expect(names(sink)).toEqual(['a']);
    expect(sink.standing.size).toBe(0);
  });

  test('an invalid resource is refused with its place, its last good version stays, also in a list', async () => {
    const sink = follow();
    const first = await server.conversation(1);
    first.say(...snapshot('5', pod('a', { ip6: 'fd00::1' })));
    first.say(
      { type: 'put', revision: '6', object: pod('A', { ip6: 'fd00::x' }), more: true },
      { type: 'put', revision: '6', object: pod('b') },
      { type: 'put', revision: '7', object: { kind: 'thing' } },
    );
    await sink.until(() => sink.revision === '7');
    expect(names(sink)).toEqual(['a', 'b']);
    const problem = sink.standing.get('pod v/n/a')![0]!;
    expect(problem.place).toEqual({ text: 'line 4' });
    expect(problem.reason).toMatch(/^ip6: /);
    expect(sink.standing.get('line 6')![0]!.reason).toMatch(/"thing".*must be one of/);
    first.say(...snapshot('8', pod('a', { ip6: 5 }), pod('c')));
    await sink.until(() => sink.revision === '8' && sink.standing.size === 1);
    expect(names(sink).sort()).toEqual(['a', 'c']);
    expect((sink.visible.get('pod v/n/a') as Pod).ip6).toBe('fd00::1');
  });

  test('unknown keys in a stream are ignored', async () => {
    const sink = follow();
    (await server.conversation(1)).say(...snapshot('5', pod('a', { fromTheFuture: { x: 1 } })));
    await sink.until(() => sink.commits === 1);
    expect(names(sink)).toEqual(['a']);
  });

  test.each<[string, (object | string)[], string]>([
    ['no JSON', ['{"type":'], 'line 4: not JSON'],
    ['no object', ['[]'], 'line 4: not a JSON object'],
    ['an unknown type', [{ type: 'patch', revision: '6' }], 'line 4: unknown type "patch"'],
    ['no revision', [{ type: 'put', object: pod('x') }], 'line 4: "revision" must be a decimal number'],
    ['an older revision', [{ type: 'put', revision: '4', object: pod('x') }], 'revision 4 after 5'],
    [
      'a second group of one revision',
      [{ type: 'put', revision: '5', object: pod('x') }],
      'revision 5 after 5',
    ],
    [
      'a line that is too long, and nothing else',
      ['x'.repeat(70_000)],
      'line 4: has 70000 octets, at most 69632',
    ],
  ])('%s: a problem with its place, and everything is listed again', async (_name, lines, problem) => {
    const sink = follow();
    const first = await server.conversation(1);
    first.say(...snapshot('5', pod('a')), ...lines, { type: 'put', revision: '9', object: pod('never') });
    const second = await server.conversation(2);
    expect(second.url.search).toBe('');
    expect(names(sink)).toEqual(['a']);
    const [standing] = [...sink.standing.values()].flat();
    expect(`${standing!.place?.text ?? ''}: ${standing!.reason}`).toContain(problem);
    second.say(...snapshot('9', pod('b')));
    await sink.until(() => sink.commits === 2 && sink.standing.size === 0);
    expect(names(sink)).toEqual(['b']);
  });

  test('characters cut by the borders of chunks arrive whole', async () => {
    const sink = follow();
    const first = await server.conversation(1);
    const created = { kind: 'namespace', vpc: 'v', name: 'n', note: '日本語 – ü' };
    const lines = snapshot('5', created, pod('a')).map((line) => JSON.stringify(line) + '\n');
    const bytes = Buffer.from(lines.join(''));
    const middle = bytes.indexOf(Buffer.from('本')) + 1;
    await first.write(bytes.subarray(0, middle));
    await first.write(bytes.subarray(middle, middle + 1));
    await first.write(bytes.subarray(middle + 1));
    await sink.until(() => sink.commits === 1);
    expect(sink.visible.size).toBe(2);
    expect(sink.standing.size).toBe(0);
  });

  test('a slow sink slows the server down instead of filling the memory', async () => {
    const sink = follow();
    let release = (): void => undefined;
    sink.beforeCommit = () => new Promise((resolve) => (release = resolve));
    const first = await server.conversation(1);
    first.say(...snapshot('5'));
    const line = JSON.stringify({ type: 'bookmark', revision: '5', padding: 'x'.repeat(60_000) }) + '\n';
    let written = 0;
    while (first.response.write(line) || written < 100) written++;
    await new Promise((resolve) => setTimeout(resolve, 100));
    // What neither the sockets nor one chunk can hold is still with the server.
    const stuck = first.response.writableLength;
    expect(stuck).toBeGreaterThan(0);
    sink.beforeCommit = undefined;
    release();
    first.say({ type: 'put', revision: '6', object: pod('last') });
    await sink.until(() => sink.revision === '6');
  });
});
