/** The catalog's packed records with their index: find by key, free, walk, tidy; no policy. */
import { randomBytes } from 'node:crypto';
import { chunkOf, wordOf } from './arena.ts';
import { scratch, writeName } from './content-write.ts';
import { hashOctets } from '../base/half-sip-hash.ts';
import { Members } from './members.ts';
import { Moments } from './moments.ts';
import type { Moment } from './moments.ts';
import { DEAD, FRESH, KIND_MASK, KIND_SHIFT, SHADOWED, SOURCE_SHIFT, STAGED } from './layout.ts';
import { Records } from './records.ts';
import { after, home, isReference, Table } from './table.ts';

/** Octets of freed records that readers of lists may keep, or half of all memory of records if that is more. */
const PINNED_MOST = 64 << 20;
/** Freed records that are given back at once. */
const RECLAIMED = 4096;

/** What `locate` found; overwritten by the next call. */
export interface Located {
  /** The record of the asking source, 0 if it has none. */
  current: number;
  /** What the asking source has staged, 0 if nothing. */
  staged: number;
  /** The record of the most preferred other source, 0 if there is none. */
  other: number;
  /** No source has reported or staged the key. */
  fresh: boolean;
}

export class Store extends Records {
  readonly table = new Table();
  readonly members = new Members(this);
  readonly moments = new Moments(this, this.members);
  /** By source number: the place in the order of preference, 0 first. */
  readonly ranks: number[] = [];
  /** Some pod has named an overlay of another namespace. */
  hasForeign = false;
  readonly found: Located = { current: 0, staged: 0, other: 0, fresh: true };
  /** A list for the references of one transaction, used again and again. */
  #spare: Uint32Array | undefined = new Uint32Array(64);
  readonly #key0: number;
  readonly #key1: number;
  #pins = 0;
  /** Freed while pinned: their words and strings are still in use. */
  #pending: number[] = [];
  #pendingOctets = 0;
  /** Moments that readers have open. */
  readonly #readers = new Set<Moment>();
  /** The chunk that is being emptied, -1 for none, and the next record in it. */
  #emptying = -1;
  #cursor = 0;

  constructor(key: Uint8Array = randomBytes(8)) {
    super();
    const view = new DataView(key.buffer, key.byteOffset, 8);
    this.#key0 = view.getInt32(0);
    this.#key1 = view.getInt32(4);
  }

  /** An empty list for references, to be given back. */
  borrow(): Uint32Array {
    const list = this.#spare ?? new Uint32Array(64);
    this.#spare = undefined;
    return list;
  }

  giveBack(list: Uint32Array): void {
    if (list.length <= 4096) this.#spare = list;
  }

  hashOf(reference: number): number {
    const chunk = this.arena.bytes[chunkOf(reference)]!;
    const at = this.contentAt(reference);
    return this.#hash(this.kind(reference), this.word(reference, 1), chunk, at);
  }

  /** Hash of the key whose name is in `scratch`. */
  hashScratch(kind: number, scope: number): number {
    return this.#hash(kind, scope, scratch.bytes, 0);
  }

  /** Fills `found` for the key whose name is at the front of `scratch`; `source` -1: for no source. */
  locateScratch(hash: number, kind: number, scope: number, source: number): void {
    this.#locate(hash, kind, scope, source, scratch.bytes, 0);
  }

