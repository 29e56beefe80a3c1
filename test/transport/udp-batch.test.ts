import { RCODES } from '../../src/answer/counts.ts';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { Peer } from '../../src/answer/peer.ts';
import type { Answering } from '../../src/transport/transport.ts';
import { batchUnavailableReason, BatchTransport } from '../../src/transport/udp-batch/udp-batch.ts';
import type { BatchOptions } from '../../src/transport/udp-batch/udp-batch.ts';
import { Crew } from '../../src/transport/udp-batch/crew.ts';
import type { CrewOptions } from '../../src/transport/udp-batch/crew.ts';
import { transportBehaviour } from './behaviour.ts';
import type { Fake } from './fake.ts';
import { SingleTransport } from './single-transport.ts';

const unavailableReason = batchUnavailableReason();
if (unavailableReason === undefined) {
  for (const workers of [1, 2]) {
    const options = (fake: Fake): CrewOptions => ({
      workers,
      module: new URL('fake-rules.mjs', import.meta.url).href,
      attach: () => ({ data: fake.seen.memory, detach: () => undefined }),
    });
    transportBehaviour(`udp-batch, ${workers} workers`, {
      protocol: 'udp',
      isEarly: true,
      make: (listener, fake) => new SingleTransport(listener, fake, options(fake)),
      together: (fake) => {
        const crew = new Crew(fake, options(fake));
        return { make: (listener) => new BatchTransport(listener, crew), close: () => crew.close() };
      },
    });
  }
}
if (unavailableReason !== undefined && process.env['PODNS_TEST_REQUIRE_TOOLS'] === '1')
  throw new Error(unavailableReason);

const module = new URL('udp-batch-standin.mjs', import.meta.url).href;
const attachments = { made: 0, gone: 0 };

type Deferred = { packet: Uint8Array; peer: Peer; reply: (answer: Uint8Array) => void };

/** An answering that keeps what it is handed. */
class Later implements Answering {
  readonly queue: Deferred[] = [];
  #waiting: (() => void)[] = [];

  answerNow(): number {
    throw new Error('the batch transport answers in its workers');
  }

  defer(packet: Uint8Array, peer: Peer, reply: (answer: Uint8Array) => void): void {
    if (packet[13] === 0x78) throw new Error('a bug');
    this.queue.push({ packet, peer: { ...peer, address: peer.address.slice() }, reply });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async next(): Promise<Deferred> {
    while (this.queue.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.queue.shift()!;
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function transportOn(address: string, options: Partial<CrewOptions & BatchOptions> = {}, port = 0) {
  const later = new Later();
  const host = address.includes(':') ? `[${address}]` : address;
  const listener = { id: 0, text: `${host}:${port}`, address, port, vpc: '', namespace: '' };
  const attach = () => {
    attachments.made += 1;
    return { data: attachments.made, detach: () => void (attachments.gone += 1) };
  };
  const transport = new SingleTransport(listener, later, { module, attach, ...options });
  closing.push(() => transport.close(0));
  return { transport, later };
}

class Client {
  readonly socket: Socket;
  readonly #answers: Buffer[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (answer) => {
      this.#answers.push(answer);
      this.#wake?.();
    });
    socket.on('error', () => {});
  }

  /** Connected, so that only what leaves from `address` is received. */
  static async to(address: string, port: number, from?: string): Promise<Client> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    if (from !== undefined) await new Promise<void>((done) => void socket.bind(0, from, done));
    socket.connect(port, address);
    await once(socket, 'connect');
    closing.push(async () => void socket.close());
    return new Client(socket);
  }

  send(id: number, text: string, flags = 0): void {
    this.socket.send(
      Buffer.concat([Buffer.from([id >> 8, id & 255, flags, 0]), Buffer.alloc(8), Buffer.from(text)]),
    );
  }

  /** Resolves when the kernel has all that was sent. */
  async flushed(): Promise<void> {
    await new Promise((resolve) => this.socket.send(Buffer.alloc(0), resolve));
  }

  async answer(): Promise<{ id: number; rcode: number; body: Record<string, unknown> }> {
    while (this.#answers.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const answer = this.#answers.shift()!;
    const text = answer.subarray(12).toString();
    const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text };
    return { id: answer.readUInt16BE(0), rcode: answer[3]! & 15, body };
  }

