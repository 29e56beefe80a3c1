/** One change set of one source: staged out of sight, then applied and handed on as effective changes. */
import type { Place, Resource, ResourceKey } from '../model.ts';
import { keyOf, keyText } from '../model.ts';
import type { Change } from './change.ts';
import { finish, scratch, writeContent, writeName } from './content-write.ts';
import { DEAD, DELETION, FRESH, HELD, KIND_NUMBERS, SEEN, STAGED, VPC } from './layout.ts';
import { weigh } from './shrink.ts';
import type { Loss, ShrinkRule } from './shrink.ts';
import { placeOf, readStamp, setPlace, setStamp } from './stamp.ts';
import type { StampWords } from './stamp.ts';
import type { Store } from './store.ts';
import type { SourceRecords, Precedence } from './precedence.ts';

const NOTHING = new Uint32Array(0);
const NONE: (Resource | undefined)[] = [];
const NO_KEYS: ReadonlySet<string> = new Set();
/** Resources that are kept from `put` until the commit, so that they need not be unpacked: more would cost memory. */
const KEPT_MAX = 1024;

/** Obtained from `Catalog.begin`. Ends with `rollback`, or with the last step of `commit`. */
export class Transaction {
  readonly full: boolean;
  readonly revision: string;
  /** When the control plane committed it, ms since 1970, where it is known. */
  readonly at: number | undefined;
  /** Whether the change log notes it. */
  noted = true;
  readonly #store: Store;
  readonly #source: SourceRecords;
  readonly #precedence: Precedence;
  /** References of staged records; those replaced in the same transaction are dead. */
  #operations: Uint32Array;
  /** Those of the first operations, as they were put. */
  #resources: (Resource | undefined)[] = NONE;
  #count = 0;
  /** Keys that a full transaction deletes by name. */
  #deleted: Set<string> | undefined;
  #ended = false;
  /** Insertions into the index when this began. */
  readonly #insertions: number;
  /** Highest stamp given to a pod or service, as far as a number is exact. */
  #clock: number;
  /** Last place given to a VPC in the order of the state. */
  #lastPlace: number;
  /** See `SourceRecords`; a copy of its own once it is changed. */
  #unborn: Map<string, number> | undefined;
  /** The revision that was read last, its stamp, and whether the stamp expresses all of it. */
  #revisionText: string | undefined;
  readonly #revisionWords: StampWords = { high: 0, low: 0 };
  #isNumber = false;
  /** The stamp of the record that is being put. */
  readonly #words: StampWords = { high: 0, low: 0 };

  constructor(
    store: Store,
    source: SourceRecords,
    precedence: Precedence,
    full: boolean,
    revision: string,
    at: number | undefined,
  ) {
    this.#store = store;
    this.#source = source;
    this.#precedence = precedence;
    this.full = full;
    this.revision = revision;
    this.at = at;
    this.#clock = source.clock;
    this.#lastPlace = full ? 0 : source.lastPlace;
    if (full) this.#unborn = new Map();
    this.#operations = store.borrow();
    this.#insertions = store.table.insertions;
  }

