/** The etcd source against a scripted gateway: what a real etcd says too rarely to wait for it. */

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { errorOf, parseError, TooLargeError } from '../../src/source/etcd/client.ts';
import { etcdKeyOf, parseEtcdKey, rangeEnd, resourceAt } from '../../src/source/etcd/keys.ts';
import { etcdSources, type EtcdOptions } from '../../src/source/etcd/etcd.ts';
import { StreamError } from '../../src/source/reflector/dialect.ts';
import { base64 } from './etcd-harness.ts';
import { MapSink } from './map-sink.ts';
import type { ResourceKey, Source } from '../../src/model.ts';

interface Asked {
  path: string;
  body: Record<string, string> & { create_request?: Record<string, unknown> };
  authorization: string | undefined;
}
type Answer = (asked: Asked, response: http.ServerResponse) => void;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

const header = { cluster_id: '1', member_id: '2', revision: '10', raft_term: '2' };

function kv(name: string, revision: string, version = 1): object {
  const value = base64(JSON.stringify({ ip6: `fd00::${version}` }));
  return { key: base64(`/podns/v/pod/n/${name}`), value, mod_revision: revision };
}

function say(response: http.ServerResponse, ...results: object[]): void {
  for (const result of results) response.write(JSON.stringify({ result: { header, ...result } }) + '\n');
}

/** Starts a gateway and a source that follows it; the gateway keeps what it was asked. */
async function follow(
  answer: Answer,
  options: Partial<EtcdOptions> = {},
): Promise<{ sink: MapSink; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { authorization } = request.headers;
      const one: Asked = { path: request.url!, body: JSON.parse(text) as Asked['body'], authorization };
      asked.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const sink = new MapSink();
  const endpoints = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  const source: Source = etcdSources({ endpoints, random: () => 0, ...options })[0]!;
  source.start(sink);
  undo.push(() => source.close());
  return { sink, asked };
}

function list(response: http.ServerResponse, ...kvs: object[]): void {
  response.end(JSON.stringify({ header, kvs }));
}

test('fragments of one answer are put together, so that a revision is never seen in part', async () => {
  const { sink } = await follow(({ path }, response) => {
    if (path === '/v3/kv/range') return list(response, kv('a', '9'));
    say(response, { created: true });
    say(response, { fragment: true, events: [{ kv: kv('b', '11') }, { kv: kv('c', '12') }] });
    say(response, { fragment: true, events: [{ kv: kv('d', '12') }] });
    say(response, {
      events: [
        { type: 'DELETE', kv: { key: base64('/podns/v/pod/n/a'), mod_revision: '12' } },
        { kv: kv('e', '13') },
      ],
    });
  });
  await sink.until(() => sink.revision === '13');
  expect(sink.log.filter((line) => !/state|problems/.test(line))).toEqual([
    ...['begin full 10', 'put pod v/n/a', 'commit'],
    ...['begin delta 11', 'put pod v/n/b', 'commit'],
    ...['begin delta 12', 'put pod v/n/c', 'put pod v/n/d', 'delete pod v/n/a', 'commit'],
    ...['begin delta 13', 'put pod v/n/e', 'commit'],
  ]);
});

test('a watch that is cancelled for compaction is followed by a list', async () => {
  let lists = 0;
  const { sink } = await follow(({ path }, response) => {
    if (path === '/v3/kv/range') return list(response, kv(`list-${++lists}`, '9'));
    say(response, { created: true });
    if (lists === 1) say(response, { canceled: true, compact_revision: '15' });
  });
  await sink.until(() => sink.commits === 2);
  expect([...sink.visible.keys()]).toEqual(['pod v/n/list-2']);
  expect(sink.states.map(({ reason }) => reason)).toContain(
    'etcd has compacted its history up to revision 15',
  );
});

test('progress moves the revision forward, and never back', async () => {
  const { sink, asked } = await follow(({ path, body }, response) => {
    if (path === '/v3/kv/range') {
      // The first list, and then the proof that is asked for before resuming.
      return list(
        response,
        ...(body['revision'] === undefined || body['revision'] === '25' ? [kv('a', '9')] : []),
      );
    }
    say(response, { created: true });
    say(response, { header: { ...header, revision: '25' } }, { header: { ...header, revision: '20' } });
    if (body.create_request!['start_revision'] === '11') response.end();
  });
  await sink.until(() => sink.states.filter(({ state }) => state === 'live').length === 2);
  const starts = asked.filter(({ path }) => path === '/v3/watch').map(({ body }) => body.create_request);
  expect(starts.map((start) => start!['start_revision']).slice(0, 1)).toEqual(['11']);
  expect(sink.log).toContain('bookmark 25');
  expect(sink.log).not.toContain('bookmark 20');
});

