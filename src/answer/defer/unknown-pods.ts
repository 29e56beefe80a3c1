/** Sources inside a known VPC that no pod has: when they first asked, and whether holding helped. */
import type { Clock } from '../../base/clock.ts';

interface Unknown {
  /** Under a view that has been live since. */
  first: number;
  /** When a hold last ran out; -Infinity when none has. */
  inVain: number;
  last: number;
}

const REMEMBERED_MAX = 10_000;
/** A source that was silent this long is a new one. */
const FORGET_MS = 60_000;

export const UNKNOWN_HOLD = 0;
export const UNKNOWN_FAIL = 1;
export const UNKNOWN_OVER = 2;

export class UnknownPods {
  private readonly sources = new Map<string, Unknown>();
  private readonly clock: Clock;
  private readonly graceMs: number;

  /**
   * `graceMs`: after it, under a live view, a pod that is still unknown counts as absent; also the pause after a vain
   * hold.
   */
  constructor(clock: Clock, graceMs: number) {
    this.clock = clock;
    this.graceMs = graceMs;
  }

  /** What to do with a name that needs the namespace of this source. `live`: the view has no lost source. */
  judge(source: string, live: boolean): number {
    const now = this.clock.now();
    let known = this.sources.get(source);
    if (known === undefined || now - known.last > FORGET_MS)
      known = { first: now, inVain: -Infinity, last: now };
    if (!live) known.first = now;
    known.last = now;
    // Moved to the end: the oldest is the first to be forgotten.
    this.sources.delete(source);
    this.sources.set(source, known);
    if (this.sources.size > REMEMBERED_MAX) this.sources.delete(this.sources.keys().next().value!);
    return this.verdict(known, live);
  }

  /** What `judge` would say, without its being asked. */
  peek(source: string, live: boolean): number {
    const known = this.sources.get(source);
    if (known === undefined || this.clock.now() - known.last > FORGET_MS) return UNKNOWN_HOLD;
    return this.verdict(known, live);
  }

  private verdict(known: Unknown, live: boolean): number {
    const now = this.clock.now();
    if (live && now - known.first >= this.graceMs) return UNKNOWN_OVER;
    return now - known.inVain < this.graceMs ? UNKNOWN_FAIL : UNKNOWN_HOLD;
  }

  heldInVain(source: string): void {
    const known = this.sources.get(source);
    if (known !== undefined) known.inVain = this.clock.now();
  }
}
