/** The TCP transport: the common behaviour, framing on the wire, pipelining, half-closing, turns, sockets taken over. */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { TcpTransport } from '../../src/transport/tcp/tcp.ts';
import { TcpPool } from '../../src/transport/tcp/pool.ts';
import { skipAloud } from '../harness/tools.ts';
import { transportBehaviour } from './behaviour.ts';
import { frame, until } from './clients.ts';
import { loadDuplicate } from './duplicate.ts';
import { DROP, HOLD, makeQuery, SIZED } from './fake.ts';
import { closeAll, openClient, openTransport } from './tcp-setup.ts';

transportBehaviour('tcp', {
  protocol: 'tcp',
  make: (listener, answering) => new TcpTransport(listener, answering),
  together: (answering) => {
    const pool = new TcpPool();
    return {
      make: (listener) => new TcpTransport(listener, answering, { pool }),
      close: () => Promise.resolve(),
    };
  },
});

afterEach(closeAll);

const ids = (messages: Buffer[]): number[] => messages.map((message) => message.readUInt16BE(0));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('frames', () => {
  it('takes a query octet by octet', async () => {
    const { port } = await openTransport();
    const client = await openClient(port);
    for (const octet of Buffer.concat([frame(makeQuery(1)), frame(makeQuery(2))])) {
      client.socket.write(Buffer.from([octet]));
      await new Promise((done) => setImmediate(done));
    }
    expect(ids(await client.received(2))).toEqual([1, 2]);
  });

  it('takes the longest message and gives the longest answer', async () => {
    const { port } = await openTransport();
    const client = await openClient(port);
    client.send(makeQuery(1, SIZED, 65_535, 65_535));
    const [answer] = await client.received(1);
    expect(answer!.length).toBe(65_535);
    expect(answer!.subarray(32).equals(Buffer.alloc(65_503, 0x2a))).toBe(true);
  });

  it('answers 50 pipelined queries of one write, in order, in few writes', async () => {
    const { transport, port } = await openTransport();
    const client = await openClient(port);
    client.socket.write(Buffer.concat(upTo(50).map((id) => frame(makeQuery(id)))));
    expect(ids(await client.received(50))).toEqual(upTo(50));
    expect(client.chunks).toBeLessThan(10);
    expect(transport.counters).toMatchObject({ received: 50, answered: 50, connections: 1, accepted: 1 });
  });

  it('keeps the connection after a message that is only a header', async () => {
    const { port } = await openTransport();
    const client = await openClient(port);
    client.send(makeQuery(1).subarray(0, 12));
    client.send(makeQuery(2));
    expect(ids(await client.received(2))).toEqual([1, 2]);
  });

  it.each([0, 11])('closes after a frame of %i octets, once the earlier answers are out', async (length) => {
    const { transport, port } = await openTransport();
    const client = await openClient(port);
    client.socket.write(
      Buffer.concat([frame(makeQuery(1)), frame(Buffer.alloc(length)), frame(makeQuery(2))]),
    );
    await client.ended;
    expect(ids(client.messages)).toEqual([1]);
    client.socket.end();
    expect(await client.closed).toBe('');
    await until(() => transport.counters.connections === 0);
    expect(transport.counters).toMatchObject({ received: 1, cut: 1 });
  });

  it('ignores any number of responses and drops, and answers the queries between and behind them', async () => {
    const { transport, port } = await openTransport();
    const client = await openClient(port);
    const response = makeQuery(1);
    response[2] = 0x80;
    for (let i = 0; i < 500; i++) client.send(response);
    client.send(makeQuery(2, DROP));
    client.send(makeQuery(3));
    for (let i = 0; i < 8; i++) client.send(response);
    client.send(makeQuery(4));
    expect(ids(await client.received(2))).toEqual([3, 4]);
    expect(transport.counters).toMatchObject({ received: 511, dropped: 509, cut: 0 });
  });

  it('closes one that sends nothing but responses as idle, however many they are', async () => {
    let now = 0;
    const { transport, port } = await openTransport({ now: () => now, sweepMs: 0 });
    const client = await openClient(port);
    const response = makeQuery(1);
    response[2] = 0x80;
    client.send(makeQuery(2));
    await client.received(1);
    for (let i = 1; i <= 10; i++) {
      expect(transport.counters).toMatchObject({ idled: 0, connections: 1 });
      now = i * 1000;
      client.send(response);
      await until(() => transport.counters.dropped === i);
      transport.sweep();
    }
    expect(transport.counters).toMatchObject({ idled: 1, connections: 0 });
  });
});

