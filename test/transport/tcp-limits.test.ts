/** The limits of the TCP transport: times by a clock of the test, numbers by small settings. */
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, test } from 'vitest';
import { TcpPool } from '../../src/transport/tcp/pool.ts';
import { frame, until } from './clients.ts';
import type { TcpClient } from './clients.ts';
import { HOLD, HOLD_SIZED, makeQuery, SIZED } from './fake.ts';
import { closeAll, openClient, openTransport } from './tcp-setup.ts';

afterEach(closeAll);

const ids = (messages: Buffer[]): number[] => messages.map((message) => message.readUInt16BE(0));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const many = (count: number, action: number, size = 0): Buffer =>
  Buffer.concat(upTo(count).map((id) => frame(makeQuery(id, action, 32, size))));

/** A clock that stands until it is moved; limits of time are looked at by `pass` only. */
async function openTimed(limits = {}) {
  let time = 1000;
  const opened = await openTransport({
    now: () => time,
    sweepMs: 0,
    limits: { idleMs: 10_000, frameMs: 3000, ...limits },
  });
  return {
    ...opened,
    pass(milliseconds: number): void {
      time += milliseconds;
      opened.transport.sweep();
    },
  };
}

/** Waits until a number stands still for some turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  for (let last = read(), still = 0; ;) {
    await new Promise((done) => setTimeout(done, 5));
    const now = read();
    still = now === last ? still + 1 : 0;
    last = now;
    if (still === 10) return last;
  }
}

describe('limits of time', () => {
  it('closes an idle connection, counted from the last query', async () => {
    const { transport, port, pass } = await openTimed();
    const client = await openClient(port);
    await until(() => transport.counters.connections === 1);
    pass(9000);
    client.send(makeQuery(1));
    await client.received(1);
    pass(9999);
    expect(transport.counters.connections).toBe(1);
    pass(1);
    expect(transport.counters).toMatchObject({ connections: 0, idled: 1, cut: 0 });
    await client.ended;
  });

  it('closes a connection that never asks', async () => {
    const { transport, port, pass } = await openTimed();
    await openClient(port);
    await until(() => transport.counters.connections === 1);
    pass(10_000);
    expect(transport.counters).toMatchObject({ connections: 0, idled: 1 });
  });

  it('does not take waiting for a deferred answer for idling, but ends it', async () => {
    const { fake, transport, port, pass } = await openTimed({ deferMs: 15_000 });
    const client = await openClient(port);
    client.send(makeQuery(1, HOLD));
    await fake.holding(1);
    pass(10_000);
    expect(transport.counters.connections).toBe(1);
    fake.release();
    await client.received(1);
    client.send(makeQuery(2, HOLD));
    await fake.holding(1);
    pass(14_999);
    expect(transport.counters.connections).toBe(1);
    pass(1);
    expect(transport.counters).toMatchObject({ connections: 0, cut: 1 });
    fake.release();
    expect(transport.counters.answered).toBe(1);
  });

  it('cuts a frame that is not completed, however it trickles', async () => {
    const { transport, port, pass } = await openTimed();
    const client = await openClient(port);
    client.send(makeQuery(1));
    await client.received(1);
    const slow = frame(makeQuery(2));
    client.socket.write(slow.subarray(0, 1));
    // The octet has arrived when a query on another connection, sent later, is answered.
    const other = await openClient(port);
    for (let second = 1; second <= 3; second++) {
      other.send(makeQuery(second));
      await other.received(second);
      await settled(() => transport.counters.received);
      expect(transport.counters.cut).toBe(0);
      pass(second === 3 ? 1000 : 999);
      client.socket.write(slow.subarray(second, second + 1));
    }
    await settled(() => transport.counters.received);
    pass(2);
    expect(transport.counters.cut).toBe(1);
    await Promise.race([client.ended, client.closed]);
  });

  it('waits only a little for a client that does not close its side', async () => {
    const { transport, port, pass } = await openTimed({ lingerMs: 1000 });
    const client = await openClient(port);
    client.socket.write(frame(Buffer.alloc(0)));
    await client.ended;
    pass(999);
    expect(transport.counters.connections).toBe(1);
    pass(1);
    expect(transport.counters.connections).toBe(0);
  });

  it('looks at the clock by itself while there are connections', async () => {
    const { transport, port } = await openTransport({ sweepMs: 5, limits: { idleMs: 20 } });
    const client = await openClient(port);
    await client.ended;
    await until(() => transport.counters.connections === 0);
    expect(transport.counters.idled).toBe(1);
  });
});

describe('limits of numbers', () => {
  it('evicts the oldest idle connection of a client at its limit', async () => {
    const { transport, port } = await openTransport({ limits: { maxPerClient: 3 } });
    const clients: TcpClient[] = [];
    for (let i = 0; i < 3; i++) {
      clients.push(await openClient(port));
      await until(() => transport.counters.accepted === i + 1);
    }
    // The first is now the one used last.
    clients[0]!.send(makeQuery(1));
    await clients[0]!.received(1);
    const fourth = await openClient(port);
    fourth.send(makeQuery(4));
    await fourth.received(1);
    await clients[1]!.ended;
    expect(transport.counters).toMatchObject({ connections: 3, accepted: 4, evicted: 1, refused: 0 });
    // Another address is another client.
    const stranger = await openClient(port, true, '127.0.0.9');
    stranger.send(makeQuery(5));
    await stranger.received(1);
    expect(transport.counters).toMatchObject({ connections: 4, evicted: 1 });
  });

  it('has not refused who was gone before it was accepted', async () => {
    const { transport, port } = await openTransport();
    const gone = `require('net').connect(${port}, '127.0.0.1', function () { this.resetAndDestroy(); })`;
    // We do nothing until the other process has ended: then the kernel gives us a connection that has been reset.
    spawnSync(process.execPath, ['-e', gone]);
    await until(() => transport.counters.accepted === 1);
    expect(transport.counters).toMatchObject({ connections: 0, refused: 0 });
  });

  it('refuses a newcomer when all others are owed answers', async () => {
    const { fake, transport, port } = await openTransport({ limits: { maxConnections: 2 } });
    for (let i = 0; i < 2; i++) (await openClient(port)).send(makeQuery(i, HOLD));
    await fake.holding(2);
    const third = await openClient(port);
    await third.ended;
    expect(transport.counters).toMatchObject({ connections: 2, refused: 1, evicted: 0 });
    fake.release();
    await until(() => transport.counters.answered === 2);
    const fourth = await openClient(port);
    fourth.send(makeQuery(4));
    await fourth.received(1);
    expect(transport.counters).toMatchObject({ connections: 2, evicted: 1 });
  });

  it('makes room for a client without a connection, where one that has several waits with all of them', async () => {
    const { fake, transport, port } = await openTransport({ limits: { maxConnections: 3 } });
    const greedy: TcpClient[] = [];
    for (let i = 0; i < 3; i++) greedy.push(await openClient(port));
    for (const [i, client] of greedy.entries()) {
      client.send(makeQuery(i, HOLD));
      await fake.holding(i + 1);
    }
    const modest = await openClient(port, true, '127.0.0.9');
    modest.send(makeQuery(7));
    await modest.received(1);
    await greedy[0]!.ended;
    expect(transport.counters).toMatchObject({ connections: 3, evicted: 1, refused: 0 });
    modest.send(makeQuery(8, HOLD));
    await fake.holding(4);
    // One more would leave it as many as the other has.
    const second = await openClient(port, true, '127.0.0.9');
    await second.ended;
    expect(transport.counters).toMatchObject({ connections: 3, evicted: 1, refused: 1 });
  });

  it('makes room in all, across clients', async () => {
    const { transport, port } = await openTransport({ limits: { maxConnections: 2 } });
    const first = await openClient(port, true, '127.0.0.8');
    await until(() => transport.counters.connections === 1);
    await openClient(port, true, '127.0.0.9');
    await until(() => transport.counters.connections === 2);
    const third = await openClient(port);
    third.send(makeQuery(1));
    await third.received(1);
    await first.ended;
    expect(transport.counters).toMatchObject({ connections: 2, evicted: 1 });
  });

  it('serves 100 connections at once', async () => {
    const { transport, port } = await openTransport();
    const clients = await Promise.all(upTo(100).map(() => openClient(port)));
    clients.forEach((client, i) => client.send(makeQuery(i)));
    const answers = await Promise.all(clients.map((client) => client.received(1)));
    expect(answers.map(([answer]) => answer!.readUInt16BE(0))).toEqual(upTo(100));
    expect(transport.counters).toMatchObject({ connections: 100, evicted: 0, refused: 0 });
  });

  it('stops reading a connection with many deferred queries, and goes on as they are answered', async () => {
    const { fake, transport, port } = await openTransport({ limits: { maxDeferred: 4 } });
    const client = await openClient(port);
    client.socket.write(many(10, HOLD));
    await fake.holding(4);
    expect(await settled(() => transport.counters.received)).toBe(4);
    fake.release();
    await fake.holding(4);
    fake.release();
    await fake.holding(2);
    fake.release();
    expect(ids(await client.received(10))).toEqual(upTo(10));
    client.send(makeQuery(11));
    await client.received(11);
  });
});

describe('a client that does not read', () => {
  const LONG = 60_000;
  const BOUND = 256 * 1024 + 65_537;

  it('is not read further, costs bounded memory, and gets everything once it reads', async () => {
    const { transport, port } = await openTransport();
    const client = await openClient(port, false);
    client.socket.write(many(600, SIZED, LONG));
    const received = await settled(() => transport.counters.received);
    expect(received).toBeLessThan(600);
    expect(transport.outputTotal).toBeGreaterThan(0);
    expect(transport.outputTotal).toBeLessThanOrEqual(BOUND);
    // Others are served meanwhile.
    const other = await openClient(port);
    other.send(makeQuery(1));
    await other.received(1);
    client.read();
    expect(ids(await client.received(600))).toEqual(upTo(600));
    await until(() => transport.outputTotal === 0);
    expect(transport.counters.cut).toBe(0);
  });

  it('is cut after a while', async () => {
    const { transport, port, pass } = await openTimed({ writeMs: 5000 });
    const client = await openClient(port, false);
    client.socket.write(many(600, SIZED, LONG));
    await settled(() => transport.counters.received);
    expect(transport.outputTotal).toBeGreaterThan(0);
    pass(4999);
    expect(transport.counters.connections).toBe(1);
    pass(1);
    expect(transport.counters).toMatchObject({ connections: 0, cut: 1 });
    expect(transport.outputTotal).toBe(0);
  });

  it('is bounded together with all others like it', async () => {
    const total = 400 * 1024;
    const { transport, port } = await openTransport({ limits: { maxOutputTotal: total } });
    const clients = await Promise.all(upTo(6).map(() => openClient(port, false)));
    for (const client of clients) client.socket.write(many(600, SIZED, LONG));
    await settled(() => transport.counters.received);
    expect(transport.outputTotal).toBeGreaterThan(0);
    // Each may owe what one turn gave it before the bound was met.
    expect(transport.outputTotal).toBeLessThanOrEqual(total + 6 * 2 * 65_537);
    for (const client of clients) client.read();
    await Promise.all(clients.map((client) => client.received(600)));
    await until(() => transport.outputTotal === 0);
  });

  it('is cut, now or by the clock, when many long deferred answers come at once', async () => {
    const { fake, transport, port, pass } = await openTimed({ writeMs: 5000 });
    const client = await openClient(port, false);
    do {
      client.socket.write(many(128, HOLD_SIZED, LONG));
      await settled(() => fake.held.length);
      // 7.5 MB in one turn: more than the bound beyond what any system queues.
      fake.release();
      expect(transport.outputTotal).toBeLessThanOrEqual(512 * 1024);
    } while (transport.counters.connections === 1 && transport.outputTotal === 0);
    pass(5000);
    expect(transport.counters).toMatchObject({ connections: 0, cut: 1, errors: 0 });
    expect(transport.outputTotal).toBe(0);
  });

  it('gets many long deferred answers at once when it reads', async () => {
    const { fake, port } = await openTransport();
    const client = await openClient(port);
    client.socket.write(many(6, HOLD_SIZED, LONG));
    await fake.holding(6);
    fake.release();
    expect(ids(await client.received(6))).toEqual(upTo(6));
  });
});

describe('limits of all listeners together', () => {
  it('take a connection from the listener that has most', async () => {
    const pool = new TcpPool({ limits: { maxConnections: 5, maxPerClient: 5 } });
    const modest = await openTransport({ pool });
    const greedy = await openTransport({ pool });
    const first = await openClient(modest.port);
    await until(() => modest.transport.counters.connections === 1);
    for (let i = 0; i < 20; i++) {
      await openClient(greedy.port);
      await until(() => greedy.transport.counters.accepted === i + 1);
    }
    expect(greedy.transport.counters).toMatchObject({ connections: 4, evicted: 16, refused: 0 });
    expect(modest.transport.counters).toMatchObject({ connections: 1, evicted: 0 });
    first.send(makeQuery(1));
    await first.received(1);
    // The modest one gets another, at the cost of the greedy one again.
    await openClient(modest.port);
    await until(() => modest.transport.counters.connections === 2);
    expect(greedy.transport.counters.connections).toBe(3);
  });

  it('count what is unread of all of them', async () => {
    const pool = new TcpPool();
    const transports = [await openTransport({ pool }), await openTransport({ pool })];
    for (const { port } of transports) {
      const client = await openClient(port, false);
      client.socket.write(many(400, SIZED, 20_000));
    }
    await until(() => pool.outputTotal > 0);
    const total = await settled(() => pool.outputTotal);
    expect(transports.map(({ transport }) => transport.outputTotal)).toEqual([total, total]);
    expect(total).toBeGreaterThan(0);
  });
});

test('a newcomer waits for little of each of a thousand that have much to do', async () => {
  const pool = new TcpPool({ sweepMs: 0 });
  let done = 0;
  const endless = {
    run(units: number): number {
      done += units;
      pool.enqueue(this);
      return 0;
    },
    stamp: 0,
    queued: false,
  };
  for (let i = 0; i < 1000; i++) pool.enqueue({ ...endless });
  // They have had one turn each.
  while (done < 8192) await new Promise((resolve) => setImmediate(resolve));
  const before = done;
  await new Promise<void>((resolve) => {
    const newcomer = { stamp: 0, queued: false, run: (units: number) => (resolve(), units) };
    pool.enqueue(newcomer);
  });
  expect(done - before).toBeLessThan(6000);
  expect(done - before).toBeGreaterThan(1000);
});
