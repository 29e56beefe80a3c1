/** How long something took: counts in a few fixed buckets, from a tenth of a millisecond to a minute. */

/** Upper ends, milliseconds; what is above the last is counted only in the total. */
export const BOUNDS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

/** As `/v1/status` shows it. Quantiles are upper ends of buckets, null above the last and without observations. */
export interface HistogramFacts {
  count: number;
  meanMs: number | null;
  p50Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
}

export class Histogram {
  /** Observations at or below the bound of the same index and above the one before. */
  readonly counts = new Float64Array(BOUNDS.length);
  count = 0;
  /** Milliseconds. */
  sum = 0;
  max = 0;

  /** Negative ones, of clocks that differ, count as 0. */
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

  /** The upper end of the bucket that holds this quantile, 0 to 1; undefined above the last one. */
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