  /** Fills `found` for the key of a record. */
  locate(hash: number, reference: number, source: number): void {
    const chunk = this.arena.bytes[chunkOf(reference)]!;
    this.#locate(
      hash,
      this.kind(reference),
      this.word(reference, 1),
      source,
      chunk,
      this.contentAt(reference),
    );
  }

  /** Makes a staged record a reported one. */
  say(reference: number): void {
    this.clear(reference, STAGED | FRESH);
    this.members.link(reference);
    this.moments.came(reference);
  }

  /** Hides a record, or makes it effective. */
  hide(reference: number, hidden: boolean): void {
    this.moments.turned(reference);
    if (hidden) this.set(reference, SHADOWED);
    else this.clear(reference, SHADOWED);
  }

  /** Frees a record that is no longer in the index; it stays readable while anyone has pinned the store. */
  free(reference: number): void {
    if (!this.has(reference, STAGED)) this.moments.went(reference);
    this.set(reference, DEAD);
    if (this.#pins === 0) {
      this.#giveUp(reference);
      return;
    }
    this.#pending.push(reference);
    this.#pendingOctets += this.length(reference) << 2;
    if (this.#readers.size > 0 && this.#pendingOctets > Math.max(PINNED_MOST, this.arena.capacity >> 1)) {
      for (const moment of this.#readers) {
        moment.revoked = true;
        this.closeMoment(moment);
      }
    }
  }

  /**
   * The last committed state, of which so many resources of each kind are effective now. `kept` for one that must
   * never be given up, however much changes. To be closed.
   */
  openMoment(totals: readonly number[], kept = false): Moment {
    const moment = this.moments.open(totals);
    this.pin();
    if (!kept) this.#readers.add(moment);
    return moment;
  }

  /** May be called again. */
  closeMoment(moment: Moment): void {
    if (!this.moments.close(moment)) return;
    this.#readers.delete(moment);
    this.unpin();
  }

  /** Until `unpin`, no record moves and freed ones stay readable. Nests. */
  pin(): void {
    this.#pins++;
  }

  unpin(): void {
    if (--this.#pins === 0 && this.#pending.length <= RECLAIMED) this.#reclaim(RECLAIMED);
  }

  /** Gives back at most so many freed records, once they have no readers; returns whether there are more. */
  #reclaim(budget: number): boolean {
    if (this.#pins > 0) return false;
    for (let left = budget; left > 0 && this.#pending.length > 0; left--) this.#giveUp(this.#pending.pop()!);
    if (this.#pending.length > 0) return true;
    this.#pendingOctets = 0;
    return false;
  }

  #giveUp(reference: number): void {
    if (!this.has(reference, STAGED)) this.members.unlink(reference);
    this.release(reference);
  }

  /** Every reported record, in the order of memory; also those added after the walk's position. Pin while walking. */
  *walk(): Generator<number> {
    for (const reference of this.walkAll()) if (!this.has(reference, DEAD)) yield reference;
  }

  /** As `walk`, also those that were withdrawn but are still in memory. */
  *walkAll(): Generator<number> {
    for (let chunk = 0; chunk < this.arena.chunks; chunk++) {
      for (let at = this.arena.first(chunk); at !== 0; at = this.arena.next(at)) {
        if (!this.has(at, STAGED)) yield at;
      }
    }
  }

  /**
   * Moves at most `budget` records out of sparse chunks, which are then dropped. Returns whether there is more
   * to do. Does nothing while pinned.
   */
  tidy(budget: number): boolean {
    if (this.#pins > 0) return false;
    if (this.#reclaim(budget)) return true;
    for (;;) {
      if (this.#emptying < 0) {
        this.#emptying = this.arena.sparsest();
        if (this.#emptying < 0) return false;
        this.#cursor = this.arena.first(this.#emptying);
      }
      for (; this.#cursor !== 0; this.#cursor = this.arena.next(this.#cursor)) {
        if (this.has(this.#cursor, DEAD)) continue;
        if (budget-- <= 0) return true;
        this.#move(this.#cursor);
      }
      this.arena.drop(this.#emptying);
      this.#emptying = -1;
    }
  }

  #move(reference: number): void {
    const length = this.length(reference);
    const moved = this.arena.alloc(length);
    const from = wordOf(reference);
    const words = this.arena.words[chunkOf(reference)]!;
    this.arena.words[chunkOf(moved)]!.set(words.subarray(from, from + length), wordOf(moved));
    this.table.replace(this.hashOf(reference), reference, moved);
    if (!this.has(moved, STAGED)) this.members.moved(moved);
    this.set(reference, DEAD);
    this.arena.release(reference, length);
  }

  #hash(kind: number, scope: number, bytes: Buffer, at: number): number {
    // The name's length is one octet up to 127, two above.
    const long = bytes[at]! >= 0x80;
    const length = long ? (bytes[at]! & 0x7f) | (bytes[at + 1]! << 7) : bytes[at]!;
    return hashOctets(this.#key0, this.#key1, (scope << 3) | kind, bytes, at + (long ? 2 : 1), length);
  }

  #locate(hash: number, kind: number, scope: number, source: number, bytes: Buffer, at: number): void {
    const { found, arena } = this;
    found.current = 0;
    found.staged = 0;
    found.other = 0;
    found.fresh = true;
    const slots = this.table.slots(hash);
    const size = slots.length;
    const length = bytes[at]! >= 0x80 ? ((bytes[at]! & 0x7f) | (bytes[at + 1]! << 7)) + 2 : bytes[at]! + 1;
    for (let slot = home(hash, size); ; slot = after(slot, size)) {
      const reference = slots[slot + 1]!;
      if (reference === 0) return;
      if (slots[slot] !== hash || !isReference(reference)) continue;
      const words = arena.words[chunkOf(reference)]!;
      const word = wordOf(reference);
      if (words[word + 1] !== scope || ((words[word]! >>> KIND_SHIFT) & KIND_MASK) !== kind) {
        continue;
      }
      const chunk = arena.bytes[chunkOf(reference)]!;
      const start = this.contentAt(reference);
      let same = 0;
      while (same < length && chunk[start + same] === bytes[at + same]) same++;
      if (same < length) continue;
      found.fresh = false;
      const owner = words[word]! >>> SOURCE_SHIFT;
      const staged = (words[word]! & STAGED) !== 0;
      if (owner === source) {
        if (staged) found.staged = reference;
        else found.current = reference;
      } else if (!staged && (found.other === 0 || this.#prefers(reference, found.other))) {
        found.other = reference;
      }
    }
  }

  #prefers(one: number, other: number): boolean {
    return this.ranks[this.source(one)]! < this.ranks[this.source(other)]!;
  }

  /** Whether of two records of one key the first is from the preferred source; 0 is no record. */
  wins(one: number, other: number): boolean {
    return other === 0 || this.#prefers(one, other);
  }

  /** The record of a key that counts, 0 if none. */
  effective(kind: number, vpc: string, namespace: string, name: string): number {
    const scope = this.scopes.find(vpc, namespace);
    if (scope < 0) return 0;
    writeName(name);
    this.locateScratch(this.hashScratch(kind, scope), kind, scope, -1);
    return this.found.other;
  }
}
