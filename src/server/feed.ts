/**
 * From sources to the trie: takes the transactions of all sources through the catalog, and makes them visible in order.
 */
import type { Change, Loss, ShrinkRule, Transaction } from '../catalog/catalog.ts';
import type { Place, Resource, ResourceKey, Sink } from '../model.ts';
import type { Age } from '../explain/explanation.ts';
import { NOTHING_OPEN, someOf } from './feeder.ts';
import type { Applied, Committable, Feeder, Opening } from './feeder.ts';
import { Histogram } from './histogram.ts';
import { Projecting, type ProjectingOptions } from './projecting.ts';
import { RevisionTimes } from './revision-times.ts';
import { newStatus, Rate } from './source-status.ts';
import type { SourceStatus } from './source-status.ts';

export interface FeedOptions extends ProjectingOptions {
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** Monotonic milliseconds, unaffected by changes of the wall clock. */
  elapsed: () => number;
  /** Holds whole states that take away too much. */
  guard?: { rule: ShrinkRule; listed(source: string, revision: string, losses: readonly Loss[]): void };
  /** Lets the event loop run inside a large transaction. */
  yieldTurn: () => Promise<void>;
  /** Called after each flip with the number of effective changes that it has made answerable. */
  onCommit(changes: number): void;
  onState(source: string): void;
  /** A transaction is answerable; not told of what was saved. */
  onTaken?(source: string, revision: string, full: boolean, changes: number): void;
}

/** Maximum of transactions that become visible together, so that the first does not wait long. */
const GATHERED_MAX = 64;

const NO_LOSSES: readonly Loss[] = [];

export class Feed {
  private readonly options: FeedOptions;
  private readonly feeders = new Map<string, Feeder>();
  private queue: Promise<void> = Promise.resolve();
  /** The number of transactions that are in progress or wait in the queue. */
  private pending = 0;
  /** Transactions in the projection's open transaction, which is open while this is not empty or one is in progress. */
  private readonly applied: Applied[] = [];
  /** The number of sources that have more transactions to deliver at once. */
  private gathering = 0;
  /** Sources that went on in this process from what another one had of them, and have said nothing here yet. */
  readonly awaited = new Set<string>();
  private readonly projecting: Projecting;
  /**
   * Time to answerable of changes, not of whole states: from the control plane's commit, and from the octets' arrival.
   */
  readonly committed = new Histogram();
  readonly received = new Histogram();

  constructor(options: FeedOptions) {
    this.options = options;
    this.projecting = new Projecting(options);
  }

  status(): SourceStatus[] {
    return [...this.feeders.values()].map(({ status, problems, rate }) => ({
      ...status,
      rate: rate.perSecond(),
      problems: [...problems.values()].flat(),
    }));
  }

  /** The states without problems and rates, not copied: for callers that check after every change. */
  *states(): Generator<Readonly<SourceStatus>> {
    for (const { status } of this.feeders.values()) yield status;
  }

  /** The age of a source's revision; undefined if that is no longer known. */
  age(source: string, revision: string): Age | undefined {
    return this.feeders.get(source)?.times.age(revision, this.options.wallClock());
  }

