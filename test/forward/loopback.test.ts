/** Real sockets on loopback, against upstreams that do everything wrong. */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { frame } from '../../src/dns/frames.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Message } from '../../src/dns/print.ts';
import { Forwarder } from '../../src/forward/forwarder.ts';
import { startServer } from './loopback-server.ts';
import type { Behaviour, LoopbackServer } from './loopback-server.ts';
import { a, answerTo, requestOf, writeOpt } from './world.ts';
import type { AskParts } from './world.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function serve(behaviour: Behaviour, address?: string): Promise<LoopbackServer> {
  const server = await startServer(behaviour, address);
  open.push(server);
  return server;
}

/** Short times where silence is waited for; a busy machine needs long ones elsewhere. */
function forward(upstreams: string[], attemptTimeout = 5000): Forwarder {
  const forwarder = new Forwarder({ writeOpt, upstreams, attemptTimeout, budget: 3 * attemptTimeout });
  open.push({ close: () => forwarder.close(0) });
  return forwarder;
}

function ask(forwarder: Forwarder, parts: AskParts = {}): Promise<Message> {
  return new Promise((resolve) => forwarder.ask(requestOf(parts), (answer) => resolve(parseMessage(answer))));
}

const good = (query: Uint8Array): Uint8Array => answerTo(query, { answer: [a(300, 53)] });
const cut = (query: Uint8Array): Uint8Array => answerTo(query, { flags: 0x200 });
const isGood = { rcode: 0, answer: [{ data: '192.0.2.53' }] };

describe('over UDP', () => {
  it.each(['127.0.0.1', '::1'])(
    'an upstream on %s answers, each query from a port of its own',
    async (address) => {
      const server = await serve({ udp: (query) => [good(query)] }, address);
      const forwarder = forward([server.text]);
      for (let i = 0; i < 10; i++)
        expect(await ask(forwarder, { name: `n${i}.example` })).toMatchObject(isGood);
      expect(new Set(server.ports).size).toBe(10);
      expect(new Set(server.udpQueries.map((query) => (query[0]! << 8) | query[1]!)).size).toBeGreaterThan(8);
      expect(forwarder.status().upstreams).toMatchObject([{ upstream: server.text, state: 'answering' }]);
    },
  );

  it('a silent one is left for the next', async () => {
    const silent = await serve({});
    const server = await serve({ udp: (query) => [good(query)] });
    const forwarder = forward([silent.text, server.text], 100);
    expect(await ask(forwarder)).toMatchObject(isGood);
    expect(await ask(forwarder, { name: 'second.example' })).toMatchObject(isGood);
    expect(silent.udpQueries.filter((query) => query[12] !== 0)).toHaveLength(1);
  });

  it('a closed port is seen at once', async () => {
    const gone = await startServer({});
    await gone.close();
    const forwarder = forward([gone.text]);
    const { rcode, edns } = await ask(forwarder);
    expect(rcode).toBe(2);
    expect(edns!.errors).toEqual([
      { code: 22, text: `upstream ${gone.text} cannot be reached (ECONNREFUSED)` },
    ]);
  });

  it('forged, foreign and late answers change nothing', async () => {
    const server = await serve({
      udp: (query) => {
        const wrongId = good(query);
        wrongId[0]! ^= 0x55;
        const wrongName = good(query);
        wrongName[14]! ^= 2;
        return [wrongId, wrongName, Buffer.from('nonsense'), query, good(query), good(query)];
      },
    });
    const forwarder = forward([server.text]);
    expect(await ask(forwarder)).toMatchObject(isGood);
    expect(forwarder.counters.spoofed).toBe(4);
  });

  it('an answer from another port is not even seen', async () => {
    const other = await startServer({});
    open.push(other);
    const { createSocket } = await import('node:dgram');
    const stranger = createSocket('udp4');
    open.push({ close: () => new Promise((resolve) => stranger.close(() => resolve())) });
    await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve));
    const server = await serve({
      udp: (query) => {
        stranger.send(answerTo(query, { answer: [a(300, 66)] }), server.ports.at(-1)!, '127.0.0.1');
        return [];
      },
    });
    const forwarder = forward([server.text], 100);
    expect(await ask(forwarder)).toMatchObject({ rcode: 2 });
    expect(forwarder.counters.spoofed).toBe(0);
  });

  it('32 addresses without TC are cut for a client of 512 octets and whole for others', async () => {
    const answer = Array.from({ length: 32 }, (_, i) => a(300, i));
    const server = await serve({ udp: (query) => [answerTo(query, { answer })] });
    const forwarder = forward([server.text]);
    const small = await ask(forwarder, { edns: undefined, limit: 512 });
    expect(small).toMatchObject({ tc: true });
    expect(small.answer).toHaveLength(29);
    expect((await ask(forwarder)).answer).toHaveLength(32);
    expect(server.udpQueries).toHaveLength(1);
  });
});

