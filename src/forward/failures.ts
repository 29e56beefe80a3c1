/** Failures of a moment ago: remembered for a second, so that an outage is not asked about by every client (RFC 9520). */
import { LRUCache } from 'lru-cache';
import { isOf } from './keys.ts';
import type { Clock } from './clock.ts';
import type { TurnResult } from './turn.ts';

/** Milliseconds. */
const REMEMBERED = 1000;
const FAILURES_MAX = 4096;

export class Failures {
  private readonly results: LRUCache<string, TurnResult>;

  constructor(clock: Clock) {
    this.results = new LRUCache({ max: FAILURES_MAX, ttl: REMEMBERED, perf: clock, ttlResolution: 0 });
  }

  get(key: string): TurnResult | undefined {
    return this.results.get(key);
  }

  set(key: string, result: TurnResult): void {
    this.results.set(key, result);
  }

  delete(key: string): void {
    this.results.delete(key);
  }

  /** Those of a VPC. */
  forget(tenant: number): void {
    for (const key of this.results.keys()) if (isOf(key, tenant)) this.results.delete(key);
  }
}
