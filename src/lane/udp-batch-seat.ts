/** One worker's place: a socket to serve, what is shared with the thread, and a new thread whenever one dies. */
import { Worker } from 'node:worker_threads';
import type { Listener } from '../answer/peer.ts';
import type { Answering, WorkerCounters } from './lane.ts';
import { createRing } from './ring.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, systemError } from './syscalls.ts';
import type { System } from './syscalls.ts';
import * as count from './udp-batch-control.ts';
import { WorkerControl } from './udp-batch-control.ts';
import { Desk, wake } from './udp-batch-handoff.ts';
import type { Bound } from './udp-batch-socket.ts';
import type { BatchWorkerData } from './udp-batch-worker.ts';

/** What a worker answers with, from its start until its thread has ended, however it ended. */
export interface Attachment {
  /** Structured-cloneable; memory in it is shared. Given to the module's `createResponder`. */
  data: unknown;
  /** The thread is gone and reads nothing any more. */
  detach(): void;
}

/** How the workers of a lane are made. */
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
/** In this checkout's tests this file is TypeScript, and a worker thread needs compiled code. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/lane/udp-batch-worker.js' : './udp-batch-worker.js',
  import.meta.url,
);

export class Seat {
  readonly bound: Bound;
  readonly control = new WorkerControl();
  readonly desk: Desk;
  restarts = 0;
  /** Resolves when the present worker has ended. */
  ended: Promise<void> = Promise.resolve();
  readonly #system: System;
  readonly #listener: Listener;
  readonly #staffing: Staffing;
  readonly #ring: SharedArrayBuffer;
  readonly #eventfd: number;
  /** Readable from `stop` on, and never read: a worker asleep looks at it. */
  readonly #stopfd: number;
  #failures = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Throws the system's error when there are no descriptors left. */
  constructor(system: System, listener: Listener, answering: Answering, staffing: Staffing, bound: Bound) {
    this.bound = bound;
    this.#system = system;
    this.#listener = listener;
    this.#staffing = staffing;
    this.#ring = createRing(staffing.ringCapacity ?? RING_CAPACITY);
    this.#eventfd = system.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    this.#stopfd = system.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (this.#stopfd < 0) {
      const errno = system.errno();
      if (this.#eventfd >= 0) system.close(this.#eventfd);
      throw systemError('eventfd', errno);
    }
    this.desk = new Desk(system, answering, listener, this.#ring, bound.fd, this.#eventfd);
  }

  get counters(): WorkerCounters {
    const { counts } = this.control;
    const { counters: desk } = this.desk;
    return {
      received: counts[count.RECEIVED],
      answered: counts[count.ANSWERED] + desk.answered,
      dropped: counts[count.DROPPED] + desk.dropped,
      deferred: counts[count.DEFERRED],
      errors: counts[count.ERRORS] + desk.errors,
      restarts: this.restarts,
      overflows: counts[count.OVERFLOWS],
      sendErrors: counts[count.SEND_ERRORS] + desk.sendErrors,
      receiveErrors: counts[count.RECEIVE_ERRORS],
      batches: counts[count.BATCHES],
      rcodes: [...counts.subarray(count.RCODES, count.RCODES + 16)],
    };
  }

  /** Resolves when the worker is about to receive, rejects when it could not start. */
  start(): Promise<void> {
    const { fd, family, wildcard, local } = this.bound;
    const attachment = this.#staffing.attach();
    const workerData: BatchWorkerData = {
      ...{ listener: this.#listener, fd, family, wildcard, local },
      control: this.control.memory,
      ring: this.#ring,
      eventfd: this.#eventfd,
      stopfd: this.#stopfd,
      module: this.#staffing.module,
      data: attachment.data,
    };
    this.#startedAt = performance.now();
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      let ready = false;
      let worker: Worker;
      try {
        worker = new Worker(WORKER, { workerData, execArgv: [], name: `udp ${this.#listener.text}` });
      } catch (error) {
        attachment.detach();
        return reject(error as Error);
      }
      worker.on('message', () => {
        ready = true;
        resolve();
      });
      worker.on('error', (error: Error) => (failure = error));
      this.ended = new Promise((done) => {
        worker.on('exit', (code) => {
          attachment.detach();
          done();
          failure ??= new Error(`exit code ${code}`);
          if (!ready) reject(failure);
          else if (!this.control.stopped) this.#replace(failure);
        });
      });
    });
  }

  /** No new worker from now on; the present one ends when something wakes it. */
  stop(): void {
    clearTimeout(this.#timer);
    this.control.stop();
    wake(this.#system, this.#stopfd);
  }

  /** Once the worker has ended. Answers that come later are forgotten; the socket is not this seat's to close. */
  close(): void {
    this.desk.close();
    this.#system.close(this.#eventfd);
    this.#system.close(this.#stopfd);
  }

  #replace(failure: Error): void {
    if (performance.now() - this.#startedAt > SETTLED) this.#failures = 0;
    const pause = this.#failures === 0 ? 0 : Math.min(PAUSE_MAX, 25 * 2 ** this.#failures);
    this.#failures += 1;
    this.restarts += 1;
    const text = this.#listener.text;
    this.#staffing.onProblem?.(`a worker of ${text} died and is replaced: ${failure.message}`);
    this.#timer = setTimeout(() => {
      if (this.control.stopped) return;
      this.start().catch((error: Error) => {
        if (!this.control.stopped) this.#replace(error);
      });
    }, pause);
  }
}
