/** The status of one source, for people and for code that depends on the age of its records; and the rate in it. */
import type { Problem, SourceState } from '../model.ts';

export interface SourceStatus {
  name: string;
  state: SourceState;
  reason: string;
  revision: string;
  /** True once a whole state of the source has become visible. */
  synced: boolean;
  /** True if saved records of the source have become visible. */
  restored: boolean;
  /** Milliseconds since 1970; 0 for never. */
  lastChange: number;
  lastHeard: number;
  /** When the source was lost, on the same clock; 0 while it is not lost. */
  lostSince: number;
  /** @internal The same on the clock of `FeedOptions.elapsed`, which measures how long it has been lost. */
  lostAt: number;
  changes: number;
  /** Changes per second, over the last ten seconds. */
  rate: number;
  /** Milliseconds from the control plane's commit of the last change until it was answerable; -1: not reported. */
  lag: number;
  problems: Problem[];
}

/** The status of a source that has delivered nothing. */
export function newStatus(name: string): SourceStatus {
  return {
    name,
    state: 'starting',
    reason: '',
    revision: '',
    synced: false,
    restored: false,
    lastChange: 0,
    lastHeard: 0,
    lostSince: 0,
    lostAt: 0,
    changes: 0,
    rate: 0,
    lag: -1,
    problems: [],
  };
}

const SECONDS = 60;

/** Counts per second over the last minute, one count for each second. */
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
