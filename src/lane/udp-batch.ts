/**
 * The fast UDP lane: worker threads that receive and answer whole batches on sockets which this thread owns.
 *
 * The sockets stay open when a worker dies, and its successor goes on with what they have queued. A worker
 * blocked in the kernel keeps a process from ending, so every way out wakes it first: `close`, and the exit of
 * the process for whatever reason.
 */
import { isMainThread } from 'node:worker_threads';
import type { Listener } from '../answer/peer.ts';
import type { Answering, Lane, WorkerCounters } from './lane.ts';
import { loadSystem, SHUT_RD } from './syscalls.ts';
import type { System } from './syscalls.ts';
import { Seat } from './udp-batch-seat.ts';
import type { Staffing } from './udp-batch-seat.ts';
import { adoptSocket, bindSocket } from './udp-batch-socket.ts';
import type { Bound } from './udp-batch-socket.ts';

/** Why this lane cannot run here, for a log line; undefined when it can. */
export function batchLaneHindrance(): string | undefined {
  // The end of a thread whose event loop koffi watches a descriptor for takes the whole process with it.
  if (!isMainThread) return 'this is not the main thread';
  return loadSystem().reason;
}

export interface BatchOptions extends Staffing {
  /** Threads, each on a socket of its own where there are sockets enough. Default 1. */
  workers?: number;
  /** Bound UDP sockets to adopt instead of binding; the lane owns them from `open` on, and closes them. */
  fds?: readonly number[];
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

  /** Sums over all workers. */
  get counters(): WorkerCounters {
    const { workers } = this;
    const sum = (of: (one: WorkerCounters) => number): number =>
      workers.reduce((all, one) => all + of(one), 0);
    return {
      received: sum((one) => one.received),
      answered: sum((one) => one.answered),
      dropped: sum((one) => one.dropped),
      deferred: sum((one) => one.deferred),
      errors: sum((one) => one.errors),
      restarts: sum((one) => one.restarts),
      overflows: sum((one) => one.overflows),
      sendErrors: sum((one) => one.sendErrors),
      receiveErrors: sum((one) => one.receiveErrors),
      batches: sum((one) => one.batches),
      rcodes: Array.from({ length: 16 }, (_, rcode) => sum(({ rcodes }) => rcodes[rcode])),
    };
  }

  get workers(): WorkerCounters[] {
    return this.#seats.map((seat) => seat.counters);
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
