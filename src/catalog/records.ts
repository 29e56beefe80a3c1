/** Packed records in their arena, with the strings they share: written whole, read field by field. */
import type { Place, Resource, ResourceKey } from '../model.ts';
import { Arena, chunkOf, wordOf } from './arena.ts';
import { eachOverlay, readName, readResource } from './content-read.ts';
import { scratch } from './content-write.ts';
import { StringPool, Scopes } from './string-pool.ts';
import * as layout from './layout.ts';
import { stampOf, stampText } from './stamp.ts';

const { DELETION, HAS_PLACE, HAS_REVISION, HEADER_WORDS, STAMP_HIGH, WIDE_STAMP } = layout;

export interface Header {
  /** A number of `KIND_NUMBERS`. */
  kind: number;
  flags: number;
  source: number;
  scope: number;
  /** The stamp's words. */
  high: number;
  low: number;
  /** The revision of the record; undefined when it is the stamp in decimal. */
  revision: string | undefined;
  place: Place | undefined;
}

/** Records by reference; see `Arena` for what a reference is. */
export class Records {
  readonly arena = new Arena();
  readonly scopes = new Scopes();
  readonly overlays = new StringPool();
  readonly revisions = new StringPool();
  readonly files = new StringPool();

  word(reference: number, index: number): number {
    return this.arena.words[chunkOf(reference)]![wordOf(reference) + index]!;
  }

  kind(reference: number): number {
    return (this.word(reference, 0) >>> layout.KIND_SHIFT) & layout.KIND_MASK;
  }

  source(reference: number): number {
    return this.word(reference, 0) >>> layout.SOURCE_SHIFT;
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

  vpcOf(reference: number): string {
    return this.scopes.vpc(this.word(reference, 1));
  }

  stamp(reference: number): bigint {
    return stampOf(this.stampHigh(reference), this.stampLow(reference));
  }

  stampHigh(reference: number): number {
    const bits = this.word(reference, 3);
    if ((bits & WIDE_STAMP) === 0) return bits & STAMP_HIGH;
    return this.word(reference, HEADER_WORDS + extraWords(bits) - 1);
  }

  stampLow(reference: number): number {
    return this.word(reference, 2);
  }

  sameStamp(one: number, other: number): boolean {
    return this.stampLow(one) === this.stampLow(other) && this.stampHigh(one) === this.stampHigh(other);
  }

  revision(reference: number): string {
    if ((this.word(reference, 3) & HAS_REVISION) === 0)
      return stampText(this.stampHigh(reference), this.stampLow(reference));
    return this.revisions.text(this.word(reference, HEADER_WORDS));
  }

  /** Whether a revision that is not the stamp, a place, or a wide stamp stands between header and content. */
  hasWords(reference: number): boolean {
    return extraWords(this.word(reference, 3)) > 0;
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
      kind: layout.KIND_NAMES[this.kind(reference)]!,
      vpc: this.scopes.vpc(scope),
      namespace: this.scopes.namespace(scope),
      name: readName(this.arena.bytes[chunkOf(reference)]!, this.contentAt(reference)),
    };
  }

  /** As its source reported it: a `vpc` with all its prefixes. */
  resource(reference: number): Resource {
    const scope = this.word(reference, 1);
    return readResource(
      this.arena.bytes[chunkOf(reference)]!,
      this.contentAt(reference),
      this.kind(reference),
      this.scopes.vpc(scope),
      this.scopes.namespace(scope),
      this.overlays,
    );
  }

  /** The overlays of other namespaces that a pod names, `namespace/name`; one may come twice. */
  foreignOverlays(reference: number): string[] {
    const paths: string[] = [];
    const chunk = this.arena.bytes[chunkOf(reference)]!;
    eachOverlay(chunk, this.contentAt(reference), this.kind(reference), (id) => {
      const text = this.overlays.text(id);
      if (text.includes('/')) paths.push(text);
    });
    return paths;
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
    const { high, low, revision } = header;
    const bits =
      (high <= STAMP_HIGH ? high : WIDE_STAMP) |
      (revision === undefined ? 0 : HAS_REVISION) |
      (place === undefined ? 0 : HAS_PLACE);
    const content = scratch.length >> 2;
    const length = HEADER_WORDS + extraWords(bits) + content;
    const reference = this.arena.alloc(length);
    const chunk = this.arena.words[chunkOf(reference)]!;
    let at = wordOf(reference);
    chunk[at++] =
      (length > Arena.MAX_LENGTH ? 0 : length) |
      (header.kind << layout.KIND_SHIFT) |
      header.flags |
      (header.source << layout.SOURCE_SHIFT);
    chunk[at++] = header.scope;
    chunk[at++] = low;
    chunk[at++] = bits;
    at = wordOf(reference) + HEADER_WORDS;
    if (revision !== undefined) chunk[at++] = this.revisions.take(revision);
    if (place !== undefined) {
      chunk[at++] = this.files.take(place.file!);
      chunk[at++] = place.line ?? 0;
      chunk[at++] = place.column ?? 0;
    }
    if (high > STAMP_HIGH) chunk[at++] = high;
    const { words } = scratch;
    for (let i = 0; i < content; i++) chunk[at + i] = words[i]!;
    return reference;
  }

  /** Length in words. */
  length(reference: number): number {
    const length = this.word(reference, 0) & Arena.MAX_LENGTH;
    return length === 0 ? this.arena.soleLength(reference) : length;
  }

  /** Octet in its chunk where the content of a record begins. */
  contentAt(reference: number): number {
    return (wordOf(reference) + HEADER_WORDS + extraWords(this.word(reference, 3))) << 2;
  }

  /** Gives back a record's words and its part in the shared strings. */
  release(reference: number): void {
    const bits = this.word(reference, 3);
    if (!this.has(reference, DELETION)) {
      const chunk = this.arena.bytes[chunkOf(reference)]!;
      eachOverlay(chunk, this.contentAt(reference), this.kind(reference), (id) => this.overlays.release(id));
    }
    if ((bits & HAS_REVISION) !== 0) this.revisions.release(this.word(reference, HEADER_WORDS));
    if ((bits & HAS_PLACE) !== 0) {
      this.files.release(this.word(reference, HEADER_WORDS + ((bits & HAS_REVISION) === 0 ? 0 : 1)));
    }
    this.scopes.release(this.word(reference, 1));
    this.arena.release(reference, this.length(reference));
  }
}

/** Between header and content; `bits`: word 3. */
function extraWords(bits: number): number {
  return layout.EXTRA_WORDS[(bits >>> layout.EXTRA_SHIFT) & layout.EXTRA_MASK]!;
}
