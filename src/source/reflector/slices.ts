/** How much work sources do before the event loop gets a turn, counted in steps, so that no test needs a clock. */
import { setImmediate } from 'node:timers/promises';

/** Steps of one turn; scanning an octet is one, and a turn takes a millisecond or two. */
export const SLICE_STEPS = 256 * 1024;
/** Steps of a record besides its octets: finding out what it says, and handing it on. */
const RECORD_STEPS = 1024;
/** Steps of a piece of a longer text that is cut out and parsed, besides its octets. */
const PIECE_STEPS = 256;
/** Steps of an octet that is parsed and validated, which takes longer than a look at it. */
const PARSED_STEPS = 4;
/** Octets that are looked at in one piece. */
export const SLICE_OCTETS = 4 * 1024;

/** All sources of a process share one event loop, and so they share one of these. */
export class Slices {
  /** The most steps between two slices of the event loop so far. */
  longest = 0;
  private steps = 0;

  /** Octets were looked at. */
  scanned(octets: number): void {
    this.spend(octets);
  }

  /** A piece of so many octets was cut out and parsed. */
  piece(octets: number): void {
    this.spend(PIECE_STEPS + PARSED_STEPS * octets);
  }

  /** A record of so many octets was parsed, validated, compared or handed on. */
  record(octets = 0): void {
    this.spend(RECORD_STEPS + PARSED_STEPS * octets);
  }

  /** The turn is used up: stop at the next border and `pause`. */
  get due(): boolean {
    return this.steps >= SLICE_STEPS;
  }

  /** Lets the event loop turn, where it is due. */
  async pause(): Promise<void> {
    if (!this.due) return;
    await setImmediate();
    this.steps = 0;
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > this.longest) this.longest = this.steps;
  }
}

export const slices = new Slices();

/** The longest turn that the bounds allow: one that was nearly used up, and then the largest record. */
export const LONGEST_SLICE = 2 * SLICE_STEPS + 64 * 1024;

/** A chunk in pieces that are looked at one a turn at the most. */
export function* sliced(chunk: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < chunk.length; from += SLICE_OCTETS)
    yield chunk.subarray(from, from + SLICE_OCTETS);
}

/** What a generator gives, with slices of the event loop where they are due; empty batches are for that only. */
export async function* inTurns<Item>(batches: Iterable<Item[]>): AsyncGenerator<Item[]> {
  for (const batch of batches) {
    if (batch.length > 0) yield batch;
    await slices.pause();
  }
}

/** Runs work that stops wherever a turn may end; what it returns. */
export async function paced<Result>(work: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const { value, done } = work.next();
    if (done === true) return value;
    if (slices.due) await slices.pause();
  }
}
