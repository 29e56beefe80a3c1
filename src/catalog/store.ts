/** The catalog's packed records with their index: find by key, stage, apply, free, walk, tidy; no policy. */
import { randomBytes } from 'node:crypto';
import type { Place, Resource, ResourceKey } from '../model.ts';
import { Arena, chunkOf, wordOf } from './arena.ts';
import { hashOctets } from './hash.ts';
import { Interned, Scopes } from './intern.ts';
import * as record from './record.ts';
import { scratch } from './record.ts';
import { after, home, isReference, Table } from './table.ts';

const { DEAD, DELETION, HAS_PLACE, HAS_REVISION, HEADER_WORDS, SHADOWED, STAGED, STAMP_HIGH } = record;

export interface Header {
  /** A number of `KIND_NUMBERS`. */
  kind: number;
  flags: number;
  source: number;
  scope: number;
  stamp: number;
  /** What the record is said under; left out of the record when it is the stamp in decimal. */
  revision: string;
  place: Place | undefined;
}

/** What `locate` found; overwritten by the next call. */
export interface Located {
  /** What the asking source says, 0 if nothing. */
  current: number;
  /** What the asking source has staged, 0 if nothing. */
  staged: number;
  /** What the most preferred of the other sources says, 0 if nothing. */
  other: number;
}

export class Store {
  readonly arena = new Arena();
  readonly table = new Table();
  readonly scopes = new Scopes();
  readonly overlays = new Interned();
  readonly revisions = new Interned();
  readonly files = new Interned();
  /** By source number: the place in the order of preference, 0 first. */
  readonly ranks: number[] = [];
  readonly found: Located = { current: 0, staged: 0, other: 0 };
  /** A list for the references of one transaction, used again and again. */
  #spare: Uint32Array | undefined = new Uint32Array(64);
  readonly #key0: number;
  readonly #key1: number;
  #pins = 0;
  /** Freed while pinned: their words and strings are still in use. */
  readonly #pending: number[] = [];
  /** The chunk that is being emptied, -1 for none, and the next record in it. */
  #emptying = -1;
  #cursor = 0;

