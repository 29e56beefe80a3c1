/** One worker's place: the sockets that it serves, what is shared with the thread, a new thread whenever one dies. */
import { Worker } from 'node:worker_threads';
import { threadModule } from '../../locations.ts';
import type { Listener } from '../../answer/peer.ts';
import { Epoll } from './epoll.ts';
import type { Answering } from '../transport.ts';
import { createRing } from './ring.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, systemError } from '../syscalls.ts';
import type { System } from '../syscalls.ts';
import { WorkerControl } from './control.ts';
import { HandoffReceiver, wake } from './handoff.ts';
import type { Bound } from './socket.ts';
import { Station } from './station.ts';
import type { BatchWorkerData, Order } from './worker.ts';

/** What a worker answers with, from its start until its thread has ended, however it ended. */
export interface Attachment {
  /** Structured-cloneable; memory in it is shared. Given to the module's `createResponder`. */
  data: unknown;
  /** The thread is gone and reads nothing any more. */
  detach(): void;
}

/** How workers are made. */
export interface Staffing {
  /** URL of the compiled module that exports `createResponder`. */
  module: string;
  /** Called at each start of a worker. */
  attach(): Attachment;
  /** Octets, a power of two: what one worker may have handed over and the main thread not yet taken. */
  ringCapacity?: number;
  /** A worker died and is replaced, or could not be: a sentence for the log. */
  onProblem?(text: string): void;
}

const RING_CAPACITY = 1 << 20;
/** A worker that dies again and again is replaced more and more slowly, up to this, milliseconds. */
const PAUSE_MAX = 5000;
/** One that lived this long did not die of its start. */
const SETTLED = 10_000;

export class WorkerSlot {
  readonly receiver: HandoffReceiver;
  restarts = 0;
  /** Resolves when the present worker has ended. */
  ended: Promise<void> = Promise.resolve();
  readonly #index: number;
  readonly #system: System;
  readonly #staffing: Staffing;
  readonly #control = new WorkerControl();
  readonly #ring: SharedArrayBuffer;
  readonly #eventfd: number;
  readonly #callfd: number;
  readonly #epoll: Epoll;
  readonly #stations = new Set<Station>();
  #number = 0;
  /** Undefined while there is no thread. */
  #worker: Worker | undefined;
  /** Who waits until the worker has done what was ordered up to there. */
  #waiting: { orders: number; done: () => void }[] = [];
  #failures = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Throws the system's error when there are no descriptors left. */
  constructor(system: System, index: number, answering: Answering, staffing: Staffing) {
    this.#index = index;
    this.#system = system;
    this.#staffing = staffing;
    this.#ring = createRing(staffing.ringCapacity ?? RING_CAPACITY);
    this.#epoll = new Epoll(system);
    this.#eventfd = system.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    this.#callfd = system.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (this.#callfd < 0) {
      const errno = system.errno();
      if (this.#eventfd >= 0) system.close(this.#eventfd);
      this.#epoll.close();
      throw systemError('eventfd', errno);
    }
    this.#epoll.add(this.#callfd, 0);
    this.receiver = new HandoffReceiver(system, answering, this.#ring, this.#eventfd);
  }

  /** The worker serves this socket as well, from now or from its start on. Throws the system's error. */
  serve(listener: Listener, bound: Bound): Station {
    this.#number += 1;
    const station = new Station(this.#number, listener, bound);
    this.return(station);
    this.receiver.add(station);
    return station;
  }

  /** To a station that was left. Throws the system's error. */
  return(station: Station): void {
    this.#epoll.add(station.bound.fd, station.number);
    this.#stations.add(station);
    this.#order(station.data);
  }

  /** Resolves when the worker has answered what the socket had queued, and reads it no more. */
  async leave(station: Station): Promise<void> {
    if (!this.#stations.delete(station)) return;
    const orders = this.#order(station.number);
    if (this.#worker !== undefined) await new Promise<void>((done) => this.#waiting.push({ orders, done }));
    // A worker that has died may not have come to it.
    this.#epoll.remove(station.bound.fd);
    this.receiver.drain();
  }

  /** Resolves when the worker serves, rejects when it could not start. */
  start(): Promise<void> {
    const attachment = this.#staffing.attach();
    const workerData: BatchWorkerData = {
      stations: [...this.#stations].map(({ data }) => data),
      orders: this.#control.orders,
      control: this.#control.memory,
      ring: this.#ring,
      eventfd: this.#eventfd,
      callfd: this.#callfd,
      epoll: this.#epoll.fd,
      module: this.#staffing.module,
      data: attachment.data,
    };
    this.#startedAt = performance.now();
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      let ready = false;
      let worker: Worker;
      try {
        worker = new Worker(threadModule('packets'), {
          workerData,
          execArgv: [],
          name: `udp ${this.#index}`,
        });
      } catch (error) {
        attachment.detach();
        return reject(error as Error);
      }
      this.#worker = worker;
      worker.on('message', (orders: number) => {
        ready = true;
        this.#done(orders);
        resolve();
      });
      worker.on('error', (error: Error) => (failure = error));
      this.ended = new Promise((done) => {
        worker.on('exit', (code) => {
          attachment.detach();
          this.#worker = undefined;
          // The successor serves what this worker left undone, so nothing waits for the old one.
          this.#done(this.#control.orders);
          done();
          failure ??= new Error(`exit code ${code}`);
          if (!ready) reject(failure);
          else if (!this.#control.stopped) this.#replace(failure);
        });
      });
    });
  }

  /** No new worker from now on; the present one answers what is queued and ends. Synchronous: see the exit hook. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#control.stop();
    wake(this.#system, this.#callfd);
  }

  /** Once the worker has ended. Answers that come later are forgotten. */
  close(): void {
    this.receiver.close();
    this.#epoll.close();
    this.#system.close(this.#eventfd);
    this.#system.close(this.#callfd);
  }

  #order(order: Order): number {
    this.#worker?.postMessage(order);
    const orders = this.#control.call();
    wake(this.#system, this.#callfd);
    return orders;
  }

  #done(orders: number): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((each) => each.orders > orders);
    for (const each of waiting) if (each.orders <= orders) each.done();
  }

  #replace(failure: Error): void {
    if (performance.now() - this.#startedAt > SETTLED) this.#failures = 0;
    const pause = this.#failures === 0 ? 0 : Math.min(PAUSE_MAX, 25 * 2 ** this.#failures);
    this.#failures += 1;
    this.restarts += 1;
    this.#staffing.onProblem?.(`UDP worker ${this.#index} died and is replaced: ${failure.message}`);
    this.#timer = setTimeout(() => {
      if (this.#control.stopped) return;
      this.start().catch((error: Error) => {
        if (!this.#control.stopped) this.#replace(error);
      });
    }, pause);
  }
}
