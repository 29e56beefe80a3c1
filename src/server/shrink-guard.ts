/** The shrink guard: keeps what a whole list takes away too much of, until that is confirmed or its time is over. */
import type { Clock } from '../base/clock.ts';
import type { Loss, ShrinkRule } from '../catalog/catalog.ts';
import type { Problem } from '../model.ts';
import type { Logger } from './logger.ts';

/** A loss that is held. */
export interface HeldLoss extends Loss {
  source: string;
  revision: string;
  /** Milliseconds since 1970: when it began, and when it ends at the latest. */
  since: number;
  until: number;
}

export interface ShrinkGuardOptions {
  clock: Clock;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  logger: Required<Logger>;
  /** By VPC: how many records of a source are held. */
  held: (source: string) => ReadonlyMap<string, number>;
  /** Takes them away; false while that is impossible, and then it is asked again. */
  release: (source: string, vpcs: string[]) => boolean;
  /** Whether something of a VPC is held has changed. */
  mark: (vpc: string, held: boolean) => void;
}

/** A VPC with fewer pods may lose all of them at once: small ones come and go whole. */
export const SHRINK_RULE: ShrinkRule = { pods: 20 };
/** Milliseconds for which a loss is held. */
export const HELD_MS = 60_000;
/** Milliseconds until a release that was impossible is tried again. */
const AGAIN = 1000;

interface Hold {
  loss: HeldLoss;
  /** By the clock. Minus infinity: somebody has let it through. */
  due: number;
  why: string;
}

export class ShrinkGuard {
  readonly rule = SHRINK_RULE;
  /** Losses that were held so far. */
  total = 0;
  private readonly options: ShrinkGuardOptions;
  /** By source, then by VPC. */
  private readonly holds = new Map<string, Map<string, Hold>>();
  private timer: unknown;

  constructor(options: ShrinkGuardOptions) {
    this.options = options;
  }

  /** The losses that are held, oldest first. */
  standing(): HeldLoss[] {
    const all = [...this.holds.values()].flatMap((holds) => [...holds.values()].map(({ loss }) => loss));
    return all.sort((a, b) => a.since - b.since);
  }

  /** How many records of a source are held. */
  records(source: string): number {
    let records = 0;
    for (const count of this.options.held(source).values()) records += count;
    return records;
  }

  /** True while something of a source is held: then only a whole list tells what it really has. */
  holdsOf(source: string): boolean {
    return this.holds.has(source);
  }

  /** A whole list of a source is taken up, of which these losses are held; what an earlier one held is settled. */
  listed(source: string, revision: string, losses: readonly Loss[]): void {
    this.settle(source, (vpc) => losses.every((loss) => loss.vpc !== vpc) && 'settled by another whole list');
    if (losses.length === 0) return;
    const { clock, wallClock, logger, mark } = this.options;
    const holds = this.holds.get(source) ?? new Map<string, Hold>();
    this.holds.set(source, holds);
    const now = wallClock();
    for (const loss of losses) {
      const held = { ...loss, source, revision, since: now, until: now + HELD_MS };
      holds.set(loss.vpc, { loss: held, due: clock.now() + HELD_MS, why: 'the time is over' });
      this.total++;
      mark(loss.vpc, true);
      logger.error({ source, vpc: loss.vpc, gone: loss.gone, of: loss.of }, `shrink guard: ${textOf(held)}`);
    }
    this.schedule();
  }

  /** After each commit: what was held may have been given again, or deleted, record by record. */
  committed(): void {
    if (this.holds.size === 0) return;
    for (const source of [...this.holds.keys()]) {
      const held = this.options.held(source);
      this.settle(source, (vpc) => !held.has(vpc) && 'nothing of it is left to hold');
    }
  }

  /** Lets through what is held of a source, or of all. Returns what that is. */
  accept(source?: string): HeldLoss[] {
    const accepted: HeldLoss[] = [];
    for (const [name, holds] of this.holds) {
      if (source !== undefined && name !== source) continue;
      for (const hold of holds.values()) {
        accepted.push(hold.loss);
        hold.due = -Infinity;
        hold.why = 'accepted';
      }
    }
    this.look();
    return accepted;
  }

  problems(): Problem[] {
    return this.standing().map((loss) => ({
      kind: 'shrink',
      severity: 'error',
      key: { kind: 'vpc', vpc: loss.vpc, namespace: '', name: '' },
      reason: textOf(loss),
    }));
  }

  close(): void {
    this.options.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Releases what is due. */
  private look(): void {
    this.close();
    const now = this.options.clock.now();
    for (const [source, holds] of this.holds) {
      const due = [...holds].filter(([, hold]) => hold.due <= now);
      if (due.length === 0) continue;
      // Its commit ends the hold, at once or later.
      for (const [, hold] of due) hold.due = Infinity;
      const released = this.options.release(
        source,
        due.map(([vpc]) => vpc),
      );
      for (const [, hold] of due) {
        if (released) this.options.logger.warn({ source, vpc: hold.loss.vpc }, goneText(hold));
        else hold.due = now;
      }
    }
    this.schedule();
  }

  private schedule(): void {
    const { clock } = this.options;
    this.close();
    let next = Infinity;
    for (const holds of this.holds.values()) for (const { due } of holds.values()) next = Math.min(next, due);
    if (next === Infinity) return;
    const wait = next - clock.now();
    this.timer = clock.setTimeout(() => this.look(), wait > 0 ? wait : AGAIN);
  }

  /** Ends the holds of a source of which `why` gives a reason. */
  private settle(source: string, why: (vpc: string) => string | false): void {
    const holds = this.holds.get(source);
    if (holds === undefined) return;
    for (const vpc of [...holds.keys()]) {
      const reason = why(vpc);
      if (reason === false) continue;
      holds.delete(vpc);
      this.options.mark(vpc, false);
      this.options.logger.info({ source, vpc }, `shrink guard: over for vpc ${vpc} of ${source}: ${reason}`);
    }
    if (holds.size === 0) this.holds.delete(source);
  }
}

function goneText({ why, loss: { source, vpc, gone, of } }: Hold): string {
  return `shrink guard: ${why}: ${gone} of ${of} pods of vpc ${vpc} go, as ${source} says`;
}

function textOf({ source, vpc, gone, of, until }: HeldLoss): string {
  const time = new Date(until).toISOString().slice(11, 19);
  return (
    `${source} takes away ${gone} of ${of} pods of vpc ${vpc} at once: they are served on, as stale, ` +
    `until ${time} UTC, another whole list that says the same, or podns accept`
  );
}
