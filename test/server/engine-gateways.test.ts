/** The gateways that an engine tells reach the threads that answer: its host is known there, without a hold. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { beforeAll, describe, expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { enterNamespace } from '../harness/netns.ts';
import { namespaceReason, skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';

const reason = namespaceReason();
if (reason !== undefined) skipAloud('the host of an engine, over sockets', reason);

const LANES: [string, number][] = [['dgram', 0]];
if (batchUnavailableReason() === undefined) LANES.unshift(['batch', 2]);
const GATEWAY = '10.5.0.1';
const SERVFAIL = 2;
const NXDOMAIN = 3;

async function ask(from: string, address: string, port: number, name: string): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, from);
  await once(socket, 'listening');
  socket.send(encodeQuery({ id: 7, name, type: 'A' }), port, address);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return parseWire(answer).rcode;
}

describe.skipIf(reason !== undefined)('the host of an engine', () => {
  beforeAll(async () => {
    expect(await enterNamespace([GATEWAY, '10.5.0.2', '10.5.0.9'])).toBeUndefined();
  });

  test.each(LANES)('%s transport, %i workers', async (_, workers) => {
    const server = new ServerCore({
      config: { workers, forward: 'off', podHold: 100, docker: [{ socket: '/nowhere.sock', vpc: 'docker' }] },
      reserve: { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 },
    });
    try {
      await server.apply({
        put: [{ kind: 'pod', vpc: 'docker', namespace: 'shop', name: 'db', ip6: 'fd00::1' }],
      });
      const { port, udp } = await server.listen('10.5.0.9:0@docker');
      const bare = (from: string): Promise<number> => ask(from, '10.5.0.9', port, 'db');
      server.gateways.tell(0, [GATEWAY]);
      expect(await bare(GATEWAY)).toBe(NXDOMAIN);
      // From the very address that it asks.
      expect(await bare('10.5.0.9')).toBe(NXDOMAIN);
      expect(await bare('127.0.0.1')).toBe(NXDOMAIN);
      expect(udp.counters.deferred).toBe(0);
      expect(await bare('10.5.0.2')).toBe(SERVFAIL);
      expect(udp.counters.deferred).toBe(1);
      server.gateways.tell(0, ['10.5.0.2']);
      expect(await bare('10.5.0.2')).toBe(NXDOMAIN);
      expect(await bare(GATEWAY)).toBe(SERVFAIL);
    } finally {
      await server.close(0);
    }
  });
});
