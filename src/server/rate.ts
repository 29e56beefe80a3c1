/** Counts per second over the last minute, one count for each second. */

const SECONDS = 60;

export class Rate {
  private readonly counts = new Float64Array(SECONDS);
  /** The second of the last count. */
  private second = 0;
  private readonly now: () => number;

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.now = now;
    this.second = Math.floor(now() / 1000);
  }

  add(count: number): void {
    this.roll();
    this.counts[this.second % SECONDS]! += count;
  }

  /** The mean of the last whole seconds, at most 59 of them. */
  perSecond(seconds = 10): number {
    this.roll();
    const most = Math.min(seconds, SECONDS - 1);
    let sum = 0;
    for (let back = 1; back <= most; back++) sum += this.counts[(this.second - back + SECONDS) % SECONDS]!;
    return sum / most;
  }

  private roll(): void {
    const second = Math.floor(this.now() / 1000);
    // After the clock was set back, its time stands still here until the clock has caught up.
    const steps = Math.min(second - this.second, SECONDS);
    for (let i = 1; i <= steps; i++) this.counts[(this.second + i) % SECONDS] = 0;
    if (steps > 0) this.second = second;
  }
}
