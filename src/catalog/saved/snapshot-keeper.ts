/** Keeps the disk up to date: writes soon after a change, and once for many. */
import { systemClock } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import type { Problem } from '../../model.ts';

/** At most one write begins in this time: with what a write takes, nothing on disk is two seconds old. */
const INTERVAL = 500;
/** After a failure. */
const RETRY = 5000;
/** A failure that took long is followed by a pause this many times as long: trying takes a tenth of the time. */
const PAUSE_FACTOR = 9;

export interface KeeperOptions {
  /** Writes what has changed; see `SavedFiles.flush`. */
  save: () => Promise<void>;
  clock?: Clock;
  /** A write has failed, or succeeded again (no problem). */
  report?: (problem: Problem | undefined) => void;
}

/**
 * Call `changed` after every commit. The first change is written at once, later ones when the pause is over.
 * One write at a time. `close` writes what is not written yet and resolves; nothing happens after it.
 */
export class SnapshotKeeper {
  readonly #save: () => Promise<void>;
  readonly #clock: Clock;
  readonly #report: (problem: Problem | undefined) => void;
  #dirty = false;
  #closed = false;
  #failed = false;
  #notBefore = Number.NEGATIVE_INFINITY;
  #timer: unknown;
  #writing: Promise<void> | undefined;

  constructor(options: KeeperOptions) {
    this.#save = options.save;
    this.#clock = options.clock ?? systemClock;
    this.#report = options.report ?? (() => undefined);
  }

  changed(): void {
    this.#dirty = true;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.settle();
  }

  /** Writes what is not written yet. */
  async settle(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    if (this.#dirty) await this.#write();
  }

  #schedule(): void {
    if (!this.#dirty || this.#closed || this.#writing !== undefined || this.#timer !== undefined) return;
    const wait = Math.max(0, this.#notBefore - this.#clock.now());
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        this.#schedule();
      });
    }, wait);
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const start = this.#clock.now();
    this.#dirty = false;
    try {
      await this.#save();
      this.#notBefore = start + INTERVAL;
      if (this.#failed) this.#report(undefined);
      this.#failed = false;
    } catch (error) {
      this.#dirty = true;
      this.#failed = true;
      const end = this.#clock.now();
      this.#notBefore = end + Math.max(RETRY, PAUSE_FACTOR * (end - start));
      const reason = error instanceof Error ? error.message : String(error);
      this.#report({ severity: 'error', reason: `the snapshot cannot be written: ${reason}` });
    }
  }
}
