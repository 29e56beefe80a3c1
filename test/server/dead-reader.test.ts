/** A thread that dies inside of a batch leaves its announcement: no change waits for it longer than its death is unknown. */
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import { HEAD_ACTIVE, HEAD_READERS, READER_STRIDE } from '../../src/trie/layout.ts';
import { Readers } from '../../src/trie/memory.ts';
import { RESERVE } from '../watch/nodes.ts';

const DIES = `
const { head, at, active } = require('node:worker_threads').workerData;
const words = new Int32Array(head);
Atomics.store(words, at, Atomics.load(words, active) + 1);
process.exit(1);
`;

test('two changes in one turn of the event loop are answerable though a reader is dead', async () => {
  const server = new ServerCore({ config: { workers: 0, forward: 'off' }, reserve: RESERVE });
  await server.start();
  const readers = new Readers(server.memory);
  const reader = readers.take();
  const { head } = server.memory;
  const at = HEAD_READERS + reader * READER_STRIDE;
  const worker = new Worker(DIES, { eval: true, workerData: { head, at, active: HEAD_ACTIVE } });
  const words = new Int32Array(head);
  // The thread is dead, or nearly so, before its end can be told here.
  while (Atomics.load(words, at) === 0) Atomics.wait(words, at, 0, 1);
  worker.once('exit', () => readers.release(reader));
  const put = (name: string): Promise<void> =>
    server.apply({ put: [{ kind: 'pod', vpc: 'v', namespace: 'n', name, ip6: 'fd00::1' }] });
  await Promise.all([put('a'), put('b'), put('c')]);
  expect(server.catalog.count('pod')).toBe(3);
  expect(server.viewUsage().names).toBeGreaterThan(3);
  expect(Atomics.load(words, at)).toBe(0);
  await server.close(0);
});
