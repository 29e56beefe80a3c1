/** One change set of one source: staged out of sight, then applied and handed on as effective changes. */
import type { Place, Resource, ResourceKey } from '../model.ts';
import { keyOf } from '../model.ts';
import { Applying } from './applying.ts';
import { revisionNumber } from './change.ts';
import type { Change, Kept } from './change.ts';
import { finish, scratch, writeContent, writeName } from './content-write.ts';
import { DEAD, DELETION, FRESH, KIND_NUMBERS, SEEN, STAGED } from './layout.ts';
import type { Store } from './store.ts';
import type { SaidSource, Settling } from './settling.ts';

const NO_CLAIMS = new Map<string, Readonly<Record<string, number>>>();
const NOTHING = new Uint32Array(0);

/** Obtained from `Catalog.begin`. Ends with `rollback`, or with the last step of `commit`. */
export class Transaction {
  readonly full: boolean;
  readonly revision: string;
  /** When the control plane committed it, ms since 1970, where it is known. */
  readonly at: number | undefined;
  /** Whether the log of what sources say takes it up. */
  noted = true;
  readonly #store: Store;
  readonly #source: SaidSource;
  readonly #settling: Settling;
  /** References of staged records; those replaced in the same transaction are dead. */
  #operations: Uint32Array;
  #count = 0;
  #ended = false;
  /** Of the index, when this began. */
  readonly #insertions: number;
  /** Older claims of VPCs, for `commit`. */
  #keptClaims: Map<string, Readonly<Record<string, number>>> = NO_CLAIMS;
  /** Highest stamp given. */
  #clock: number;
  #revisionText = '';
  #revisionStamp = 0;

  constructor(
    store: Store,
    source: SaidSource,
    settling: Settling,
    full: boolean,
    revision: string,
    at: number | undefined,
  ) {
    this.#store = store;
    this.#source = source;
    this.#settling = settling;
    this.full = full;
    this.revision = revision;
    this.at = at;
    this.#clock = source.clock;
    this.#operations = store.borrow();
    this.#insertions = store.table.insertions;
    this.#revisionStamp = this.#stampOf(revision);
    this.#revisionText = revision;
  }

  /**
   * Stages a validated resource. Throws a TypeError on an address that is none and a RangeError on a name above
   * 255 octets: what validation must have refused; the transaction stays as it was.
   */
  put(resource: Resource, place?: Place, revision: string = this.revision, kept?: Kept): void {
    this.#mustBeOpen();
    const store = this.#store;
    // Streams name their lines; only the places of files are kept.
    if (place?.file === undefined) place = undefined;
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
    store.locateScratch(hash, kind, scope, this.#source.id);
    const { current, staged, fresh } = store.found;
    if (staged !== 0) this.#unstage(hash, staged);
    if (revision !== this.#revisionText) {
      this.#revisionText = revision;
      this.#revisionStamp = this.#stampOf(revision);
    }
    let stamp = kept === undefined ? this.#revisionStamp : kept.stamp;
    let said = revision;
    if (current !== 0) {
      if (this.full) store.set(current, SEEN);
      if (store.sameAsScratch(current)) {
        const same = store.stamp(current) <= stamp;
        if (same && samePlace(store.place(current), place)) return this.#discard(scope);
        // The claim is as old as it was; only where it stands in the file has changed.
        if (same) {
          stamp = store.stamp(current);
          said = store.revision(current);
        }
      }
    }
    if (stamp > this.#clock) this.#clock = stamp;
    if (kept?.claims !== undefined) {
      if (this.#keptClaims === NO_CLAIMS) this.#keptClaims = new Map();
      this.#keptClaims.set(vpc, kept.claims);
    }
    const source = this.#source.id;
    const flags = fresh ? STAGED | FRESH : STAGED;
    this.#stage(hash, store.create({ kind, flags, source, scope, stamp, revision: said, place }));
  }

  /** Stages a deletion; of what this source does not say, nothing happens. */
  delete(key: ResourceKey): void {
    this.#mustBeOpen();
    const store = this.#store;
    const kind = KIND_NUMBERS[key.kind];
    const scope = store.scopes.find(key.vpc, key.namespace);
    if (scope < 0) return;
    writeName(key.name);
    const hash = store.hashScratch(kind, scope);
    store.locateScratch(hash, kind, scope, this.#source.id);
    const { current, staged } = store.found;
    if (staged !== 0) this.#unstage(hash, staged);
    if (current === 0) return;
    if (this.full) {
      // What a full list does not name is swept.
      store.clear(current, SEEN);
      return;
    }
    finish();
    store.scopes.retain(scope);
    const { id: source } = this.#source;
    const flags = STAGED | DELETION;
    this.#stage(
      hash,
      store.create({ kind, flags, source, scope, stamp: 0, revision: '0', place: undefined }),
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
   * Applies the transaction step by step as the result is read, and yields every effective change; VPCs come
   * last. In between the catalog is half changed, and no other transaction may be committed. A reader that
   * leaves early still has all of it applied, unseen.
   */
  commit(): IterableIterator<Change> {
    this.#mustBeOpen();
    const settling = this.#settling;
    settling.enter(this.noted);
    this.#ended = true;
    for (const [vpc, claims] of this.#keptClaims) settling.keepClaims(this.#source, vpc, claims);
    return new Applying(settling, {
      source: this.#source,
      full: this.full,
      revision: this.revision,
      operations: this.#operations,
      count: this.#count,
      // Each operation has inserted once.
      alone: this.#store.table.insertions === this.#insertions + this.#count,
      end: () => {
        this.#source.clock = this.#clock;
        this.#source.revision = this.revision;
        if (this.at !== undefined) this.#source.at = this.at;
        this.#end();
        settling.leave(Math.min(4096, 64 + 4 * this.#count));
      },
    });
  }

  #stage(hash: number, reference: number): void {
    this.#store.table.insert(hash, reference);
    this.#store.arena.pin(reference);
    if (this.#count === this.#operations.length) {
      const more = new Uint32Array(this.#count * 2);
      more.set(this.#operations);
      this.#operations = more;
    }
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

  #stampOf(revision: string): number {
    const number = revisionNumber(revision);
    return number >= 0 ? number : this.#source.clock + 1;
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