  /** Registers a source with the lowest precedence so far, and returns its sink. */
  sink(name: string): Sink {
    const { catalog, wallClock, elapsed } = this.options;
    if (!catalog.sources.includes(name)) catalog.addSource(name);
    const status = newStatus(name);
    const feeder: Feeder = {
      status,
      transaction: undefined,
      opening: NOTHING_OPEN,
      problems: new Map(),
      rate: new Rate(elapsed),
      times: new RevisionTimes(),
      gathers: false,
    };
    this.feeders.set(name, feeder);
    const open = (): Transaction => {
      if (feeder.transaction === undefined) throw new Error(`${name}: no transaction is open`);
      return feeder.transaction;
    };
    return {
      begin: (full, revision, at, received) => {
        feeder.transaction?.rollback();
        feeder.transaction = catalog.begin(name, full, revision, at);
        feeder.opening = { full, at, received };
        status.lastHeard = wallClock();
      },
      put: (resource: Resource, place?: Place, revision?: string, stamp?: string) =>
        open().put(resource, place, revision, stamp),
      delete: (key: ResourceKey) => open().delete(key),
      keep: (key: ResourceKey, stamp?: string) => open().keep(key, stamp),
      savedIn: (file: string) => (status.restored ? this.savedIn(name, file) : Promise.resolve([])),
      commit: () => {
        const transaction = open();
        feeder.transaction = undefined;
        return this.enqueue(feeder, transaction, feeder.opening);
      },
      gather: (several) => {
        if (feeder.gathers === several) return;
        feeder.gathers = several;
        this.gathering += several ? 1 : -1;
        if (this.gathering === 0 && this.pending === 0) this.show();
      },
      rollback: () => {
        feeder.transaction?.rollback();
        feeder.transaction = undefined;
      },
      bookmark: (revision) => {
        status.lastHeard = wallClock();
        // A bookmark must not overtake earlier commits, because a later run continues from the saved revision.
        this.inOrder(() => {
          catalog.bookmark(name, revision);
          status.revision = revision;
        });
      },
      state: (state, reason = '', since) => {
        if (state === 'lost' && status.lostSince === 0) {
          const now = wallClock();
          // The clock of the reporting server may be ahead of ours.
          status.lostSince = Math.min(since ?? now, now);
          status.lostAt = elapsed() - (now - status.lostSince);
        }
        if (state === 'live') {
          status.lostSince = status.lostAt = 0;
          status.lastHeard = wallClock();
        }
        status.state = state;
        status.reason = reason;
        this.options.onState(name);
      },
      resumed: () => {
        status.synced = true;
        this.awaited.delete(name);
      },
      problems: (scope, problems) => {
        if (problems.length === 0) feeder.problems.delete(scope);
        else feeder.problems.set(scope, problems);
        this.options.onProblems(name, scope, problems);
      },
    };
  }

  /**
   * Makes the saved records of a registered source visible. `heard` is the last sign of life of the source then. Call
   * it before the source starts.
   */
  restore(name: string, transaction: Transaction, heard: number): Promise<void> | undefined {
    const feeder = this.feeders.get(name)!;
    feeder.status.restored = true;
    return this.enqueue(feeder, transaction, { ...NOTHING_OPEN, heard });
  }

  /** Before `restore`: an image of the saved records of the source is visible already. */
  expect(name: string, revision: string, heard: number): void {
    const status = this.feeders.get(name)?.status;
    if (status === undefined) return;
    status.restored = true;
    status.revision = revision;
    status.lastHeard = heard;
  }

  /** After `expect`: nothing of it can be restored. */
  forgetSaved(): void {
    for (const { status } of this.feeders.values()) {
      status.restored = false;
      status.revision = '';
      status.lastHeard = 0;
    }
  }

  /**
   * Takes away what the shrink guard holds of these VPCs of a source. False while a whole state of that source is open,
   * which settles itself what was held.
   */
  release(name: string, vpcs: string[]): boolean {
    const feeder = this.feeders.get(name);
    if (feeder === undefined || feeder.transaction?.full === true) return false;
    const { catalog } = this.options;
    const { revision } = feeder.status;
    const commit = (): IterableIterator<Change> => catalog.release(name, vpcs);
    void this.enqueue(feeder, { revision, commit }, { ...NOTHING_OPEN, released: true });
    return true;
  }

  /**
   * After `restore`: the records are those of a process that has the whole state of the source, which it lost at
   * `lostSince`, 0 for not at all.
   */
  goOn(name: string, lostSince: number): void {
    const { status } = this.feeders.get(name)!;
    const { wallClock, elapsed } = this.options;
    status.restored = false;
    status.synced = true;
    status.lostSince = lostSince;
    status.lostAt = lostSince === 0 ? 0 : elapsed() - (wallClock() - lostSince);
    status.state = lostSince === 0 ? 'live' : 'lost';
    this.awaited.add(name);
    this.options.onState(name);
  }

  /** As `Projecting.known`. */
  known(key: ResourceKey): { resource: Resource; stamp: bigint } | undefined {
    return this.projecting.known(key);
  }

  private async savedIn(source: string, file: string): Promise<ResourceKey[]> {
    const { catalog, yieldTurn } = this.options;
    await this.settled();
    const keys: ResourceKey[] = [];
    for (const key of catalog.keysIn(source, file)) {
      if (key === undefined) await yieldTurn();
      else keys.push(key);
    }
    return keys;
  }

  /** Resolves when all earlier commits are answerable. */
  settled(): Promise<void> {
    return this.queue;
  }

  /** Runs `work` after all earlier commits. */
  private inOrder(work: () => void): void {
    if (this.pending === 0) work();
    else this.queue = this.queue.then(work);
  }

