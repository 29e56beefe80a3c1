/**
 * Which containers are to be looked at, and when: each at most once at a time, with one more look where something has
 * happened meanwhile; a few at once; and one that takes long does not hold up the others.
 */
import type { Clock } from '../../base/clock.ts';

/** What a look has found. `retry`: nothing, for now. */
export type Look<Found> = { found: Found } | { gone: true } | { fault: string } | { retry: string };

export interface InspectorOptions<Found> {
  clock: Clock;
  /** Never throws. */
  look: (id: string) => Promise<Look<Found>>;
  /** `started`: a number that grows from look to look. `at`: when the engine said that something has happened. */
  done: (id: string, look: Look<Found>, started: number, at: number | undefined) => void;
}

/** Looks at once, without those that take long. */
const AT_ONCE = 8;
/** Milliseconds after which a look counts as long. */
const LONG = 100;
/** Looks at once in all. */
export const LOOKS_MOST = 64;
/** Milliseconds until a look that has failed is taken again; they double. */
const RETRY_FIRST = 500;
const RETRY_MOST = 30_000;

interface Running {
  long: boolean;
  again: boolean;
  at: number | undefined;
}

export class Inspector<Found> {
  private readonly options: InspectorOptions<Found>;
  /** In the order of their asking; the value is when the first event of it happened. */
  private readonly waiting = new Map<string, number | undefined>();
  private readonly running = new Map<string, Running>();
  private readonly timers = new Map<string, unknown>();
  private readonly failures = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private count = 0;
  private closed = false;

  constructor(options: InspectorOptions<Found>) {
    this.options = options;
  }

  /** Looks at the container soon. */
  mark(id: string, at?: number): void {
    if (this.closed) return;
    const running = this.running.get(id);
    if (running !== undefined) {
      running.again = true;
      running.at ??= at;
      return;
    }
    this.waiting.set(id, this.waiting.get(id) ?? at);
    this.pump();
  }

  /** Looks at the container after so many milliseconds; a later call moves that. */
  later(id: string, milliseconds: number): void {
    if (this.closed) return;
    const { clock } = this.options;
    clock.clearTimeout(this.timers.get(id));
    const timer = clock.setTimeout(() => {
      this.timers.delete(id);
      this.mark(id);
    }, milliseconds);
    this.timers.set(id, timer);
  }

  /** How many containers wait for a look, now or later. */
  get size(): number {
    return this.waiting.size + this.timers.size;
  }

  /** The containers that nothing is known of yet, because a look at them takes long. */
  get pending(): string[] {
    return [...this.running.keys(), ...this.waiting.keys()];
  }

  /** Resolves when all has been looked at, or after so many milliseconds without any that is not long. */
  async settled(patience: number): Promise<void> {
    const { clock } = this.options;
    let over = false;
    let timer: unknown;
    while (!this.closed && !over && this.running.size + this.waiting.size > 0) {
      const onlyLong = this.waiting.size === 0 && [...this.running.values()].every(({ long }) => long);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.listeners.delete(wake);
          resolve();
        };
        this.listeners.add(wake);
        if (onlyLong && timer === undefined)
          timer = clock.setTimeout(() => {
            over = true;
            wake();
          }, patience);
      });
    }
    clock.clearTimeout(timer);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) this.options.clock.clearTimeout(timer);
    this.timers.clear();
    this.waiting.clear();
    this.tell();
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private pump(): void {
    let short = 0;
    for (const { long } of this.running.values()) if (!long) short++;
    for (const [id, at] of this.waiting) {
      if (this.closed || short >= AT_ONCE || this.running.size >= LOOKS_MOST) return;
      this.waiting.delete(id);
      short++;
      void this.run(id, at);
    }
  }

  private async run(id: string, at: number | undefined): Promise<void> {
    const { clock, look, done } = this.options;
    const started = ++this.count;
    const running: Running = { long: false, again: false, at: undefined };
    this.running.set(id, running);
    const timer = clock.setTimeout(() => {
      running.long = true;
      this.pump();
      this.tell();
    }, LONG);
    const result = await look(id);
    clock.clearTimeout(timer);
    this.running.delete(id);
    if (this.closed) return;
    if ('retry' in result) {
      const failures = this.failures.get(id) ?? 0;
      this.failures.set(id, failures + 1);
      this.later(id, Math.min(RETRY_MOST, RETRY_FIRST * 2 ** failures));
    } else this.failures.delete(id);
    done(id, result, started, at);
    if (running.again) this.mark(id, running.at);
    this.pump();
    this.tell();
  }
}
