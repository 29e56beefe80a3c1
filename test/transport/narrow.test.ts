/** A path that is narrower than an answer over IPv4: it goes in fragments, at once and later, and the next one as ever. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import type { Answering } from '../../src/transport/transport.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { enterNamespace } from '../harness/netns.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient } from './clients.ts';
import { SingleTransport } from './single-transport.ts';

const RESERVE = { names: 1 << 20, addresses: 1 << 20, arena: 1 << 22 };
const PODS = 40;
const unavailableReason = batchUnavailableReason() ?? (await enterNamespace([]));

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

if (unavailableReason !== undefined) skipAloud('narrow paths', unavailableReason);
describe.skipIf(unavailableReason !== undefined)('a narrow path', () => {
  test.each([1, 2])('%i workers: answers longer than it arrive whole', async (workers) => {
    const server = new ServerCore({ config: { workers, forward: 'off' }, reserve: RESERVE });
    closing.push({ close: () => server.close(0) });
    const pods = Array.from({ length: PODS }, (_, i) => ({
      ...{ kind: 'pod' as const, vpc: 'aep', namespace: 'web', name: `p${i}` },
      ...{ ip6: `fdfd:1a8::${(i + 1).toString(16)}`, names: ['app'] },
    }));
    await server.apply({ put: pods });
    const { port, udpKind } = await server.listen('127.0.0.1:0@aep/web');
    expect(udpKind).toBe('batch');
    execFileSync('ip', ['link', 'set', 'lo', 'mtu', '576']);
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    const edns = { size: 1232 };
    const questions = [
      { name: 'app', type: 'AAAA' },
      { name: 'p3', type: 'AAAA' },
      { name: 'app', type: 'AAAA' },
    ];
    for (const [id, question] of questions.entries()) {
      client.send(encodeQuery({ id, ...question, edns }));
      await client.received(id + 1);
    }
    const [many, one, again] = client.messages;
    expect(parseWire(many!).answer).toHaveLength(PODS);
    expect(many!.length).toBeGreaterThan(576);
    expect(parseWire(one!).answer).toHaveLength(1);
    expect(again).toHaveLength(many!.length);
  });

  test('an answer that took time arrives whole', async () => {
    const later: Answering = {
      answerNow: () => -1,
      defer: (packet, _peer, reply) => reply(Buffer.concat([packet.subarray(0, 12), Buffer.alloc(1000)])),
    };
    const listener = { id: 0, text: 'l', address: '127.0.0.1', port: 0, vpc: '', namespace: '' };
    const transport = new SingleTransport(listener, later, {
      module: new URL('udp-batch-standin.mjs', import.meta.url).href,
      attach: () => ({ data: 0, detach: () => undefined }),
    });
    closing.push({ close: () => transport.close(0) });
    const port = await transport.open();
    execFileSync('ip', ['link', 'set', 'lo', 'mtu', '576']);
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    for (const count of [1, 2]) {
      client.send(Buffer.concat([Buffer.alloc(12), Buffer.from('d')]));
      expect((await client.received(count)).at(-1)).toHaveLength(1012);
    }
    expect(transport.counters).toMatchObject({ answered: 2, sendErrors: 0 });
  });
});
