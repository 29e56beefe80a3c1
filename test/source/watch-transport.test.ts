/** The ways to a watch stream: unix socket, TLS with certificates and a token, standard input. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchSource, type WatchOptions } from '../../src/source/watch/watch.ts';
import { skipAloud } from '../harness/tools.ts';
import { makeCertificates, opensslMissing } from './certificates.ts';
import { MapSink } from './map-sink.ts';
import { pod, snapshot, WatchServer } from './watch-server.ts';

const undo: (() => unknown)[] = [];
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'podns-watch-'));
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

function follow(options: WatchOptions): MapSink {
  const sink = new MapSink();
  const source = watchSource({ random: () => 0.2, ...options });
  source.start(sink);
  undo.push(() => source.close());
  return sink;
}

test('HTTP over a unix socket, at /v1/watch, with resume', async () => {
  const path = join(directory, 'podns.sock');
  const server = new WatchServer();
  await server.listen(path);
  undo.push(() => server.close());
  const sink = follow({ url: `unix:${path}`, vpcs: ['v'] });
  const first = await server.conversation(1);
  expect(first.url.pathname + first.url.search).toBe('/v1/watch?vpc=v');
  expect(first.headers.host).toBe('localhost');
  first.say(...snapshot('5', pod('a')));
  await sink.until(() => sink.commits === 1);
  first.cut();
  expect((await server.conversation(2)).url.search).toBe('?vpc=v&revision=5');
});

test('a unix socket that is not there yet is tried until it is', async () => {
  const path = join(directory, 'later.sock');
  const sink = follow({ url: `unix:${path}` });
  await sink.until(() => sink.states.length > 1);
  expect(sink.states[1]!.reason).toContain('ENOENT');
  const server = new WatchServer();
  await server.listen(path);
  undo.push(() => server.close());
  (await server.conversation(1)).say(...snapshot('5', pod('a')));
  await sink.until(() => sink.commits === 1);
});

if (opensslMissing !== undefined) skipAloud('the watch source over TLS', opensslMissing);
test.skipIf(opensslMissing !== undefined)(
  'TLS: the server must be signed by the CA, we by theirs',
  async () => {
    const certificates = makeCertificates();
    undo.push(() => certificates.remove());
    const { caFile, server: own, client } = certificates;
    const server = new WatchServer({
      cert: readFileSync(own.certFile),
      key: readFileSync(own.keyFile),
      ca: readFileSync(caFile),
      requestCert: true,
      rejectUnauthorized: true,
    });
    await server.listen();
    undo.push(() => server.close());
    const sink = follow({ url: server.url, caFile, ...client });
    (await server.conversation(1)).say(...snapshot('5', pod('a')));
    await sink.until(() => sink.commits === 1);
    const unknownServer = follow({ url: server.url, ...client });
    await unknownServer.until(() => unknownServer.states.length > 1);
    const unknownClient = follow({ url: server.url, caFile });
    await unknownClient.until(() => unknownClient.states.length > 1);
    expect(server.conversations.length).toBe(1);
  },
);

test('the token is read from its file at each connection', async () => {
  const server = new WatchServer();
  await server.listen();
  undo.push(() => server.close());
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'first\n');
  const sink = follow({ url: server.url, tokenFile });
  const first = await server.conversation(1);
  expect(first.headers.authorization).toBe('Bearer first');
  first.say(...snapshot('5'));
  await sink.until(() => sink.commits === 1);
  writeFileSync(tokenFile, 'second');
  first.cut();
  expect((await server.conversation(2)).headers.authorization).toBe('Bearer second');
  const missing = follow({ url: server.url, tokenFile: join(directory, 'nothing') });
  await missing.until(() => missing.lastState === 'failed');
  expect(missing.states.at(-1)!.reason).toContain('nothing cannot be read');
});

function lines(...objects: (object | string)[]): string {
  return objects.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)) + '\n').join('');
}

test('standard input: its end leaves the last view', async () => {
  const input = new PassThrough();
  const sink = follow({ url: '-', input });
  input.write(lines(...snapshot('5', pod('a')), { type: 'put', revision: '6', object: pod('b') }));
  await sink.until(() => sink.revision === '6');
  input.end(lines({ type: 'put', revision: '7', object: pod('c'), more: true }));
  await sink.until(() => sink.lastState === 'lost');
  expect(sink.states.at(-1)!.reason).toBe('the input ended');
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a', 'pod v/n/b']);
  expect(sink.log).toContain('rollback');
});

test('standard input that ends before it was whole has failed', async () => {
  const input = new PassThrough();
  const sink = follow({ url: '-', input });
  input.end(lines({ type: 'snapshot', revision: '5' }));
  await sink.until(() => sink.lastState === 'failed');
  expect(sink.visible.size).toBe(0);
});

test('standard input: after a line that cannot be read the next full state counts, and nothing before it', async () => {
  const input = new PassThrough();
  const sink = follow({ url: '-', input });
  input.write(
    lines(
      ...snapshot('5', pod('a')),
      'garbage',
      { type: 'put', revision: '6', object: pod('b') },
      {
        type: 'put',
        revision: '7',
        object: pod('c'),
      },
    ) + lines(...snapshot('8', pod('d')), { type: 'put', revision: '9', object: pod('e') }),
  );
  await sink.until(() => sink.revision === '9');
  expect([...sink.visible.keys()]).toEqual(['pod v/n/d', 'pod v/n/e']);
  expect(sink.states.map(({ state }) => state)).toEqual(['starting', 'live', 'lost', 'live']);
  expect(sink.violations).toEqual([]);
});

test('close ends a source that waits for input', async () => {
  const input = new PassThrough();
  const sink = new MapSink();
  const source = watchSource({ url: '-', input });
  source.start(sink);
  await source.close();
  expect(input.destroyed).toBe(true);
});

test('what is no URL is refused at once, and names show no password', () => {
  expect(() => watchSource({ url: 'nonsense' })).toThrow('nonsense: not a URL');
  expect(() => watchSource({ url: 'ftp://x/' })).toThrow('only http:, https: and unix: are supported');
  expect(() => watchSource({ url: 'unix:' })).toThrow('a path must follow');
  expect(watchSource({ url: 'http://me:secret@h:1/v1/watch' }).name).toBe('watch:http://h:1/v1/watch');
  expect(watchSource({ url: 'unix:/run/x.sock' }).name).toBe('watch:unix:/run/x.sock');
});
