/**
 * The fast UDP lane: worker threads that receive and answer whole batches on sockets which this thread owns.
 *
 * The sockets stay open when a worker dies, and its successor goes on with what they have queued. A worker
 * blocked in the kernel keeps a process from ending, so every way out wakes it first: `close`, and the exit of
 * the process for whatever reason.
 */
import type { Listener } from '../answer/peer.ts';
import type { Answering, Lane, LaneCounters } from './lane.ts';
import { loadSystem, SHUT_RD } from './syscalls.ts';
import type { System } from './syscalls.ts';
import * as count from './udp-batch-control.ts';
import { Seat } from './udp-batch-seat.ts';
import type { Staffing } from './udp-batch-seat.ts';
import { adoptSocket, bindSocket } from './udp-batch-socket.ts';
import type { Bound } from './udp-batch-socket.ts';

/** Why this lane cannot run here, for a log line; undefined when it can. */
export function batchLaneHindrance(): string | undefined {
  return loadSystem().reason;
}

export interface BatchOptions extends Staffing {
  /** Threads, each on a socket of its own where there are sockets enough. Default 1. */
  workers?: number;
  /** Bound UDP sockets to adopt instead of binding; the lane owns them from `open` on, and closes them. */
  fds?: readonly number[];
}

export interface BatchCounters extends LaneCounters {
  /** Workers that died and were replaced. */
  restarts: number;
  /** Deferred packets that found the ring full and were answered with SERVFAIL. */
  overflows: number;
  /** Answers that the system did not take; not in `answered`. */
  sendErrors: number;
  receiveErrors: number;
  /** Receives that brought packets. */
  batches: number;
  /** Answers of the workers by rcode, 16 numbers; those of the main thread are not in it. */
  rcodes: number[];
}

const CLOSE_GRACE_MS = 5000;

const openLanes = new Set<BatchLane>();

function wakeAll(): void {
  for (const lane of openLanes) lane.wake();
}

export class BatchLane implements Lane {
  readonly listener: Listener;
  readonly #answering: Answering;
  readonly #options: BatchOptions;
  #system: System | undefined;
  #bound: Bound[] = [];
  #seats: Seat[] = [];
  #opened = false;
  /** Another process reads the same sockets: shutting them down would deafen it. */
  #handedOver = false;
  #closed: Promise<void> | undefined;

  constructor(listener: Listener, answering: Answering, options: BatchOptions) {
    this.listener = listener;
    this.#answering = answering;
    this.#options = options;
  }

  get counters(): BatchCounters {
    const sum = (of: (seat: Seat) => number): number => this.#seats.reduce((all, seat) => all + of(seat), 0);
    const counted = (place: number): number => sum((seat) => seat.control.counts[place]);
    return {
      received: counted(count.RECEIVED),
      answered: counted(count.ANSWERED) + sum(({ desk }) => desk.counters.answered),
      dropped: counted(count.DROPPED) + sum(({ desk }) => desk.counters.dropped),
      deferred: counted(count.DEFERRED),
      errors: counted(count.ERRORS) + sum(({ desk }) => desk.counters.errors),
      restarts: sum((seat) => seat.restarts),
      overflows: counted(count.OVERFLOWS),
      sendErrors: counted(count.SEND_ERRORS) + sum(({ desk }) => desk.counters.sendErrors),
      receiveErrors: counted(count.RECEIVE_ERRORS),
      batches: counted(count.BATCHES),
      rcodes: Array.from({ length: 16 }, (_, rcode) => counted(count.RCODES + rcode)),
    };
  }

  async open(): Promise<number> {
    if (this.#opened) throw new Error(`the lane of ${this.listener.text} was opened before`);
    this.#opened = true;
    const { system, reason } = loadSystem();
    if (system === undefined) throw new Error(reason);
    this.#system = system;
    try {
      this.#bind(system);
      for (const bound of this.#bound) {
        this.#seats.push(new Seat(system, this.listener, this.#answering, this.#options, bound));
      }
      if (openLanes.size === 0) process.on('exit', wakeAll);
      openLanes.add(this);
      await Promise.all(this.#seats.map((seat) => seat.start()));
    } catch (error) {
      await this.close(0);
      throw error;
    }
    return this.#bound[0].port;
  }

  /** Answers what the sockets have queued, waits at most `graceMs` for what the main thread still owes. */
  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /** The bound sockets, to be handed to a successor; see `BatchOptions.fds`. */
  descriptors(): number[] {
    return [...new Set(this.#bound.map(({ fd }) => fd))];
  }

  /**
   * Stops reading and leaves the sockets bound, for a successor that reads the same sockets: from now on they
   * are never shut down. Resolves when no worker reads any more, within the receive time-out.
   */
  async quiet(): Promise<void> {
    this.#handedOver = true;
    this.wake();
    await Promise.all(this.#seats.map((seat) => seat.ended));
  }

  /** Tells the workers to end and wakes those that are blocked. Synchronous: the process may be exiting. */
  wake(): void {
    for (const seat of this.#seats) {
      seat.stop();
      // It says ENOTCONN and wakes the receive all the same. SHUT_RDWR would lose the answers of the last batch.
      if (!this.#handedOver) this.#system?.shutdown(seat.bound.fd, SHUT_RD);
    }
  }

  #bind(system: System): void {
    const workers = Math.max(1, this.#options.workers ?? 1);
    const { address, port } = this.listener;
    const fds = this.#options.fds ?? [];
    if (fds.length > 0) {
      try {
        this.#bound = fds.map((fd) => adoptSocket(system, fd));
      } catch (error) {
        for (const fd of fds) system.close(fd);
        throw error;
      }
      // More workers than sockets share them; more sockets than workers need a worker each, or some go deaf.
      for (let i = fds.length; i < workers; i++) this.#bound.push(this.#bound[i % fds.length]);
      return;
    }
    const first = bindSocket(system, address, port, false);
    if (workers === 1) {
      this.#bound = [first];
      return;
    }
    // With SO_REUSEPORT a second server of the same user would be let in, so an ordinary bind went first.
    system.close(first.fd);
    for (let i = 0; i < workers; i++) this.#bound.push(bindSocket(system, address, first.port, true));
  }

  async #close(graceMs: number): Promise<void> {
    const system = this.#system;
    this.wake();
    await Promise.all(this.#seats.map((seat) => seat.ended));
    for (const { desk } of this.#seats) desk.drain();
    await this.#settled(graceMs);
    for (const seat of this.#seats) seat.close();
    for (const fd of this.descriptors()) system?.close(fd);
    if (openLanes.delete(this) && openLanes.size === 0) process.off('exit', wakeAll);
  }

  /** Resolves when the main thread owes no answer any more, at the latest after `graceMs`. */
  #settled(graceMs: number): Promise<void> {
    const owing = (): boolean => this.#seats.some(({ desk }) => desk.pending > 0);
    if (!owing() || graceMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      for (const { desk } of this.#seats) {
        desk.onIdle = () => {
          if (owing()) return;
          clearTimeout(timer);
          resolve();
        };
      }
    });
  }
}
