/**
 * Who gets the time of a worker when more comes than it can answer.
 *
 * The queue of a socket is one line for everyone: who fills it makes the kernel drop the packets of all others. An
 * answer costs several times what it costs to take a packet from the queue, so the worker outruns a flood by leaving
 * packets of it unanswered. It does so only while the queue is long, and only to sources that ask far more than an
 * equal share of what comes: beyond that, their packets are shed. Where all ask alike, or only one asks, nothing is.
 *
 * Two kinds of sources are counted: addresses, and IPv6 networks of 64 bits, so that many pods of one network do not
 * crowd out another. While queues are short this costs one comparison a batch.
 */
import { randomFillSync } from 'node:crypto';
import { SOL_SOCKET } from '../syscalls.ts';
import type { System } from '../syscalls.ts';
import { BATCH } from './messages.ts';
import type { BatchMessages } from './messages.ts';

/** Full batches in a row after which, and after as many again, the kernel is asked how long the queue is. */
const LOOK_AFTER = 8;
/** Full batches in a row that show that the queue is still long. */
const STILL_LONG = 2;
/** Milliseconds for which sources are held to their shares after the queue was last long. */
const MEMORY = 1000;
/** Milliseconds without a long queue after which shares are doubled. */
const EASE = 100;
const STRICTEST = 6;
/** Packets between two judgements of what an equal share is. */
const WINDOW = 8 * BATCH;
/** Packets in a window that no source loses, whatever the others ask. */
const LEAST = 16;
/** Places for sources; two of them that share one are counted as one. A power of two. */
const PLACES = 2048;
/** A place is a count in its low bits, then whether its source was over its share, then the number of its window. */
const COUNT_MASK = (1 << 12) - 1;
const GREEDY = 1 << 12;
const WINDOW_SHIFT = 13;
const WINDOWS = 1 << (32 - WINDOW_SHIFT);

/** Option of Linux 4.12; its words: octets queued, and the octets that may be. */
const SO_MEMINFO = 55;
const MEMINFO_WORDS = 9;

/** Packets of each source in the window at hand. */
class Counts {
  #sources = 0;
  #seen = 0;
  #window = 1;
  /** A source with more in a window is greedy in the next one. */
  #limit = WINDOW;
  readonly #places = new Uint32Array(PLACES);

