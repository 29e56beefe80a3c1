/** kraud's stream: each line a whole view. */

import { PassThrough } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { kraudSource, viewReading, type KraudOptions } from '../../src/source/watch/kraud.ts';
import type { StreamEvent } from '../../src/source/reflector/dialect.ts';
import { MapSink } from './map-sink.ts';
import { WatchServer } from './watch-server.ts';
import type { Pod, Resource, Service, Source } from '../../src/model.ts';

const options: KraudOptions = {
  url: '-',
  vpc: 'aep',
  services6: ['fdcc:c10d::/32'],
  net6: ['fdfd:1a8::/48'],
};
let source: Source | undefined;
afterEach(() => source?.close());

const view = {
  V: {
    pod: {
      p1: {
        n: ['app', 'web'],
        d: 'shop',
        '6': 'fdfd:1a8::1',
        o: [{ i: 'v12', '4': '192.168.2.5/24', '6': '' }],
      },
      p2: { n: ['app'], d: 'shop', '6': 'fdfd:1a8::2', o: [{ i: 'v12', '4': '192.168.2.6' }] },
      p3: { n: ['db'], d: 'shop', '6': 'fdfd:1a8::3' },
      p4: { n: ['app'], d: 'other', '6': 'fdfd:1a8::4', o: [] },
      p5: { d: 'other' },
    },
    srv: { s1: { n: ['front'], d: 'shop', '6': 'fdcc:c10d::7', p: [{ p: 'tcp', l: 80 }] } },
  },
};

/** All events of one line. */
function eventsOf(text: string, more: Partial<KraudOptions> = {}): StreamEvent[] {
  const read = viewReading({ ...options, ...more }, () => '1');
  return [...read(Buffer.from(`${text}\n`))].flat();
}

function resources(document: object, more: Partial<KraudOptions> = {}): Map<string, Resource> {
  const events = eventsOf(JSON.stringify(document), more);
  const found = new Map<string, Resource>();
  for (const event of events) {
    if (event.type === 'put') found.set(`${event.resource.kind} ${event.resource.name}`, event.resource);
  }
  return found;
}

test('a view: replicas that share a name are called by their ids, and keep the name among their names', () => {
  const found = resources(view);
  expect([...found.keys()].sort()).toEqual(
    ['overlay v12', 'pod app', 'pod db', 'pod p1', 'pod p2', 'pod p5', 'service front', 'vpc aep'].sort(),
  );
  expect(found.get('pod p1')).toEqual({
    ...{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'p1', aid: 'p1', names: ['app', 'web'] },
    ...{ ip6: 'fdfd:1a8::1', ports: [], ready: true },
    overlays: [{ overlay: 'v12', ip4: '192.168.2.5', pinned: true }],
  } satisfies Pod);
  expect(found.get('pod app')).toMatchObject({ namespace: 'other', aid: 'p4', names: [] });
  expect(found.get('pod db')).toMatchObject({ aid: 'p3', names: [] });
  expect((found.get('service front') as Service).ports).toEqual([
    { name: 'tcp-80', protocol: 'tcp', port: 80 },
  ]);
  expect(found.get('vpc aep')).toMatchObject({ net6: ['fdfd:1a8::/48'], services6: ['fdcc:c10d::/32'] });
  expect(found.get('overlay v12')).toMatchObject({ namespace: 'shop', aid: 'v12' });
});

test('overlays whose names are known are called by them, and keep their aid', () => {
  const found = resources(view, { overlays: { v12: 'default' } });
  expect(found.get('overlay default')).toMatchObject({ aid: 'v12' });
  expect((found.get('pod p1') as Pod).overlays[0]!.overlay).toBe('default');
});

test('an id that is another pod’s first name takes neither’s place', () => {
  const found = resources({ V: { pod: { app: { n: ['x'], d: 'n' }, p2: { n: ['app'], d: 'n' } } } });
  expect([...found.keys()].sort()).toEqual(['pod p2', 'pod x', 'vpc aep']);
});

test('every line replaces everything; what is invalid in one keeps its last good version', async () => {
  const input = new PassThrough();
  const sink = new MapSink();
  source = kraudSource({ ...options, input });
  source.start(sink);
  input.write(JSON.stringify(view) + '\n');
  await sink.until(() => sink.commits === 1);
  expect(sink.visible.size).toBe(8);
  const next = {
    V: { pod: { p3: { n: ['db'], d: 'shop', '6': 'nonsense' }, p9: { n: ['new'], d: 'shop' } } },
  };
  input.write(JSON.stringify(next) + '\n');
  await sink.until(() => sink.commits === 2);
  expect([...sink.visible.keys()].sort()).toEqual(['pod aep/shop/db', 'pod aep/shop/new', 'vpc aep']);
  expect((sink.visible.get('pod aep/shop/db') as Pod).ip6).toBe('fdfd:1a8::3');
  expect(sink.standing.get('pod aep/shop/db')![0]!.place).toEqual({ text: 'line 2' });
});

test.each(['{"V":', '[]', '{}', '{"V":{"pod":[]}}', '{"V":7}'])('%s is not a view', (text) => {
  expect(eventsOf(text)).toMatchObject([{ type: 'malformed', place: { text: 'line 1' } }]);
});

test('odd entries are refused or passed over, never thrown at', () => {
  const odd = {
    V: {
      pod: {
        a: null,
        b: 7,
        c: { n: 'x', d: 5, o: [null, 3] },
        d: { n: [7], d: 'n' },
        e: { n: ['ok'], d: 'n' },
      },
    },
  };
  const events = eventsOf(JSON.stringify(odd));
  const put = events.flatMap((event) => (event.type === 'put' ? [event.resource.name] : []));
  expect(put).toEqual(['aep', 'ok']);
  expect(events.filter(({ type }) => type === 'refused').length).toBeGreaterThan(1);
});

test('over HTTP: a broken stream is asked for again, without a revision, and its view stays meanwhile', async () => {
  const server = new WatchServer();
  await server.listen();
  try {
    const sink = new MapSink();
    source = kraudSource({ ...options, url: server.url, random: () => 0.2 });
    source.start(sink);
    const first = await server.conversation(1);
    first.say(view, { V: { pod: { p1: { n: ['only'], d: 'shop' } } } });
    await sink.until(() => sink.commits === 2);
    first.cut();
    const second = await server.conversation(2);
    expect(second.url.search).toBe('');
    expect([...sink.visible.keys()]).toContain('pod aep/shop/only');
    expect(sink.lastState).toBe('lost');
    second.say(view);
    await sink.until(() => sink.commits === 3);
    await sink.until(() => sink.lastState === 'live');
    expect(sink.visible.size).toBe(8);
    expect(sink.violations).toEqual([]);
  } finally {
    server.close();
  }
});
