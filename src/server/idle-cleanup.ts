/** Waits until a burst of work is over, to clean up behind it once; no timer runs while nothing happens. */
import type { Clock } from '../base/clock.ts';

/** Fewer pieces of work are not worth cleaning up behind. */
const MANY = 2000;
/** Milliseconds in which, once it is over, no more than a few pieces come. */
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

  /** A piece of work was done. */
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
