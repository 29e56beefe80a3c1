/** The view over time: when it may answer, and when its answers must be marked stale. */
import type { Resource } from '../model.ts';
import * as layout from '../trie/layout.ts';
import type { TrieWriter } from '../trie/write/writer.ts';
import type { SourceStatus } from './source-status.ts';

export interface StalenessOptions {
  writer: Pick<TrieWriter, 'setSync' | 'setStale' | 'setIpv4Blind'>;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** The clock of `lostAt`. */
  elapsed: () => number;
  /** Milliseconds after which the answers of a lost source are marked stale. */
  staleAfter: number;
  /** Milliseconds after which a saved view no longer identifies clients by IPv4 address. */
  snapshotMaxAge: number;
  states: () => Iterable<Readonly<SourceStatus>>;
  /** The VPCs that a source can describe; undefined where these may be any. */
  vpcsOf?: (source: string) => readonly string[] | undefined;
}

/** Whether every source has delivered, and what is missing. */
export interface Readiness {
  ready: boolean;
  /** One line each, such as `zones:zones: not read yet`. Empty when ready, unless there is something to add. */
  reasons: string[];
}

/** Milliseconds between two checks. */
const LOOK = 1000;
/** Milliseconds that no batch of a worker lasts. */
export const SETTLED = 500;

export class Staleness {
  private readonly options: StalenessOptions;
  /** Sources whose answers are marked, and how many of them mark each VPC. */
  private readonly stale = new Set<string>();
  private readonly marks = new Map<string, number>();
  /** How many sources give less of each VPC than is served. */
  private readonly held = new Map<string, number>();
  /** The VPCs about which each source has reported anything: they become stale with it. */
  private readonly vpcs = new Map<string, Set<string>>();
  private timer: NodeJS.Timeout | undefined;
  /** Sources of which there is nothing, while others have delivered; and since when each other VPC is whole all the same. */
  private readonly missing: string[] = [];
  private isPartial = false;
  /** For which missing sources they were found last, and when. */
  private lookedFor = '';
  private lookedAt = 0;
  private readonly whole = new Map<string, number>();

  constructor(options: StalenessOptions) {
    this.options = options;
  }

  /** True while every source has synced and none is lost. */
  get live(): boolean {
    for (const { synced, state } of this.options.states()) if (!synced || state !== 'live') return false;
    return true;
  }

  /** True once every source has delivered a whole state in this run. */
  get synced(): boolean {
    let sources = 0;
    for (const { synced } of this.options.states()) {
      if (!synced) return false;
      sources++;
    }
    return sources > 0;
  }

  /** True if there is a whole state of every source, delivered or saved by an earlier run. */
  get covered(): boolean {
    let sources = 0;
    for (const { synced, restored } of this.options.states()) {
      if (!synced && !restored) return false;
      sources++;
    }
    return sources > 0;
  }

  /** Since when some source has given no sign of life, milliseconds since 1970; 0: all are live. */
  get lostSince(): number {
    let earliest = 0;
    for (const status of this.options.states()) {
      const since = silentSince(status);
      if (since > 0 && (earliest === 0 || since < earliest)) earliest = since;
    }
    return earliest;
  }

