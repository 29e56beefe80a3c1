/** The end of a server: who works until when, and that nothing is answered wrongly meanwhile. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createServer } from '../../src/index.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { endServer } from '../../src/server/ending.ts';
import type { Parts } from '../../src/server/ending.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient, until } from '../transport/clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

/** Parts that write down their end; the transports' comes when `drained` says so. */
function notedParts(drained: Promise<void>): { parts: Parts; said: string[] } {
  const said: string[] = [];
  const note = (name: string) => (): Promise<void> => Promise.resolve(void said.push(name));
  const transports = { close: () => drained.then(note('transports')) };
  const parts: Parts = {
    gateways: { close: note('gateways') },
    transports,
    deferred: { close: () => void said.push('holds') },
    outside: { close: note('forwarder') },
    sources: [{ close: note('source') }],
    subscribers: { close: note('saved view') },
    staleness: { close: () => void said.push('staleness') },
  };
  return { parts, said };
}

describe('the order of the end', () => {
  test('the transports have answered before anybody whom they need stops', async () => {
    let drain = (): void => undefined;
    const { parts, said } = notedParts(new Promise((done) => (drain = done)));
    const ended = endServer(parts);
    await new Promise((done) => setImmediate(done));
    expect(said).toEqual(['gateways']);
    drain();
    await ended;
    expect(said).toEqual([
      'gateways',
      'transports',
      'holds',
      'forwarder',
      'source',
      'saved view',
      'staleness',
    ]);
  });

  test('after the grace what is still owed is answered in short, and the transports end', async () => {
    const { parts, said } = notedParts(Promise.resolve());
    // Its last answer comes by the holds' end.
    parts.transports = {
      close: () => until(() => said.includes('holds')).then(() => void said.push('transports')),
    };
    await endServer(parts, 0);
    expect(said).toEqual([
      ...['gateways', 'holds', 'forwarder', 'transports', 'holds', 'source', 'saved view', 'staleness'],
    ]);
  });
});

/** An upstream that answers when it is told to. */
async function slowUpstream() {
  const socket = createSocket('udp4');
  const asked: { query: Buffer; from: RemoteInfo }[] = [];
  socket.on('message', (query, from) => asked.push({ query, from }));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push({ close: () => new Promise<void>((done) => socket.close(() => done())) });
  const answer = (): void => {
    for (const { query, from } of asked.splice(0)) {
      const reply = Buffer.from(query);
      reply[2]! |= 0x80;
      reply[3] = 0x83;
      socket.send(reply, from.port, from.address);
    }
  };
  return { port: socket.address().port, asked, answer };
}

const unavailableReason = batchUnavailableReason();
const LANES: [string, number][] = [['dgram', 0]];
if (unavailableReason === undefined) LANES.unshift(['batch', 1]);
else skipAloud('the end of a server with the batch transport', unavailableReason);

describe.each(LANES)('a server that ends, %s transport', (_, workers) => {
  test('answers what it has asked upstreams, and nothing with SERVFAIL meanwhile', async () => {
    const upstream = await slowUpstream();
    const config = { workers, upstreams: [`127.0.0.1:${upstream.port}`] };
    const server = createServer({ config, reserve: RESERVE });
    closing.push({ close: () => server.close(0) });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
    });
    const { port } = await server.listen('127.0.0.1:0@aep/web');
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    client.send(encodeQuery({ id: 1, name: 'www.example.com', type: 'A' }));
    await until(() => upstream.asked.length > 0);
    let closed = false;
    const end = server.close(20_000).then(() => (closed = true));
    // While it waits, what it has itself is answered; what it would have to ask for is not.
    client.send(encodeQuery({ id: 2, name: 'other.example.com', type: 'A' }));
    client.send(encodeQuery({ id: 3, name: 'db', type: 'AAAA' }));
    await client.received(1);
    expect(closed).toBe(false);
    upstream.answer();
    await until(() => {
      upstream.answer();
      return closed;
    });
    await end;
    // It may still lie in the client's own queue.
    await until(() => client.messages.some((message) => message.readUInt16BE(0) === 1));
    const rcodes = client.messages.map((message) => [message.readUInt16BE(0), parseWire(message).rcode]);
    expect(rcodes).toContainEqual([1, 3]);
    expect(rcodes).toContainEqual([3, 0]);
    for (const [, rcode] of rcodes) expect(rcode).not.toBe(2);
  });

  test('answers in short what its upstreams do not, when the grace is over', async () => {
    const upstream = await slowUpstream();
    const config = { workers, upstreams: [`127.0.0.1:${upstream.port}`] };
    const server = createServer({ config, reserve: RESERVE });
    await server.apply({ put: [{ kind: 'vpc', name: 'aep' }] });
    const { port } = await server.listen('127.0.0.1:0@aep');
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    client.send(encodeQuery({ id: 1, name: 'www.example.com', type: 'A', edns: {} }));
    await until(() => upstream.asked.length > 0);
    await server.close(1);
    expect(parseWire((await client.received(1))[0]!)).toMatchObject({ id: 1, rcode: 2 });
  });
});