describe('the end of a connection', () => {
  it('answers what was asked before a half-close, then closes', async () => {
    const { fake, transport, port } = await openTransport();
    const client = await openClient(port);
    client.send(makeQuery(1, HOLD));
    client.send(makeQuery(2));
    client.socket.end();
    await client.received(1);
    await fake.holding(1);
    expect(transport.counters.connections).toBe(1);
    fake.release();
    await client.ended;
    expect(ids(client.messages)).toEqual([2, 1]);
    expect(await client.closed).toBe('');
    await until(() => transport.counters.connections === 0);
    expect(transport.counters.cut).toBe(0);
  });

  it('answers thousands of queries before a half-close', async () => {
    const { port } = await openTransport();
    const client = await openClient(port);
    client.socket.end(Buffer.concat(upTo(5000).map((id) => frame(makeQuery(id)))));
    await client.ended;
    expect(ids(client.messages)).toEqual(upTo(5000));
  });

  it('survives a reset with answers under way', async () => {
    const { fake, transport, port } = await openTransport();
    const client = await openClient(port);
    client.send(makeQuery(1, HOLD));
    await fake.holding(1);
    client.socket.resetAndDestroy();
    await until(() => transport.counters.connections === 0);
    fake.release();
    const other = await openClient(port);
    other.send(makeQuery(2));
    await other.received(1);
    expect(transport.counters).toMatchObject({ answered: 1, errors: 0 });
  });

  it('closes idle connections when it closes, and those that do not close theirs', async () => {
    const { transport, port } = await openTransport({ sweepMs: 10, limits: { lingerMs: 20 } });
    const polite = await openClient(port);
    const rude = await openClient(port);
    await until(() => transport.counters.connections === 2);
    const closing = transport.close(20_000);
    await Promise.all([polite.ended, rude.ended]);
    polite.socket.end();
    await closing;
    expect(transport.counters.connections).toBe(0);
  });

  it('answers what it has read before it closes, and refuses newcomers', async () => {
    const { fake, transport, port } = await openTransport();
    const client = await openClient(port);
    client.socket.write(
      Buffer.concat([...upTo(300).map((id) => frame(makeQuery(id))), frame(makeQuery(300, HOLD))]),
    );
    await until(() => transport.counters.received > 0);
    const closing = transport.close(20_000);
    const newcomer = connect(port, '127.0.0.1');
    const code = await new Promise((done) =>
      newcomer.on('error', (error: NodeJS.ErrnoException) => done(error.code)),
    );
    expect(code).toBe('ECONNREFUSED');
    await fake.holding(1);
    fake.release();
    await client.ended;
    expect(ids(client.messages)).toEqual(upTo(301));
    client.socket.end();
    await closing;
  });
});

describe('turns', () => {
  it('does a bounded amount of work between two turns of the event loop', async () => {
    const { transport, port } = await openTransport();
    const clients = await Promise.all(upTo(4).map(() => openClient(port)));
    const many = Buffer.concat(upTo(2500).map((id) => frame(makeQuery(id))));
    for (const client of clients) client.socket.write(many);
    let most = 0;
    let last = 0;
    while (transport.counters.received < 10_000) {
      await new Promise((done) => setImmediate(done));
      most = Math.max(most, transport.counters.received - last);
      last = transport.counters.received;
    }
    // One allowance from this turn's polling and one from its immediates may lie between two looks.
    expect(most).toBeLessThanOrEqual(256);
    await Promise.all(clients.map((client) => client.received(2500)));
    for (const client of clients) expect(ids(client.messages)).toEqual(upTo(2500));
  });

  it('serves a newcomer before the pipeline of another is done', async () => {
    const { transport, port } = await openTransport();
    const busy = await openClient(port);
    const newcomer = await openClient(port);
    await until(() => transport.counters.connections === 2);
    busy.socket.write(Buffer.concat(upTo(30_000).map((id) => frame(makeQuery(id)))));
    await until(() => transport.counters.received > 0);
    newcomer.send(makeQuery(7));
    await newcomer.received(1);
    expect(transport.counters.received).toBeLessThan(30_001);
    await busy.received(30_000);
  });
});

describe('a listening socket taken over', () => {
  const loaded = loadDuplicate();
  if ('reason' in loaded) {
    skipAloud('adopts a listening socket', loaded.reason);
    return;
  }

  it('is adopted, and serves on when the predecessor closes', async () => {
    const old = await openTransport();
    const next = await openTransport(
      { fd: loaded.duplicate(old.transport.descriptor) },
      '127.0.0.1',
      old.port,
    );
    expect(next.port).toBe(old.port);
    await old.transport.close();
    expect(old.transport.descriptor).toBe(-1);
    const client = await openClient(old.port);
    client.send(makeQuery(1));
    await client.received(1);
    expect(next.transport.counters.received).toBe(1);
  });
});
