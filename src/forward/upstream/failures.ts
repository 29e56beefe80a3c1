/** Failures of a moment ago: remembered for a second, so that not every client asks about an outage (RFC 9520). */
import { LRUCache } from 'lru-cache';
import { isOf } from '../cache/keys.ts';
import type { Clock } from '../../base/clock.ts';
import type { ResolutionResult } from '../resolution.ts';

/** Milliseconds. */
const REMEMBERED = 1000;
/** Objects, map slots and the key of an entry, and what an answer takes besides its octets. */
const ENTRY_OVERHEAD = 600;

export class Failures {
  private readonly results: LRUCache<string, ResolutionResult>;

  /** `maxSize`: octets; 0: none is remembered. */
  constructor(clock: Clock, maxSize: number) {
    const limits = {
      maxSize: Math.max(1, maxSize),
      // One message of 64 KiB must not push out all others.
      maxEntrySize: Math.max(1, maxSize >>> 2),
      sizeCalculation: ({ answer, failure }: ResolutionResult, key: string): number =>
        (answer?.octets.length ?? 0) +
        2 * ((answer?.ttlOffsets.length ?? 0) + failure.ede.text.length + key.length) +
        ENTRY_OVERHEAD,
    };
    this.results = new LRUCache({ ...limits, ttl: REMEMBERED, perf: clock, ttlResolution: 0 });
  }

  /** Octets. */
  get size(): number {
    return this.results.calculatedSize;
  }

  get(key: string): ResolutionResult | undefined {
    return this.results.get(key);
  }

  /** One that is too large is remembered without what it brought. */
  set(key: string, result: ResolutionResult): void {
    this.results.set(key, result);
    if (!this.results.has(key)) this.results.set(key, { answer: undefined, failure: result.failure });
  }

  delete(key: string): void {
    this.results.delete(key);
  }

  /** Forgets those of a VPC. */
  forget(tenant: number): void {
    for (const key of this.results.keys()) if (isOf(key, tenant)) this.results.delete(key);
  }
}
