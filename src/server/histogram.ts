/** A histogram of durations with fixed buckets, from a tenth of a millisecond to a minute. */

/** Upper bounds in milliseconds; durations above the last count only in the total. */
export const BOUNDS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

/** For `/v1/status`. Quantiles are upper bounds of buckets; null above the last bucket and without observations. */
export interface HistogramFacts {
  count: number;
  meanMs: number | null;
  p50Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
}

export class Histogram {
  /** Observations between the previous bound and the one with the same index, that one included. */
  readonly counts = new Float64Array(BOUNDS.length);
  count = 0;
  /** The sum of all observations in milliseconds. */
  sum = 0;
  max = 0;

  /** A negative duration, from clocks that differ, counts as 0. */
  observe(milliseconds: number): void {
    const value = milliseconds > 0 ? milliseconds : 0;
    this.count++;
    this.sum += value;
    if (value > this.max) this.max = value;
    for (let i = 0; i < BOUNDS.length; i++) {
      if (value > BOUNDS[i]!) continue;
      this.counts[i]!++;
      return;
    }
  }

  /** The upper bound of the bucket with this quantile, 0 to 1; undefined above the last bucket. */
  quantile(q: number): number | undefined {
    let left = Math.ceil(q * this.count);
    for (let i = 0; i < BOUNDS.length; i++) {
      left -= this.counts[i]!;
      if (left <= 0) return BOUNDS[i];
    }
    return undefined;
  }

  facts(): HistogramFacts {
    if (this.count === 0) return { count: 0, meanMs: null, p50Ms: null, p99Ms: null, maxMs: null };
    return {
      count: this.count,
      meanMs: Number((this.sum / this.count).toFixed(3)),
      p50Ms: this.quantile(0.5) ?? null,
      p99Ms: this.quantile(0.99) ?? null,
      maxMs: Number(this.max.toFixed(3)),
    };
  }
}