  async ask(id: number, text: string) {
    this.send(id, text);
    return this.answer();
  }
}

const LOOPBACK6 = '00000000000000000000000000000001';
const mapped = (...octets: number[]) => `00000000000000000000ffff${Buffer.from(octets).toString('hex')}`;

describe.skipIf(unavailableReason !== undefined)('udp-batch', () => {
  it('answers over IPv4 and knows the peer', async () => {
    const { transport } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    const { id, body } = await client.ask(0x1234, 'e');
    expect(id).toBe(0x1234);
    expect(body).toMatchObject({
      address: mapped(127, 0, 0, 1),
      local: mapped(127, 0, 0, 1),
      port: client.socket.address().port,
      listener: '127.0.0.1:0',
      length: 13,
    });
  });

  it('answers over IPv6 and knows the peer', async () => {
    const { transport } = transportOn('::1');
    const client = await Client.to('::1', await transport.open());
    const { body } = await client.ask(7, 'e');
    expect(body).toMatchObject({ address: LOOPBACK6, local: LOOPBACK6, port: client.socket.address().port });
  });

  it('answers from the address that was asked on a wildcard', async () => {
    const { transport, later } = transportOn('0.0.0.0');
    const port = await transport.open();
    for (const last of [1, 2, 99]) {
      const client = await Client.to(`127.0.0.${last}`, port);
      expect((await client.ask(1, 'e')).body).toMatchObject({ local: mapped(127, 0, 0, last) });
      client.send(2, 'd');
      const { reply, packet } = await later.next();
      reply(packet);
      expect((await client.answer()).id).toBe(2);
    }
  });

  it('answers from the address that was asked on the IPv6 wildcard', async () => {
    const { transport, later } = transportOn('::');
    const port = await transport.open();
    const own = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      (addresses ?? [])
        .filter(({ family }) => family === 'IPv6')
        .map(({ address, scopeid }) => (scopeid === 0 ? address : `${address}%${name}`)),
    );
    for (const address of own.length > 0 ? own : ['::1']) {
      const client = await Client.to(address, port);
      const { body } = await client.ask(1, 'e');
      expect(body['local']).toBe(body['address']);
      client.send(2, 'd');
      const { reply, packet } = await later.next();
      reply(packet);
      expect((await client.answer()).id).toBe(2);
    }
  });

  it('stands on IPv4 and IPv6 wildcards side by side', async () => {
    const { transport } = transportOn('0.0.0.0');
    const port = await transport.open();
    const { transport: six } = transportOn('::', {}, port);
    expect(await six.open()).toBe(port);
    expect((await (await Client.to('::1', port)).ask(1, 'e')).body['local']).toBe(LOOPBACK6);
    expect((await (await Client.to('127.0.0.1', port)).ask(1, 'e')).body['local']).toBe(mapped(127, 0, 0, 1));
  });

  it('binds an address that this machine does not have yet', async () => {
    const { transport } = transportOn('192.0.2.77');
    expect(await transport.open()).toBeGreaterThan(0);
  });

  it('drops responses, short packets and what the responder drops', async () => {
    const { transport } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'e', 0x80);
    client.send(2, 'n');
    client.socket.send(Buffer.alloc(0));
    client.socket.send(Buffer.alloc(11));
    client.send(4, 'e'.repeat(4000));
    expect(await client.answer()).toMatchObject({ id: 4, body: { length: 4012 } });
    await expect
      .poll(() => transport.counters)
      .toMatchObject({ received: 5, answered: 1, dropped: 4, errors: 0 });
  });

  it('reads the beginning of a long packet', async () => {
    const { transport } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    for (const [id, length] of [
      [1, 4084],
      [2, 4085],
      [3, 60_000],
    ] as const) {
      client.send(id, 'e'.repeat(length));
      expect(await client.answer()).toMatchObject({ id, body: { length: 4096 } });
    }
  });

  it('drops the packet on which the responder throws, counts it, and goes on', async () => {
    const { transport } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'x');
    expect((await client.ask(2, 'e')).id).toBe(2);
    await expect
      .poll(() => transport.counters)
      .toMatchObject({ received: 2, answered: 1, errors: 1, restarts: 0 });
  });

  it('hands over what needs time and answers it on the same socket', async () => {
    const { transport, later } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'd first');
    client.send(2, 'd second');
    const first = await later.next();
    const second = await later.next();
    expect(Buffer.from(first.packet).subarray(12).toString()).toBe('d first');
    expect(first.peer.port).toBe(client.socket.address().port);
    expect(Buffer.from(first.peer.address).toString('hex')).toBe(mapped(127, 0, 0, 1));
    second.reply(second.packet);
    second.reply(second.packet);
    expect((await client.answer()).id).toBe(2);
    first.reply(first.packet);
    expect((await client.answer()).id).toBe(1);
    expect((await client.ask(3, 'e')).id).toBe(3);
    await expect.poll(() => transport.counters).toMatchObject({ received: 3, deferred: 2, answered: 3 });
  });

  it('counts a throw of the main thread on a packet', async () => {
    const { transport, later } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'dx');
    client.send(2, 'dy');
    (await later.next()).reply(new Uint8Array(13));
    await client.answer();
    await expect.poll(() => transport.counters).toMatchObject({ deferred: 2, answered: 1, errors: 1 });
  });

  it('answers SERVFAIL when the main thread does not keep up', async () => {
    const { transport, later } = transportOn('127.0.0.1', { ringCapacity: 1024 });
    const client = await Client.to('127.0.0.1', await transport.open());
    for (let id = 0; id < 20; id++) client.send(id, 'd');
    // The worker fills the ring while this thread is held up.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect((await client.answer()).rcode).toBe(2);
    expect(transport.counters.overflows).toBeGreaterThan(0);
    expect(transport.counters.answers[RCODES + 2]).toBe(transport.counters.overflows);
    expect(transport.counters.overflows + transport.counters.deferred).toBe(20);
    await later.next();
  });

  it.each([1, 2])('rejects a port in use with %i workers and leaves nothing open', async (workers) => {
    const { transport } = transportOn('127.0.0.1', { workers });
    const port = await transport.open();
    const { transport: second } = transportOn('127.0.0.1', { workers }, port);
    await expect(second.open()).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    await transport.close();
    const { transport: third } = transportOn('127.0.0.1', { workers }, port);
    expect(await third.open()).toBe(port);
  });

  it('rejects when the responder cannot be loaded, and leaves nothing open', async () => {
    const { transport } = transportOn('127.0.0.1', { module: new URL('absent.mjs', import.meta.url).href });
    await expect(transport.open()).rejects.toThrow('absent.mjs');
    expect(attachments.gone).toBe(attachments.made);
  });

  it('spreads clients over several workers on one port', async () => {
    const { transport } = transportOn('127.0.0.1', { workers: 3 });
    const port = await transport.open();
    const seen = new Set<unknown>();
    for (let i = 0; i < 64; i++) {
      const client = await Client.to('127.0.0.1', port);
      seen.add((await client.ask(i, 'e')).body['data']);
    }
    expect(seen.size).toBe(3);
    await expect.poll(() => transport.counters).toMatchObject({ received: 64, answered: 64 });
  });

  it('replaces a worker that died and keeps the socket and what it has queued', async () => {
    const problems: string[] = [];
    const { transport, later } = transportOn('127.0.0.1', { onProblem: (text) => problems.push(text) });
    const client = await Client.to('127.0.0.1', await transport.open());
    const { made, gone } = { ...attachments };
    client.send(1, 'q');
    client.send(2, 'e');
    client.send(3, 'd');
    // The batch that killed the worker is lost; later packets are not.
    let answer = 0;
    for (let id = 10; answer === 0; id++) {
      client.send(id, 'e');
      answer = await Promise.race([
        client.answer().then(({ id: got }) => got),
        new Promise<number>((resolve) => setTimeout(resolve, 50, 0)),
      ]);
    }
    expect(transport.counters.restarts).toBe(1);
    expect(problems).toHaveLength(1);
    expect(attachments).toEqual({ made: made + 1, gone: gone + 1 });
    client.send(4, 'd');
    for (;;) if ((await later.next()).packet[1] === 4) break;
  });

  it('answers what is queued before it closes, and frees the port', async () => {
    const { transport } = transportOn('127.0.0.1');
    const port = await transport.open();
    const client = await Client.to('127.0.0.1', port);
    for (let id = 0; id < 200; id++) client.send(id, 'e');
    await client.flushed();
    await transport.close();
    for (let id = 0; id < 200; id++) expect((await client.answer()).id).toBe(id);
    await expect.poll(() => transport.counters).toMatchObject({ received: 201, answered: 200, dropped: 1 });
    const { transport: next } = transportOn('127.0.0.1', {}, port);
    expect(await next.open()).toBe(port);
  });

  it('answers what is queued behind whole batches of empty datagrams before it closes', async () => {
    const { transport } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'w');
    await client.flushed();
    for (let i = 0; i < 3 * 64; i++) client.socket.send(Buffer.alloc(0));
    client.send(2, 'e');
    await client.flushed();
    await transport.close();
    expect((await client.answer()).id).toBe(2);
  });

  it('waits for answers that are owed when it closes', async () => {
    const { transport, later } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'd');
    const { reply, packet } = await later.next();
    const closed = transport.close();
    setTimeout(() => reply(packet), 50);
    await closed;
    expect((await client.answer()).id).toBe(1);
    await expect.poll(() => transport.counters).toMatchObject({ deferred: 1, answered: 1 });
  });

  it('waits no longer for an answer that will not come, and sends nothing', async () => {
    const { transport, later } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'd');
    const { reply } = await later.next();
    const closed = transport.close(1_000_000);
    reply(new Uint8Array(0));
    await closed;
    await expect.poll(() => transport.counters).toMatchObject({ deferred: 1, answered: 0, dropped: 1 });
  });

  it('forgets answers that come after the grace time', async () => {
    const { transport, later } = transportOn('127.0.0.1');
    const client = await Client.to('127.0.0.1', await transport.open());
    client.send(1, 'd');
    const { reply, packet } = await later.next();
    await transport.close(1);
    reply(packet);
    await expect.poll(() => transport.counters).toMatchObject({ deferred: 1, answered: 0, sendErrors: 0 });
  });

  it('closes before it was opened, and twice', async () => {
    const { transport } = transportOn('127.0.0.1');
    await transport.close();
    await transport.close();
    const { transport: other } = transportOn('127.0.0.1');
    await other.open();
    await Promise.all([other.close(), other.close()]);
  });

  it('hands its sockets to a successor without losing a query', async () => {
    const { transport } = transportOn('127.0.0.1', { workers: 2 });
    const port = await transport.open();
    const client = await Client.to('127.0.0.1', port);
    // What a successor in another process gets is a duplicate; closing the transport must not close that.
    const { loadSystem } = await import('../../src/transport/syscalls.ts');
    const fds = transport.descriptors().map((fd) => loadSystem().system!.dup(fd));
    expect(fds).toHaveLength(2);
    const { transport: successor } = transportOn('127.0.0.1', { fds }, port);
    let sent = 0;
    const timer = setInterval(() => client.send(sent++, 'e'), 1);
    await once(client.socket, 'message');
    expect(await successor.open()).toBe(port);
    await transport.quiet();
    await transport.close();
    const before = successor.counters.received;
    while (successor.counters.received < before + 20) await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(timer);
    for (let id = 0; id < sent; id++) await client.answer();
    await expect.poll(() => transport.counters.answered + successor.counters.answered).toBe(sent);
  });

  it('serves adopted sockets whatever their number', async () => {
    const { transport } = transportOn('127.0.0.1', { workers: 2 });
    const port = await transport.open();
    const { loadSystem } = await import('../../src/transport/syscalls.ts');
    const duplicate = () => transport.descriptors().map((fd) => loadSystem().system!.dup(fd));
    await transport.quiet();
    for (const workers of [1, 3]) {
      const { transport: successor } = transportOn('127.0.0.1', { fds: duplicate(), workers }, port);
      await successor.open();
      for (let i = 0; i < 20; i++) {
        const client = await Client.to('127.0.0.1', port);
        expect((await client.ask(i, 'e')).id).toBe(i);
      }
      await successor.quiet();
      await successor.close();
    }
  });
});

