/** Readers in threads beside a writer at full speed: nothing torn, nothing of another tenant, memory used again. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { reserveSharedCache } from '../../src/shared-cache/memory.ts';
import { SharedCache } from '../../src/shared-cache/shared-cache.ts';
import { answerOf, questionFor } from './put.ts';
import { checksum } from './sums.mjs';

const DIST = new URL('../../dist/', import.meta.url).href;
const SUMS = new URL('sums.mjs', import.meta.url).href;
const READERS = 2;
const READS = 1_000_000;
const PUBLISHED = 50_000;
const TENANTS = 3;
const NAMES = 40;
const STOP = 0;
const COUNTS = 8;

interface Report {
  reads: number;
  given: number;
  faults: string[];
}

test('readers are given whole answers of their own tenant', { timeout: 120_000 }, async () => {
  // So small that most blocks have been another answer's a moment ago.
  const sharedCache = new SharedCache(reserveSharedCache(48 * 1024));
  sharedCache.lease(1000);
  const flags = new Int32Array(new SharedArrayBuffer(256));
  const workers = Array.from(
    { length: READERS },
    (_, reader) =>
      new Worker(new URL('taker.mjs', import.meta.url), {
        workerData: {
          ...{ memory: sharedCache.memory, reader, flags, tenants: TENANTS, names: NAMES },
          ...{ dist: DIST, sums: SUMS },
        },
      }),
  );
  const reports = workers.map(async (worker) => (await once(worker, 'message'))[0] as Report);
  let failed = false;
  for (const worker of workers) worker.once('error', () => (failed = true));
  const total = (): number => workers.reduce((sum, _, i) => sum + Atomics.load(flags, COUNTS + i), 0);

  const up = new Map<number, number>();
  let state = 1;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  let published = 0;
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const turn = (): void => {
    const place = below(TENANTS * NAMES);
    const old = up.get(place);
    if (old !== undefined) {
      sharedCache.remove(old);
      up.delete(place);
      if (below(3) === 0) return;
    }
    const tenant = 1 + Math.floor(place / NAMES);
    const name = place % NAMES;
    const data = new Uint8Array(12 + below(below(8) === 0 ? 900 : 120)).fill(below(256), 12);
    const view = new DataView(data.buffer);
    view.setUint32(0, tenant);
    view.setUint32(4, name);
    view.setUint32(8, checksum(data, 12, data.length));
    const question = questionFor(tenant, `n${name}.example`);
    const times = { storedAt: sharedCache.now(), seconds: 1000, negative: false };
    const unit = sharedCache.publish(question, answerOf(question, data, 1000), times);
    if (unit === 0) {
      // All that is free waits for a reader that has lost its core in the midst of a batch.
      Atomics.wait(nothing, 0, 0, 0.05);
      return;
    }
    published++;
    up.set(place, unit);
  };
  while ((total() < READS || published < PUBLISHED) && total() < 100 * READS && !failed) {
    for (let i = 0; i < 200; i++) turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(flags, STOP, 1);
  const said = await Promise.all(reports);
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(said.flatMap(({ faults }) => faults)).toEqual([]);
  expect(said.reduce((sum, { reads }) => sum + reads, 0)).toBeGreaterThanOrEqual(READS);
  expect(said.reduce((sum, { given }) => sum + given, 0)).toBeGreaterThan(READS / 20);
  // The arena holds some hundred: all memory has had many turns.
  expect(published).toBeGreaterThanOrEqual(PUBLISHED);
  for (const unit of up.values()) sharedCache.remove(unit);
  expect(sharedCache).toMatchObject({ entries: 0, used: 0 });
});
