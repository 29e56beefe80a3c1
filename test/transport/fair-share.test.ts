import { describe, expect, it } from 'vitest';
import { FairShare } from '../../src/transport/udp-batch/fair-share.ts';
import type { System } from '../../src/transport/syscalls.ts';

const BATCH = 64;
/** With these no two sources of a test share a place by chance, but where a test says so. */
const KEYS = Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344);

/** A line of packets as a socket keeps them, of which a worker takes a batch at a time. */
class Line {
  /** Octets that the kernel says are queued. */
  queued = 0;
  looks = 0;
  now = 0;
  readonly dropped = new Set<number>();
  readonly words = new Int32Array(BATCH * 4);
  readonly wide: boolean;
  readonly share: FairShare;

  constructor(wide: boolean) {
    this.wide = wide;
    const memories: ArrayBuffer[] = [];
    const system = {
      pin: (memory: ArrayBuffer) => memories.push(memory),
      getsockopt: () => {
        this.looks++;
        new Uint32Array(memories[0]!).set([this.queued, 8 << 20]);
        return 0;
      },
    };
    this.share = new FairShare(system as unknown as System, KEYS);
  }

  addressAt(i: number): number {
    return i * 4;
  }

  inputLength(i: number): number {
    return this.dropped.has(i) ? 0 : 40;
  }

  drop(i: number): void {
    this.dropped.add(i);
  }

  /** Takes packets of these senders; how many of each were shed. */
  take(senders: readonly (readonly number[])[]): Map<string, number> {
    senders.forEach((address, i) => this.words.set(address, i * 4));
    this.dropped.clear();
    const shed = new Map<string, number>();
    if (!this.share.begins(3, senders.length, this.now)) return shed;
    const count = this.share.shed(this as never, senders.length);
    expect(count).toBe(this.dropped.size);
    senders.forEach((address, i) => {
      if (!this.dropped.has(i)) return;
      const key = address.join(' ');
      shed.set(key, (shed.get(key) ?? 0) + 1);
    });
    return shed;
  }

  /** The same for many batches of what `next` says. */
  run(batches: number, next: (packet: number) => readonly number[]): Map<string, number> {
    const all = new Map<string, number>();
    for (let batch = 0; batch < batches; batch++) {
      const senders = Array.from({ length: BATCH }, (_, i) => next(batch * BATCH + i));
      for (const [key, count] of this.take(senders)) all.set(key, (all.get(key) ?? 0) + count);
      this.now += 0.1;
    }
    return all;
  }
}

const LONG = 4 << 20;
const FLOODER = [99];

describe('fair shares of a socket', () => {
  it('one that floods is held to its share, and nobody else loses a packet', () => {
    const line = new Line(false);
    line.queued = LONG;
    const shed = line.run(1000, (packet) => (packet % 40 === 0 ? [packet % 99] : FLOODER));
    expect([...shed.keys()]).toEqual(['99']);
    // Nine of ten that it sends, once it is known.
    expect(shed.get('99')).toBeGreaterThan(0.9 * 64_000 * (39 / 40));
  });

  it('three that flood at once are held to their shares', () => {
    const line = new Line(false);
    line.queued = LONG;
    const shed = line.run(1000, (packet) => (packet % 20 === 0 ? [packet % 97] : [200 + (packet % 3)]));
    expect([...shed.keys()].sort()).toEqual(['200', '201', '202']);
  });

  it('while the queue is short, nothing is shed and the kernel is hardly asked', () => {
    const line = new Line(false);
    expect(line.run(800, (packet) => (packet % 40 === 0 ? [1] : FLOODER)).size).toBe(0);
    expect(line.looks).toBe(100);
    for (let i = 0; i < 100; i++) expect(line.take([FLOODER, FLOODER, [1]]).size).toBe(0);
    expect(line.looks).toBe(100);
  });

  it('one that asks alone, and many that ask alike, lose nothing', () => {
    for (const senders of [1, 2, 3, 7, 30, 500, 5000]) {
      const line = new Line(false);
      line.queued = LONG;
      // Steps of a prime: each as often as any other, in no order that batches have.
      const shed = line.run(400, (packet) => [1 + ((packet * 7919) % senders)]);
      const count = [...shed.values()].reduce((sum, each) => sum + each, 0);
      if (senders < 500) expect(count, `${senders} senders`).toBe(0);
      // Addresses of many may share a place.
      else expect(count / 25_600, `${senders} senders`).toBeLessThan(0.01);
    }
  });

  it('a flood from many addresses of one network leaves another network alone', () => {
    const line = new Line(true);
    line.queued = LONG;
    const shed = line.run(1000, (packet) =>
      packet % 40 === 0 ? [1, 1, 0, packet % 9] : [2, 2, 0, packet % 4999],
    );
    const networks = new Set([...shed.keys()].map((key) => key.slice(0, 3)));
    expect([...networks]).toEqual(['2 2']);
    const count = [...shed.values()].reduce((sum, each) => sum + each, 0);
    expect(count).toBeGreaterThan(0.8 * 64_000);
  });

  it('a second after the queue was last long, everything is as before', () => {
    const line = new Line(false);
    line.queued = LONG;
    expect(line.run(100, (packet) => (packet % 40 === 0 ? [1] : FLOODER)).size).toBe(1);
    line.queued = 0;
    line.now += 1001;
    expect(line.run(100, (packet) => (packet % 40 === 0 ? [1] : FLOODER)).size).toBe(0);
  });

  it('shares grow again while batches are not full', () => {
    const line = new Line(false);
    line.queued = LONG;
    line.run(200, (packet) => (packet % 8 === 0 ? [packet % 7] : FLOODER));
    const few = Array.from({ length: 40 }, (_, i) => (i % 8 === 0 ? [i] : FLOODER));
    // Two windows of packets.
    const shed = (): number => {
      let sum = 0;
      for (let i = 0; i < 26; i++) sum += line.take(few).get('99') ?? 0;
      return sum;
    };
    const before = shed();
    for (let i = 0; i < 4; i++) {
      line.now += 101;
      line.take(few);
    }
    const after = shed();
    expect(after).toBeLessThan(before);
    expect(after).toBeGreaterThan(0);
  });
});
