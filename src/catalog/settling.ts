/** Settles who is heard: applies one staged record after another and says what that changes for those who ask. */
import type { Resource, Vpc } from '../model.ts';
import { keyText } from '../model.ts';
import type { Problem } from '../model.ts';
import { Overlaps } from './overlap.ts';
import { DELETION, SEEN, SHADOWED } from './layout.ts';
import type { Told } from './moments.ts';
import type { SayLog } from './say-log.ts';
import type { Store } from './store.ts';
import type { Change } from './change.ts';

/** What the catalog keeps of a source. */
export interface SaidSource {
  readonly id: number;
  readonly name: string;
  /** Highest stamp that this source has given. */
  clock: number;
  /** Of the last transaction or bookmark; undefined before the first. */
  revision: string | undefined;
  /** When the control plane committed the last transaction, if it says so. */
  at: number | undefined;
  /** Whether a transaction is open. */
  open: boolean;
}

const VPC = 0;

export class Settling {
  readonly store: Store;
  /** By source number. */
  readonly sources: (SaidSource | undefined)[] = [];
  /** Effective resources by kind. */
  readonly counts = [0, 0, 0, 0, 0];
  /** How many records a preferred source hides. */
  shadowed = 0;
  #busy = false;
  readonly #overlaps = new Overlaps();
  /** `source/vpc` → prefix → stamp of the claim, which outlives later changes of other fields. */
  readonly #claims = new Map<string, Map<string, number>>();
  /** VPCs whose winner has changed, and those to be told of, until `settleVpcs`. */
  readonly #touched = new Set<string>();
  readonly #untold = new Set<string>();
  /** What has been told of each VPC. */
  readonly #told = new Map<string, Told>();
  /** Where it is noted what sources say, if anywhere; and whether the commit under way is. */
  log: SayLog | undefined;
  #noted: SayLog | undefined;

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

  /** Makes a staged record count; returns what that changes, VPCs excepted: see `settleVpcs`. */
  apply(source: SaidSource, reference: number, full: boolean, revision: string): Change | undefined {
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
    if (store.kind(reference) === VPC) this.#claim(source, reference, current);
    if (current !== 0) {
      const hidden = store.has(current, SHADOWED);
      const same = this.#same(current, reference);
      store.table.remove(hash, current);
      store.free(current);
      if (hidden) store.set(reference, SHADOWED);
      return hidden || same ? undefined : this.#put(reference);
    }
    if (other === 0) {
      this.#count(reference, 1);
      return this.#put(reference);
    }
    this.shadowed++;
    if (!store.wins(reference, other)) {
      store.set(reference, SHADOWED);
      return undefined;
    }
    store.hide(other, true);
    return this.#same(reference, other) ? undefined : this.#put(reference);
  }

  /** As `apply`, for a key on which nobody else has a word: no search. */
  applyFresh(source: SaidSource, reference: number, full: boolean): Change | undefined {
    const { store } = this;
    store.say(reference);
    this.#noted?.put(reference);
    if (full) store.set(reference, SEEN);
    if (store.kind(reference) === VPC) this.#claim(source, reference, 0);
    this.#count(reference, 1);
    return this.#put(reference);
  }

  /** Takes back what a source says. */
  remove(source: SaidSource, reference: number, revision: string): Change | undefined {
    const hash = this.store.hashOf(reference);
    this.store.locate(hash, reference, source.id);
    return this.#remove(source, reference, hash, this.store.found.other, revision);
  }

  /** After a change of ranks: hears another source for this hidden record's key, if that is now preferred. */
  prefer(reference: number): Change | undefined {
    const { store } = this;
    const key = store.key(reference);
    store.locate(store.hashOf(reference), reference, -1);
    const best = store.found.other;
    if (!store.has(best, SHADOWED)) return undefined;
    // The one that was heard is among the sources of this key that lost.
    for (const source of this.sources) {
      if (source === undefined) continue;
      store.locate(store.hashOf(reference), reference, source.id);
      const { current } = store.found;
      if (current === 0 || store.has(current, SHADOWED)) continue;
      store.hide(current, true);
      store.hide(best, false);
      return this.#same(current, best) ? undefined : this.#put(best);
    }
    throw new Error(`catalog: nobody is heard for ${keyText(key)}`);
  }