  /**
   * Counts one more; true when it is too much. Only a source that has gone beyond twice an equal share is held to
   * less than that: where all ask alike, nobody is.
   */
  isOver(hash: number, strictness: number): boolean {
    const place = hash & (PLACES - 1);
    const old = this.#places[place];
    const window = old >>> WINDOW_SHIFT;
    let next = old + 1;
    if (window !== this.#window) {
      this.#seen += 1;
      const isGreedy = window === this.#window - 1 && (old & COUNT_MASK) > this.#limit;
      next = ((this.#window << WINDOW_SHIFT) | (isGreedy ? GREEDY : 0) | 1) >>> 0;
    }
    this.#places[place] = next;
    if (this.#sources < 2) return false;
    const limit = (next & GREEDY) === 0 ? this.#limit : Math.max(LEAST, this.#limit >> strictness);
    return (next & COUNT_MASK) > limit;
  }

  /** Begins a window, for which the sources of the last one tell what an equal share is. */
  next(): void {
    this.#sources = this.#seen;
    this.#seen = 0;
    this.#limit =
      this.#sources < 2 ? WINDOW : Math.max(2 * LEAST, Math.floor((2 * WINDOW) / (this.#sources + 1)));
    this.#window += 1;
    if (this.#window < WINDOWS) return;
    this.#window = 1;
    this.#places.fill(0);
  }

  /** What was seen says nothing any more. */
  forget(): void {
    this.next();
    this.next();
  }
}

/**
 * Octets of the queue from which on it counts as long, by the octets that it may hold: some 2,000 packets, or
 * 10 ms of work. The kernel gives room back in portions, so the queue itself may be half as long. A few hundred packets are
 * a busy server, and counting sources then would cost it some 6 % of its time.
 */
function longQueue(capacity: number): number {
  return Math.min(capacity / 2, 2048 * 768);
}

/** The fair shares of one socket at one worker. */
export class FairShare {
  readonly #system: System;
  readonly #memory = new Uint32Array(MEMINFO_WORDS + 1);
  readonly #address: number;
  /** Four odd words. */
  readonly #keys: Int32Array;
  readonly #addresses = new Counts();
  readonly #networks = new Counts();
  /** Full batches in a row. */
  #full = 0;
  /** Milliseconds until which sources are held to their shares. */
  #until = Number.NEGATIVE_INFINITY;
  /** Milliseconds when the strictness falls by one. */
  #easesAt = 0;
  /** Shares are halved so often: once more with each window of full batches, once less with each pause of these. */
  #strictness = 0;
  #counted = 0;

  /** `keys`: four words that nobody else knows, so that nobody chooses who shares a place. */
  constructor(system: System, keys: Uint32Array = randomFillSync(new Uint32Array(4))) {
    this.#system = system;
    this.#keys = Int32Array.from(keys, (key) => key | 1);
    this.#address = system.pin(this.#memory.buffer);
  }

  /**
   * A batch has come from the socket at `now`, milliseconds. True: `shed` is to go through it before it is answered.
   */
  begins(fd: number, received: number, now: number): boolean {
    this.#full = received < BATCH ? 0 : this.#full + 1;
    if (now >= this.#until) {
      if (this.#full === 0 || this.#full % LOOK_AFTER !== 0 || !this.#isLong(fd)) return false;
      this.#start(now);
    }
    if (this.#full >= STILL_LONG) {
      this.#until = now + MEMORY;
      this.#easesAt = now + EASE;
    } else if (now >= this.#easesAt) {
      this.#easesAt = now + EASE;
      if (this.#strictness > 0) this.#strictness -= 1;
    }
    return true;
  }

  /** Counts the packets of a batch, and drops those that are more than their source's share. Returns how many. */
  shed(messages: BatchMessages, received: number): number {
    let shed = 0;
    for (let i = 0; i < received; i++) {
      if (messages.inputLength(i) === 0 || !this.#isOver(messages, i)) continue;
      messages.drop(i);
      shed += 1;
    }
    return shed;
  }

  #isOver(messages: BatchMessages, i: number): boolean {
    if (this.#counted >= WINDOW) this.#nextWindow();
    this.#counted += 1;
    const { words, wide } = messages;
    const at = messages.addressAt(i);
    const keys = this.#keys;
    const strictness = this.#strictness;
    if (!wide) return this.#addresses.isOver(mixed(Math.imul(words[at], keys[0])), strictness);
    const network = mixed(Math.imul(words[at], keys[0]) ^ Math.imul(words[at + 1], keys[1]));
    const host = Math.imul(words[at + 2], keys[2]) ^ Math.imul(words[at + 3], keys[3]);
    const isOver = this.#networks.isOver(network, strictness);
    return this.#addresses.isOver(mixed(network ^ host), strictness) || isOver;
  }

  /** What was seen of an older flood says nothing about this one. */
  #start(now: number): void {
    this.#until = now + MEMORY;
    this.#easesAt = now + EASE;
    this.#strictness = 0;
    this.#counted = 0;
    this.#addresses.forget();
    this.#networks.forget();
  }

  #nextWindow(): void {
    this.#counted = 0;
    this.#addresses.next();
    this.#networks.next();
    if (this.#full >= STILL_LONG && this.#strictness < STRICTEST) this.#strictness += 1;
  }

  /** Where the kernel cannot say, so many full batches count as a long queue. */
  #isLong(fd: number): boolean {
    const memory = this.#memory;
    memory[MEMINFO_WORDS] = MEMINFO_WORDS * 4;
    const at = this.#address;
    const failed = this.#system.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, at, at + MEMINFO_WORDS * 4);
    return failed !== 0 || memory[0] > longQueue(memory[1]);
  }
}

/** Lets every bit count in the low ones. */
function mixed(value: number): number {
  const half = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return half ^ (half >>> 13);
}