describe.skipIf(unavailableReason !== undefined)('one thread with several listeners', () => {
  function crewOf(options: Partial<CrewOptions> = {}) {
    const later = new Later();
    const crew = new Crew(later, {
      module,
      attach: () => ({ data: 0, detach: () => undefined }),
      ...options,
    });
    closing.push(() => crew.close());
    const open = async (address: string) => {
      const listener = { id: 0, text: address, address, port: 0, vpc: '', namespace: '' };
      const transport = new BatchTransport(listener, crew);
      closing.push(() => transport.close(0));
      const port = await transport.open();
      await crew.ready();
      return { transport, client: await Client.to(address, port) };
    };
    return { crew, later, open };
  }
  const threads = (): number => readdirSync('/proc/self/task').length;
  const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

  it.each([1, 3])('%i workers are as many threads, whatever the number of listeners', async (workers) => {
    const { open } = crewOf({ workers });
    await open('127.0.0.1');
    const before = threads();
    for (let i = 2; i < 40; i++) await open(`127.0.0.${i}`);
    expect(threads()).toBe(before);
  });

  it('one that is flooded delays the others by a batch', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const { open } = crewOf({ attach: () => ({ data: { gate: gate.buffer }, detach: () => undefined }) });
    const flooded = await open('127.0.0.1');
    const other = await open('127.0.0.2');
    // Both queues fill while the thread is busy with this one.
    flooded.client.send(1, 'w');
    await expect.poll(() => Atomics.load(gate, 1)).toBe(1);
    for (let id = 0; id < 150; id++) flooded.client.send(id, 'e');
    for (let id = 0; id < 3; id++) other.client.send(id, 'e');
    await Promise.all([flooded.client.flushed(), other.client.flushed()]);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect((await other.client.answer()).body['order']).toBeLessThan(2 * 64);
    let last = 0;
    for (let i = 0; i < 150; i++) last = Number((await flooded.client.answer()).body['order']);
    expect(last).toBe(152);
  });

  /** Fills the queue while the thread waits at the gate, so that it then takes whole batches. */
  async function flood(client: Client, gate: Int32Array, queries: string[]): Promise<void> {
    gate.fill(0);
    client.send(0, 'w');
    await expect.poll(() => Atomics.load(gate, 1)).toBe(1);
    for (const [id, text] of queries.entries()) client.send(id, text);
    await client.flushed();
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  }
  const echoes = (count: number): string[] => new Array<string>(count).fill('e');

  it.each([1, 2])('%i sockets: one that gave whole batches is heard as before', async (sockets) => {
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const { open } = crewOf({ attach: () => ({ data: { gate: gate.buffer }, detach: () => undefined }) });
    const all = [];
    for (let i = 1; i <= sockets; i++) all.push(await open(`127.0.0.${i}`));
    for (let times = 0; times < 2; times++) {
      for (const { client } of all) {
        await flood(client, gate, echoes(200));
        for (let i = 0; i < 200; i++) await client.answer();
        // Longer than a thread with one socket waits in the receive.
        await new Promise((done) => setTimeout(done, 200));
        for (const each of all) expect((await each.client.ask(7, 'e')).id).toBe(7);
      }
    }
    // It is busy when it is left; what it had queued is answered, and what comes later has no reader.
    await flood(all[0]!.client, gate, echoes(200));
    await all[0]!.transport.close();
    for (let i = 0; i < 200; i++) await all[0]!.client.answer();
    const again = await open('127.0.0.1');
    for (const { client } of [...all.slice(1), again]) expect((await client.ask(8, 'e')).id).toBe(8);
  });

  it('a worker that dies amid whole batches leaves the rest to its successor', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const { open } = crewOf({ attach: () => ({ data: { gate: gate.buffer }, detach: () => undefined }) });
    const other = await open('127.0.0.2');
    const { client, transport } = await open('127.0.0.1');
    await flood(client, gate, [...echoes(150), 'q', ...echoes(150)]);
    await expect.poll(() => transport.counters.restarts).toBe(1);
    // A batch dies with the thread.
    for (let i = 0; i < 300 - 64; i++) await client.answer();
    for (const each of [other.client, client]) {
      each.send(9, 'e');
      while ((await each.answer()).id !== 9);
    }
  });

  it('one that hands over too much leaves room in the ring', async () => {
    const { open, later } = crewOf({ ringCapacity: 4096 });
    const flooded = await open('127.0.0.1');
    const other = await open('127.0.0.2');
    for (let id = 0; id < 60; id++) flooded.client.send(id, 'd');
    await flooded.client.flushed();
    // The worker has done these, and more come, while this thread is held up: nothing is taken out of the ring.
    const sent = new Promise<void>((done) => {
      for (let id = 0; id < 3; id++) other.client.send(id, 'd');
      void other.client.flushed().then(() => {
        block(300);
        done();
      });
    });
    await sent;
    await later.next();
    await expect.poll(() => flooded.transport.counters.overflows).toBeGreaterThan(0);
    await expect.poll(() => other.transport.counters).toMatchObject({ deferred: 3, overflows: 0 });
  });

  it('a client that hands over too much leaves room to others of its listener', async () => {
    const { open, later } = crewOf({ ringCapacity: 4096 });
    const { transport, client } = await open('127.0.0.1');
    const other = await Client.to('127.0.0.1', client.socket.remoteAddress().port, '127.0.0.78');
    // The thread of the ring is held up until the worker has had both.
    for (let id = 0; id < 60; id++) client.send(id, 'd');
    for (let id = 0; id < 3; id++) other.send(id, 'd');
    await Promise.all([client.flushed(), other.flushed()]).then(() => block(300));
    await expect.poll(() => transport.counters.deferred + transport.counters.overflows).toBe(63);
    expect(transport.counters.overflows).toBeGreaterThan(0);
    const fromOther = () => later.queue.filter(({ peer }) => peer.address[15] === 78);
    await expect.poll(() => fromOther().length).toBe(3);
    await expect.poll(() => later.queue.length).toBe(transport.counters.deferred);
    const { overflows } = transport.counters;
    // Nothing is held any more: the next ones are taken as if nothing had been.
    for (let id = 0; id < 3; id++) client.send(id, 'd');
    await expect.poll(() => transport.counters.deferred + transport.counters.overflows).toBe(66);
    expect(transport.counters.overflows).toBe(overflows);
  });

  it('a worker that dies is replaced for all of them', async () => {
    const { open } = crewOf();
    const transports = [await open('127.0.0.1'), await open('127.0.0.2'), await open('::1')];
    transports[1]!.client.send(1, 'q');
    await expect.poll(() => transports[1]!.transport.counters.restarts).toBe(1);
    for (const { client } of transports) expect((await client.ask(2, 'e')).id).toBe(2);
    // What is opened and closed while there is no thread is known to the next one.
    transports[0]!.client.send(1, 'q');
    await expect.poll(() => transports[0]!.transport.counters.restarts).toBe(2);
    await transports[2]!.transport.close();
    const late = await open('127.0.0.3');
    expect((await late.client.ask(3, 'e')).body).toMatchObject({ listener: '127.0.0.3' });
    expect((await transports[1]!.client.ask(4, 'e')).id).toBe(4);
  });

  it('one that is closing answers at once what it can, and drops what would need time', async () => {
    const { open, later } = crewOf();
    const { transport, client } = await open('127.0.0.1');
    client.send(1, 'd');
    const { reply, packet } = await later.next();
    const closed = transport.close(1_000_000);
    let answered = 0;
    // What came before it has begun to close is still taken up.
    for (; transport.counters.dropped === 0; answered++) {
      client.send(2, 'd');
      expect((await client.ask(3, 'e')).id).toBe(3);
    }
    const { deferred } = transport.counters;
    const owed = [{ reply, packet }, ...later.queue];
    expect(owed).toHaveLength(deferred);
    for (const each of owed) each.reply(each.packet);
    await closed;
    expect((await client.answer()).id).toBe(1);
    expect(transport.counters).toMatchObject({ deferred, dropped: 1, answered: answered + deferred });
  });
});
