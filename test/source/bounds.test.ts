/** No value stops a source, takes a long turn, or costs another record anything; counted in steps, not by a clock. */

import http from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { boundFault, LINE_OCTETS_MAX, RECORD_MAX } from '../../src/source/validate/bounds.ts';
import { putEvent } from '../../src/source/etcd/events.ts';
import { etcdSources } from '../../src/source/etcd/etcd.ts';
import { kraudSource } from '../../src/source/watch/kraud.ts';
import { LIST_MAX } from '../../src/source/validate/schema-fields.ts';
import { LONGEST_SLICE, slices } from '../../src/source/reflector/slices.ts';
import { validateResource } from '../../src/source/validate/validate.ts';
import { watchSource } from '../../src/source/watch/watch.ts';
import { FILE_OCTETS_MAX, FILES_MAX } from '../../src/source/zones/zone-dir.ts';
import { base64 } from './etcd-harness.ts';
import { HOSTILE } from './hostile-values.ts';
import { MapSink } from './map-sink.ts';
import type { Source } from '../../src/model.ts';

const sources: Source[] = [];
let sink: MapSink;
beforeEach(() => {
  sink = new MapSink();
  slices.longest = 0;
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  expect(sink.violations).toEqual([]);
  expect(slices.longest).toBeLessThanOrEqual(LONGEST_SLICE);
});

function start(source: Source): void {
  sources.push(source);
  source.start(sink);
}

const LAST_GOOD = '"ip6":"fd00::1"';
const evil = (body: string): string => `{"kind":"pod","vpc":"v","namespace":"n","name":"evil",${body}}`;

describe('the watch stream', () => {
  const put = (revision: number, object: string): string =>
    `{"type":"put","revision":"${revision}","object":${object}}\n`;
  const good = (name: string): string => `{"kind":"pod","vpc":"v","namespace":"n","name":"${name}"}`;

  it.each(HOSTILE)(
    '%s: refused alone, by its name, and its last good version stays',
    async (_what, body, reason) => {
      const input = new PassThrough();
      start(watchSource({ url: '-', input }));
      const whole = put(1, evil(LAST_GOOD)) + '{"type":"synced","revision":"1"}\n';
      input.write(`{"type":"snapshot","revision":"1"}\n${whole}`);
      input.write(put(2, evil(body)) + put(3, good('next')));
      await sink.until(() => sink.revision === '3');
      expect(sink.visible.get('pod v/n/evil')).toMatchObject({ ip6: 'fd00::1' });
      expect([...sink.visible.keys()]).toContain('pod v/n/next');
      expect([...sink.standing.keys()]).toEqual(['pod v/n/evil']);
      expect(sink.reasons[0]).toMatch(reason);
      // In a whole state as well.
      input.write(`{"type":"snapshot","revision":"4"}\n${put(4, evil(body))}${put(4, good('other'))}`);
      input.write('{"type":"synced","revision":"4"}\n');
      await sink.until(() => sink.revision === '4');
      expect([...sink.visible.keys()].sort()).toEqual(['pod v/n/evil', 'pod v/n/other']);
    },
  );

  it('octets that are not UTF-8 inside an object cost that object alone', async () => {
    const input = new PassThrough();
    start(watchSource({ url: '-', input }));
    input.write('{"type":"snapshot","revision":"1"}\n{"type":"synced","revision":"1"}\n');
    const [before, after] = put(2, evil('"aid":"?"')).split('?') as [string, string];
    input.write(
      Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after + put(3, good('next')))]),
    );
    await sink.until(() => sink.revision === '3');
    expect([...sink.standing]).toMatchObject([['pod v/n/evil', [{ reason: 'the line is not UTF-8' }]]]);
  });

  it('ten thousand lines at once are many slices', async () => {
    const input = new PassThrough();
    start(watchSource({ url: '-', input }));
    const lines = Array.from({ length: 10_000 }, (_, i) => put(1, good(`p${i}`)));
    input.write(`{"type":"snapshot","revision":"1"}\n${lines.join('')}{"type":"synced","revision":"1"}\n`);
    await sink.until(() => sink.commits === 1);
    expect(sink.visible.size).toBe(10_000);
  });
});

