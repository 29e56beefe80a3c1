/** Queries that wait: for the first view, or for the event of a pod that has just begun to ask. */

import type { Clock } from '../../base/clock.ts';
import { ConcurrencyLimit } from '../../base/limits.ts';
import type { ConcurrencyLimits } from '../../base/limits.ts';

export interface Held<T> {
  item: T;
  vpc: string;
  source: string;
  /** Equal for retransmissions: the later takes the place of the earlier. '' when there can be none (TCP). */
  retransmissionKey: string;
  timer: unknown;
}

export class Holds<T> {
  private readonly limit: ConcurrencyLimit<string>;
  private readonly clock: Clock;
  private readonly gaveWay: (item: T) => void;
  private readonly held = new Set<Held<T>>();
  private readonly byRetransmission = new Map<string, Held<T>>();

  /**
   * `gaveWay`: called with an item whose retransmission key has taken its place, so that the transport does not wait
   * for its answer.
   */
  constructor(limits: ConcurrencyLimits, clock: Clock, gaveWay: (item: T) => void) {
    this.limit = new ConcurrencyLimit(limits);
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
    if (this.limit.enter(vpc, source) !== undefined) return false;
    const held: Held<T> = { item, vpc, source, retransmissionKey, timer: undefined };
    held.timer = this.clock.setTimeout(() => {
      this.release(held);
      expired(item);
    }, ms);
    this.held.add(held);
    if (retransmissionKey !== '') this.byRetransmission.set(retransmissionKey, held);
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
    this.limit.leave(held.vpc, held.source);
  }
}
