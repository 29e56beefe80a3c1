/** Framing: however a stream is cut into chunks, the same messages come out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames, frame } from '../../src/dns/frames.ts';

function take(frames: Frames, chunk: Uint8Array): string[] {
  const out: string[] = [];
  frames.push(chunk);
  while (frames.unread) {
    const message = frames.next();
    if (message === null) break;
    out.push(Buffer.from(message).toString('hex'));
  }
  return out;
}

describe('framing of messages on a stream', () => {
  it('gives the same messages for every way to cut the stream', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 500, max: 65_535 }).map((length) => new Uint8Array(length).fill(length & 0xff)),
    );
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(frame));
          const frames = new Frames();
          const out: string[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const end = Math.min(stream.length, at + cuts[i % cuts.length]!);
            out.push(...take(frames, stream.subarray(at, end)));
            at = end;
          }
          expect(out).toEqual(messages.map((each) => Buffer.from(each).toString('hex')));
          expect(frames.partial).toBe(false);
          expect(frames.unread).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('says when the stream ends inside a frame', () => {
    const frames = new Frames();
    expect(take(frames, Buffer.from([0]))).toEqual([]);
    expect(frames.partial).toBe(true);
    expect(take(frames, Buffer.from([2, 7]))).toEqual([]);
    expect(frames.partial).toBe(true);
    expect(take(frames, Buffer.from([8, 0]))).toEqual(['0708']);
    expect(frames.partial).toBe(true);
    frames.clear();
    expect(frames.partial).toBe(false);
    expect(take(frames, frame(Buffer.from([1, 2, 3])))).toEqual(['010203']);
  });

  it('keeps what is pushed before the last chunk was read to its end', () => {
    const frames = new Frames();
    frames.push(Buffer.concat([frame(Buffer.from([1])), frame(Buffer.from([2]))]));
    expect([...frames.next()!]).toEqual([1]);
    expect(take(frames, frame(Buffer.from([3])))).toEqual(['02', '03']);
  });
});