  /**
   * Stages a validated resource. `stamp`: a decimal number that orders its claims, where that is not the revision;
   * see `Change`. Throws a TypeError on a bad address or stamp and a RangeError on a name above 255
   * octets: what validation must have refused; the transaction stays as it was.
   */
  put(resource: Resource, place?: Place, revision: string = this.revision, stamp?: string): void {
    this.#mustBeOpen();
    const store = this.#store;
    const words = this.#words;
    // Streams name their lines; only the places of files are kept.
    if (place?.file === undefined) place = undefined;
    if (stamp !== undefined && !readStamp(stamp, words)) throw new TypeError(`catalog: no stamp: ${stamp}`);
    const { kind: kindName, vpc, namespace, name } = keyOf(resource);
    const kind = KIND_NUMBERS[kindName];
    writeName(name);
    const scope = store.scopes.take(vpc, namespace);
    const hash = store.hashScratch(kind, scope);
    try {
      writeContent(resource, store.overlays);
    } catch (error) {
      this.#discard(scope);
      throw error;
    }
    if (resource.kind === 'pod' && resource.overlays.some(({ overlay }) => overlay.includes('/')))
      store.hasForeign = true;
    const source = this.#source.id;
    store.locateScratch(hash, kind, scope, source);
    const { current, staged, fresh } = store.found;
    let said: string | undefined = revision;
    if (stamp !== undefined) {
      if (stamp === revision) said = undefined;
      if (kind === VPC) {
        this.#lastPlace = Math.max(this.#lastPlace, placeOf(words));
        this.#born(vpc);
      }
    } else if (kind === VPC) {
      this.#takePlace(vpc, staged, current);
    } else {
      if (revision !== this.#revisionText) this.#readRevision(revision);
      words.high = this.#revisionWords.high;
      words.low = this.#revisionWords.low;
      if (this.#isNumber) said = undefined;
    }
    if (staged !== 0) this.#unstage(hash, staged);
    const { high, low } = words;
    if (current !== 0) {
      if (this.full) store.set(current, SEEN);
      if (
        // The end of a whole list settles what it has seen; otherwise only a new record is no longer held.
        (this.full || !store.has(current, HELD)) &&
        store.stampLow(current) === low &&
        store.stampHigh(current) === high &&
        store.sameAsScratch(current) &&
        samePlace(store.place(current), place) &&
        // A VPC's revision is not its stamp, and is to be known as well.
        (kind !== VPC || store.revision(current) === revision)
      ) {
        return this.#discard(scope);
      }
    }
    if (kind !== VPC) this.#clock = Math.max(this.#clock, high * 0x100000000 + low);
    const flags = fresh ? STAGED | FRESH : STAGED;
    this.#stage(
      hash,
      store.create({ kind, flags, source, scope, high, low, revision: said, place }),
      resource,
    );
  }

  /**
   * The source still names this key, with a version that is not valid: the last good one that it reported itself
   * stays, effective or not. `stamp`: of a VPC, as the state gives it now. True when there is one.
   */
  keep(key: ResourceKey, stamp?: string): boolean {
    this.#mustBeOpen();
    const store = this.#store;
    const kind = KIND_NUMBERS[key.kind];
    if (!this.#find(key)) return this.#wait(key, stamp);
    const { current, staged } = store.found;
    const last = staged === 0 ? current : staged;
    if (last === 0 || store.has(last, DELETION)) return this.#wait(key, stamp);
    const isHeld = !this.full && last === current && store.has(current, HELD);
    if (kind === VPC || isHeld) {
      const said = kind === VPC ? stamp : String(store.stamp(last));
      this.put(store.resource(last), store.place(last), store.revision(last), said);
    } else if (this.full && last === current) store.set(current, SEEN);
    return true;
  }

  /** Stages a deletion; nothing happens for what this source does not report. */
  delete(key: ResourceKey): void {
    this.#mustBeOpen();
    const store = this.#store;
    if (key.kind === 'vpc') this.#born(key.vpc);
    if (!this.#find(key)) return;
    const kind = KIND_NUMBERS[key.kind];
    const scope = store.scopes.find(key.vpc, key.namespace);
    const hash = store.hashScratch(kind, scope);
    const { current, staged } = store.found;
    if (staged !== 0) this.#unstage(hash, staged);
    if (current === 0) return;
    if (this.full) {
      // What a full list does not name is swept; what it deletes by name is not merely left out.
      store.clear(current, SEEN);
      (this.#deleted ??= new Set()).add(keyText(key));
      return;
    }
    finish();
    store.scopes.retain(scope);
    const { id: source } = this.#source;
    const flags = STAGED | DELETION;
    this.#stage(
      hash,
      store.create({ kind, flags, source, scope, high: 0, low: 0, revision: undefined, place: undefined }),
    );
  }

  /** Forgets all that was staged. */
  rollback(): void {
    this.#mustBeOpen();
    const store = this.#store;
    for (let i = 0; i < this.#count; i++) {
      const reference = this.#operations[i]!;
      if (!store.has(reference, DEAD)) this.#unstage(store.hashOf(reference), reference);
      store.arena.unpin(reference);
    }
    if (this.full) {
      for (const reference of store.walk()) {
        if (store.source(reference) === this.#source.id) store.clear(reference, SEEN);
      }
    }
    this.#end();
  }

  /**
   * Before `commit`, of a whole state: which losses of this source's VPCs the rule holds. Yields to pause; the
   * transaction must not be changed meanwhile.
   */
  weigh(rule: ShrinkRule): Generator<void, Loss[], undefined> {
    this.#mustBeOpen();
    return weigh(this.#precedence, this.#source, rule, this.#deleted ?? NO_KEYS);
  }

  /**
   * Applies the transaction step by step as the result is read, and yields every effective change; VPCs come
   * last. In between the catalog is half changed, and no other transaction may be committed. A reader that
   * leaves early still has all of it applied, unseen. `guarded`: VPCs of which a whole state takes nothing away now:
   * what it leaves out there is held, until a second one leaves it out too.
   */
  commit(guarded?: ReadonlySet<string>): IterableIterator<Change> {
    this.#mustBeOpen();
    const precedence = this.#precedence;
    precedence.enter(this.noted);
    this.#ended = true;
    return new CommitSteps(precedence, {
      source: this.#source,
      full: this.full,
      guarded,
      deleted: this.#deleted ?? NO_KEYS,
      revision: this.revision,
      operations: this.#operations,
      resources: this.#resources,
      count: this.#count,
      // Each operation has inserted once.
      alone: this.#store.table.insertions === this.#insertions + this.#count,
      end: () => {
        this.#source.clock = this.#clock;
        this.#source.lastPlace = this.#lastPlace;
        this.#source.unborn = this.#unborn ?? this.#source.unborn;
        this.#source.revision = this.revision;
        if (this.at !== undefined) this.#source.at = this.at;
        this.#end();
        precedence.leave(Math.min(4096, 64 + 4 * this.#count));
      },
    });
  }

  #stage(hash: number, reference: number, resource?: Resource): void {
    this.#store.table.insert(hash, reference);
    this.#store.arena.pin(reference);
    if (this.#count === this.#operations.length) {
      const more = new Uint32Array(this.#count * 2);
      more.set(this.#operations);
      this.#operations = more;
    }
    if (this.#count === 0) this.#resources = [resource];
    else if (this.#count < KEPT_MAX) this.#resources.push(resource);
    this.#operations[this.#count++] = reference;
  }

  #unstage(hash: number, reference: number): void {
    this.#store.table.remove(hash, reference);
    this.#store.free(reference);
  }

  /** Gives back what was taken for a record that is not needed. */
  #discard(scope: number): void {
    for (const id of scratch.taken) this.#store.overlays.release(id);
    this.#store.scopes.release(scope);
  }

  #readRevision(revision: string): void {
    const words = this.#revisionWords;
    this.#revisionText = revision;
    this.#isNumber = readStamp(revision, words);
    if (this.#isNumber) {
      // A revision that the stamp cannot express is kept beside it.
      if (words.high === 0xffffffff) this.#isNumber = false;
      return;
    }
    setStamp(words, this.#source.clock + 1);
  }

  /** Fills `found`, and `scratch` with the name; false where no source has the key. */
  #find({ kind: kindName, vpc, namespace, name }: ResourceKey): boolean {
    const store = this.#store;
    const scope = store.scopes.find(vpc, namespace);
    if (scope < 0) return false;
    const kind = KIND_NUMBERS[kindName];
    writeName(name);
    store.locateScratch(store.hashScratch(kind, scope), kind, scope, this.#source.id);
    return true;
  }

  /** A VPC that comes with no valid version has its place in the order all the same. Never true. */
  #wait({ kind, vpc }: ResourceKey, stamp: string | undefined): false {
    const { unborn } = this.#source;
    if (kind === 'vpc' && stamp === undefined && !(this.#unborn ?? unborn).has(vpc))
      (this.#unborn ??= new Map(unborn)).set(vpc, ++this.#lastPlace);
    return false;
  }

  /** The place of a VPC that waits no longer, 0 where it did not wait. */
  #born(vpc: string): number {
    const place = (this.#unborn ?? this.#source.unborn).get(vpc);
    if (place === undefined) return 0;
    (this.#unborn ??= new Map(this.#source.unborn)).delete(vpc);
    return place;
  }

  /**
   * Sets `#words` to the age of a VPC whose source gives it no number. A whole state gives the order, and a VPC in it
   * is as old as it was where that is this order; later ones are younger than all of it, edits change nothing.
   */
  #takePlace(vpc: string, staged: number, current: number): void {
    const store = this.#store;
    const words = this.#words;
    let own = staged === 0 ? current : staged;
    if (own !== 0 && store.has(own, DELETION)) own = 0;
    if (own !== 0) {
      words.high = store.stampHigh(own);
      words.low = store.stampLow(own);
      if (!this.full || own === staged || store.has(own, SEEN)) return;
      const place = placeOf(words);
      if (place > this.#lastPlace) {
        this.#lastPlace = place;
        return;
      }
    }
    setPlace(words, this.#born(vpc) || ++this.#lastPlace);
  }

  #mustBeOpen(): void {
    if (this.#ended) throw new Error(`catalog: the transaction of ${this.#source.name} has ended`);
  }

  #end(): void {
    this.#ended = true;
    this.#store.giveBack(this.#operations);
    this.#operations = NOTHING;
    this.#source.open = false;
  }
}

function samePlace(one: Place | undefined, other: Place | undefined): boolean {
  return one?.file === other?.file && one?.line === other?.line && one?.column === other?.column;
}

/** What was staged, and how to end. */
interface Staged {
  readonly source: SourceRecords;
  readonly full: boolean;
  readonly guarded: ReadonlySet<string> | undefined;
  /** Keys that are not guarded. */
  readonly deleted: ReadonlySet<string>;
  readonly revision: string;
  /** References, of which `count` count; each is pinned in the arena. */
  readonly operations: Uint32Array;
  /** As they were put, of the first operations. */
  readonly resources: readonly (Resource | undefined)[];
  readonly count: number;
  /** Since it began, no other transaction has staged anything: what was fresh then still is. */
  readonly alone: boolean;
  /** Called once, when all is applied. */
  end(): void;
}

/** Each step applies as much as it takes to find the next effective change. Not a generator: a transaction of one pod would spend more on generators than on itself. */
class CommitSteps implements IterableIterator<Change> {
  readonly #precedence: Precedence;
  readonly #staged: Staged;
  #position = 0;
  /** The walk for what a full list did not name. */
  #sweep: Iterator<number> | undefined;
  #vpcs: Iterator<Change> | undefined;
  #ended = false;

  constructor(precedence: Precedence, staged: Staged) {
    this.#precedence = precedence;
    this.#staged = staged;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Change, undefined> {
    const value = this.#ended ? undefined : this.#step();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  /** Applies the rest unseen. */
  return(): IteratorResult<Change, undefined> {
    while (!this.#ended) this.#step();
    return { done: true, value: undefined };
  }

  #step(): Change | undefined {
    const { source, full, guarded, deleted, revision, operations, resources, count, alone } = this.#staged;
    const precedence = this.#precedence;
    const { store } = precedence;
    while (this.#position < count) {
      const resource = resources[this.#position];
      const reference = operations[this.#position++]!;
      store.arena.unpin(reference);
      // Replaced in the same transaction.
      if (store.has(reference, DEAD)) continue;
      const change =
        alone && store.has(reference, FRESH)
          ? precedence.applyFresh(reference, full, resource)
          : precedence.apply(source, reference, full, revision, resource);
      if (change !== undefined) return change;
    }
    if (full) {
      this.#sweep ??= store.walk();
      for (let step = this.#sweep.next(); !step.done; step = this.#sweep.next()) {
        const reference = step.value;
        if (store.source(reference) !== source.id) continue;
        const isHeld = store.has(reference, HELD);
        if (store.has(reference, SEEN)) {
          store.clear(reference, SEEN);
          if (isHeld) precedence.unhold(source, reference);
          continue;
        }
        const isGuarded = !isHeld && guarded !== undefined && guarded.has(store.vpcOf(reference));
        if (isGuarded && !(deleted.size > 0 && deleted.has(keyText(store.key(reference))))) {
          precedence.hold(source, reference);
          continue;
        }
        const change = precedence.remove(source, reference, revision);
        if (change !== undefined) return change;
      }
    }
    if (precedence.vpcsPending) {
      this.#vpcs ??= precedence.settleVpcs(source, revision);
      const step = this.#vpcs.next();
      if (!step.done) return step.value;
    }
    this.#ended = true;
    this.#staged.end();
    return undefined;
  }
}
