/** Cleans up once after a burst of work; no timer runs while nothing happens. */
import type { Clock } from '../base/clock.ts';

/** A burst with fewer pieces of work needs no cleanup. */
const MANY = 2000;
/** A burst is over when hardly any work arrives for this many milliseconds. */
const QUIET = 500;
const FEW = 50;

export class IdleCleanup {
  private readonly clock: Clock;
  private readonly cleanUp: () => void;
  private noted = 0;
  private cleaned = 0;
  private seen = 0;
  private timer: unknown;

  constructor(clock: Clock, cleanUp: () => void) {
    this.clock = clock;
    this.cleanUp = cleanUp;
  }

  /** Counts one piece of work. */
  note(): void {
    this.noted++;
    if (this.timer === undefined && this.noted - this.cleaned >= MANY) this.wait();
  }

  close(): void {
    this.clock.clearTimeout(this.timer);
  }

  private wait(): void {
    this.seen = this.noted;
    this.timer = this.clock.setTimeout(() => {
      this.timer = undefined;
      if (this.noted - this.seen > FEW) {
        this.wait();
        return;
      }
      this.cleaned = this.noted;
      this.cleanUp();
    }, QUIET);
  }
}