describe('over TCP', () => {
  it('the whole answer is fetched, on one connection for many', async () => {
    const answer = Array.from({ length: 1000 }, (_, i) => ({
      ...a(300),
      data: Uint8Array.of(10, 0, i >> 8, i & 255),
    }));
    const server = await serve({
      udp: (query) => [cut(query)],
      tcp: (query) => ({ octets: frame(answerTo(query, { answer })) }),
    });
    const forwarder = forward([server.text]);
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.example`);
    const got = await Promise.all(names.map((name) => ask(forwarder, { name, tcp: true })));
    expect(got.map(({ answer }) => answer.length)).toEqual(names.map(() => 1000));
    expect(got.map(({ question }) => question!.name)).toEqual(names.map((name) => `${name}.`));
    expect(server.connections).toBe(1);
    expect(server.tcpQueries).toHaveLength(20);
  });

  it('that is refused leads to the next upstream', async () => {
    const first = await serve({ udp: (query) => [cut(query)] });
    const second = await serve({ udp: (query) => [good(query)] });
    expect(await ask(forward([first.text, second.text]))).toMatchObject(isGood);
  });

  it.each([
    ['closes at once', () => ({ octets: new Uint8Array(0), end: true })],
    [
      'closes in the midst of a message',
      (query: Uint8Array) => ({ octets: frame(good(query)).slice(0, 20), end: true }),
    ],
    ['sends garbage', () => ({ octets: new Uint8Array(40_000).fill(0x07) })],
    ['sends empty messages', () => ({ octets: new Uint8Array(5000) })],
    ['sends what breaks the format', (query: Uint8Array) => ({ octets: frame(good(query).slice(0, -1)) })],
    ['cuts there too', (query: Uint8Array) => ({ octets: frame(cut(query)) })],
  ] as [string, NonNullable<Behaviour['tcp']>][])(
    'a server that %s leads to the next upstream',
    async (_, tcp) => {
      const first = await serve({ udp: (query) => [cut(query)], tcp });
      const second = await serve({ udp: (query) => [good(query)] });
      expect(await ask(forward([first.text, second.text]))).toMatchObject(isGood);
      expect(first.tcpQueries.length).toBeGreaterThan(0);
    },
  );

  it('a server that closes after each answer is asked on a new connection', async () => {
    const server = await serve({
      udp: (query) => [cut(query)],
      tcp: (query) => ({ octets: frame(good(query)), end: true }),
    });
    const forwarder = forward([server.text]);
    for (let i = 0; i < 5; i++) expect(await ask(forwarder, { name: `n${i}.example` })).toMatchObject(isGood);
    expect(server.connections).toBe(5);
  });

  it('a silent one costs its time only', async () => {
    const first = await serve({ udp: (query) => [cut(query)], tcp: () => ({ octets: new Uint8Array(0) }) });
    const second = await serve({ udp: (query) => [good(query)] });
    expect(await ask(forward([first.text, second.text], 150))).toMatchObject(isGood);
  });
});

it('closing leaves no socket open', async () => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const server = await serve({
    udp: (query) => [cut(query)],
    tcp: (query) => ({ octets: frame(good(query)) }),
  });
  const silent = await serve({});
  const before = count();
  const forwarder = new Forwarder({ writeOpt, upstreams: [server.text] });
  await Promise.all(Array.from({ length: 50 }, (_, i) => ask(forwarder, { name: `n${i}.example` })));
  const pending = ask(forwarder, { upstreams: [silent.text] });
  await forwarder.close(10);
  expect((await pending).edns!.errors[0]!.text).toBe('podns is shutting down');
  await server.close();
  open.splice(open.indexOf(server), 1);
  // The server's own two sockets are among those counted before.
  await new Promise((resolve) => setImmediate(resolve));
  expect(count()).toBeLessThanOrEqual(before);
});
