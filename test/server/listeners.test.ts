/** Listeners that come and go while a server runs: whose clients they have, and what is left of them. */
import { createSocket } from 'node:dgram';
import { createServer as createTcp } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import type { Sink, Source } from '../../src/index.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { TcpClient, UdpClient } from '../transport/clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const pod = (vpc: string, ip6: string) => ({ kind: 'pod', vpc, namespace: 'web', name: 'db', ip6 }) as const;

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

/** The address of `db`, over UDP and over TCP. */
async function ask(port: number, address = '127.0.0.1'): Promise<string[]> {
  const answers: string[] = [];
  for (const kind of [UdpClient, TcpClient]) {
    const client = await kind.open(address, port);
    client.send(encodeQuery({ id: 1, name: 'db', type: 'AAAA' }));
    answers.push(parseWire((await client.received(1))[0]!).answer[0]!.text);
    await client.close();
  }
  return answers;
}

/** Rejects when somebody still has the port. */
async function isFree(port: number): Promise<void> {
  const udp = createSocket('udp4');
  udp.bind({ port, address: '127.0.0.1', exclusive: true });
  await once(udp, 'listening');
  udp.close();
  const tcp = createTcp().listen(port, '127.0.0.1');
  await once(tcp, 'listening');
  tcp.close();
}

const unavailableReason = batchUnavailableReason();
const LANES: [string, number][] = [['dgram', 0]];
if (unavailableReason === undefined) LANES.unshift(['batch', 1], ['batch', 2]);
else skipAloud('listeners of the batch transport', unavailableReason);

describe.each(LANES)('listeners, %s transport, %i workers', (_, workers) => {
  function serve() {
    const server = new ServerCore({ config: { workers, forward: 'off' }, reserve: RESERVE });
    closing.push({ close: () => server.close(0) });
    return server;
  }

  test('one that is opened where another was closed has its own clients', async () => {
    const server = serve();
    await server.apply({ put: [pod('aep', 'fdfd:1a8::1'), pod('globex', 'fd99::1')] });
    const other = await server.listen('127.0.0.2:0@aep/web');
    let port = 0;
    for (let round = 0; round < 3; round++) {
      for (const [vpc, address] of [
        ['aep', 'fdfd:1a8::1'],
        ['globex', 'fd99::1'],
      ] as const) {
        const open = await server.listen(`127.0.0.1:${port}@${vpc}/web`);
        port = open.port;
        expect(await ask(port)).toEqual([address, address]);
        await open.close();
        await open.close();
        // Few are open at any time, so few numbers are given: whatever is kept by number does not grow.
        expect(open.listener.id).toBeLessThan(2);
        await isFree(port);
      }
    }
    expect(await ask(other.port, '127.0.0.2')).toEqual(['fdfd:1a8::1', 'fdfd:1a8::1']);
    expect(server.listeners).toEqual([other]);
  });

  test('all of them are closed with the server', async () => {
    const server = serve();
    await server.apply({ put: [pod('aep', 'fdfd:1a8::1')] });
    const ports: number[] = [];
    for (let i = 0; i < 5; i++) ports.push((await server.listen('127.0.0.1:0@aep/web')).port);
    await server.close();
    expect(server.listeners).toEqual([]);
    for (const port of ports) await isFree(port);
  });

  test('one that is bound before the view is there holds queries until it is', async () => {
    let sink: Sink | undefined;
    const source: Source = {
      name: 'late',
      start: (given) => void (sink = given),
      close: () => Promise.resolve(),
    };
    const server = new ServerCore({
      config: { workers, forward: 'off', syncHold: 20_000 },
      reserve: RESERVE,
      sources: [source],
    });
    closing.push({ close: () => server.close(0) });
    // Its threads may still be starting.
    const { port } = await server.bind('127.0.0.1:0@aep/web');
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    client.send(encodeQuery({ id: 1, name: 'db', type: 'AAAA' }));
    await client.flushed();
    await server.start();
    sink!.state('live');
    sink!.begin(true, '1');
    sink!.put({
      ...{ ...pod('aep', 'fdfd:1a8::1'), aid: 'p0123456789', names: [], overlays: [], ports: [] },
      ready: true,
    });
    await sink!.commit();
    const [answer] = await client.received(1);
    expect(parseWire(answer!)).toMatchObject({ rcode: 0, answer: [{ text: 'fdfd:1a8::1' }] });
  });
});
