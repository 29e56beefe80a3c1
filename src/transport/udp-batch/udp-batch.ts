/**
 * The fast UDP transport: the sockets of one listener, which the worker threads of a crew read and answer by batches.
 */
import { isMainThread } from 'node:worker_threads';
import type { Listener } from '../../answer/peer.ts';
import type { Transport, WorkerCounters } from '../transport.ts';
import { loadSystem } from '../syscalls.ts';
import type { Assignment, Crew } from './crew.ts';
import { adoptSocket, bindSocket } from './socket.ts';
import type { Bound } from './socket.ts';
import { countersOf } from './station.ts';

/** Why this transport cannot run here, for a log line; undefined when it can. */
export function batchUnavailableReason(): string | undefined {
  // The end of a thread whose event loop koffi watches a descriptor for takes the whole process with it.
  if (!isMainThread) return 'this is not the main thread';
  return loadSystem().reason;
}

export interface BatchOptions {
  /** Bound UDP sockets to adopt instead of binding; the transport owns them from `open` on, and closes them. */
  fds?: readonly number[];
}

const CLOSE_GRACE_MS = 5000;

export class BatchTransport implements Transport {
  readonly listener: Listener;
  readonly #crew: Crew;
  readonly #options: BatchOptions;
  #bound: Bound[] = [];
  #assigned: Assignment[] = [];
  #opened = false;
  /** Another process reads the sockets. */
  #isQuiet = false;
  #closed: Promise<void> | undefined;

  constructor(listener: Listener, crew: Crew, options: BatchOptions = {}) {
    this.listener = listener;
    this.#crew = crew;
    this.#options = options;
  }

  /** Sums over all workers. */
  get counters(): WorkerCounters {
    const restarts = new Set(this.#assigned.map(({ slot }) => slot));
    return countersOf(
      this.#assigned.map(({ station }) => station),
      [...restarts].reduce((sum, slot) => sum + slot.restarts, 0),
    );
  }

  get workers(): WorkerCounters[] {
    const slots = [...new Set(this.#assigned.map(({ slot }) => slot))];
    return slots.map((slot) => {
      const own = this.#assigned.filter((each) => each.slot === slot);
      return countersOf(
        own.map(({ station }) => station),
        slot.restarts,
      );
    });
  }

  /**
   * Resolves when the sockets are bound. What comes waits in their queues until the threads of the crew have started.
   */
  async open(): Promise<number> {
    if (this.#opened) throw new Error(`the transport of ${this.listener.text} was opened before`);
    this.#opened = true;
    this.#bound = this.#bind();
    try {
      this.#assigned = this.#crew.serve(this.listener, this.#bound);
    } catch (error) {
      await this.close(0);
      throw error;
    }
    return this.#bound[0].port;
  }

  /**
   * Answers what the sockets have queued, waits at most `graceMs` for deferred answers. Meanwhile what
   * can be answered at once still is: an open socket that stays silent costs a client its time-out.
   */
  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /** The bound sockets, to be handed to a successor; see `BatchOptions.fds`. */
  descriptors(): number[] {
    return this.#bound.map(({ fd }) => fd);
  }

  /** Stops reading and leaves the sockets bound, for a successor that reads the same sockets. */
  async quiet(): Promise<void> {
    this.#isQuiet = true;
    await this.#leave();
  }

  /** Reads again after `quiet`: the successor has ended. */
  resume(): void {
    if (!this.#isQuiet || this.#closed !== undefined) return;
    this.#isQuiet = false;
    for (const { slot, station } of this.#assigned) slot.return(station);
  }

  async #leave(): Promise<void> {
    await Promise.all(this.#assigned.map(({ slot, station }) => slot.leave(station)));
  }

  #bind(): Bound[] {
    const { system, slots } = this.#crew;
    const { address, port } = this.listener;
    const fds = this.#options.fds ?? [];
    if (fds.length > 0) {
      try {
        return fds.map((fd) => adoptSocket(system, fd));
      } catch (error) {
        for (const fd of fds) system.close(fd);
        throw error;
      }
    }
    const first = bindSocket(system, address, port, false);
    if (slots.length === 1) return [first];
    // With SO_REUSEPORT a second server of the same user would be let in, so an ordinary bind went first.
    system.close(first.fd);
    const bound: Bound[] = [];
    try {
      for (let i = 0; i < slots.length; i++) bound.push(bindSocket(system, address, first.port, true));
    } catch (error) {
      for (const { fd } of bound) system.close(fd);
      throw error;
    }
    return bound;
  }

  async #close(graceMs: number): Promise<void> {
    await this.#leave();
    if (this.#owes() && graceMs > 0) {
      if (!this.#isQuiet) this.#serveOn();
      await this.#settled(graceMs);
      await this.#leave();
    }
    for (const { slot, station } of this.#assigned) slot.receiver.remove(station);
    for (const fd of this.descriptors()) this.#crew.system.close(fd);
    this.#bound = [];
  }

  #serveOn(): void {
    for (const { slot, station } of this.#assigned) {
      station.tally.close();
      slot.return(station);
    }
  }

  #owes(): boolean {
    return this.#assigned.some(({ station }) => station.pending > 0);
  }

  /** Resolves when no deferred answer is awaited, at the latest after `graceMs`. */
  #settled(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      for (const { station } of this.#assigned) {
        station.onIdle = () => {
          if (this.#owes()) return;
          clearTimeout(timer);
          resolve();
        };
      }
    });
  }
}
