import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRing, rounded, RingReader, RingWriter } from '../../src/transport/udp-batch/ring.ts';

function write(writer: RingWriter, record: Uint8Array): boolean {
  const at = writer.reserve(record.length);
  if (at < 0) return false;
  writer.bytes.set(record, at);
  return true;
}

function read(reader: RingReader): Uint8Array | undefined {
  const at = reader.next();
  if (at < 0) return undefined;
  const record = reader.bytes.slice(at, at + reader.length);
  reader.release();
  return record;
}

describe('ring', () => {
  it('refuses a capacity that is not a power of two', () => {
    for (const capacity of [0, 32, 100, 65_537, 2 ** 31]) {
      expect(() => createRing(capacity), String(capacity)).toThrow(RangeError);
    }
  });

  it('hides a record until it is published', () => {
    const memory = createRing(64);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    expect(write(writer, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(reader.next()).toBe(-1);
    writer.publish();
    expect(read(reader)).toEqual(Uint8Array.of(1, 2, 3));
    expect(reader.next()).toBe(-1);
  });

  it('keeps a record in place until it is released', () => {
    const memory = createRing(64);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    write(writer, new Uint8Array(28).fill(7));
    writer.publish();
    expect(reader.next()).toBeGreaterThan(0);
    expect(write(writer, new Uint8Array(28).fill(8))).toBe(true);
    expect(write(writer, new Uint8Array(1))).toBe(false);
    reader.release();
    expect(write(writer, new Uint8Array(1).fill(9))).toBe(true);
    writer.publish();
    expect(read(reader)).toEqual(new Uint8Array(28).fill(8));
    expect(read(reader)).toEqual(Uint8Array.of(9));
  });

  it('asks for a wake-up once for each sleep', () => {
    const memory = createRing(64);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    expect(reader.sleep()).toBe(true);
    write(writer, Uint8Array.of(1));
    expect(writer.publish()).toBe(true);
    write(writer, Uint8Array.of(2));
    expect(writer.publish()).toBe(false);
    expect(reader.sleep()).toBe(false);
    read(reader);
    read(reader);
    expect(reader.sleep()).toBe(true);
  });

  it('goes on where a dead writer stopped, without its unpublished record', () => {
    const memory = createRing(64);
    const reader = new RingReader(memory);
    const first = new RingWriter(memory);
    write(first, Uint8Array.of(1));
    first.publish();
    write(first, Uint8Array.of(2));
    const second = new RingWriter(memory);
    write(second, Uint8Array.of(3));
    second.publish();
    expect(read(reader)).toEqual(Uint8Array.of(1));
    expect(read(reader)).toEqual(Uint8Array.of(3));
    expect(reader.next()).toBe(-1);
  });

  it('is a queue: every record comes out once, whole and in order, at any start position', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), record: fc.uint8Array({ maxLength: 120 }) }),
      fc.record({ kind: fc.constant('publish' as const) }),
      fc.record({ kind: fc.constant('read' as const) }),
    );
    // Positions wrap at 2^32; starting just below it makes the model run across the wrap.
    const start = fc.constantFrom(0, 8, 2 ** 31 - 256, 2 ** 32 - 128, 2 ** 32 - 8);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 200 }), (position, steps) => {
        const memory = createRing(256);
        new Int32Array(memory)[0] = position | 0;
        new Int32Array(memory)[16] = position | 0;
        const writer = new RingWriter(memory);
        const reader = new RingReader(memory);
        const hidden: Uint8Array[] = [];
        const shown: Uint8Array[] = [];
        for (const next of steps) {
          if (next.kind === 'write') {
            const taken = write(writer, next.record);
            if (taken) hidden.push(next.record);
            // Half the ring always finds room in an empty ring.
            else expect(hidden.length + shown.length).toBeGreaterThan(0);
          } else if (next.kind === 'publish') {
            writer.publish();
            shown.push(...hidden.splice(0));
          } else {
            expect(read(reader)).toEqual(shown.shift());
          }
        }
        writer.publish();
        shown.push(...hidden);
        for (const expected of shown) expect(read(reader)).toEqual(expected);
        expect(reader.next()).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  it('carries records between two threads without loss', async () => {
    const memory = createRing(4096);
    const total = 20_000;
    const source = `
      const { workerData } = require('node:worker_threads');
      import(workerData.module).then(({ RingWriter }) => {
        const writer = new RingWriter(workerData.memory);
        for (let i = 0; i < workerData.total; ) {
          const at = writer.reserve(4 + (i % 50));
          if (at < 0) { writer.publish(); continue; }
          new DataView(workerData.memory).setInt32(writer.bytes.byteOffset + at, i);
          writer.publish();
          i += 1;
        }
      });`;
    const module = new URL('../../dist/transport/udp-batch/ring.js', import.meta.url).href;
    const worker = new Worker(source, { eval: true, execArgv: [], workerData: { module, memory, total } });
    const reader = new RingReader(memory);
    const data = new DataView(memory, reader.bytes.byteOffset);
    for (let expected = 0; expected < total;) {
      const at = reader.next();
      if (at < 0) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      expect(reader.length).toBe(4 + (expected % 50));
      expect(data.getInt32(at)).toBe(expected);
      reader.release();
      expected += 1;
    }
    await worker.terminate();
  });

  it('gives nobody more of itself than he leaves free', () => {
    const memory = createRing(1024);
    const writer = new RingWriter(memory);
    let greedy = 0;
    while (writer.reserve(28, greedy) >= 0) greedy += rounded(28);
    expect(greedy).toBe(512);
    let second = 0;
    while (writer.reserve(28, second) >= 0) second += rounded(28);
    expect(second).toBe(256);
    expect(writer.reserve(28, 0)).toBeGreaterThan(0);
  });
});
