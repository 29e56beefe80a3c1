/**
 * The words that the main thread and one worker share: the call to the thread, and for each of its
 * sockets what has been counted.
 *
 * Each word has one writer, so plain stores do for counts; the main thread reads them for status and metrics. They
 * outlive the worker: its successor counts on.
 */
import { ANSWER_COUNTS } from '../../answer/counts.ts';

const ORDERS = 0;
const STOP = 1;
const FLAG_OCTETS = 64;

/** How the main thread calls one worker. */
export class WorkerControl {
  readonly memory: SharedArrayBuffer;
  readonly #flags: Int32Array;

  /** Without memory: a fresh one, of which `memory` is sent to the worker. */
  constructor(memory = new SharedArrayBuffer(FLAG_OCTETS)) {
    this.memory = memory;
    this.#flags = new Int32Array(memory);
  }

  /** How often the worker was called; it looks at this alone between two batches. */
  get orders(): number {
    return Atomics.load(this.#flags, ORDERS);
  }

  /** There is something in the worker's port. Returns what `orders` is from now on. */
  call(): number {
    return Atomics.add(this.#flags, ORDERS, 1) + 1;
  }

  /** The worker answers what is queued, then ends. */
  stop(): void {
    Atomics.store(this.#flags, STOP, 1);
    this.call();
  }

  get stopped(): boolean {
    return Atomics.load(this.#flags, STOP) !== 0;
  }
}

/** Places in `Tally.counts`. */
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
const COUNTS = 16;

const HANDED = 0;
const TAKEN = 16;
const CLOSING = 17;
const SHARE_OCTETS = 128;

/** What one worker has counted of one socket, and how much of its ring is that socket's. */
export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly counts: Float64Array;
  /** What it has answered; see answer/counts. */
  readonly answers: Float64Array;
  readonly #share: Int32Array;

  constructor(memory = new SharedArrayBuffer(SHARE_OCTETS + (COUNTS + ANSWER_COUNTS) * 8)) {
    this.memory = memory;
    this.#share = new Int32Array(memory, 0, SHARE_OCTETS / 4);
    this.counts = new Float64Array(memory, SHARE_OCTETS, COUNTS);
    this.answers = new Float64Array(memory, SHARE_OCTETS + COUNTS * 8, ANSWER_COUNTS);
  }

  /** Octets of the ring: handed over, and not yet taken. */
  get held(): number {
    return Math.max(0, (this.#share[HANDED] - Atomics.load(this.#share, TAKEN)) | 0);
  }

  /** What would need time is dropped from now on. */
  get closing(): boolean {
    return Atomics.load(this.#share, CLOSING) !== 0;
  }

  close(): void {
    Atomics.store(this.#share, CLOSING, 1);
  }

  /** Written by the worker. */
  handed(octets: number): void {
    this.#share[HANDED] += octets;
  }

  /** Written by the main thread. */
  taken(octets: number): void {
    Atomics.add(this.#share, TAKEN, octets);
  }
}
