/**
 * From sources to the trie: takes the transactions of all sources through the catalog, and makes them visible in order.
 */
import { Catalog } from '../catalog/catalog.ts';
import type { Change, EffectiveRecord, Transaction } from '../catalog/catalog.ts';
import type { Place, Problem, Projection, Resource, ResourceKey, Sink } from '../model.ts';
import { keyOf, keyText } from '../model.ts';
import type { Paced } from '../catalog/lists.ts';
import { MomentLost } from '../catalog/moments.ts';
import type { Age } from '../explain/explanation.ts';
import { Histogram } from './histogram.ts';
import { RevisionTimes } from './revision-times.ts';
import { newStatus, Rate } from './source-status.ts';
import type { SourceStatus } from './source-status.ts';

export interface FeedOptions {
  catalog: Catalog;
  projection: Projection;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** Monotonic milliseconds, unaffected by changes of the wall clock. */
  elapsed: () => number;
  /** Lets the event loop run inside a large transaction. */
  yieldTurn: () => Promise<void>;
  /** Called after each flip with the number of effective changes that it has made answerable. */
  onCommit(changes: number): void;
  /** Called for each effective change before its transaction is visible. */
  onChange?(change: Change, source: string, at: number | undefined): void;
  onState(source: string): void;
  /** All problems of a scope of a source, none when they are settled. */
  onProblems(source: string, scope: string, problems: readonly Problem[]): void;
  /** A transaction is answerable; not told of what was saved. */
  onTaken?(source: string, revision: string, full: boolean, changes: number): void;
}

/** Changes between two readings of the clock, and the milliseconds that a slice of work may last. */
const CHANGES_A_LOOK = 64;
const TURN_MS = 2;

/** The arguments of `Sink.begin`. */
interface Opening {
  full: boolean;
  /** The commit in the control plane, milliseconds since 1970. */
  at: number | undefined;
  /** The arrival, by `performance.now()`. */
  received: number | undefined;
  /** For saved records: the last sign of life of their source at that time, milliseconds since 1970. */
  heard?: number;
}

/** Maximum of transactions that become visible together, so that the first does not wait long. */
const GATHERED_MAX = 64;

/** A transaction that is applied and not yet visible. */
interface Applied {
  feeder: Feeder;
  revision: string;
  opening: Opening;
  changes: number;
}

const NO_VPCS: readonly string[] = [];
const NOTHING_OPEN: Opening = { full: false, at: undefined, received: undefined };