  constructor(key: Uint8Array = randomBytes(8)) {
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

  word(reference: number, index: number): number {
    return this.arena.words[chunkOf(reference)]![wordOf(reference) + index]!;
  }

  kind(reference: number): number {
    return (this.word(reference, 0) >>> record.KIND_SHIFT) & record.KIND_MASK;
  }

  source(reference: number): number {
    return this.word(reference, 0) >>> record.SOURCE_SHIFT;
  }

  has(reference: number, flag: number): boolean {
    return (this.word(reference, 0) & flag) !== 0;
  }

  set(reference: number, flag: number): void {
    this.arena.words[chunkOf(reference)]![wordOf(reference)]! |= flag;
  }

  clear(reference: number, flag: number): void {
    this.arena.words[chunkOf(reference)]![wordOf(reference)]! &= ~flag;
  }

  stamp(reference: number): number {
    return this.word(reference, 2) + (this.word(reference, 3) & STAMP_HIGH) * 0x100000000;
  }

  revision(reference: number): string {
    if ((this.word(reference, 3) & HAS_REVISION) === 0) return String(this.stamp(reference));
    return this.revisions.text(this.word(reference, HEADER_WORDS));
  }

  place(reference: number): Place | undefined {
    const bits = this.word(reference, 3);
    if ((bits & HAS_PLACE) === 0) return undefined;
    const index = HEADER_WORDS + ((bits & HAS_REVISION) === 0 ? 0 : 1);
    const place: Place = { file: this.files.text(this.word(reference, index)) };
    const line = this.word(reference, index + 1);
    const column = this.word(reference, index + 2);
    if (line !== 0) place.line = line;
    if (column !== 0) place.column = column;
    return place;
  }

  key(reference: number): ResourceKey {
    const scope = this.word(reference, 1);
    return {
      kind: record.KIND_NAMES[this.kind(reference)]!,
      vpc: this.scopes.vpc(scope),
      namespace: this.scopes.namespace(scope),
      name: record.readName(this.arena.bytes[chunkOf(reference)]!, this.contentAt(reference)),
    };
  }

  /** As its source said it: a `vpc` with all its prefixes. */
  resource(reference: number): Resource {
    const scope = this.word(reference, 1);
    return record.readResource(
      this.arena.bytes[chunkOf(reference)]!,
      this.contentAt(reference),
      this.kind(reference),
      this.scopes.vpc(scope),
      this.scopes.namespace(scope),
      this.overlays,
    );
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

  /** Fills `found` for the key whose name is at the front of `scratch`; `source` -1 asks for nobody. */
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

  /** Whether a record has the content that is in `scratch`. */
  sameAsScratch(reference: number): boolean {
    const at = this.contentAt(reference) >> 2;
    const length = scratch.length >> 2;
    const chunk = this.arena.words[chunkOf(reference)]!;
    if (this.length(reference) - (at - wordOf(reference)) !== length) return false;
    for (let i = 0; i < length; i++) if (chunk[at + i] !== scratch.words[i]) return false;
    return true;
  }

  sameContent(one: number, other: number): boolean {
    const a = this.contentAt(one) >> 2;
    const b = this.contentAt(other) >> 2;
    const length = this.length(one) - (a - wordOf(one));
    if (this.length(other) - (b - wordOf(other)) !== length) return false;
    const chunkA = this.arena.words[chunkOf(one)]!;
    const chunkB = this.arena.words[chunkOf(other)]!;
    for (let i = 0; i < length; i++) if (chunkA[a + i] !== chunkB[b + i]) return false;
    return true;
  }

  /** A new record with the content that is in `scratch`. The scope has been taken for it. Not in the index yet. */
  create(header: Header): number {
    const place = header.place?.file === undefined ? undefined : header.place;
    const isStamp = header.revision === String(header.stamp);
    const start = HEADER_WORDS + (isStamp ? 0 : 1) + (place === undefined ? 0 : 3);
    const content = scratch.length >> 2;
    const length = start + content;
    const reference = this.arena.alloc(length);
    const chunk = this.arena.words[chunkOf(reference)]!;
    let at = wordOf(reference);
    chunk[at++] =
      (length > Arena.MAX_LENGTH ? 0 : length) |
      (header.kind << record.KIND_SHIFT) |
      header.flags |
      (header.source << record.SOURCE_SHIFT);
    chunk[at++] = header.scope;
    chunk[at++] = header.stamp % 0x100000000;
    chunk[at++] =
      Math.floor(header.stamp / 0x100000000) |
      (isStamp ? 0 : HAS_REVISION) |
      (place === undefined ? 0 : HAS_PLACE);
    if (!isStamp) chunk[at++] = this.revisions.take(header.revision);
    if (place !== undefined) {
      chunk[at++] = this.files.take(place.file!);
      chunk[at++] = place.line ?? 0;
      chunk[at++] = place.column ?? 0;
    }
    const { words } = scratch;
    for (let i = 0; i < content; i++) chunk[at + i] = words[i]!;
    return reference;
  }

  /** Frees a record that is no longer in the index; it stays readable while anyone has pinned the store. */
  free(reference: number): void {
    this.set(reference, DEAD);
    if (this.#pins > 0) this.#pending.push(reference);
    else this.#release(reference);
  }

  /** Length in words. */
  length(reference: number): number {
    const length = this.word(reference, 0) & Arena.MAX_LENGTH;
    return length === 0 ? this.arena.soleLength(reference) : length;
  }

  /** Until `unpin`, no record moves and freed ones stay readable. Nests. */
  pin(): void {
    this.#pins++;
  }

  unpin(): void {
    if (--this.#pins > 0) return;
    for (const reference of this.#pending) this.#release(reference);
    this.#pending.length = 0;
  }

  /** Every record that is said, in the order of memory; also those added behind the walk. Pin while walking. */
  *walk(): Generator<number> {
    for (let chunk = 0; chunk < this.arena.chunks; chunk++) {
      for (let at = this.arena.first(chunk); at !== 0; at = this.arena.next(at)) {
        if (!this.has(at, DEAD | STAGED)) yield at;
      }
    }
  }

  /**
   * Moves at most `budget` records out of sparse chunks, which are then dropped. Returns whether there is more
   * to do. Does nothing while pinned.
   */
  tidy(budget: number): boolean {
    if (this.#pins > 0) return false;
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
    this.set(reference, DEAD);
    this.arena.release(reference, length);
  }

  #release(reference: number): void {
    const bits = this.word(reference, 3);
    if (!this.has(reference, DELETION)) {
      const chunk = this.arena.bytes[chunkOf(reference)]!;
      record.releaseOverlays(chunk, this.contentAt(reference), this.kind(reference), this.overlays);
    }
    if ((bits & HAS_REVISION) !== 0) this.revisions.release(this.word(reference, HEADER_WORDS));
    if ((bits & HAS_PLACE) !== 0) {
      this.files.release(this.word(reference, HEADER_WORDS + ((bits & HAS_REVISION) === 0 ? 0 : 1)));
    }
    this.scopes.release(this.word(reference, 1));
    this.arena.release(reference, this.length(reference));
  }

  /** Octet in its chunk where the content of a record begins. */
  contentAt(reference: number): number {
    const bits = this.word(reference, 3);
    const extra = ((bits & HAS_REVISION) === 0 ? 0 : 1) + ((bits & HAS_PLACE) === 0 ? 0 : 3);
    return (wordOf(reference) + HEADER_WORDS + extra) << 2;
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
    const slots = this.table.slots(hash);
    const size = slots.length;
    const length = bytes[at]! >= 0x80 ? ((bytes[at]! & 0x7f) | (bytes[at + 1]! << 7)) + 2 : bytes[at]! + 1;
    for (let slot = home(hash, size); ; slot = after(slot, size)) {
      const reference = slots[slot + 1]!;
      if (reference === 0) return;
      if (slots[slot] !== hash || !isReference(reference)) continue;
      const words = arena.words[chunkOf(reference)]!;
      const word = wordOf(reference);
      if (words[word + 1] !== scope || ((words[word]! >>> record.KIND_SHIFT) & record.KIND_MASK) !== kind) {
        continue;
      }
      const chunk = arena.bytes[chunkOf(reference)]!;
      const start = this.contentAt(reference);
      let same = 0;
      while (same < length && chunk[start + same] === bytes[at + same]) same++;
      if (same < length) continue;
      const owner = words[word]! >>> record.SOURCE_SHIFT;
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
    record.writeName(name);
    this.locateScratch(this.hashScratch(kind, scope), kind, scope, -1);
    return this.found.other;
  }

  isEffective(reference: number): boolean {
    return !this.has(reference, SHADOWED);
  }
}
