/** Readers in other threads: they see whole revisions only, and the writer does not wait for dead ones. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { Pod } from '../../src/model.ts';
import { Readers, reserveMemory } from '../../src/trie/memory.ts';
import type { TrieMemory } from '../../src/trie/memory.ts';
import { OwnWriter } from '../harness/own-writer.ts';
import { expected } from './rules.mjs';

const DIST = new URL('../../dist/', import.meta.url).href;
const PAIRS = 24;
const READS = 1_000_000;
const STOP = 0;
const INSIDE = 1;
const LEFT = 2;
const COUNTS = 8;

interface Report {
  reads: number;
  faults: string[];
}

function writerOf(memory: TrieMemory): OwnWriter {
  return new OwnWriter(memory, {
    zone: 'vpc.internal',
    suffixes: [],
    aRecords: 'pinned',
    forward: 'off',
    canForward: false,
    now: () => 1,
  });
}

function pod(name: string, revision: number, host: number): Pod {
  const hex = (value: number): string => (value & 0xffff).toString(16);
  return {
    kind: 'pod',
    vpc: 'red',
    namespace: 'alpha',
    name,
    aid: 'p0123456789',
    names: [],
    ip6: `fd01:${hex(revision >>> 16)}:${hex(revision)}:1::${hex(host)}`,
    overlays: [],
    ports: [],
    ready: true,
  };
}

function applyRevision(writer: OwnWriter, revision: number): void {
  writer.begin();
  writer.put(pod('revision', revision, 1), BigInt(revision));
  for (let i = 0; i < PAIRS; i++) {
    const now = expected(revision, i);
    if (revision > 0 && now === expected(revision - 1, i)) continue;
    for (const [name, host] of [
      [`a${i}`, 100 + i],
      [`b${i}`, 200 + i],
    ] as const) {
      if (now >= 0) writer.put(pod(name, now, host), BigInt(revision));
      else writer.remove({ kind: 'pod', vpc: 'red', namespace: 'alpha', name });
    }
  }
  // Others come and go, so that the tables grow during reads, and slots move back.
  const filler = `f${revision % 3000}`;
  if (revision % 7 < 5) writer.put({ ...pod(filler, revision, 300), namespace: 'filler' }, BigInt(revision));
  else writer.remove({ kind: 'pod', vpc: 'red', namespace: 'filler', name: `f${(revision * 31) % 3000}` });
  writer.commit();
}

function start(memory: TrieMemory, reader: number, flags: Int32Array, mode: string): Worker {
  const rules = new URL('rules.mjs', import.meta.url).href;
  return new Worker(new URL('reader.mjs', import.meta.url), {
    workerData: { memory, reader, flags, pairs: PAIRS, mode, dist: DIST, rules },
  });
}

function until(flags: Int32Array, index: number): void {
  while (Atomics.load(flags, index) === 0) Atomics.wait(flags, index, 0, 1000);
}

describe('readers in threads', () => {
  test('see nothing but whole revisions', { timeout: 120_000 }, async () => {
    const memory = reserveMemory({ names: 1 << 20, addresses: 1 << 20, arena: 1 << 22 });
    const writer = writerOf(memory);
    applyRevision(writer, 0);
    const flags = new Int32Array(new SharedArrayBuffer(256));
    const readers = new Readers(memory);
    const numbers = [0, 1].map(() => readers.take());
    const workers = numbers.map((number) => start(memory, number, flags, 'read'));
    const reports = workers.map(async (worker) => (await once(worker, 'message'))[0] as Report);
    let failed = false;
    for (const worker of workers) worker.once('error', () => (failed = true));
    const total = (): number =>
      numbers.reduce((sum, number) => sum + Atomics.load(flags, COUNTS + number), 0);
    let revision = 0;
    while ((total() < READS || revision < 5000) && revision < 2_000_000 && !failed) {
      for (let i = 0; i < 50; i++) applyRevision(writer, ++revision);
      await new Promise((resolve) => setImmediate(resolve));
      if (numbers.some((number) => Atomics.load(flags, COUNTS + number) > 0)) continue;
      // The threads are still loading their code.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    Atomics.store(flags, STOP, 1);
    const outcomes = await Promise.all(reports);
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(outcomes.flatMap(({ faults }) => faults)).toEqual([]);
    expect(outcomes.reduce((sum, { reads }) => sum + reads, 0)).toBeGreaterThanOrEqual(READS);
    expect(writer.usage.names).toBeGreaterThan(1024);
  });

  test('hold the next transaction back until they leave', async () => {
    const memory = reserveMemory({ names: 1 << 16, addresses: 1 << 16, arena: 1 << 18 });
    const writer = writerOf(memory);
    applyRevision(writer, 0);
    const flags = new Int32Array(new SharedArrayBuffer(256));
    const worker = start(memory, new Readers(memory).take(), flags, 'stay');
    const report = once(worker, 'message');
    until(flags, INSIDE);
    // Nobody reads the other copy: this one is visible at once.
    applyRevision(writer, 1);
    expect(writer.tables.settle()).toBe(false);
    Atomics.store(flags, STOP, 1);
    Atomics.notify(flags, STOP);
    writer.begin();
    expect(Atomics.load(flags, LEFT)).toBe(1);
    writer.commit();
    await report;
    await worker.terminate();
  });

  test('that have died do not hold the writer back once they are released', async () => {
    const memory = reserveMemory({ names: 1 << 16, addresses: 1 << 16, arena: 1 << 18 });
    const writer = writerOf(memory);
    applyRevision(writer, 0);
    const flags = new Int32Array(new SharedArrayBuffer(256));
    const readers = new Readers(memory);
    const number = readers.take();
    const worker = start(memory, number, flags, 'stay');
    until(flags, INSIDE);
    applyRevision(writer, 1);
    await worker.terminate();
    expect(writer.tables.settle()).toBe(false);
    readers.release(number);
    expect(writer.tables.settle()).toBe(true);
    for (let revision = 2; revision < 10; revision++) applyRevision(writer, revision);
    expect(readers.take()).toBe(number);
  });
});
