/**
 * The words that the main thread and one worker share: the stop flag, and what the worker has counted.
 *
 * Only the worker writes the counts, so plain stores do; the main thread reads them when somebody asks. They
 * outlive the worker: its successor on the same socket counts on.
 */

const STOP = 0;
const FLAG_OCTETS = 64;

/** Places in `WorkerControl.counts`. */
export const RECEIVED = 0;
export const ANSWERED = 1;
export const DROPPED = 2;
export const DEFERRED = 3;
export const ERRORS = 4;
/** Deferred packets that found the ring full and got SERVFAIL. */
export const OVERFLOWS = 5;
/** Answers that the system did not take. */
export const SEND_ERRORS = 6;
/** Failures of the receive call other than interruption and time-out. */
export const RECEIVE_ERRORS = 7;
/** Receive calls that brought packets: `RECEIVED` over this is the mean batch. */
export const BATCHES = 8;
/** Answers by rcode, 16 places. */
export const RCODES = 16;
const COUNTS = 32;

export class WorkerControl {
  readonly memory: SharedArrayBuffer;
  readonly counts: Float64Array;
  readonly #flags: Int32Array;

  /** Without memory: a fresh one, of which `memory` is sent to the worker. */
  constructor(memory = new SharedArrayBuffer(FLAG_OCTETS + COUNTS * 8)) {
    this.memory = memory;
    this.#flags = new Int32Array(memory, 0, FLAG_OCTETS / 4);
    this.counts = new Float64Array(memory, FLAG_OCTETS, COUNTS);
  }

  /** The worker answers what is queued, then ends. */
  stop(): void {
    Atomics.store(this.#flags, STOP, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.#flags, STOP) !== 0;
  }
}