  /** Checks now, and then every second while some source is not live. */
  look(): void {
    this.refresh();
    if (!this.live) this.timer ??= setInterval(() => this.look(), LOOK).unref();
    else this.close();
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Runs after changes of a source's state, after commits, and regularly, because staleness comes with time. */
  refresh(): void {
    const { writer, states, wallClock, elapsed, snapshotMaxAge } = this.options;
    const now = elapsed();
    const wall = wallClock();
    let sources = 0;
    let synced = true;
    let covered = true;
    let delivered = false;
    let blind = false;
    this.missing.length = 0;
    for (const status of states()) {
      sources++;
      if (!status.synced) {
        synced = false;
        if (!status.restored) {
          covered = false;
          this.missing.push(status.name);
        } else if (isOlder(wall, status.lastHeard, snapshotMaxAge)) blind = true;
      }
      delivered ||= status.synced || status.restored;
      this.setStale(status.name, this.isStale(status, now));
    }
    const isPartial = !covered && delivered;
    // Any IPv4 address may be one of a VPC that is not known yet.
    blind ||= isPartial;
    // Must come before a saved view may answer, because one that is too old must not identify clients.
    writer.setIpv4Blind(blind);
    if (isPartial || this.isPartial) this.lookForWhole(isPartial, now);
    if (isPartial) writer.setSync(layout.SYNC_PARTIAL);
    else if (sources === 0 || !covered) writer.setSync(layout.SYNC_STARTING);
    else writer.setSync(synced ? layout.SYNC_LIVE : layout.SYNC_SNAPSHOT);
  }

  /** Notes a resource that a source has brought into the view. */
  note(source: string, resource: Resource): void {
    let vpcs = this.vpcs.get(source);
    if (vpcs === undefined) this.vpcs.set(source, (vpcs = new Set()));
    const vpc = resource.kind === 'vpc' ? resource.name : resource.vpc;
    if (vpcs.has(vpc)) return;
    vpcs.add(vpc);
    if (this.stale.has(source)) this.mark(vpc, 1);
    else if (this.isPartial) this.mark(vpc, 0);
  }

  /** Forgets a VPC that has left the view. */
  forget(vpc: string): void {
    for (const vpcs of this.vpcs.values()) vpcs.delete(vpc);
    this.marks.delete(vpc);
  }

  /** Finds the VPCs that no missing source can describe. */
  private lookForWhole(isPartial: boolean, now: number): void {
    const missing = this.missing.join('\n');
    // With every VPC, so not at every commit; a new one counts as not whole until the next look.
    if (isPartial && missing === this.lookedFor && now - this.lookedAt < LOOK) return;
    this.lookedFor = missing;
    this.lookedAt = now;
    this.isPartial = isPartial;
    const scopes = isPartial ? this.missing.map((name) => this.options.vpcsOf?.(name)) : [];
    if (!isPartial) this.whole.clear();
    for (const vpcs of this.vpcs.values()) {
      for (const vpc of vpcs) {
        if (isPartial && scopes.every((scope) => scope !== undefined && !scope.includes(vpc))) {
          if (!this.whole.has(vpc)) this.whole.set(vpc, now);
        } else this.whole.delete(vpc);
        this.mark(vpc, 0);
      }
    }
  }

  /** A source gives less of this VPC than is served, or no longer so. */
  hold(vpc: string, held: boolean): void {
    const sources = (this.held.get(vpc) ?? 0) + (held ? 1 : -1);
    if (sources > 0) this.held.set(vpc, sources);
    else this.held.delete(vpc);
    this.mark(vpc, 0);
  }

  /** Visits the VPCs of a source only when the source has become stale or live again. */
  private setStale(source: string, isStale: boolean): void {
    if (isStale === this.stale.has(source)) return;
    if (isStale) this.stale.add(source);
    else this.stale.delete(source);
    for (const vpc of this.vpcs.get(source) ?? []) this.mark(vpc, isStale ? 1 : -1);
  }

  private mark(vpc: string, by: number): void {
    const sources = (this.marks.get(vpc) ?? 0) + by;
    if (sources > 0) this.marks.set(vpc, sources);
    else this.marks.delete(vpc);
    const { writer, elapsed } = this.options;
    const since = this.whole.get(vpc);
    const isStale = sources > 0 || this.held.has(vpc) || (this.isPartial && since === undefined);
    // A worker may still be in a batch over what was there before.
    writer.setStale(vpc, isStale, since !== undefined && elapsed() - since >= SETTLED);
  }

  readiness(): Readiness {
    const reasons: string[] = [];
    let ready = true;
    let sources = 0;
    for (const { name, state, synced, restored, reason } of this.options.states()) {
      sources++;
      const why = reason === '' ? '' : `: ${reason}`;
      if (!synced && !restored) {
        ready = false;
        reasons.push(`${name}: has not delivered yet${why}`);
      } else if (!synced)
        reasons.push(`degraded: ${name}: has not delivered yet, a saved view is served${why}`);
      else if (state !== 'live') reasons.push(`degraded: ${name}: ${state}${why}`);
    }
    if (sources === 0) {
      ready = false;
      reasons.push('no source is configured');
    }
    return { ready, reasons };
  }

  /** A saved view is stale from the first answer on. */
  private isStale(status: Readonly<SourceStatus>, now: number): boolean {
    const { synced, restored, state, lostSince, lostAt } = status;
    if (!synced) return restored;
    return state !== 'live' && lostSince > 0 && now - lostAt >= this.options.staleAfter;
  }
}

/** A time that far in the future counts as old too: the clock has been set back since, so the real age is unknown. */
function isOlder(now: number, heard: number, most: number): boolean {
  return Math.abs(now - heard) > most;
}

function silentSince({ synced, restored, state, lostSince, lastHeard }: Readonly<SourceStatus>): number {
  if (!synced) return restored ? lastHeard : 0;
  return state === 'live' ? 0 : lostSince;
}