test('a watch that is dead while its member lives is found within seconds, and resumed', async () => {
  let watches = 0;
  let dead = true;
  const { sink, asked } = await follow(
    ({ path, body }, response) => {
      const now = { ...header, revision: '11' };
      if (path === '/v3/kv/range') {
        const isList = body['limit'] !== undefined;
        // The first list, or the proof that is asked for before resuming.
        const asksForA = isList || body['revision'] !== undefined;
        return void response.end(
          JSON.stringify({ header: isList ? header : now, kvs: asksForA ? [kv('a', '9')] : [] }),
        );
      }
      say(response, { created: true });
      if (++watches === 1) return;
      const start = Number(body.create_request!['start_revision']);
      if (start <= 11) say(response, { header: now, events: [{ kv: kv('b', '11') }] });
      dead = false;
    },
    { probeAfter: 50 },
  );
  await sink.until(() => sink.revision === '11');
  expect(dead).toBe(false);
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a', 'pod v/n/b']);
  expect(sink.states.map(({ reason }) => reason).join()).toMatch(
    /the watch is dead: it has not delivered revision 11/,
  );
  expect(asked.filter(({ body }) => body['limit'] !== undefined)).toHaveLength(1);
});

test('a quiet watch of an etcd in which other keys change is left alone', async () => {
  let watches = 0;
  let probes = 0;
  const { sink } = await follow(
    ({ path, body }, response) => {
      if (path !== '/v3/kv/range') {
        watches++;
        if (body.create_request!['progress_notify'] === undefined && watches % 2 === 1)
          return say(response, { created: true, canceled: true, compact_revision: '12' });
        return say(response, { created: true }, ...(watches === 1 ? [] : [{ canceled: true }]));
      }
      if (body['limit'] !== undefined) return list(response, kv('a', '9'));
      response.end(JSON.stringify({ header: { ...header, revision: String(10 + ++probes) } }));
    },
    { probeAfter: 20 },
  );
  await sink.until(() => probes >= 5);
  expect(sink.states.filter(({ state }) => state === 'lost')).toEqual([]);
  expect(sink.lastState).toBe('live');
  expect(watches).toBeGreaterThan(3);
});

test('a page that is too large for the gateway is asked for in halves, and stays small', async () => {
  const { sink, asked } = await follow(
    ({ path, body }, response) => {
      if (path !== '/v3/kv/range') return say(response, { created: true });
      if (Number(body['limit']) > 2) {
        response.statusCode = 429;
        const message = 'grpc: received message larger than max (9 vs. 4)';
        response.end(JSON.stringify({ code: 8, message }));
        return;
      }
      const first = Buffer.from(body['key']!, 'base64').toString() === '/podns/';
      const kvs = first ? [kv('a', '8'), kv('b', '9')] : [kv('c', '7')];
      response.end(JSON.stringify({ header, kvs, more: first }));
    },
    { pageSize: 8 },
  );
  await sink.until(() => sink.lastState === 'live');
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a', 'pod v/n/b', 'pod v/n/c']);
  const ranges = asked.filter(({ path }) => path === '/v3/kv/range').map(({ body }) => body);
  expect(ranges.map(({ limit }) => limit)).toEqual(['8', '4', '2', '2']);
  expect(Buffer.from(ranges[3]!['key']!, 'base64').toString()).toBe('/podns/v/pod/n/b\0');
  expect(ranges.map(({ revision }) => revision)).toEqual([undefined, undefined, undefined, '10']);
});

