/** From sources to the trie: every source's transactions go through the catalog and become visible one by one. */
import { Catalog } from '../catalog/catalog.ts';
import type { Change, Transaction } from '../catalog/catalog.ts';
import type { Place, Problem, Projection, Resource, ResourceKey, Sink, SourceState } from '../model.ts';
import { keyOf, keyText } from '../model.ts';

/** What is known of one source. */
export interface SourceStatus {
  name: string;
  state: SourceState;
  reason: string;
  revision: string;
  /** A whole state of it has become visible. */
  synced: boolean;
  /** Milliseconds since 1970; 0 for never. */
  lastChange: number;
  lastHeard: number;
  /** When it was lost, on the same clock; 0 while it is not. */
  lostSince: number;
  changes: number;
  problems: Problem[];
}

export interface FeedOptions {
  catalog: Catalog;
  projection: Projection;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** Lets the event loop turn inside a large transaction. */
  yieldTurn: () => Promise<void>;
  /** After each transaction is answerable: which source, what changed (undefined when nobody asked). */
  onCommit(source: string, at: number | undefined): void;
  /** Each effective change, before its transaction is visible. */
  onChange?(change: Change, source: string, at: number | undefined): void;
  onState(source: string): void;
  onProblem(source: string, problem: Problem): void;
}

/** Changes between two looks at the clock, and how long a turn may last, milliseconds. */
const CHANGES_A_LOOK = 64;
const TURN_MS = 2;

interface Feeder {
  status: SourceStatus;
  transaction: Transaction | undefined;
  full: boolean;
  at: number | undefined;
  problems: Map<string, Problem[]>;
}

export class Feed {
  private readonly options: FeedOptions;
  private readonly feeders = new Map<string, Feeder>();
  private queue: Promise<void> = Promise.resolve();
  /** Transactions that are being applied or wait for their turn. */
  private pending = 0;

  constructor(options: FeedOptions) {
    this.options = options;
  }

  status(): SourceStatus[] {
    return [...this.feeders.values()].map(({ status, problems }) => ({
      ...status,
      problems: [...problems.values()].flat(),
    }));
  }

  /** Registers a source, the least preferred so far, and returns where it delivers. */
  sink(name: string): Sink {
    const { catalog, wallClock } = this.options;
    if (!catalog.sources.includes(name)) catalog.addSource(name);
    const status: SourceStatus = {
      name,
      state: 'starting',
      reason: '',
      revision: '',
      synced: false,
      lastChange: 0,
      lastHeard: 0,
      lostSince: 0,
      changes: 0,
      problems: [],
    };
    const feeder: Feeder = {
      status,
      transaction: undefined,
      full: false,
      at: undefined,
      problems: new Map(),
    };
    this.feeders.set(name, feeder);
    const open = (): Transaction => {
      if (feeder.transaction === undefined) throw new Error(`${name}: no transaction is open`);
      return feeder.transaction;
    };
    return {
      begin: (full, revision, at) => {
        feeder.transaction?.rollback();
        feeder.transaction = catalog.begin(name, full, revision, at);
        feeder.full = full;
        feeder.at = at;
        status.lastHeard = wallClock();
      },
      put: (resource: Resource, place?: Place, revision?: string) => open().put(resource, place, revision),
      delete: (key: ResourceKey) => open().delete(key),
      keep: (key: ResourceKey) => {
        const kept = catalog.get(key);
        const said = catalog.said(key);
        if (kept !== undefined && said?.source === name) open().put(kept, said.place, said.revision);
      },
      commit: () => {
        const transaction = open();
        feeder.transaction = undefined;
        return this.enqueue(feeder, transaction, feeder.full, feeder.at);
      },
      rollback: () => {
        feeder.transaction?.rollback();
        feeder.transaction = undefined;
      },
      bookmark: (revision) => {
        catalog.bookmark(name, revision);
        status.revision = revision;
        status.lastHeard = wallClock();
      },
      state: (state, reason = '') => {
        if (state === 'lost' && status.lostSince === 0) status.lostSince = wallClock();
        if (state === 'live') {
          status.lostSince = 0;
          status.lastHeard = wallClock();
        }
        status.state = state;
        status.reason = reason;
        this.options.onState(name);
      },
      problems: (scope, problems) => {
        if (problems.length === 0) feeder.problems.delete(scope);
        else feeder.problems.set(scope, problems);
        for (const problem of problems) this.options.onProblem(name, problem);
      },
    };
  }

  /** Resolves when everything committed so far is answerable. */
  settled(): Promise<void> {
    return this.queue;
  }

  private enqueue(
    feeder: Feeder,
    transaction: Transaction,
    full: boolean,
    at: number | undefined,
  ): Promise<void> {
    this.pending++;
    // The usual case, a small change on an idle feed: answerable before this returns.
    if (this.pending === 1) this.queue = this.apply(feeder, transaction, full, at) ?? Promise.resolve();
    else this.queue = this.queue.then(() => this.apply(feeder, transaction, full, at));
    return this.queue;
  }

  /** Undefined when all of it was applied within this turn. */
  private apply(
    feeder: Feeder,
    transaction: Transaction,
    full: boolean,
    at: number | undefined,
  ): Promise<void> | undefined {
    const changes = transaction.commit();
    this.options.projection.begin();
    if (this.applySome(feeder, changes, at)) {
      this.finish(feeder, transaction.revision, full, at);
      return undefined;
    }
    return this.applyRest(feeder, changes, transaction.revision, full, at);
  }

  private async applyRest(
    feeder: Feeder,
    changes: IterableIterator<Change>,
    revision: string,
    full: boolean,
    at: number | undefined,
  ): Promise<void> {
    do await this.options.yieldTurn();
    while (!this.applySome(feeder, changes, at));
    this.finish(feeder, revision, full, at);
  }

  /** True when the changes have come to their end. */
  private applySome(feeder: Feeder, changes: IterableIterator<Change>, at: number | undefined): boolean {
    const { projection, onChange } = this.options;
    const until = performance.now() + TURN_MS;
    for (let n = 1; ; n++) {
      const { value: change, done } = changes.next();
      if (done === true) return true;
      feeder.status.changes++;
      try {
        if (change.type === 'put') projection.put(change.resource, change.stamp);
        else projection.remove(change.key);
      } catch (error) {
        const key = change.type === 'put' ? keyOf(change.resource) : change.key;
        const reason = `${keyText(key)}: ${error instanceof Error ? error.message : String(error)}`;
        this.options.onProblem(feeder.status.name, { severity: 'error', key, reason });
      }
      onChange?.(change, feeder.status.name, at);
      if (n % CHANGES_A_LOOK === 0 && performance.now() > until) return false;
    }
  }

  private finish(feeder: Feeder, revision: string, full: boolean, at: number | undefined): void {
    const { status } = feeder;
    this.options.projection.commit();
    this.pending--;
    status.revision = revision;
    status.lastChange = status.lastHeard = this.options.wallClock();
    if (full) status.synced = true;
    this.options.onCommit(status.name, at);
  }
}
