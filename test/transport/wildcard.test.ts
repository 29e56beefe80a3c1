/** Wildcard listeners on a host of many addresses: every answer leaves from the address that was asked. */
import { afterEach, describe, expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { enterNamespace } from '../harness/netns.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { TcpClient, UdpClient } from './clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const FOUR = ['127.0.0.1', '10.9.0.1', '10.9.0.2', '192.0.2.7'];
const SIX = ['::1', 'fd09::1', 'fd09::2', '2001:db8::7'];
const own = [...FOUR, ...SIX].filter((address) => address !== '127.0.0.1' && address !== '::1');
const unavailableReason = batchUnavailableReason() ?? (await enterNamespace(own));

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

if (unavailableReason !== undefined) skipAloud('wildcard listeners', unavailableReason);
describe.skipIf(unavailableReason !== undefined)('wildcard listeners', () => {
  test.each([
    ['batch', 1],
    ['batch', 2],
    ['dgram', 0],
  ])(
    '%s transport, %i workers: both families on one port, each answer from the address asked',
    async (kind, workers) => {
      const server = new ServerCore({ config: { workers, forward: 'off' }, reserve: RESERVE });
      closing.push({ close: () => server.close(0) });
      await server.apply({
        put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
      });
      const { port, udpKind } = await server.listen('0.0.0.0:0@aep/web');
      await server.listen(`[::]:${port}@aep/web`);
      expect(udpKind).toBe(kind);
      for (const address of [...FOUR, ...SIX]) {
        for (const open of [UdpClient, TcpClient]) {
          // Connected: what leaves from another address is not heard.
          const client = await open.open(address, port);
          closing.push(client);
          client.send(encodeQuery({ id: 1, name: 'db', type: 'AAAA' }));
          await client.received(1);
          // The server's own name is the address that was asked; the other comes by way of the main thread.
          client.send(
            encodeQuery({ id: 2, name: 'ns.vpc.internal', type: address.includes(':') ? 'AAAA' : 'A' }),
          );
          const answers = await client.received(2);
          expect(parseWire(answers[1]!).answer.map(({ text }) => text)).toEqual([address]);
          client.send(encodeQuery({ id: 3, name: '_whoami.vpc.internal', type: 'TXT' }));
          expect((await client.received(3))[2]!.readUInt16BE(0)).toBe(3);
        }
      }
    },
  );
});
