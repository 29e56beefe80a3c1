/** Settles which source is effective: applies one staged record after another and returns what that changes. */
import type { Problem, Resource, ResourceKey, Vpc } from '../model.ts';
import { keyText } from '../model.ts';
import { ForeignOverlays } from './foreign-overlays.ts';
import { Overlaps } from './net6-overlaps.ts';
import { DELETION, HELD, POD, SEEN, SHADOWED, VPC } from './layout.ts';
import type { Told } from './moments.ts';
import type { ChangeLog } from './saved/change-log.ts';
import { PLACED } from './stamp.ts';
import type { Store } from './store.ts';
import type { Change } from './change.ts';

/** What the catalog keeps of a source. */
export interface SourceRecords {
  readonly id: number;
  readonly name: string;
  /** Sources of one family number the ages of their VPCs alike. */
  readonly family: string;
  /** Highest stamp that this source has given, as far as a number is exact. */
  clock: number;
  /** Last place that it has given a VPC in the order of its state. */
  lastPlace: number;
  /** VPCs that it names, but never in a valid version: the places that are theirs once they have one. */
  unborn: ReadonlyMap<string, number>;
  /** The revision of the last transaction or bookmark; undefined before the first. */
  revision: string | undefined;
  /** When the control plane committed the last transaction, if it gives the time. */
  at: number | undefined;
  /** Whether a transaction is open. */
  open: boolean;
  /** By VPC: how many records have `HELD`. */
  readonly held: Map<string, number>;
}

export class Precedence {
  readonly store: Store;
  /** By source number. */
  readonly sources: (SourceRecords | undefined)[] = [];
  /** Effective resources by kind. */
  readonly counts = [0, 0, 0, 0, 0];
  /** Of effective pods. */
  readonly foreign = new ForeignOverlays();
  /** How many records a preferred source hides. */
  shadowed = 0;
  #busy = false;
  readonly #overlaps = new Overlaps();
  /** VPCs whose effective source has changed, and those to be told of, until `settleVpcs`. */
  readonly #touched = new Set<string>();
  readonly #untold = new Set<string>();
  /** What has been told of each VPC. */
  readonly #told = new Map<string, Told>();
  /** The log of what sources report, if it is kept; and the same where the commit under way is logged. */
  log: ChangeLog | undefined;
  #noted: ChangeLog | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Whether `settleVpcs` has something to do. */
  get vpcsPending(): boolean {
    return this.#touched.size > 0 || this.#untold.size > 0;
  }

