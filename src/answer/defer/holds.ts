/** Queries that wait: for the first view, or for the event of a pod that has just begun to ask. */

export interface HoldLimits {
  /** At the same time: in all, for one VPC, for one source address. */
  all: number;
  vpc: number;
  source: number;
}

/** Milliseconds and timers of a monotonic clock, passed in so that tests do not wait. */
export interface Clock {
  now(): number;
  /** Returns what `clearTimeout` takes. A timer never keeps the process alive. */
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export interface Held<T> {
  item: T;
  vpc: string;
  source: string;
  /** Equal for retransmissions: the later takes the place of the earlier. '' when there are none (TCP). */
  retransmissionKey: string;
  timer: unknown;
}

export class Holds<T> {
  private readonly limits: HoldLimits;
  private readonly clock: Clock;
  private readonly gaveWay: (item: T) => void;
  private readonly held = new Set<Held<T>>();
  private readonly byRetransmission = new Map<string, Held<T>>();
  private readonly byVpc = new Map<string, number>();
  private readonly bySource = new Map<string, number>();

  /** `gaveWay`: called with an item whose retransmission key has taken its place, so that nobody waits for its answer. */
  constructor(limits: HoldLimits, clock: Clock, gaveWay: (item: T) => void) {
    this.limits = limits;
    this.clock = clock;
    this.gaveWay = gaveWay;
  }

  get size(): number {
    return this.held.size;
  }

  /**
   * Keeps the item for `ms`, then calls `expired` with it. False when a limit is reached: it is not kept.
   * An item with the same `retransmissionKey` gives way: its client has asked again.
   */
  hold(
    item: T,
    vpc: string,
    source: string,
    retransmissionKey: string,
    ms: number,
    expired: (item: T) => void,
  ): boolean {
    const earlier = retransmissionKey === '' ? undefined : this.byRetransmission.get(retransmissionKey);
    if (earlier !== undefined) {
      this.release(earlier);
      this.gaveWay(earlier.item);
    }
    const { limits } = this;
    if (
      this.held.size >= limits.all ||
      (this.byVpc.get(vpc) ?? 0) >= limits.vpc ||
      (this.bySource.get(source) ?? 0) >= limits.source
    ) {
      return false;
    }
    const held: Held<T> = { item, vpc, source, retransmissionKey, timer: undefined };
    held.timer = this.clock.setTimeout(() => {
      this.release(held);
      expired(item);
    }, ms);
    this.held.add(held);
    if (retransmissionKey !== '') this.byRetransmission.set(retransmissionKey, held);
    count(this.byVpc, vpc, 1);
    count(this.bySource, source, 1);
    return true;
  }

  /** Offers every held item to `settled`; those it returns true for are answered and let go. */
  retry(settled: (item: T) => boolean): void {
    for (const held of [...this.held]) if (this.held.has(held) && settled(held.item)) this.release(held);
  }

  /** Lets all go, each with a last word. */
  clear(last: (item: T) => void): void {
    for (const held of [...this.held]) {
      this.release(held);
      last(held.item);
    }
  }

  private release(held: Held<T>): void {
    if (!this.held.delete(held)) return;
    this.clock.clearTimeout(held.timer);
    if (this.byRetransmission.get(held.retransmissionKey) === held)
      this.byRetransmission.delete(held.retransmissionKey);
    count(this.byVpc, held.vpc, -1);
    count(this.bySource, held.source, -1);
  }
}

function count(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