describe('etcd', () => {
  const header = { cluster_id: '1', member_id: '2', revision: '10', raft_term: '2' };
  const kv = (name: string, value: string, revision: number): object => ({
    ...{ key: base64(`/podns/v/pod/n/${name}`), create_revision: '3' },
    ...{ mod_revision: String(revision), version: '1', value: base64(value) },
  });
  let server: http.Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function follow(listed: object[], watched: object[][]): Promise<void> {
    server = http.createServer((request, response) => {
      if (request.url === '/v3/kv/range') return response.end(JSON.stringify({ header, kvs: listed }));
      response.write(`${JSON.stringify({ result: { header, created: true } })}\n`);
      for (const events of watched) response.write(`${JSON.stringify({ result: { header, events } })}\n`);
      return undefined;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    start(etcdSources({ endpoints: [`http://127.0.0.1:${port}`], random: () => 0 })[0]!);
  }

  it.each(HOSTILE)('%s: refused alone, in a list and in a watch', async (_what, body, reason) => {
    await follow(
      [kv('evil', `{${body}}`, 9), kv('first', '{}', 8)],
      [
        [{ kv: kv('evil', `{${LAST_GOOD}}`, 11) }],
        [{ kv: kv('evil', `{${body}}`, 12) }, { kv: kv('next', '{}', 13) }],
      ],
    );
    await sink.until(() => sink.revision === '13');
    expect(sink.log).toContain('keep pod v/n/evil');
    expect([...sink.visible.keys()].sort()).toEqual(['pod v/n/evil', 'pod v/n/first', 'pod v/n/next']);
    expect(sink.visible.get('pod v/n/evil')).toMatchObject({ ip6: 'fd00::1' });
    expect([...sink.standing.keys()]).toEqual(['pod v/n/evil']);
    expect(sink.reasons[0]).toMatch(reason);
    expect(sink.states.filter(({ state }) => state === 'lost')).toEqual([]);
  });

  it('a value that names itself otherwise, in whatever shape, is refused', () => {
    const naming = { prefix: '/podns/', zone: undefined };
    for (const name of ['[[[[[[]]]]]]', '{"toString":1,"length":1}', '7', 'null', '"\\u001b[2J"']) {
      const { key, mod_revision } = kv('a', '', 5) as { key: string; mod_revision: string };
      const event = putEvent({ key, mod_revision, value: base64(`{"name":${name}}`) }, naming, false);
      expect(event.type).toBe(name === 'null' ? 'put' : 'refused');
      expect(JSON.stringify(event)).not.toContain('\u001b');
    }
  });

  it('a key of a megabyte is not a key of podns, and is not repeated in what is said of it', async () => {
    await follow([], [[{ kv: kv('k'.repeat(1_000_000), '{}', 11) }, { kv: kv('next', '{}', 12) }]]);
    await sink.until(() => sink.revision === '12');
    expect(sink.reasons).toHaveLength(1);
    expect(JSON.stringify([...sink.standing]).length).toBeLessThan(2000);
  });

  it('a line of ten thousand events is one change, and many slices', async () => {
    const events = Array.from({ length: 10_000 }, (_, i) => ({ kv: kv(`p${i}`, '{}', 11) }));
    await follow([], [events]);
    await sink.until(() => sink.revision === '11');
    expect(sink.visible.size).toBe(10_000);
    expect(sink.commits).toBe(2);
  });
});

describe("kraud's stream", () => {
  const pods = (entries: Record<string, string>): string =>
    `{"V":{"pod":{${Object.entries(entries)
      .map(([id, entry]) => `"${id}":${entry}`)
      .join()}}}}\n`;
  const GOOD = '{"n":["web"],"d":"n"}';

  it.each([
    ['nested deep', `{"n":["a"],"d":"n","o":${'['.repeat(9000)}${']'.repeat(9000)}}`, /nested more than 8/],
    ['a name of a megabyte', `{"d":"n","x":"${'x'.repeat(1_000_000)}","n":["a"]}`, /octets, at most 65536/],
    ['20,000 overlays', `{"n":["a"],"d":"n","o":[${Array(20_000).fill('{}').join()}]}`, /values|octets/],
    ['no JSON', '{"n":["a"],"d":"n","o":[1 2]}', /not JSON/],
    ['no object', '7', /must be an object/],
    [
      'a namespace that cannot be text',
      '{"n":["a"],"d":{"toString":1,"valueOf":1}}',
      /namespace: must be text/,
    ],
    ['an overlay that is none', '{"n":["a"],"d":"n","o":[{"i":{"length":1}},{"i":"__proto__"}]}', /overlay/],
    ['a port that cannot be text', '{"n":[7],"d":"n","p":[{"p":{"toString":1},"l":[]}]}', /must be text/],
  ])('%s: that entry is refused, the rest of the view is served', async (what, entry, reason) => {
    const input = new PassThrough();
    start(kraudSource({ url: '-', vpc: 'v', input }));
    input.write(pods({ a: '{"n":["a"],"d":"n"}', b: GOOD }));
    await sink.until(() => sink.commits === 1);
    input.write(pods({ a: entry, b: GOOD }));
    await sink.until(() => sink.commits === 2);
    expect([...sink.visible.keys()]).toContain('pod v/n/web');
    expect(sink.reasons.join('\n')).toMatch(reason);
    // Where its name can still be read, its last good version stays.
    if (/"n":\["a"\],"d":"n"|megabyte/.test(what + entry))
      expect([...sink.visible.keys()]).toContain('pod v/n/a');
  });

  it('a view of ten thousand pods is many slices, and one change', async () => {
    const input = new PassThrough();
    start(kraudSource({ url: '-', vpc: 'v', input }));
    input.write(pods(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, GOOD]))));
    await sink.until(() => sink.commits === 1);
    expect(sink.visible.size).toBe(10_001);
  });

  it('a view that is longer than may be is one bad line', async () => {
    const input = new PassThrough();
    start(kraudSource({ url: '-', vpc: 'v', input, maxLine: 100_000 }));
    input.write(pods({ a: GOOD }));
    await sink.until(() => sink.commits === 1);
    input.write(pods(Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`p${i}`, GOOD]))));
    input.write(pods({ b: GOOD }));
    await sink.until(() => sink.commits === 2);
    expect(sink.log.join('\n')).toContain('problems stream 1');
    expect(sink.visible.size).toBe(2);
  });
});

