/**
 * The words that the main thread and one worker share: the call to the thread, and for each of its
 * sockets what has been counted.
 *
 * Each word has one writer, so plain stores do for counts; the main thread reads them for status and metrics. They
 * outlive the worker: its successor counts on.
 */
import { randomInt } from 'node:crypto';
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
/** Left unanswered because their sources ask far more than others while the queue is long. */
export const SHED = 9;
const COUNTS = 16;

const HANDED = 0;
const TAKEN = 16;
const CLOSING = 17;
const KEY = 18;
const SHARE_OCTETS = 128;
/** Places for senders; those that share one are counted as one. A power of two. */
const SENDERS = 256;
const COUNTS_AT = SHARE_OCTETS + SENDERS * 4;

/** What one worker has counted of one socket, and how much of its ring is that socket's. */
export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly counts: Float64Array;
  /** What it has answered; see answer/counts. */
  readonly answers: Float64Array;
  readonly #share: Int32Array;
  /** Octets of the ring by sender. */
  readonly #senders: Int32Array;

  /** Without memory: a fresh one, for the main thread to keep and the worker to be given. */
  constructor(memory?: SharedArrayBuffer) {
    const isNew = memory === undefined;
    memory ??= new SharedArrayBuffer(COUNTS_AT + (COUNTS + ANSWER_COUNTS) * 8);
    this.memory = memory;
    this.#share = new Int32Array(memory, 0, SHARE_OCTETS / 4);
    this.#senders = new Int32Array(memory, SHARE_OCTETS, SENDERS);
    this.counts = new Float64Array(memory, COUNTS_AT, COUNTS);
    this.answers = new Float64Array(memory, COUNTS_AT + COUNTS * 8, ANSWER_COUNTS);
    // Nobody shall know which addresses share a place.
    if (isNew) this.#share[KEY] = randomInt(2 ** 31);
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

  /** Written by the main thread, for the sender with this place. */
  taken(octets: number, sender: number): void {
    Atomics.sub(this.#senders, sender & (SENDERS - 1), octets);
    Atomics.add(this.#share, TAKEN, octets);
  }

  /** The place of the sender with this address of 16 octets. */
  senderOf(address: Uint8Array): number {
    let hash = this.#share[KEY];
    for (let octet = 0; octet < 16; octet++) hash = Math.imul(hash ^ address[octet], 0x01000193);
    return (hash ^ (hash >>> 15)) & (SENDERS - 1);
  }

  heldBy(sender: number): number {
    return Math.max(0, Atomics.load(this.#senders, sender));
  }

  /** Written by the worker, before it publishes what it hands over. */
  handedBy(sender: number, octets: number): void {
    Atomics.add(this.#senders, sender, octets);
  }

  /**
   * Nothing is held: so no sender holds anything, whatever a worker that died meant to hand over. Called by the
   * worker when `held` is 0 and it has handed over nothing since.
   */
  clearSenders(): void {
    this.#senders.fill(0);
  }
}