test('a token that is not good any more is renewed once, and the call repeated', async () => {
  let tokens = 0;
  const { sink, asked } = await follow(
    ({ path, authorization }, response) => {
      if (path === '/v3/auth/authenticate')
        return void response.end(JSON.stringify({ header, token: `t${++tokens}` }));
      if (authorization === 't1') {
        response.statusCode = 401;
        return void response.end(JSON.stringify({ code: 16, error: 'etcdserver: invalid auth token' }));
      }
      if (path === '/v3/kv/range') list(response);
      else say(response, { created: true });
    },
    { user: 'node', password: 'pass' },
  );
  await sink.until(() => sink.lastState === 'live');
  expect(asked.slice(0, 4).map(({ path, authorization }) => [path, authorization])).toEqual([
    ['/v3/auth/authenticate', undefined],
    ['/v3/kv/range', 't1'],
    ['/v3/auth/authenticate', undefined],
    ['/v3/kv/range', 't2'],
  ]);
  expect(asked[0]!.body).toEqual({ name: 'node', password: 'pass' });
});

test('errors of the gateway, by code and by words', () => {
  const failure = (code: number, message: string): string => {
    const error = errorOf(code, message);
    return error instanceof StreamError ? error.failure : error.constructor.name;
  };
  expect(failure(11, 'etcdserver: mvcc: required revision has been compacted')).toBe('gone');
  expect(failure(3, 'etcdserver: user name is empty')).toBe('unauthorized');
  expect(failure(7, 'etcdserver: permission denied')).toBe('unauthorized');
  expect(failure(8, 'etcdserver: too many requests')).toBe('retry');
  expect(failure(8, 'trying to send message larger than max')).toBe(TooLargeError.name);
  expect(failure(14, 'etcdserver: no leader')).toBe('retry');
  expect(parseError('{"error":"old words","code":2}')).toEqual({ code: 2, message: 'old words' });
  expect(parseError('<html>')).toEqual({ code: 0, message: '<html>' });
});

test('endpoints that are no URLs are refused at once', () => {
  expect(() => etcdSources({ endpoints: ['ftp://x'] })).toThrow(
    'ftp://x: etcd endpoints are http: or https: URLs',
  );
  expect(() => etcdSources({ endpoints: [] })).toThrow('at least one endpoint');
  const names = etcdSources({ endpoints: ['a:1'], vpcs: ['x', 'y'] }).map((source) => source.name);
  expect(names).toEqual(['etcd:http://a:1/podns/x/', 'etcd:http://a:1/podns/y/']);
});

test('keys: there and back, and everything else is refused', () => {
  const keys: ResourceKey[] = [
    { kind: 'vpc', vpc: 'aep', namespace: '', name: '' },
    { kind: 'namespace', vpc: 'aep', namespace: 'shop', name: '' },
    { kind: 'overlay', vpc: 'aep', namespace: 'shop', name: 'default' },
    { kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app.v1' },
    { kind: 'service', vpc: 'vpc', namespace: 'vpc', name: 'vpc' },
  ];
  for (const key of keys) expect(parseEtcdKey('/podns/', etcdKeyOf('/podns/', key))).toEqual(key);
  const texts = [
    '',
    'aep',
    'aep/vpc/x',
    'aep/pod/shop',
    'aep/pod/shop/a/b',
    'aep/thing/shop/a',
    'a.b/vpc',
    '/vpc',
  ];
  texts.push('aep/pod/shop/', 'aep/pod/localhost/a', 'aep/overlay/shop/a.b', 'aep/pod/shop/ns', 'Aep/vpc');
  for (const text of texts) expect(typeof parseEtcdKey('/podns/', '/podns/' + text)).toBe('string');
  expect(parseEtcdKey('/podns/', '/other/aep/vpc')).toBe('is not below /podns/');
  expect(rangeEnd('/podns/').toString()).toBe('/podns0');
  expect(rangeEnd('\x7f').toString('hex')).toBe('80');
});

test('a value may leave out what its key says, and must not contradict it', () => {
  const key: ResourceKey = { kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'a' };
  expect(resourceAt(key, '{"vpc":"AEP","name":"A"}', undefined).resource).toMatchObject(key);
  const { issues } = resourceAt(key, '{"kind":"vpc","namespace":7}', undefined);
  expect(issues!.map(({ reason }) => reason)).toEqual([
    'is "vpc", but the key has "pod"',
    'is 7, but the key has "shop"',
  ]);
  for (const text of ['', '[]', 'null', '{']) expect(resourceAt(key, text, undefined).issues).toHaveLength(1);
  const vpc: ResourceKey = { kind: 'vpc', vpc: 'aep', namespace: '', name: '' };
  expect(resourceAt(vpc, '{}', undefined).resource).toMatchObject({ kind: 'vpc', name: 'aep' });
});
