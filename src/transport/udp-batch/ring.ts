/**
 * A ring of records in shared memory: one thread writes, another reads, and neither ever waits for the other.
 *
 * Positions count octets and wrap at 2^32; the low bits are the place in the data. A record is its length in
 * four octets, then its bytes, rounded up to eight; one that would cross the end is preceded by a skip mark,
 * so a record of up to half the ring always finds room in the end.
 * The reader announces when it goes to sleep, and the writer learns from `publish` whether it has to wake it.
 */

const TAIL = 0;
const HEAD = 16;
const SLEEPING = 32;
/** The words above stand on cache lines of their own, so that the two threads do not compete for one line. */
const CONTROL_OCTETS = 256;
const SKIP = -1;
const LENGTH_OCTETS = 4;

/** Memory for a ring of `capacity` octets, a power of two from 64 up. Throws RangeError on another number. */
export function createRing(capacity: number): SharedArrayBuffer {
  if (capacity < 64 || capacity > 2 ** 30 || (capacity & (capacity - 1)) !== 0) {
    throw new RangeError(`ring capacity must be a power of two from 64 to 2^30, got ${capacity}`);
  }
  return new SharedArrayBuffer(CONTROL_OCTETS + capacity);
}

function views(memory: SharedArrayBuffer): { control: Int32Array; words: Int32Array; bytes: Uint8Array } {
  return {
    control: new Int32Array(memory, 0, CONTROL_OCTETS / 4),
    words: new Int32Array(memory, CONTROL_OCTETS),
    bytes: new Uint8Array(memory, CONTROL_OCTETS),
  };
}

/** Octets of the ring that a record of `length` octets takes. */
export function rounded(length: number): number {
  return (LENGTH_OCTETS + length + 7) & ~7;
}

/** The writing end. A new writer on the same memory goes on after the last published record. */
export class RingWriter {
  readonly bytes: Uint8Array;
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #capacity: number;
  /** Where the next record goes; ahead of the shared tail until `publish`. */
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    const { control, words, bytes } = views(memory);
    this.bytes = bytes;
    this.#control = control;
    this.#words = words;
    this.#capacity = bytes.length;
    this.#tail = Atomics.load(control, TAIL);
  }

  /**
   * Makes room for a record of `length` octets and returns where in `bytes` to write it, or -1 when the ring is
   * full for whom `held` octets of it are: nobody has more of it than he leaves free, so that there is always room
   * for others. The reader sees the record after the next `publish`.
   */
  reserve(length: number, held = 0): number {
    const need = rounded(length);
    const place = (this.#tail >>> 0) & (this.#capacity - 1);
    const toEnd = this.#capacity - place;
    const skip = need > toEnd ? toEnd : 0;
    const used = (this.#tail - Atomics.load(this.#control, HEAD)) >>> 0;
    if (used + skip + need + held > this.#capacity) return -1;
    if (skip !== 0) this.#words[place >> 2] = SKIP;
    const at = skip === 0 ? place : 0;
    this.#words[at >> 2] = length;
    this.#tail = (this.#tail + skip + need) | 0;
    return at + LENGTH_OCTETS;
  }

  /** Shows what was reserved since the last call. True when the reader sleeps and this writer must wake it. */
  publish(): boolean {
    Atomics.store(this.#control, TAIL, this.#tail);
    if (Atomics.load(this.#control, SLEEPING) === 0) return false;
    return Atomics.compareExchange(this.#control, SLEEPING, 1, 0) === 1;
  }
}

/** The reading end. */
export class RingReader {
  readonly bytes: Uint8Array;
  /** Octets of the record that `next` found. */
  length = 0;
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  #head: number;

  constructor(memory: SharedArrayBuffer) {
    const { control, words, bytes } = views(memory);
    this.bytes = bytes;
    this.#control = control;
    this.#words = words;
    this.#head = Atomics.load(control, HEAD);
  }

  /**
   * Where in `bytes` the oldest record begins, its octets in `length`; -1 when there is none. Keeps it until
   * `release`.
   */
  next(): number {
    const tail = Atomics.load(this.#control, TAIL);
    if (this.#head === tail) return -1;
    const mask = this.bytes.length - 1;
    let place = (this.#head >>> 0) & mask;
    let length = this.#words[place >> 2];
    if (length === SKIP) {
      this.#head = (this.#head + this.bytes.length - place) | 0;
      place = 0;
      length = this.#words[0];
    }
    this.length = length;
    return place + LENGTH_OCTETS;
  }

  /** Gives the room of the record that `next` found back to the writer. */
  release(): void {
    this.#head = (this.#head + rounded(this.length)) | 0;
    Atomics.store(this.#control, HEAD, this.#head);
  }

  /** Announces sleep. False when a record came meanwhile: then the reader is awake and must read on. */
  sleep(): boolean {
    Atomics.store(this.#control, SLEEPING, 1);
    if (Atomics.load(this.#control, TAIL) === this.#head) return true;
    Atomics.store(this.#control, SLEEPING, 0);
    return false;
  }
}
