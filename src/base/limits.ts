/** Limits by key: how many at the same time, how many per second. */

/** In all, of one VPC, of one client. */
export interface ConcurrencyLimits {
  all: number;
  vpc: number;
  client: number;
}

/**
 * How many may be under way at once, and never more of a client than it leaves to others of its VPC, or of a VPC than it
 * leaves to others. Keys with nothing under way are forgotten. `V`: a VPC's number or name.
 */
export class ConcurrencyLimit<V> {
  /** Under way now. */
  count = 0;
  readonly limits: ConcurrencyLimits;
  private readonly vpcs = new Map<V, number>();
  /** By VPC and client: two VPCs may have one address. */
  private readonly clients = new Map<string, number>();

  constructor(limits: ConcurrencyLimits) {
    this.limits = limits;
  }

  /** Counts one more; otherwise returns which limit is reached. */
  enter(vpc: V, client: string): keyof ConcurrencyLimits | undefined {
    const { limits } = this;
    const ofVpc = this.vpcs.get(vpc) ?? 0;
    const own = `${String(vpc)} ${client}`;
    const ofClient = this.clients.get(own) ?? 0;
    if (ofClient >= limits.client) return 'client';
    if (ofVpc >= limits.vpc) return 'vpc';
    if (this.count >= limits.all) return 'all';
    // Nobody has more than is left, so that there is always room for who has nothing.
    if (ofClient > 0 && ofClient >= limits.vpc - ofVpc) return 'client';
    if (ofVpc > 0 && ofVpc >= limits.all - this.count) return 'vpc';
    this.count++;
    this.vpcs.set(vpc, ofVpc + 1);
    this.clients.set(own, ofClient + 1);
    return undefined;
  }

  leave(vpc: V, client: string): void {
    this.count--;
    lower(this.vpcs, vpc);
    lower(this.clients, `${String(vpc)} ${client}`);
  }
}

function lower<K>(counts: Map<K, number>, key: K): void {
  const count = counts.get(key)!;
  if (count === 1) counts.delete(key);
  else counts.set(key, count - 1);
}

/** How many may happen per second of each key. Keys are kept for the second under way. */
export class RateLimit<K> {
  private readonly perSecond: number;
  private readonly now: () => number;
  private readonly counts = new Map<K, number>();
  private second = -1;

  /** `now`: seconds, of any epoch. */
  constructor(perSecond: number, now: () => number) {
    this.perSecond = perSecond;
    this.now = now;
  }

  allow(key: K): boolean {
    const second = Math.floor(this.now());
    if (second !== this.second) {
      this.second = second;
      this.counts.clear();
    }
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count <= this.perSecond;
  }
}
