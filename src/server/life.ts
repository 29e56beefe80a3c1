/** The view over time: when it may answer at all, when its answers must say that they are old. */
import * as layout from '../trie/layout.ts';
import type { TrieWriter } from '../trie/writer.ts';
import type { SourceStatus } from './feed.ts';

export interface LifeOptions {
  writer: TrieWriter;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** Milliseconds after which answers of a lost source are marked. */
  staleAfter: number;
  statuses: () => SourceStatus[];
  /** The VPCs that a source has said anything of. */
  vpcsOf: (source: string) => Iterable<string>;
}

export interface Readiness {
  ready: boolean;
  reasons: string[];
}

export class ViewLife {
  private readonly options: LifeOptions;
  /** A saved view is served until the sources have synced. */
  private snapshot = false;
  private readonly stale = new Set<string>();

  constructor(options: LifeOptions) {
    this.options = options;
  }

  /** A saved view was loaded. */
  loadedSnapshot(): void {
    this.snapshot = true;
    this.refresh();
  }

  /** True while every source has synced and none is lost. */
  get live(): boolean {
    return this.options.statuses().every(({ state, synced }) => synced && state === 'live');
  }

  /** After a source's state has changed, after a commit, and now and then, because staleness comes with time. */
  refresh(): void {
    const { writer, statuses } = this.options;
    const all = statuses();
    const synced = all.length > 0 && all.every((status) => status.synced);
    if (synced) this.snapshot = false;
    writer.setSync(synced ? layout.SYNC_LIVE : this.snapshot ? layout.SYNC_SNAPSHOT : layout.SYNC_STARTING);
    const stale = new Set<string>();
    for (const status of all) {
      if (this.isStale(status)) for (const vpc of this.options.vpcsOf(status.name)) stale.add(vpc);
    }
    for (const vpc of this.stale) if (!stale.has(vpc)) writer.setStale(vpc, false);
    for (const vpc of stale) writer.setStale(vpc, true);
    this.stale.clear();
    for (const vpc of stale) this.stale.add(vpc);
  }

  readiness(): Readiness {
    const reasons: string[] = [];
    let ready = true;
    const all = this.options.statuses();
    for (const { name, state, synced, reason } of all) {
      const why = reason === '' ? '' : `: ${reason}`;
      if (!synced && !this.snapshot) {
        ready = false;
        reasons.push(`${name}: has not delivered yet${why}`);
      } else if (!synced)
        reasons.push(`degraded: ${name}: has not delivered yet, a saved view is served${why}`);
      else if (state !== 'live') reasons.push(`degraded: ${name}: ${state}${why}`);
    }
    if (all.length === 0) {
      ready = false;
      reasons.push('no source is configured');
    }
    return { ready, reasons };
  }

  private isStale({ synced, state, lostSince }: SourceStatus): boolean {
    if (!synced) return this.snapshot;
    return (
      state !== 'live' && lostSince > 0 && this.options.wallClock() - lostSince >= this.options.staleAfter
    );
  }
}
