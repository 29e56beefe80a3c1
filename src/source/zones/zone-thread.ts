/** Parses zone files in a thread of its own, which starts when needed and ends when idle. */
import { Worker } from 'node:worker_threads';
import { threadModule } from '../../locations.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { slices } from '../reflector/slices.ts';
import { parseZoneOctets, unreadable } from './zone-dir.ts';
import type { Placed, ZoneFile, ZoneOptions } from './zone-file.ts';
import type { ZoneAnswer, ZoneOrder } from './zone-worker.ts';

/**
 * The main thread parses files up to this many octets if they have no aliases, because a few names need no
 * thread.
 */
const HERE_MAX = 512;
/** Milliseconds without work after which the thread ends; it stays while files are edited. */
const IDLE = 60_000;
/** The maximum of milliseconds per file; the largest file needs a fifth of it. */
const PATIENCE = 60_000;
/** The maximum heap of the thread in MiB; the largest file needs a third of it. */
const HEAP_MAX = 2048;

export class ZoneThread {
  private readonly clock: Clock;
  private readonly idle: number;
  private readonly patience: number;
  private worker: Worker | undefined;
  /** Parses one file after the other. */
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private idleTimer: unknown;
  /** The number of threads that were started. */
  started = 0;

  constructor(options: { clock?: Clock; idle?: number; patience?: number } = {}) {
    this.clock = options.clock ?? systemClock;
    this.idle = options.idle ?? IDLE;
    this.patience = options.patience ?? PATIENCE;
  }

  get running(): boolean {
    return this.worker !== undefined;
  }

  /** True if the thread parses a file. */
  wants(octets: Uint8Array): boolean {
    return octets.length > HERE_MAX || octets.includes(0x2a);
  }

  /** Parses a file. Never rejects: a file that the thread cannot handle is unusable. */
  async parse(octets: Uint8Array, file: string, options: ZoneOptions): Promise<ZoneFile> {
    if (!this.wants(octets)) {
      slices.record(octets.length);
      return parseZoneOctets(octets, file, options);
    }
    this.waiting++;
    this.clock.clearTimeout(this.idleTimer);
    const parsed = this.queue.then(() => this.order(octets, file, { zone: options.zone }));
    this.queue = parsed;
    const zone = await parsed;
    if (--this.waiting === 0) this.rest();
    return zone;
  }

  /** Starts the thread early, because a file is about to change. */
  warm(): void {
    this.worker ??= this.start();
    if (this.waiting === 0) this.rest();
  }

  private rest(): void {
    this.clock.clearTimeout(this.idleTimer);
    this.idleTimer = this.clock.setTimeout(() => this.end(), this.idle);
  }

  private async order(octets: Uint8Array, file: string, options: ZoneOptions): Promise<ZoneFile> {
    try {
      return await this.ask(octets, file, options);
    } catch (error) {
      this.end();
      return unreadable({ file, line: 1, column: 1 }, whyNot(error as NodeJS.ErrnoException));
    }
  }

  private async ask(octets: Uint8Array, file: string, options: ZoneOptions): Promise<ZoneFile> {
    const first = await this.answer({ octets, file, options });
    const { usable, refused, problems } = first.head!;
    const placed: Placed[] = [];
    // Equal names share one string, as in the thread.
    const names = new Map<string, string>();
    const one = (name: string): string => names.get(name) ?? (names.set(name, name), name);
    for (let answer = first; ; answer = await this.answer(undefined)) {
      for (const [resource, line, column, bare] of answer.rows) {
        slices.record();
        if (resource.kind !== 'vpc') resource.vpc = one(resource.vpc);
        if ('namespace' in resource) resource.namespace = one(resource.namespace);
        placed.push({ resource, place: { file, line, column }, bare });
      }
      await slices.pause();
      if (answer.last) return { usable, placed, refused, problems };
    }
  }

  /** Rejects if the thread dies, or takes too long. */
  private answer(order: ZoneOrder): Promise<ZoneAnswer> {
    const worker = (this.worker ??= this.start());
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimeout(() => {
        done();
        reject(new Error(`takes more than ${this.patience / 1000} s to read: split it`));
      }, this.patience);
      const done = (): void => {
        this.clock.clearTimeout(timer);
        worker.off('message', answered).off('error', failed).off('exit', gone);
      };
      const answered = (answer: ZoneAnswer): void => {
        done();
        resolve(answer);
      };
      const failed = (error: Error): void => {
        done();
        reject(error);
      };
      const gone = (): void =>
        failed(new Error('cannot be read: the thread that reads zone files has ended'));
      worker.on('message', answered).on('error', failed).on('exit', gone);
      worker.postMessage(order);
    });
  }

  private start(): Worker {
    this.started++;
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MAX };
    const worker = new Worker(threadModule('zones'), { name: 'zone files', execArgv: [], resourceLimits });
    // A pending request reports the failure; a failure of an idle thread does not matter.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.worker === worker) this.worker = undefined;
    });
    worker.unref();
    return worker;
  }

  private end(): void {
    void this.worker?.terminate();
    this.worker = undefined;
  }
}

function whyNot(error: NodeJS.ErrnoException): string {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return `takes more than ${HEAP_MAX} MiB of memory to read: split it`;
  return error.message;
}

/** The instance of this process, for all zones directories. */
export const zoneThread = new ZoneThread();
