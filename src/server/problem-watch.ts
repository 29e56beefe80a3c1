/** Looks for what stands wrong beyond what sources tell: soon after a change, and again while time may mend it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { unmatchedScopes, type Scopes } from '../config/scopes.ts';
import type { ForwarderStatus } from '../forward/options.ts';
import type { Problem } from '../model.ts';
import type { Found, Problems } from './problems.ts';
import type { SourceStatus } from './source-status.ts';

/** What is looked at. */
export interface Watched {
  config: Config;
  catalog: Catalog;
  /** More is served than the catalog has yet. */
  isLoading(): boolean;
  /** Milliseconds that only go on. */
  elapsed: () => number;
  states(): Iterable<Readonly<SourceStatus>>;
  /** Conflicts over addresses, and what the memory has no room for. */
  addressProblems(): Problem[];
  listeners(): Iterable<{ text: string; vpc: string; namespace: string }>;
  forwarder(): ForwarderStatus;
  savedView(): Problem | undefined;
  /** Whole lists that are held. */
  heldLists(): Problem[];
  /** What was turned away so far, by what the text says of it. */
  turnedAway(): Iterable<[text: string, count: number]>;
}

/** Milliseconds from a change until it is looked at, and between two looks while something may mend itself. */
const SOON = 250;
const AGAIN = 1000;
/** A source may take so long to say something for the first time, milliseconds. */
const FIRST_WORD = 5000;
/** What was turned away stands as a problem for so long after the last time, milliseconds. */
const TURNED_AWAY = 60_000;
/** Conflicts that are listed, of each kind. */
const CONFLICTS = 500;
/** A search through all records pauses for so many times what it took. */
const SEARCH_PAUSE = 50;

export class ProblemWatch {
  private readonly problems: Problems;
  private readonly watched: Watched;
  private readonly began: number;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  /** Records have changed since they were searched; no search before this time. */
  private changed = true;
  private notBefore = 0;
  private searching = false;
  private readonly away = new Map<string, { count: number; at: number }>();

  constructor(problems: Problems, watched: Watched) {
    this.problems = problems;
    this.watched = watched;
    this.began = watched.elapsed();
  }

  /** Records have changed. */
  recordsChanged(): void {
    this.changed = true;
    this.soon();
  }

  /** Something else may have changed. */
  soon(): void {
    this.schedule(SOON);
  }

  /** Looks now at all that costs little. */
  look(): void {
    const { problems } = this;
    problems.replace('scopes', this.scopes());
    problems.replace('sources', this.sources());
    problems.replace('upstreams', this.upstreams());
    problems.replace('limits', this.limits());
    const saved = this.watched.savedView();
    problems.replace('saved view', saved === undefined ? [] : [{ ...saved, kind: 'saved_view' }]);
    problems.replace('held lists', this.watched.heldLists());
    problems.replace('addresses', this.watched.addressProblems());
    void this.search();
    if (this.changed || problems.has('source', 'upstream', 'resolv_conf', 'limit', 'shrink'))
      this.schedule(AGAIN);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Resolves when a search through all records is done. */
  async searched(): Promise<void> {
    this.notBefore = 0;
    await this.search();
  }

  private schedule(milliseconds: number): void {
    if (this.timer !== undefined || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, milliseconds).unref();
  }

  /** Conflicts between sources and over prefixes: with many records that takes several slices. */
  private async search(): Promise<void> {
    const { catalog, elapsed } = this.watched;
    const began = elapsed();
    if (!this.changed || this.searching || began < this.notBefore || catalog.busy) return;
    this.changed = false;
    this.searching = true;
    const found: Problem[] = [];
    let worked = 0;
    try {
      let since = performance.now();
      for (const problem of catalog.conflictsPaced(CONFLICTS)) {
        if (problem !== undefined) found.push(problem);
        else {
          worked += performance.now() - since;
          await new Promise(setImmediate);
          since = performance.now();
        }
        if (this.closed) return;
      }
      this.problems.replace('conflicts', found);
    } catch {
      // Too much has changed meanwhile: another search follows.
      this.changed = true;
    } finally {
      this.searching = false;
      this.notBefore = elapsed() + SEARCH_PAUSE * worked;
    }
  }

  private scopes(): Found[] {
    const { config, catalog, isLoading, listeners, states } = this.watched;
    if (isLoading()) return [];
    for (const { synced, restored } of states()) if (!synced && !restored) return [];
    return unmatchedScopes(listeners(), config.clients, scopesIn(catalog)).map((one) => ({
      ...one,
      severity: 'error',
    }));
  }

  private sources(): Found[] {
    const found: Found[] = [];
    const late = this.watched.elapsed() - this.began >= FIRST_WORD;
    for (const { name, state, synced, restored, reason } of this.watched.states()) {
      if (synced && state === 'live') continue;
      if (!synced && state === 'starting' && reason === '' && !late) continue;
      const why = reason === '' ? '' : `: ${reason}`;
      const base = { kind: 'source', subject: name } as const;
      if (synced) {
        const text = `${name} is ${state}${why}; its last view is served`;
        found.push({ ...base, severity: state === 'failed' ? 'error' : 'warning', reason: text });
      } else if (restored) {
        const text = `${name} has not delivered yet${why}; the saved view is served`;
        found.push({ ...base, severity: 'warning', reason: text });
      } else {
        const text = `${name} has not delivered yet${why}`;
        found.push({ ...base, severity: 'error', unserved: true, reason: text });
      }
    }
    return found;
  }

  private upstreams(): Found[] {
    const { config, forwarder } = this.watched;
    const { upstreams, source, problem, defaults } = forwarder();
    const found: Found[] = [];
    for (const { upstream, state, reason } of upstreams) {
      if (state !== 'failing') continue;
      const text = `upstream ${upstream} is failing${reason === '' ? '' : `: ${reason}`}`;
      found.push({ kind: 'upstream', severity: 'error', subject: upstream, reason: text });
    }
    if (problem !== '' && config.forward !== 'off' && config.forward !== 'refuse') {
      const severity = defaults.length === 0 ? 'error' : 'warning';
      found.push({ kind: 'resolv_conf', severity, subject: source, reason: problem });
    }
    return found;
  }

  private limits(): Found[] {
    const now = this.watched.elapsed();
    const found: Found[] = [];
    for (const [text, count] of this.watched.turnedAway()) {
      const last = this.away.get(text) ?? { count: 0, at: -Infinity };
      if (count > last.count) this.away.set(text, { count, at: now });
      else if (now - last.at >= TURNED_AWAY) continue;
      found.push({ kind: 'limit', severity: 'error', subject: text, reason: text });
    }
    return found;
  }
}

/** The VPCs and namespaces of a catalog, also those that are only referred to. */
export function scopesIn(catalog: Catalog): Scopes {
  return {
    *vpcs() {
      for (const { vpc, namespace } of catalog.scopes()) if (namespace === '') yield vpc;
    },
    namespaces(vpc) {
      const namespaces = new Set<string>();
      let known = false;
      for (const { namespace } of catalog.scopes(vpc)) {
        known = true;
        if (namespace !== '') namespaces.add(namespace);
      }
      return known ? namespaces : undefined;
    },
  };
}