  private enqueue(feeder: Feeder, transaction: Committable, opening: Opening): Promise<void> | undefined {
    this.pending++;
    if (this.pending > 1) {
      this.queue = this.queue.then(() => this.apply(feeder, transaction, opening));
      return this.queue;
    }
    // The usual case is a small change on an idle feed.
    const rest = this.apply(feeder, transaction, opening);
    if (rest !== undefined) this.queue = rest;
    return rest;
  }

  /** Undefined if it could apply everything at once. */
  private apply(feeder: Feeder, transaction: Committable, opening: Opening): Promise<void> | undefined {
    const { guard } = this.options;
    if (!opening.full || guard === undefined || transaction.weigh === undefined)
      return this.applyWeighed(feeder, transaction, opening);
    const weighing = transaction.weigh(guard.rule);
    const losses = someOf(weighing);
    if (losses === undefined) return this.applyLater(feeder, transaction, opening, weighing);
    return this.applyWeighed(feeder, transaction, opening, losses);
  }

  /** As `apply`, for a state that takes long to weigh. */
  private async applyLater(
    feeder: Feeder,
    transaction: Committable,
    opening: Opening,
    weighing: Generator<void, Loss[], undefined>,
  ): Promise<void> {
    let losses: Loss[] | undefined;
    do {
      await this.options.yieldTurn();
      losses = someOf(weighing);
    } while (losses === undefined);
    await this.applyWeighed(feeder, transaction, opening, losses);
  }

  private applyWeighed(
    feeder: Feeder,
    transaction: Committable,
    opening: Opening,
    losses: readonly Loss[] = [],
  ): Promise<void> | undefined {
    if (losses.length > 0) opening = { ...opening, losses };
    const changes = transaction.commit(
      losses.length === 0 ? undefined : new Set(losses.map(({ vpc }) => vpc)),
    );
    const before = feeder.status.changes;
    // A whole state may take long, and complete transactions must not wait for it.
    if (opening.full) this.show();
    if (this.applied.length === 0) {
      const { projection } = this.options;
      if (projection.ready?.() === false)
        return this.applyRest(feeder, changes, transaction.revision, opening, before, true);
      projection.begin();
    }
    if (this.projecting.some(feeder.status, changes, opening.at)) {
      this.finish(feeder, transaction.revision, opening, before);
      return undefined;
    }
    return this.applyRest(feeder, changes, transaction.revision, opening, before);
  }

  private async applyRest(
    feeder: Feeder,
    changes: IterableIterator<Change>,
    revision: string,
    opening: Opening,
    before: number,
    waits = false,
  ): Promise<void> {
    const { projection, yieldTurn } = this.options;
    if (waits) {
      // A reader that has died is known, and cleared away, only when the event loop runs.
      do await yieldTurn();
      while (projection.ready?.() === false);
      projection.begin();
    } else await yieldTurn();
    while (!this.projecting.some(feeder.status, changes, opening.at)) await yieldTurn();
    this.finish(feeder, revision, opening, before);
  }

  private finish(feeder: Feeder, revision: string, opening: Opening, before: number): void {
    this.pending--;
    if (opening.full) this.options.guard?.listed(feeder.status.name, revision, opening.losses ?? NO_LOSSES);
    this.applied.push({ feeder, revision, opening, changes: feeder.status.changes - before });
    if (this.gathering === 0 || opening.full || this.applied.length >= GATHERED_MAX) this.show();
  }

  /** Makes all applied transactions visible. */
  private show(): void {
    const applied = this.applied.splice(0);
    if (applied.length === 0) return;
    this.options.projection.commit();
    const now = this.options.wallClock();
    const measured = performance.now();
    let all = 0;
    for (const { feeder, revision, opening, changes } of applied) {
      const { status } = feeder;
      const { full, at, received, heard } = opening;
      all += changes;
      feeder.rate.add(changes);
      if (opening.released === true) continue;
      status.revision = revision;
      status.lastHeard = heard ?? now;
      if (heard === undefined) status.lastChange = now;
      feeder.times.note(revision, at ?? heard ?? now, full || heard !== undefined);
      if (full) {
        status.synced = true;
        this.awaited.delete(status.name);
      } else {
        if (at !== undefined) {
          status.lag = Math.max(0, now - at);
          this.committed.observe(now - at);
        }
        if (received !== undefined) this.received.observe(measured - received);
      }
      if (heard === undefined) this.options.onTaken?.(status.name, revision, full, changes);
    }
    this.options.onCommit(all);
  }
}