  /** Decides overlaps of `net6` anew and yields the changes of VPCs. May be left and begun again. */
  *settleVpcs(source: SaidSource | undefined, revision: string): Generator<Change, void, undefined> {
    const { store } = this;
    for (const vpc of this.#touched) {
      const reference = store.effective(VPC, vpc, '', '');
      this.#overlaps.set(vpc, (reference !== 0 && this.#claimsOf(store.source(reference), vpc)) || new Map());
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
        const key = { kind: 'vpc', vpc, namespace: '', name: '' } as const;
        yield { type: 'delete', key, source: source?.name ?? '', revision };
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

  /** As those who ask see it: a VPC without the prefixes that it may not have. */
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

  /** What those who ask are told of a VPC. */
  told(vpc: string): Told | undefined {
    return this.#told.get(vpc);
  }

  /** The claims whose stamps are not that of the record. */
  olderClaims(reference: number): Record<string, number> | undefined {
    if (this.store.kind(reference) !== VPC) return undefined;
    const stamp = this.store.stamp(reference);
    const claims = this.#claimsOf(this.store.source(reference), this.store.key(reference).vpc);
    const older = [...(claims ?? [])].filter(([, claimed]) => claimed !== stamp);
    return older.length === 0 ? undefined : Object.fromEntries(older);
  }

  /** Older claims from a snapshot, before the VPC that makes them is applied. */
  keepClaims(source: SaidSource, vpc: string, claims: Readonly<Record<string, number>>): void {
    this.#claims.set(`${source.id}/${vpc}`, new Map(Object.entries(claims)));
  }

  *overlapProblems(): Generator<Problem> {
    for (const { vpc, prefix, by } of this.#overlaps.allRefused()) {
      const reference = this.store.effective(VPC, vpc, '', '');
      if (reference === 0) continue;
      const reason = `net6 ${prefix} of vpc ${vpc} is refused: it overlaps net6 of vpc ${by}, which was first`;
      const key = { kind: 'vpc', vpc, namespace: '', name: '' } as const;
      yield { severity: 'error', reason, key, place: this.store.place(reference) };
    }
  }

  #remove(
    source: SaidSource,
    reference: number,
    hash: number,
    other: number,
    revision: string,
  ): Change | undefined {
    const { store } = this;
    const kind = store.kind(reference);
    const hidden = store.has(reference, SHADOWED);
    const same = !hidden && other !== 0 && this.#same(reference, other);
    const key = hidden || other !== 0 ? undefined : store.key(reference);
    if (kind === VPC) {
      const { vpc } = store.key(reference);
      store.moments.besides(reference, () => this.olderClaims(reference));
      this.#claims.delete(`${source.id}/${vpc}`);
      if (!hidden) this.#touched.add(vpc);
    }
    this.#noted?.delete(reference);
    store.table.remove(hash, reference);
    // Before it is freed, which may give back its words.
    if (key !== undefined) this.#count(reference, -1);
    store.free(reference);
    if (hidden || other !== 0) this.shadowed--;
    if (hidden) return undefined;
    if (key === undefined) {
      store.hide(other, false);
      return same ? undefined : this.#put(other);
    }
    return kind === VPC ? undefined : { type: 'delete', key, source: source.name, revision };
  }

  #count(reference: number, by: number): void {
    const place = this.store.members.placeOf(reference);
    this.store.moments.counts(place);
    this.store.members.count(place, by);
    this.counts[this.store.kind(reference)]! += by;
  }

  #put(reference: number): Change | undefined {
    if (this.store.kind(reference) === VPC) {
      this.#touched.add(this.store.key(reference).vpc);
      return undefined;
    }
    return this.#change(reference, this.store.resource(reference));
  }

  #change(reference: number, resource: Resource): Change {
    const { store } = this;
    const source = this.sources[store.source(reference)]!.name;
    return {
      type: 'put',
      resource,
      stamp: store.stamp(reference),
      source,
      revision: store.revision(reference),
    };
  }

  /** Same to those who ask: content and stamp. For a VPC the claims count too: never the same. */
  #same(one: number, other: number): boolean {
    const { store } = this;
    return (
      store.kind(one) !== VPC && store.stamp(one) === store.stamp(other) && store.sameContent(one, other)
    );
  }

  #claimsOf(source: number, vpc: string): Map<string, number> | undefined {
    return this.#claims.get(`${source}/${vpc}`);
  }

  /** `current`: what the source said of it before, 0 for nothing. */
  #claim(source: SaidSource, reference: number, current: number): void {
    if (current !== 0) this.store.moments.besides(current, () => this.olderClaims(current));
    const { net6, name } = this.store.resource(reference) as Vpc;
    const stamp = this.store.stamp(reference);
    const before = this.#claimsOf(source.id, name);
    const claims = new Map<string, number>();
    for (const prefix of net6) claims.set(prefix, Math.min(before?.get(prefix) ?? stamp, stamp));
    this.#claims.set(`${source.id}/${name}`, claims);
  }
}
