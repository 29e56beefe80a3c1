/** What a worker has recorded is still there after it died, and its successor writes on. */
import { afterEach, expect, test } from 'vitest';
import type { Listener } from '../../src/answer/peer.ts';
import type { WorkerData } from '../../src/answer/worker.ts';
import { Recorder } from '../../src/server/recorder.ts';
import { lastRecorded } from '../../src/server/recorded.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { SYNC_LIVE } from '../../src/trie/layout.ts';
import { Readers, reserveMemory } from '../../src/trie/memory.ts';
import { OwnWriter } from '../harness/own-writer.ts';
import { ANSWER_SETTINGS } from '../harness/answer-settings.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { UdpClient, until } from '../transport/clients.ts';
import { SingleTransport } from '../transport/single-transport.ts';

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

const unavailableReason = batchUnavailableReason();
if (unavailableReason !== undefined) skipAloud('a worker that records dies', unavailableReason);

test.skipIf(unavailableReason !== undefined)('a worker that records dies', async () => {
  const memory = reserveMemory({ names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 });
  const writer = new OwnWriter(memory, { ...ANSWER_SETTINGS, canForward: false, now: () => 1 });
  writer.setSync(SYNC_LIVE);
  writer.begin();
  writer.put({ kind: 'namespace', vpc: 'aep', name: 'web', created: '2026-11-22T10:00:00Z' }, 1n);
  writer.commit();
  const recorder = new Recorder({
    keeps: 'failures',
    size: 1 << 20,
    logRate: 0,
    memory,
    settings: ANSWER_SETTINGS,
    wallClock: Date.now,
  });
  const address = '127.0.0.1';
  const listener: Listener = {
    id: 0,
    text: `${address}:0@aep/web`,
    address,
    port: 0,
    vpc: 'aep',
    namespace: 'web',
  };
  const readers = new Readers(memory);
  const problems: string[] = [];
  const transport = new SingleTransport(
    listener,
    { answerNow: () => 0, defer: () => undefined },
    {
      workers: 1,
      module: new URL('../transport/mortal-worker.mjs', import.meta.url).href,
      attach: () => {
        const reader = readers.take();
        const record = recorder.take();
        const data: WorkerData = { memory, reader, settings: ANSWER_SETTINGS, record };
        const detach = (): void => {
          readers.release(reader);
          recorder.release(record);
        };
        return { data, detach };
      },
      onProblem: (text) => problems.push(text),
    },
  );
  const port = await transport.open();
  closing.push(transport);
  const client = await UdpClient.open(address, port);
  closing.push(client);
  const ask = async (name: string, id: number): Promise<void> => {
    const before = client.messages.length;
    client.send(encodeQuery({ id, name, type: 'AAAA' }));
    await until(() => client.messages.length > before);
  };
  await ask('before', 1);
  client.send(encodeQuery({ id: 0xdead, name: 'fatal', type: 'AAAA' }));
  await until(() => problems.length > 0);
  await ask('after', 2);
  const names = (await lastRecorded(recorder, {}, 10)).map(({ name }) => name);
  expect(names).toEqual(['before.', 'after.']);
  // The main thread's, and one that both workers had in turn.
  expect(recorder.readers).toHaveLength(2);
});
