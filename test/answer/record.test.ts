/** The flight recorder: what is kept of whom, for how long, and what a reader sees while a thread writes. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  ENTRY_SEQUENCE,
  SLOT_ENTRIES,
  slotAt,
  slotEntryAt,
  WAYS,
  reserveRecord,
} from '../../src/answer/record/layout.ts';
import type { RecordMemory } from '../../src/answer/record/layout.ts';
import { RecordReader } from '../../src/answer/record/reader.ts';
import type { Recorded } from '../../src/answer/record/reader.ts';
import { RecordWriter } from '../../src/answer/record/writer.ts';
import type { Pod } from '../../src/model.ts';
import { encodeQuery } from '../harness/build.ts';
import { World, type PeerParts } from './world.ts';

const pod = (vpc: string, name: string, ip6: string): Pod => ({
  kind: 'pod',
  vpc,
  namespace: 'web',
  name,
  aid: `p${name}`,
  names: [],
  ip6,
  overlays: [],
  ports: [],
  ready: true,
});

class Recording {
  readonly world = new World();
  readonly memory: RecordMemory;
  readonly reader: RecordReader;
  time = 1_800_000_000_000;
  private readonly writer: RecordWriter;
  private readonly out = new Uint8Array(1232);

  constructor(size: number, keeps: 'failures' | 'all', logRate = 0) {
    this.world.put(
      { kind: 'vpc', name: 'v', net6: ['fd00:a::/32'], services6: [] },
      { kind: 'vpc', name: 'w', net6: ['fd00:b::/32'], services6: [] },
    );
    this.world.sync();
    this.memory = reserveRecord(size, keeps, logRate);
    this.reader = new RecordReader(this.memory);
    this.writer = new RecordWriter(this.memory, () => this.time);
  }

  ask(name: string, from: PeerParts): void {
    const { responder, view } = this.world;
    const packet = encodeQuery({ name, type: 'AAAA', id: 7, edns: {} });
    const peer = this.world.peer(from);
    view.refresh();
    const length = responder.answer(packet, 0, packet.length, peer, this.out, 0);
    if (length > 0) this.writer.answered(responder, peer, this.out, 0);
    this.writer.leave();
  }

  kept(): Recorded[] {
    const { reader } = this;
    return Array.from({ length: reader.sets }, (_, set) => [...reader.ofSet(set)]).flat();
  }
}

describe('what is kept', () => {
  it('is a failure with who asked, what for, when and why', () => {
    const recording = new Recording(1 << 20, 'failures');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    recording.ask('a', { from: 'fd00:a::1' });
    recording.ask('nosuch', { from: 'fd00:a::1', tcp: true });
    recording.ask('nosuch.web.vpc.internal', { from: 'fd00:a::1' });
    recording.ask('a', { from: '2001:db8::1' });
    const kept = recording.kept().sort((a, b) => a.number - b.number);
    expect(kept).toMatchObject([
      {
        ...{ vpc: 'v', namespace: 'web', pod: 'a', address: 'fd00:a::1', port: 4000, id: 7, flags: 1 },
        ...{ name: 'nosuch.', type: 28, rcode: 3, ede: -1, time: recording.time, reasons: [3, 5, 28, 55] },
      },
      { vpc: '', namespace: '', pod: '', address: '2001:db8::1', rcode: 5, ede: 18, edeText: 0 },
    ]);
    expect(kept[0]!.revision).toBeGreaterThan(0);
  });

  it('is every answer with `all`, and a long name is cut between two labels', () => {
    const recording = new Recording(1 << 20, 'all');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    const label = 'x'.repeat(50);
    recording.ask(`${label}.${label}.${label}.${label}`, { from: 'fd00:a::1' });
    recording.ask('a', { from: 'fd00:a::1' });
    expect(recording.kept().map(({ name }) => name)).toEqual([`${label}.${label}.…`, 'a.']);
  });

  it('is nothing of another client, where a message is answered before anybody asks who sent it', () => {
    const recording = new Recording(1 << 20, 'all');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    recording.ask('a', { from: 'fd00:a::1' });
    const { responder } = recording.world;
    const packet = encodeQuery({ name: 'b', type: 'A', id: 8, edns: {} });
    packet[2] = 4 << 3;
    const peer = recording.world.peer({ from: 'fd00:b::9' });
    const out = new Uint8Array(1232);
    responder.answer(packet, 0, packet.length, peer, out, 0);
    const writer = new RecordWriter(recording.memory, () => 1);
    writer.answered(responder, peer, out, 0);
    const odd = recording.kept().find(({ rcode }) => rcode === 4);
    expect(odd).toMatchObject({ vpc: '', namespace: '', pod: '', address: 'fd00:b::9', revision: 0 });
  });

  it('is bounded per client, the last ones', () => {
    const recording = new Recording(1 << 20, 'failures');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    for (let i = 0; i < 1000; i++) recording.ask(`n${i}`, { from: 'fd00:a::1' });
    const names = recording.kept().map(({ name }) => name);
    expect(names.length).toBe(SLOT_ENTRIES);
    expect(new Set(names)).toEqual(new Set(Array.from({ length: SLOT_ENTRIES }, (_, i) => `n${984 + i}.`)));
  });
});

describe('a flood', () => {
  it('of one client, or of any number that are no pods, leaves what is kept of others', () => {
    // One set: every client falls into it.
    const recording = new Recording(1, 'failures');
    expect(recording.reader.sets).toBe(1);
    recording.world.put(pod('v', 'a', 'fd00:a::1'), pod('v', 'b', 'fd00:a::2'));
    recording.ask('mine', { from: 'fd00:a::1' });
    for (let i = 0; i < 5000; i++) recording.ask(`n${i}`, { from: 'fd00:a::2' });
    for (let i = 0; i < 5000; i++) recording.ask(`n${i}`, { from: `2001:db8:${i.toString(16)}::1` });
    const names = recording.kept().map(({ name }) => name);
    expect(names).toContain('mine.');
    expect(names.filter((name) => name === 'n4999.')).toHaveLength(2);
  });

  it('of all pods of one VPC leaves a slot to another VPC that has one', () => {
    const recording = new Recording(1, 'failures');
    const many = Array.from({ length: 200 }, (_, i) => pod('v', `p${i}`, `fd00:a::${(i + 1).toString(16)}`));
    recording.world.put(pod('w', 'b', 'fd00:b::1'), ...many);
    // Whoever comes takes the oldest slot of its own VPC, and has one from now on.
    recording.ask('first', { from: 'fd00:a::1' });
    recording.ask('theirs', { from: 'fd00:b::1' });
    for (let round = 0; round < 20; round++)
      for (const { ip6 } of many) recording.ask(`n${round}`, { from: ip6! });
    expect(recording.kept().filter(({ vpc }) => vpc === 'w')).toMatchObject([{ name: 'theirs.' }]);
  });
});

describe('a reader', () => {
  it('sees whole entries alone while a thread writes', { timeout: 30_000 }, async () => {
    const record = reserveRecord(1, 'failures', 1);
    const reader = new RecordReader(record);
    const worker = new Worker(new URL('recording.mjs', import.meta.url), {
      workerData: { record, milliseconds: 2500 },
    });
    let written: number | undefined;
    worker.once('message', (count: number) => (written = count));
    const ended = once(worker, 'exit');
    const seen = new Set<number>();
    const wrong: Recorded[] = [];
    let reads = 0;
    const check = (entry: Recorded): void => {
      const i = entry.id;
      reads++;
      seen.add(entry.number);
      const isWhole =
        entry.port === 1000 + i &&
        entry.type === 1000 + i &&
        entry.ede === i &&
        entry.edeText === i &&
        entry.address === (i % 4 === 0 ? 'fd00::' : `fd00::${i & 3}`) &&
        entry.name === `${String.fromCharCode(97 + (i % 26)).repeat(60)}.` &&
        entry.reasons.length === 24 &&
        entry.reasons.every((code) => code === 100 + i);
      if (!isWhole) wrong.push(entry);
    };
    while (written === undefined) {
      for (let round = 0; round < 20; round++) {
        for (let set = 0; set < reader.sets; set++) for (const entry of reader.ofSet(set)) check(entry);
        for (const entry of reader.samples()) check(entry);
        for (let i = 0; i < 64; i++) {
          const entry = reader.loggedAt(reader.logged - 1 - i);
          if (entry !== undefined) check(entry);
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(wrong).toEqual([]);
    expect(written).toBeGreaterThan(10_000);
    expect(reads).toBeGreaterThan(10_000);
    expect(seen.size).toBeGreaterThan(1000);
  });

  it('leaves out an entry in which its thread died, which the next thread writes anew', () => {
    const recording = new Recording(1, 'failures');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    recording.ask('one', { from: 'fd00:a::1' });
    const words = new Int32Array(recording.memory.words);
    const slot = Array.from({ length: WAYS }, (_, way) => slotAt(0, way)).find(
      (at) => words[slotEntryAt(at, 0)] !== 0,
    )!;
    words[slotEntryAt(slot, 1) + ENTRY_SEQUENCE] = 1;
    expect(recording.kept().map(({ name }) => name)).toEqual(['one.']);
    expect(recording.reader.torn).toBe(1);
    recording.ask('two', { from: 'fd00:a::1' });
    expect(recording.kept().map(({ name }) => name)).toEqual(['one.', 'two.']);
  });
});

describe('samples', () => {
  it('count each answer while there are few, and stand for more the more there are', () => {
    const recording = new Recording(1, 'failures');
    recording.world.put(pod('v', 'a', 'fd00:a::1'));
    for (let i = 0; i < 100; i++) {
      recording.time += 20;
      recording.ask('a', { from: 'fd00:a::1' });
    }
    expect([...recording.reader.samples()].map(({ weight }) => weight)).toEqual(Array(100).fill(1));
    const before = recording.reader.sampledCount;
    for (let i = 0; i < 40_000; i++) {
      if (i % 100 === 0) recording.time += 1;
      recording.ask('a', { from: 'fd00:a::1' });
    }
    const samples = [...recording.reader.samples()].slice(100);
    expect(recording.reader.sampledCount - before).toBeLessThan(2000);
    const total = samples.reduce((sum, { weight }) => sum + weight, 0);
    expect(total / 40_000).toBeGreaterThan(0.8);
    expect(total / 40_000).toBeLessThan(1.2);
  });
});