  /** Throws when another commit has not been read to its end. */
  enter(noted = true): void {
    if (this.#busy) throw new Error('catalog: another commit is not finished');
    this.#busy = true;
    this.store.pin();
    this.store.moments.enter(this.counts);
    this.#noted = noted ? this.log : undefined;
  }

  leave(budget: number): void {
    this.#busy = false;
    this.#noted?.leave();
    this.store.moments.leave();
    this.store.unpin();
    this.store.tidy(budget);
  }

  /**
   * Makes a staged record count; returns what that changes, VPCs excepted: see `settleVpcs`. `resource`: the record's,
   * where it is at hand.
   */
  apply(
    source: SourceRecords,
    reference: number,
    full: boolean,
    revision: string,
    resource?: Resource,
  ): Change | undefined {
    const { store } = this;
    const hash = store.hashOf(reference);
    store.locate(hash, reference, source.id);
    const { current, other } = store.found;
    if (store.has(reference, DELETION)) {
      store.table.remove(hash, reference);
      store.free(reference);
      return current === 0 ? undefined : this.#remove(source, current, hash, other, revision);
    }
    store.say(reference);
    this.#noted?.put(reference);
    if (full) store.set(reference, SEEN);
    if (current !== 0) {
      const hidden = store.has(current, SHADOWED);
      if (hidden) store.set(reference, SHADOWED);
      const change = hidden ? undefined : this.#replace(current, reference, resource);
      if (store.has(current, HELD)) this.unhold(source, current);
      store.table.supersede(hash, current, reference);
      store.free(current);
      return change;
    }
    if (other === 0) {
      this.#count(reference, 1);
      return this.#put(reference, resource);
    }
    this.shadowed++;
    if (!store.wins(reference, other)) {
      store.set(reference, SHADOWED);
      return undefined;
    }
    store.hide(other, true);
    return this.#replace(other, reference, resource);
  }

  /** As `apply`, for a key that no other source has: no search. */
  applyFresh(reference: number, full: boolean, resource?: Resource): Change | undefined {
    const { store } = this;
    store.say(reference);
    this.#noted?.put(reference);
    if (full) store.set(reference, SEEN);
    this.#count(reference, 1);
    return this.#put(reference, resource);
  }

  /** The shrink guard keeps a record that a whole list has left out. */
  hold(source: SourceRecords, reference: number): void {
    this.store.set(reference, HELD);
    const vpc = this.store.vpcOf(reference);
    source.held.set(vpc, (source.held.get(vpc) ?? 0) + 1);
  }

  /** A record that was held is given again, or goes. */
  unhold(source: SourceRecords, reference: number): void {
    this.store.clear(reference, HELD);
    const vpc = this.store.vpcOf(reference);
    const rest = source.held.get(vpc)! - 1;
    if (rest > 0) source.held.set(vpc, rest);
    else source.held.delete(vpc);
  }

  /** Removes what a source reported. */
  remove(source: SourceRecords, reference: number, revision: string): Change | undefined {
    const hash = this.store.hashOf(reference);
    this.store.locate(hash, reference, source.id);
    return this.#remove(source, reference, hash, this.store.found.other, revision);
  }

  /**
   * After a change of ranks: makes another source effective for this hidden record's key, if that is now preferred.
   */
  prefer(reference: number): Change | undefined {
    const { store } = this;
    const key = store.key(reference);
    store.locate(store.hashOf(reference), reference, -1);
    const best = store.found.other;
    if (!store.has(best, SHADOWED)) return undefined;
    // The one that was effective is among the sources of this key that lost.
    for (const source of this.sources) {
      if (source === undefined) continue;
      store.locate(store.hashOf(reference), reference, source.id);
      const { current } = store.found;
      if (current === 0 || store.has(current, SHADOWED)) continue;
      store.hide(current, true);
      store.hide(best, false);
      return this.#replace(current, best);
    }
    throw new Error(`catalog: nobody is heard for ${keyText(key)}`);
  }

  /** After a change of ranks: all claims are to be compared anew. */
  touchVpcs(): void {
    const { store } = this;
    for (const reference of store.walk()) {
      if (store.kind(reference) === VPC) this.#touched.add(store.key(reference).vpc);
    }
  }

  /**
   * The rank of a VPC in questions of age: that of the first source of its family, whose numbers are its own; a
   * place in an order means nothing to other sources.
   */
  claimRank(reference: number): number {
    const { ranks } = this.store;
    const source = this.store.source(reference);
    let rank = ranks[source]!;
    if (this.store.stampHigh(reference) >= PLACED) return rank;
    const { family } = this.sources[source]!;
    for (const other of this.sources) if (other?.family === family) rank = Math.min(rank, ranks[other.id]!);
    return rank;
  }

  /** Decides overlaps of `net6` anew and yields the changes of VPCs. May be left and begun again. */
  *settleVpcs(source: SourceRecords | undefined, revision: string): Generator<Change, void, undefined> {
    const { store } = this;
    for (const vpc of this.#touched) {
      const reference = store.effective(VPC, vpc, '', '');
      if (reference === 0) this.#overlaps.set(vpc, [], 0, 0n);
      else {
        const { net6 } = store.resource(reference) as Vpc;
        this.#overlaps.set(vpc, net6, this.claimRank(reference), store.stamp(reference));
      }
      this.#untold.add(vpc);
    }
    if (this.#touched.size > 0) for (const vpc of this.#overlaps.settle()) this.#untold.add(vpc);
    this.#touched.clear();
    for (const vpc of this.#untold) {
      this.#untold.delete(vpc);
      const reference = store.effective(VPC, vpc, '', '');
      if (reference === 0) {
        store.moments.tells(vpc, this.#told.get(vpc));
        if (!this.#told.delete(vpc)) continue;
        yield { type: 'delete', key: keyOfVpc(vpc), source: source?.name ?? '', revision };
        continue;
      }
      const resource = this.resource(reference);
      const text = JSON.stringify(resource);
      const stamp = store.stamp(reference);
      const told = this.#told.get(vpc);
      if (told !== undefined && told.text === text && told.stamp === stamp) continue;
      store.moments.tells(vpc, told);
      this.#told.set(vpc, { text, stamp });
      yield this.#change(reference, resource);
    }
  }

  /** As consumers see it: a VPC without the prefixes that it may not have. */
  resource(reference: number): Resource {
    const resource = this.store.resource(reference);
    if (resource.kind === 'vpc') {
      const refused = this.#overlaps.refused(resource.name);
      if (refused.length > 0) {
        const gone = new Set(refused.map(({ prefix }) => prefix));
        return { ...resource, net6: resource.net6.filter((prefix) => !gone.has(prefix)) };
      }
    }
    return resource;
  }

  /** What consumers are told of a VPC. */
  told(vpc: string): Told | undefined {
    return this.#told.get(vpc);
  }

  *overlapProblems(): Generator<Problem> {
    const { store } = this;
    for (const { vpc, prefix, by } of this.#overlaps.allRefused()) {
      const reference = store.effective(VPC, vpc, '', '');
      const other = store.effective(VPC, by, '', '');
      if (reference === 0 || other === 0) continue;
      const isOlder = this.claimRank(other) === this.claimRank(reference);
      const heard = this.sources[store.source(other)]!.name;
      const why = isOlder ? 'which is older' : `which ${heard}, a preferred source, says`;
      const reason = `net6 ${prefix} of vpc ${vpc} is refused: it overlaps net6 of vpc ${by}, ${why}`;
      yield { kind: 'net6', severity: 'error', reason, key: keyOfVpc(vpc), place: store.place(reference) };
    }
  }

  #remove(
    source: SourceRecords,
    reference: number,
    hash: number,
    other: number,
    revision: string,
  ): Change | undefined {
    const { store } = this;
    const kind = store.kind(reference);
    const hidden = store.has(reference, SHADOWED);
    const heard = hidden || other === 0 ? undefined : this.#replace(reference, other);
    const key = hidden || other !== 0 ? undefined : store.key(reference);
    if (kind === VPC && !hidden) this.#touched.add(store.key(reference).vpc);
    if (store.has(reference, HELD)) this.unhold(source, reference);
    this.#noted?.delete(reference);
    store.table.remove(hash, reference);
    // Before it is freed, which may give back its words.
    if (key !== undefined) this.#count(reference, -1);
    store.free(reference);
    if (hidden || other !== 0) this.shadowed--;
    if (hidden) return undefined;
    if (key === undefined) {
      store.hide(other, false);
      return heard;
    }
    return kind === VPC ? undefined : { type: 'delete', key, source: source.name, revision };
  }

  #count(reference: number, by: number): void {
    const place = this.store.members.placeOf(reference);
    this.store.moments.counts(place);
    this.store.members.count(place, by);
    this.counts[this.store.kind(reference)]! += by;
    this.#refer(reference, by);
  }

  /** A record's overlays of other namespaces count, or count no longer. */
  #refer(reference: number, by: number): void {
    const { store } = this;
    if (!store.hasForeign || store.kind(reference) !== POD) return;
    const { vpc } = store.key(reference);
    for (const path of store.foreignOverlays(reference)) this.foreign.count(vpc, path, by);
  }

  #put(reference: number, resource?: Resource): Change | undefined {
    if (this.store.kind(reference) === VPC) {
      this.#touched.add(this.store.key(reference).vpc);
      return undefined;
    }
    return this.#change(reference, resource ?? this.store.resource(reference));
  }

  /** What changes for consumers when `after` is effective in the place of `before`. */
  #replace(before: number, after: number, resource?: Resource): Change | undefined {
    const { store } = this;
    const kind = store.kind(after);
    this.#refer(after, 1);
    this.#refer(before, -1);
    // For a VPC, claims of others count too.
    if (kind === VPC || !store.sameContent(before, after)) return this.#put(after, resource);
    if (kind < POD || store.sameStamp(before, after)) return undefined;
    return this.#change(after, resource ?? store.resource(after), true);
  }

  #change(reference: number, resource: Resource, renewed = false): Change {
    const { store } = this;
    const source = this.sources[store.source(reference)]!.name;
    const revision = store.revision(reference);
    return { type: 'put', resource, stamp: store.stamp(reference), source, revision, renewed };
  }
}

function keyOfVpc(vpc: string): ResourceKey {
  return { kind: 'vpc', vpc, namespace: '', name: '' };
}