test('what a resource may say in a file, a stream can carry', () => {
  const names = Array.from({ length: 255 }, (_, i) => `${'x'.repeat(60)}.${'y'.repeat(60)}.n${i}`);
  const pod = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'p', names };
  const { resource } = validateResource(pod, { unknownKeys: 'error' });
  expect(boundFault(JSON.stringify(resource))).toBeUndefined();
  const ports = Array.from({ length: 256 }, (_, i) => ({
    name: `${'p'.repeat(50)}${i}`,
    protocol: 'tcp',
    port: 1,
  }));
  const longer = names.map((name) => `${'z'.repeat(60)}.${name}`);
  const { issues } = validateResource({ ...pod, names: longer, ports }, { unknownKeys: 'error' });
  expect(issues).toHaveLength(1);
  expect(issues![0]!.reason).toMatch(/^has \d+ octets, at most 65536 are read: make it shorter$/);
});

test('docs/watch.md names the bounds as they are', () => {
  const page = readFileSync(new URL('../../docs/watch.md', import.meta.url), 'utf8');
  const rows = Object.fromEntries(
    [...page.matchAll(/^\| ([^|]+?) +\| ([\d,]+) +\|/gm)].map(([, what, most]) => [
      what,
      Number(most!.replaceAll(',', '')),
    ]),
  );
  expect(rows).toMatchObject({
    'octets of a record, as JSON': RECORD_MAX.octets,
    'octets of a line of the watch stream': LINE_OCTETS_MAX,
    'objects and lists inside each other': RECORD_MAX.depth,
    'values in a record': RECORD_MAX.values,
    'further names': LIST_MAX.names,
    'overlays of a pod': LIST_MAX.overlays,
    ports: LIST_MAX.ports,
    'prefixes in `net6`, and in `services6`': LIST_MAX.prefixes,
    'domains in `forward`': LIST_MAX.suffixes,
    upstreams: LIST_MAX.upstreams,
    'octets of a zone file': FILE_OCTETS_MAX,
    'zone files in a folder': FILES_MAX,
  });
});
