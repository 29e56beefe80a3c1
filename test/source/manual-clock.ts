/** A clock that moves when the test says so. */

import type { Clock } from '../../src/base/clock.ts';

export class ManualClock implements Clock {
  private time = 0;
  private timers: { at: number; run: () => void }[] = [];
  /** Every delay that was ever asked for, in order. */
  readonly asked: number[] = [];

  now(): number {
    return this.time;
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    this.asked.push(ms);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }

  get pending(): number {
    return this.timers.length;
  }

  advance(milliseconds: number): void {
    this.time += milliseconds;
    const due = this.timers.filter((timer) => timer.at <= this.time).sort((a, b) => a.at - b.at);
    this.timers = this.timers.filter((timer) => timer.at > this.time);
    for (const timer of due) timer.run();
  }
}
