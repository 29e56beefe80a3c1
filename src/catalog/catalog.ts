/** The catalog: every resource by key and source, packed; which source is effective; what a change set changes. */
import { keyText, type Kind, type Problem, type Resource, type ResourceKey } from '../model.ts';
import type { ForeignOverlay } from './foreign-overlays.ts';
import { KIND_NUMBERS, SHADOWED } from './layout.ts';
import { Precedence } from './precedence.ts';
import type { SourceRecords } from './precedence.ts';
import { Lists } from './lists.ts';
import type { ListFilter, Paced } from './lists.ts';
import type { Moment } from './moments.ts';
import { ChangeLog } from './saved/change-log.ts';
import { RecordLines } from './saved/record-lines.ts';
import type { SavedSource } from './saved/saved-lines.ts';
import { hiddenRecords, keysSavedIn } from './searches.ts';
import { release } from './shrink.ts';
import { Store } from './store.ts';
import { Transaction } from './transaction.ts';
import type { Change, EffectiveRecord, Provenance, SourceRecord } from './change.ts';

export type { Change, EffectiveRecord, Provenance, SourceRecord } from './change.ts';
export { Transaction } from './transaction.ts';
export type { Loss, ShrinkRule } from './shrink.ts';

/** Sources have eight bits in a record. */
const MAX_SOURCES = 256;

export interface CatalogOptions {
  /** Names in order of preference: where two report one key, the first is effective. */
  sources: readonly string[];
  /** Eight octets that key the hash; random unless a test wants otherwise. */
  hashKey?: Uint8Array;
  /**
   * The family of a source, by default itself: claims to `net6` by sources of one family are compared
   * by age, others by the order of preference of their families' first.
   */
  familyOf?: (source: string) => string;
}

/**
 * Holds what every source reports and the view that follows from it. Resources go in validated and come out as
 * fresh objects, parsed on demand. Change it through `begin`; one commit at a time, one open transaction a
 * source. All methods are synchronous.
 */
export class Catalog {
  readonly #store: Store;
  readonly #precedence: Precedence;
  readonly #lists: Lists;
  readonly #familyOf: (source: string) => string;
  #order: string[] = [];

  constructor(options: CatalogOptions) {
    this.#familyOf = options.familyOf ?? ((source) => source);
    this.#store = new Store(options.hashKey);
    this.#precedence = new Precedence(this.#store);
    this.#lists = new Lists(this.#store, this.#precedence);
    for (const _ of this.setSources(options.sources)) void _;
  }

  /** Names in order of preference. */
  get sources(): readonly string[] {
    return this.#order;
  }

