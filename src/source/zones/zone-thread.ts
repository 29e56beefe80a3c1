/** Zone files are parsed in one thread beside the main one, which is started when needed and ends when idle. */
import { Worker } from 'node:worker_threads';
import { systemClock, type Clock } from '../../base/clock.ts';
import { slices } from '../reflector/slices.ts';
import { parseZoneOctets, unreadable } from './zone-dir.ts';
import type { Placed, ZoneFile, ZoneOptions } from './zone-file.ts';
import type { ZoneAnswer, ZoneOrder } from './zone-worker.ts';

/**
 * Octets of a file that is parsed where it is asked for, if it has no aliases: the few names of a first try need
 * no thread.
 */
const HERE_MAX = 512;
/** Milliseconds without work after which the thread ends: while somebody edits, it stays. */
const IDLE = 60_000;
/** Milliseconds that a file may take; the largest takes a fifth of them. */
const PATIENCE = 60_000;
/** MiB of the thread's heap; the largest file takes a third of them. */
const HEAP_MAX = 2048;
/** In this checkout's tests this file is TypeScript, and a worker thread needs compiled code. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/source/zones/zone-worker.js' : './zone-worker.js',
  import.meta.url,
);

export class ZoneThread {
  private readonly clock: Clock;
  private readonly idle: number;
  private readonly patience: number;
  private worker: Worker | undefined;
  /** One file after the other. */
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private idleTimer: unknown;
  /** Threads that were started. */
  started = 0;

  constructor(options: { clock?: Clock; idle?: number; patience?: number } = {}) {
    this.clock = options.clock ?? systemClock;
    this.idle = options.idle ?? IDLE;
    this.patience = options.patience ?? PATIENCE;
  }

  get running(): boolean {
    return this.worker !== undefined;
  }

  /** True where a file is parsed by the thread. */
  wants(octets: Uint8Array): boolean {
    return octets.length > HERE_MAX || octets.includes(0x2a);
  }

  /** What the file says. Never rejects: a file that the thread cannot cope with is unusable. */
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

  /** A file is about to change, as it seems: the thread needs some time to start. */
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
    // Equal names share one text, as they do where they are read.
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

  /** Rejects when the thread dies, or takes too long. */
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
    const worker = new Worker(WORKER, { name: 'zone files', execArgv: [], resourceLimits });
    // Whoever waits for a file is told of it there; one that fails while idle is not missed.
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

/** The one of this process, for all zones directories. */
export const zoneThread = new ZoneThread();
