/** Outside names through the batch transport: its worker gives what is cached, and stops when it must. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import type { QueryParts } from '../../src/dns/build.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Message } from '../../src/dns/print.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import type { Vpc } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { HEAD_SHIFT } from '../../src/shared-cache/layout.ts';
import { startServer, type LoopbackServer } from './loopback-server.ts';
import { a, answerTo } from './world.ts';

const unavailableReason = batchUnavailableReason();
if (unavailableReason !== undefined && process.env['PODNS_TEST_REQUIRE_TOOLS'] === '1')
  throw new Error(unavailableReason);

const NAME = 'www.example.com';

describe.skipIf(unavailableReason !== undefined)('with a worker', () => {
  const open: { close(): unknown }[] = [];
  let server: ServerCore;
  /** They say by their address whom a client has reached. */
  let red: LoopbackServer;
  let blue: LoopbackServer;

  async function upstream(last: number): Promise<LoopbackServer> {
    const one = await startServer({ udp: (query) => [answerTo(query, { answer: [a(300, last)] })] });
    open.push(one);
    return one;
  }

  function vpc(name: string, more: Partial<Vpc> = {}): Vpc {
    return { kind: 'vpc', name, net6: [], services6: [], forward: 'on', ...more } as Vpc;
  }

  /** Asks by a socket of its own, as a client in the VPC. */
  class Client {
    private readonly port: number;
    private readonly socket: Socket = createSocket('udp4');
    private id = 0;

    constructor(port: number) {
      this.port = port;
      open.push({ close: () => new Promise<void>((resolve) => this.socket.close(() => resolve())) });
    }

    async ask(parts: Partial<QueryParts> = {}): Promise<Message> {
      const packet = buildQuery({ name: NAME, type: 1, id: ++this.id, edns: {}, ...parts });
      this.socket.send(packet, this.port, '127.0.0.1');
      const [octets] = (await once(this.socket, 'message')) as [Buffer];
      const message = parseMessage(octets);
      expect(message.id).toBe(this.id);
      return message;
    }

    /** The address, or the rcode where there is none. */
    async address(parts: Partial<QueryParts> = {}): Promise<string> {
      const { answer, rcode } = await this.ask(parts);
      return answer[0]?.data ?? `rcode ${rcode}`;
    }
  }

  async function clientOf(name: string): Promise<Client> {
    const { port } = await server.listen(`127.0.0.1:0@${name}/shop`);
    return new Client(port);
  }

  /** What was taken off the shared cache: over UDP the workers are the only ones that look there. */
  const byWorkers = (): number => server.outside.sharedCache.hits;

  /** Moves the clock that all threads go by. */
  function advance(ms: number): void {
    Atomics.add(new Int32Array(server.outside.sharedCache.memory.head), HEAD_SHIFT, ms);
  }

  beforeEach(async () => {
    red = await upstream(1);
    blue = await upstream(2);
    server = new ServerCore({ config: { workers: 1, upstreams: [red.text], cacheSize: 256 * 1024 } });
    open.push({ close: () => server.close(0) });
    const pods = ['red', 'blue'].map((name) => ({
      ...{ kind: 'pod' as const, vpc: name, namespace: 'shop', name: 'db' },
      ip6: `fd0${name.length}::1`,
    }));
    await server.apply({ put: [vpc('red'), vpc('blue', { upstreams: [blue.text] }), ...pods] });
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  test('a hit never reaches the main thread, whatever the letters, and its TTL counts down', async () => {
    const client = await clientOf('red');
    expect(await client.address()).toBe('192.0.2.1');
    const [{ udp }] = server.listeners as [(typeof server.listeners)[0]];
    const { deferred } = udp.counters;
    advance(2500);
    const message = await client.ask({ name: 'wWw.Example.com', ad: true });
    expect(message).toMatchObject({ aa: false, ra: true, rd: true, tc: false, edns: { size: 1232 } });
    expect(message.question!.name).toBe('wWw.Example.com.');
    expect(message.answer[0]).toMatchObject({ name: 'wWw.Example.com.', data: '192.0.2.1' });
    expect([297, 298]).toContain(message.answer[0]!.ttl);
    expect(byWorkers()).toBe(1);
    expect(udp.counters.deferred).toBe(deferred);
    expect(server.outside.counters).toMatchObject({ queries: 2, hits: 1, misses: 1 });
    expect(red.udpQueries).toHaveLength(1);
  });

  test('an expired answer, and RD=0, are for the main thread', async () => {
    const client = await clientOf('red');
    await client.ask();
    await client.ask();
    expect(byWorkers()).toBe(1);
    expect(await client.address({ rd: false })).toBe('rcode 5');
    advance(301_000);
    expect((await client.ask()).answer[0]!.ttl).toBe(300);
    expect(red.udpQueries).toHaveLength(2);
    expect(byWorkers()).toBe(1);
  });

  test('what does not fit whole is cut by the main thread', async () => {
    const many = Array.from({ length: 40 }, (_, i) => a(300, i));
    const large = await startServer({ udp: (query) => [answerTo(query, { answer: many })] });
    open.push(large);
    await server.apply({ put: [vpc('red', { upstreams: [large.text] })] });
    const client = await clientOf('red');
    await client.ask();
    expect((await client.ask()).answer).toHaveLength(40);
    expect(byWorkers()).toBe(1);
    expect(await client.ask({ edns: { size: 512 } })).toMatchObject({ tc: true });
    expect(byWorkers()).toBe(1);
    expect(large.udpQueries).toHaveLength(1);
  });

  test('a policy switched off stops hits at once', async () => {
    const client = await clientOf('red');
    await client.ask();
    expect(await client.address()).toBe('192.0.2.1');
    await server.apply({ put: [vpc('red', { forward: 'off' })] });
    expect(await client.address()).toBe('rcode 3');
    await server.apply({ put: [vpc('red', { forward: ['example.org'] })] });
    expect(await client.address()).toBe('rcode 3');
    await server.apply({ put: [vpc('red', { forward: ['example.com'] })] });
    expect(await client.address()).toBe('192.0.2.1');
    // Its upstreams were the same all the time, so that was a hit.
    expect(red.udpQueries).toHaveLength(1);
  });

  test('other upstreams are asked at once, and those before are forgotten', async () => {
    const client = await clientOf('red');
    await client.ask();
    await client.ask();
    await server.apply({ put: [vpc('red', { upstreams: [blue.text] })] });
    expect(server.outside.sharedCache.entries).toBe(0);
    expect(await client.address()).toBe('192.0.2.2');
    expect(await client.address()).toBe('192.0.2.2');
    await server.apply({ put: [vpc('red')] });
    expect(await client.address()).toBe('192.0.2.1');
  });

  test('what the upstreams of before say late is given to those who wait, and kept for nobody', async () => {
    const late: ((answer: Uint8Array) => void)[] = [];
    const socket = createSocket('udp4');
    socket.on('message', (query, { port, address }) => {
      late.push(() => socket.send(answerTo(query, { answer: [a(300, 9)] }), port, address));
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    open.push({ close: () => new Promise<void>((resolve) => socket.close(() => resolve())) });
    await server.apply({ put: [vpc('red', { upstreams: [`127.0.0.1:${socket.address().port}`] })] });
    const client = await clientOf('red');
    const waiting = client.address();
    await once(socket, 'message');
    await server.apply({ put: [vpc('red', { upstreams: [blue.text] })] });
    late[0]!(new Uint8Array(0));
    expect(await waiting).toBe('192.0.2.9');
    expect(await client.address()).toBe('192.0.2.2');
    expect(await client.address()).toBe('192.0.2.2');
  });

  test('two VPCs never see each other, nor a new one what the old one of its name had', async () => {
    const [one, two] = [await clientOf('red'), await clientOf('blue')];
    const names = Array.from({ length: 8 }, (_, i) => `n${i}.example.com`);
    for (let round = 0; round < 12; round++) {
      for (const name of names) {
        expect(await one.address({ name })).toBe('192.0.2.1');
        const theirs = round % 3 === 2 ? '192.0.2.3' : '192.0.2.2';
        expect(await two.address({ name })).toBe(theirs);
        expect(await two.address({ name })).toBe(theirs);
      }
      const pod = { kind: 'pod' as const, vpc: 'blue', namespace: 'shop', name: 'db', ip6: 'fd04::1' };
      const keys = [
        { kind: 'pod' as const, vpc: 'blue', namespace: 'shop', name: 'db' },
        { kind: 'vpc' as const, vpc: 'blue', namespace: '', name: '' },
      ];
      await server.apply({ delete: keys });
      expect(server.outside.sharedCache.entries).toBe(names.length);
      expect(await two.address({ name: names[0]! })).toBe('rcode 2');
      const green = round % 3 === 1 ? await upstream(3) : blue;
      await server.apply({ put: [vpc('blue', { upstreams: [green.text] }), pod] });
    }
    expect(byWorkers()).toBe(2 * 12 * names.length - names.length);
  });

  test('the share of a VPC holds, and what is pushed out is off the shared cache', async () => {
    const [one, two] = [await clientOf('red'), await clientOf('blue')];
    expect(await two.address()).toBe('192.0.2.2');
    for (let i = 0; i < 400; i++) await one.ask({ name: `n${i}.example.com` });
    const { cacheEntries, cacheSize } = server.outside.status();
    expect(cacheSize).toBeLessThanOrEqual(64 * 1024 + 1024);
    expect(server.outside.sharedCache.entries).toBe(cacheEntries);
    expect(cacheEntries).toBeLessThan(300);
    const before = byWorkers();
    expect(await two.address()).toBe('192.0.2.2');
    expect(byWorkers()).toBe(before + 1);
    expect(blue.udpQueries).toHaveLength(1);
  });

  test('what workers give stays, though the main thread does not see it', async () => {
    const client = await clientOf('red');
    await client.ask();
    for (let i = 0; i < 400; i++) {
      await client.ask({ name: `n${i}.example.com` });
      await client.ask();
    }
    expect(red.udpQueries.filter((query) => query[13] === 0x77)).toHaveLength(1);
    expect(server.outside.status().cacheEntries).toBeLessThan(300);
  });
});