interface Feeder {
  status: SourceStatus;
  transaction: Transaction | undefined;
  opening: Opening;
  problems: Map<string, Problem[]>;
  rate: Rate;
  /** True between `gather(true)` and `gather(false)`. */
  times: RevisionTimes;
  gathers: boolean;
}

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
  /** Keys of resources that the projection has refused: the catalog has a newer version of them than the projection. */
  private readonly refused = new Set<string>();
  /** The pods of outdated VPCs that are still to be put once more. */
  private again: Paced<EffectiveRecord> | undefined;
  /**
   * Time to answerable of changes, not of whole states: from the control plane's commit, and from the octets' arrival.
   */
  readonly committed = new Histogram();
  readonly received = new Histogram();

  constructor(options: FeedOptions) {
    this.options = options;
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

  /**
   * A resource as the projection has it, with its stamp; undefined if the projection has refused its newest version.
   */
  known(key: ResourceKey): { resource: Resource; stamp: bigint } | undefined {
    const { catalog } = this.options;
    if (this.isRefused(key)) return undefined;
    const resource = catalog.get(key);
    return resource && { resource, stamp: catalog.said(key)!.stamp };
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

  private isRefused(key: ResourceKey): boolean {
    return this.refused.size > 0 && this.refused.has(keyText(key));
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

  private enqueue(feeder: Feeder, transaction: Transaction, opening: Opening): Promise<void> | undefined {
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
  private apply(feeder: Feeder, transaction: Transaction, opening: Opening): Promise<void> | undefined {
    const changes = transaction.commit();
    const before = feeder.status.changes;
    // A whole state may take long, and complete transactions must not wait for it.
    if (opening.full) this.show();
    if (this.applied.length === 0) this.options.projection.begin();
    if (this.applySome(feeder, changes, opening.at)) {
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
  ): Promise<void> {
    do await this.options.yieldTurn();
    while (!this.applySome(feeder, changes, opening.at));
    this.finish(feeder, revision, opening, before);
  }

  /** True when no change is left. */
  private applySome(feeder: Feeder, changes: IterableIterator<Change>, at: number | undefined): boolean {
    const { projection, onChange } = this.options;
    const until = performance.now() + TURN_MS;
    for (let n = 1; ; n++) {
      const { value: change, done } = changes.next();
      if (done === true) return this.putAgain(feeder, until);
      feeder.status.changes++;
      try {
        if (change.type === 'delete') projection.remove(change.key);
        // A refused resource was never put.
        else if (change.renewed && projection.renew && !this.isRefused(keyOf(change.resource)))
          projection.renew(change.resource, change.stamp);
        else projection.put(change.resource, change.stamp);
        if (this.refused.size > 0) this.admit(feeder, keyText(keyOfChange(change)));
      } catch (error) {
        this.refuse(feeder, keyOfChange(change), error);
      }
      onChange?.(change, feeder.status.name, at);
      if (n % CHANGES_A_LOOK === 0 && performance.now() > until) return false;
    }
  }

  /**
   * Once all changes are applied: puts the pods of outdated VPCs once more, which nobody else is told of. True when none
   * is left.
   */
  private putAgain(feeder: Feeder, until: number): boolean {
    const { projection } = this.options;
    if (this.again === undefined) {
      const vpcs = projection.outdated?.() ?? NO_VPCS;
      if (vpcs.length === 0) return true;
      this.again = this.podsOf(new Set(vpcs));
    }
    for (let n = 1; ; n++) {
      const { value: record, done } = this.again.next();
      if (done === true) break;
      if (record?.resource.kind === 'pod' && record.resource.overlays.length > 0) {
        const key = keyOf(record.resource);
        try {
          projection.put(record.resource, record.stamp);
          if (this.refused.size > 0) this.admit(feeder, keyText(key));
        } catch (error) {
          this.refuse(feeder, key, error);
        }
      }
      if (n % CHANGES_A_LOOK === 0 && performance.now() > until) return false;
    }
    this.again = undefined;
    return true;
  }

  /** All of these VPCs, some of it twice if the list has to begin anew. */
  private *podsOf(vpcs: ReadonlySet<string>): Paced<EffectiveRecord> {
    for (;;) {
      try {
        yield* this.options.catalog.effective(vpcs);
        return;
      } catch (error) {
        if (!(error instanceof MomentLost)) throw error;
      }
    }
  }

  /** The projection has no room for the newest version of this key. */
  private refuse(feeder: Feeder, key: ResourceKey, error: unknown): void {
    const text = keyText(key);
    this.refused.add(text);
    const reason = `${text}: ${error instanceof Error ? error.message : String(error)}`;
    this.options.onProblems(feeder.status.name, `view ${text}`, [
      { kind: 'memory', severity: 'error', key, reason },
    ]);
  }

  /** The projection has taken the newest version of this key, or let go of it. */
  private admit(feeder: Feeder, key: string): void {
    if (this.refused.delete(key)) this.options.onProblems(feeder.status.name, `view ${key}`, []);
  }

  private finish(feeder: Feeder, revision: string, opening: Opening, before: number): void {
    this.pending--;
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
      status.revision = revision;
      status.lastHeard = heard ?? now;
      if (heard === undefined) status.lastChange = now;
      feeder.rate.add(changes);
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
      all += changes;
      if (heard === undefined) this.options.onTaken?.(status.name, revision, full, changes);
    }
    this.options.onCommit(all);
  }
}

function keyOfChange(change: Change): ResourceKey {
  return change.type === 'put' ? keyOf(change.resource) : change.key;
}
