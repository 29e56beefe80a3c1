/** An upstream that never answers costs outside names their answer, and nobody else anything. */
import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { parseMessage } from '../../src/dns/print.ts';
import { ServerCore } from '../../src/server.ts';
import { startServer, type LoopbackServer } from './loopback-server.ts';

const QUERIES = 20_000;
/** Of outside names between two local ones: what a socket's buffer holds with room to spare. */
const BATCH = 100;
const CLIENTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'];
const IN_ALL = 256;
const PER_CLIENT = 64;
const AAAA = 28;
/** QueryLimits a hang; nothing is measured by it. */
const HANG = 60_000;

describe.each([
  ['node:dgram', 0],
  ['a batch worker', 1],
])('an upstream is silent, UDP by %s', (_title, workers) => {
  let upstream: LoopbackServer;
  let server: ServerCore;
  let port = 0;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    upstream = await startServer({});
    server = new ServerCore({
      config: {
        workers,
        upstreams: [upstream.text],
        // Half of them is one VPC's share.
        forwardQueries: 2 * IN_ALL,
        forwardClient: PER_CLIENT,
      },
    });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db', ip6: 'fdfd:1a8::1' }],
    });
    ({ port } = await server.listen('127.0.0.1:0@aep/shop'));
    for (const address of CLIENTS) {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, address, resolve));
      sockets.push(socket);
    }
  });

  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await server.close(0);
    await upstream.close();
  });

  it(
    `${QUERIES} questions about outside names leave every local one answered before the next batch`,
    { timeout: HANG },
    async () => {
      /** By extended error. */
      const refused = new Map<number, number>();
      const texts = new Set<string>();
      let local = 0;
      let arrived = (): void => undefined;
      for (const socket of sockets) {
        socket.on('message', (octets) => {
          const { rcode, answer, edns } = parseMessage(octets);
          if (answer.length > 0) {
            local++;
            arrived();
            return;
          }
          expect(rcode).toBe(2);
          const [error] = edns!.errors;
          refused.set(error!.code, (refused.get(error!.code) ?? 0) + 1);
          texts.add(error!.text);
        });
      }
      const send = (socket: Socket, name: string, id: number): void =>
        socket.send(buildQuery({ id: id & 0xffff, name, type: AAAA, edns: {} }), port, '127.0.0.1');

      let most = 0;
      const batches = QUERIES / BATCH;
      for (let batch = 0; batch < batches; batch++) {
        const socket = sockets[batch % sockets.length]!;
        for (let i = 0; i < BATCH; i++) send(socket, `n${batch}-${i}.example.com`, i);
        // Behind all of them in the same socket's queue.
        const answered = new Promise<void>((resolve) => (arrived = resolve));
        send(socket, 'db', 0x7e57);
        await answered;
        const { waiting } = server.outside.status();
        most = Math.max(most, waiting);
      }
      expect(local).toBe(batches);
      // Those in front of it are in hand, so outside names do wait, within their bound, while local ones do not.
      expect(most).toBeGreaterThanOrEqual(PER_CLIENT);
      expect(most).toBeLessThanOrEqual(IN_ALL);

      // Every one of them gets an answer: over the bound at once (14), the others when time is up (23).
      while (server.outside.status().waiting > 0 || sum(refused) < QUERIES) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect([...refused.keys()].sort((a, b) => a - b)).toEqual([14, 23]);
      expect(refused.get(14)!).toBeGreaterThan(refused.get(23)!);
      expect([...texts].some((text) => text.startsWith('too many queries of this client'))).toBe(true);
      expect(sum(refused)).toBe(QUERIES);
      const { counters } = server.outside.forwarder;
      expect(counters.queries).toBe(QUERIES);
      expect(counters.overflows).toBe(refused.get(14));
    },
  );
});

function sum(counts: Map<number, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}