  /** Adds a source as the least preferred. */
  addSource(name: string): void {
    if (this.#order.includes(name)) throw new Error(`catalog: source ${name} is already there`);
    for (const _ of this.setSources([...this.#order, name])) void _;
  }

  /**
   * The sources in a new order of preference; those no longer named are forgotten with all they reported. Throws
   * while one of those has an open transaction. Read the result to its end, as that of a commit.
   */
  setSources(names: readonly string[]): IterableIterator<Change> {
    if (new Set(names).size !== names.length) throw new Error('catalog: a source is named twice');
    if (names.length > MAX_SOURCES) throw new RangeError(`catalog: more than ${MAX_SOURCES} sources`);
    const leaving = this.#precedence.sources.filter((source) => source && !names.includes(source.name));
    const open = leaving.find((source) => source!.open);
    if (open) throw new Error(`catalog: source ${open.name} has an open transaction`);
    this.#precedence.enter();
    // The names that leave keep their numbers until all they reported is gone.
    return readWhole(this.#resettle([...names], leaving as SourceRecords[]), () => {
      for (const source of leaving) this.#precedence.sources[source!.id] = undefined;
      this.#precedence.leave(4096);
    });
  }

  *#resettle(names: string[], leaving: SourceRecords[]): Generator<Change, void, undefined> {
    const store = this.#store;
    const precedence = this.#precedence;
    for (const reference of leaving.length === 0 ? [] : store.walk()) {
      const source = leaving.find(({ id }) => id === store.source(reference));
      const change = source && precedence.remove(source, reference, source.revision ?? '');
      if (change !== undefined) yield change;
    }
    for (const { id } of leaving) store.ranks[id] = Infinity;
    const known = new Map(precedence.sources.flatMap((source) => (source ? [[source.name, source]] : [])));
    names.forEach((name, rank) => {
      let source = known.get(name);
      if (source === undefined) {
        let id = precedence.sources.findIndex((other) => other === undefined);
        if (id < 0) id = precedence.sources.length;
        const none = { clock: 0, lastPlace: 0, unborn: new Map<string, number>() };
        const family = this.#familyOf(name);
        const held = new Map<string, number>();
        source = { id, name, family, ...none, revision: undefined, at: undefined, open: false, held };
        precedence.sources[id] = source;
      }
      store.ranks[source.id] = rank;
    });
    // A source after all others changes no other rank.
    if (this.#order.some((name, rank) => names[rank] !== name)) precedence.touchVpcs();
    this.#order = names;
    for (const reference of precedence.shadowed === 0 ? [] : store.walk()) {
      const change = store.has(reference, SHADOWED) ? precedence.prefer(reference) : undefined;
      if (change !== undefined) yield change;
    }
    yield* precedence.settleVpcs(leaving[0], leaving[0]?.revision ?? '');
  }

  /** Opens a transaction. `full`: what is not put in it is gone with its commit. `at` in ms since 1970. */
  begin(source: string, full: boolean, revision: string, at?: number): Transaction {
    const said = this.#source(source);
    if (said.open) throw new Error(`catalog: source ${source} already has an open transaction`);
    said.open = true;
    return new Transaction(this.#store, said, this.#precedence, full, revision, at);
  }

  /** By VPC: how many records of a source whole states have left out and the shrink guard holds. */
  held(source: string): ReadonlyMap<string, number> {
    return this.#source(source).held;
  }

  /** Takes away what is held of these VPCs of a source. Read the result to its end, as that of a commit. */
  release(source: string, vpcs: Iterable<string>): IterableIterator<Change> {
    const said = this.#source(source);
    this.#precedence.enter();
    return readWhole(release(this.#precedence, said, vpcs), () => this.#precedence.leave(4096));
  }

  /** This source has nothing new up to this revision. */
  bookmark(source: string, revision: string): void {
    this.#source(source).revision = revision;
  }

  /** The revision of the last commit or bookmark of a source; undefined before the first. */
  revision(source: string): string | undefined {
    return this.#source(source).revision;
  }

  /** Whether a source has VPCs of which it knows the place but no valid version: no revision tells that. */
  awaits(source: string): boolean {
    return this.#source(source).unborn.size > 0;
  }

  /** When the control plane made the last commit of a source, ms since 1970, if it gave the time. */
  at(source: string): number | undefined {
    return this.#source(source).at;
  }

  /** Whether a commit is half read: the view is between two states. */
  get busy(): boolean {
    return this.#precedence.busy;
  }

  /** What those who ask get. */
  get(key: ResourceKey): Resource | undefined {
    const reference = this.#effective(key);
    return reference === 0 ? undefined : this.#precedence.resource(reference);
  }

  said(key: ResourceKey): Provenance | undefined {
    const store = this.#store;
    const reference = this.#effective(key);
    if (reference === 0) return undefined;
    const shadowed: string[] = [];
    const hash = store.hashOf(reference);
    for (const name of this.#order) {
      const { id } = this.#source(name);
      store.locate(hash, reference, id);
      if (store.found.current !== 0 && store.found.current !== reference) shadowed.push(name);
    }
    const source = this.#precedence.sources[store.source(reference)]!.name;
    const said: Provenance = {
      source,
      revision: store.revision(reference),
      stamp: store.stamp(reference),
      shadowed,
    };
    const place = store.place(reference);
    if (place !== undefined) said.place = place;
    return said;
  }

  /** How many resources of a kind are effective: of all, of a VPC, or of a namespace. */
  count(kind: Kind, vpc?: string, namespace?: string): number {
    if (vpc !== undefined) return this.#lists.count(kind, vpc, namespace);
    const totals = this.busy ? this.#store.moments.before.totals : this.#precedence.counts;
    return totals[KIND_NUMBERS[kind]]!;
  }

  /**
   * The effective resources of a kind as they are at the first step, between commits; later changes do not show in
   * a list that is being read. Read it to its end or leave the loop: a list left hanging keeps memory. In no order,
   * or with `sorted` by VPC, namespace and name.
   */
  list(kind: Kind, filter: ListFilter = {}, sorted = false): Generator<Resource, void, undefined> {
    return withoutPauses(this.#lists.list(kind, filter, sorted));
  }

  /**
   * As `list`, sorted, with `undefined` where the reader may pause. `referred`: also VPCs and namespaces that
   * are only referred to. Throws MomentLost where too much has changed since the first step.
   */
  listPaced(kind: Kind, filter: ListFilter = {}, referred = false): Paced<Resource> {
    const named = referred && (kind === 'vpc' || kind === 'namespace');
    return named ? this.#lists.referred(kind, filter) : this.#lists.list(kind, filter, true);
  }

  /** As `listPaced`, of all kinds, with stamps, in no order but VPCs first: of some VPCs or of all. */
  effective(vpcs?: ReadonlySet<string>): Paced<EffectiveRecord> {
    return this.#lists.effective(vpcs);
  }

  /** Everything that every source reports, as it is at the first step, VPCs as they were reported. As `list`. */
  *records(): Generator<SourceRecord, void, undefined> {
    const moment = this.openMoment();
    try {
      for (const reference of withoutPauses(this.#lists.references(moment)))
        yield this.#lists.saidRecord(moment, reference);
    } finally {
      this.closeMoment(moment);
    }
  }

  /** Everything that every source reported at a moment, as `listPaced`: for `linesAt`. */
  recordsAt(moment: Moment): Paced<number> {
    return this.#lists.references(moment);
  }

  /** Lines of records at a moment, in which these sources are counted. */
  linesAt(moment: Moment, sources: readonly SavedSource[]): RecordLines {
    const store = this.#store;
    const nameOf = (id: number): string | undefined => this.#precedence.sources[id]?.name;
    const said = (at: Moment, reference: number): SourceRecord => this.#lists.saidRecord(at, reference);
    return new RecordLines({ store, nameOf, said }, moment, sources);
  }

  /** Holds the last committed state, however much changes, until `closeMoment`. */
  openMoment(): Moment {
    return this.#store.openMoment(this.#precedence.counts, true);
  }

  closeMoment(moment: Moment): void {
    this.#store.closeMoment(moment);
  }

  /** Logs from now on what sources report. */
  keepLog(): ChangeLog {
    return (this.#precedence.log ??= new ChangeLog(this.#store, (id) => this.#precedence.sources[id]!.name));
  }

  /** 16 hex digits that are equal for equal effective resources, whatever their order. Slow: for comparison. */
  digest(vpc?: string): string {
    const steps = this.#lists.digest(vpc);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /** As `digest`, in slices. Rejects with MomentLost as lists do. */
  async digestPaced(vpc?: string): Promise<string> {
    const steps = this.#lists.digest(vpc);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await new Promise(setImmediate);
    }
  }

  /** Every VPC and namespace that is reported or only referred to; `namespace` is empty for a VPC itself. */
  scopes(vpc?: string): Iterable<{ vpc: string; namespace: string }> {
    return this.#lists.scopes(vpc);
  }

  /** Overlays that pods of other namespaces name, declared or not: of a VPC, or all. */
  foreignOverlays(vpc?: string): Iterable<ForeignOverlay> {
    return this.#precedence.foreign.list(vpc);
  }

  /** What stands unsettled between sources and between VPCs; at most `limit` of each kind of conflict. */
  conflicts(limit = 100): Problem[] {
    const store = this.#store;
    const problems: Problem[] = [];
    for (const problem of this.#precedence.overlapProblems()) {
      if (problems.push(problem) >= limit) break;
    }
    if (this.#precedence.shadowed === 0) return problems;
    const most = problems.length + limit;
    for (const reference of store.walk()) {
      const problem = store.has(reference, SHADOWED) ? this.#conflict(reference) : undefined;
      if (problem !== undefined && problems.push(problem) >= most) break;
    }
    return problems;
  }

  /** As `conflicts`, paced: with many records it takes longer than one slice. May throw MomentLost. */
  *conflictsPaced(limit = 100): Paced<Problem> {
    let found = 0;
    for (const problem of this.#precedence.overlapProblems()) {
      yield problem;
      if (++found >= limit) break;
    }
    if (this.#precedence.shadowed === 0) return;
    const most = found + limit;
    const moment = this.openMoment();
    try {
      for (const reference of hiddenRecords(this.#store, moment)) {
        const problem = reference === undefined ? undefined : this.#conflict(reference);
        yield problem;
        if (problem !== undefined && ++found >= most) return;
      }
    } finally {
      this.closeMoment(moment);
    }
  }

  /** Keys that a source gave in this file, and those that it gave without a file. May throw MomentLost. */
  *keysIn(source: string, file: string): Paced<ResourceKey> {
    const moment = this.openMoment();
    try {
      yield* keysSavedIn(this.#store, moment, this.#source(source).id, file);
    } finally {
      this.closeMoment(moment);
    }
  }

  /** Memory work that is left over, at most `budget` records of it; returns whether there is more. */
  tidy(budget = 4096): boolean {
    return !this.#precedence.busy && this.#store.tidy(budget);
  }

  /** Octets of records and index. */
  memory(): { records: number; dead: number; index: number } {
    const { arena, table, members } = this.#store;
    return { records: arena.capacity, dead: arena.deadBytes, index: table.bytes + members.bytes };
  }

  #conflict(reference: number): Problem | undefined {
    const store = this.#store;
    const key = store.key(reference);
    const heard = this.#effective(key);
    if (heard === 0) return undefined;
    const loser = this.#precedence.sources[store.source(reference)]?.name ?? '';
    const winner = this.#precedence.sources[store.source(heard)]!.name;
    const how = store.sameContent(reference, heard) ? 'the same' : 'otherwise';
    const reason = `${keyText(key)}: ${loser} says it too, ${how}; ${winner} is preferred and is heard`;
    return { kind: 'conflict', severity: 'warning', reason, key, place: store.place(reference) };
  }

  #effective({ kind, vpc, namespace, name }: ResourceKey): number {
    return this.#store.effective(KIND_NUMBERS[kind], vpc, namespace, name);
  }

  #source(name: string): SourceRecords {
    const source = this.#precedence.sources.find((other) => other?.name === name);
    if (source === undefined) throw new Error(`catalog: unknown source ${name}`);
    return source;
  }
}

function* withoutPauses<T>(paced: Paced<T>): Generator<T, void, undefined> {
  for (const each of paced) if (each !== undefined) yield each;
}

/** Reads changes one by one; leaving early, even before the first, does the rest unseen. Then `end`, once. */
function readWhole(changes: Iterator<Change, void>, end: () => void): IterableIterator<Change> {
  let ended = false;
  const next = (): IteratorResult<Change, undefined> => {
    const step = ended ? undefined : changes.next();
    if (step !== undefined && !step.done) return step;
    if (!ended) end();
    ended = true;
    return { done: true, value: undefined };
  };
  return {
    next,
    return() {
      while (!next().done);
      return { done: true, value: undefined };
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}
