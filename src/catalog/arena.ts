/** Memory of the catalog's records: chunks that are filled from the front and, once sparse, emptied and dropped. */

/** Bits of a reference that count words (4 octets) inside a chunk; the rest is the chunk's number. */
const WORD_BITS = 18;
const WORD_MASK = (1 << WORD_BITS) - 1;
const CHUNK_WORDS = 1 << WORD_BITS;
/** The first chunk begins small, so that a catalog of a few hundred records costs no megabyte. */
const FIRST_WORDS = 1 << 12;
/** A share of dead words above this, in all and in one chunk, makes that chunk worth emptying. */
const DEAD_SHARE = 1 / 4;

/**
 * A reference is an unsigned 32-bit integer, never 0: chunk number × 2^18 + word. Records never move by
 * themselves; the owner empties the chunk that `sparsest` names and then calls `drop`.
 * Word 0 of every record must hold its length in words in the low 15 bits, 0 for a record that has a chunk of
 * its own; so a chunk can be walked.
 */
export class Arena {
  /** By chunk number; a dropped chunk is an empty array until its number is used again. */
  readonly words: Uint32Array[] = [];
  readonly bytes: Buffer[] = [];
  /** Words in use from the front, dead ones included. */
  readonly #used: number[] = [];
  readonly #dead: number[] = [];
  readonly #pinned: number[] = [];
  readonly #vacant: number[] = [];
  #current = -1;
  #usedWords = 0;
  #deadWords = 0;

  /** Largest length in words that fits the length field; larger records get a chunk of their own. */
  static readonly MAX_LENGTH = 0x7fff;

  /** Octets of all chunks, whether filled or not. */
  get capacity(): number {
    let total = 0;
    for (const chunk of this.words) total += chunk.byteLength;
    return total;
  }

  get deadBytes(): number {
    return this.#deadWords * 4;
  }

  get chunks(): number {
    return this.words.length;
  }

  /** Capacity for `length` words; the content is undefined. The caller writes the length into word 0. */
  alloc(length: number): number {
    let chunk = this.#current;
    if (length > Arena.MAX_LENGTH) chunk = this.#open(length + 1);
    else if (chunk < 0 || this.#used[chunk]! + length > this.words[chunk]!.length) {
      if (chunk === 0 && this.words[0]!.length < CHUNK_WORDS) this.#growFirst();
      else {
        chunk = this.#open(this.words.length === 0 ? FIRST_WORDS : CHUNK_WORDS);
        this.#current = chunk;
      }
      return this.alloc(length);
    }
    const at = this.#used[chunk]!;
    this.#used[chunk] = at + length;
    this.#usedWords += length;
    return chunk * CHUNK_WORDS + at;
  }

  /** Counts a record as dead. Its words stay readable until its chunk is dropped. */
  release(reference: number, length: number): void {
    this.#dead[reference >>> WORD_BITS]! += length;
    this.#deadWords += length;
  }

  /** A chunk with pins is never named by `sparsest`: someone holds references into it. */
  pin(reference: number): void {
    this.#pinned[reference >>> WORD_BITS]!++;
  }

  unpin(reference: number): void {
    this.#pinned[reference >>> WORD_BITS]!--;
  }

  /** The chunk with the most dead words, if emptying it is worth the work; else -1. */
  sparsest(): number {
    if (this.#deadWords < CHUNK_WORDS / 4 || this.#deadWords < this.#usedWords * DEAD_SHARE) return -1;
    let best = -1;
    let most = 0;
    for (let chunk = 0; chunk < this.words.length; chunk++) {
      const dead = this.#dead[chunk]!;
      if (chunk === this.#current || this.#pinned[chunk] !== 0 || dead <= most) continue;
      if (dead < this.#used[chunk]! * DEAD_SHARE) continue;
      most = dead;
      best = chunk;
    }
    return best;
  }

  /** Forgets a chunk all of whose records are dead or copied elsewhere. */
  drop(chunk: number): void {
    this.#usedWords -= this.#used[chunk]!;
    this.#deadWords -= this.#dead[chunk]!;
    this.words[chunk] = new Uint32Array(0);
    this.bytes[chunk] = Buffer.alloc(0);
    this.#used[chunk] = 1;
    this.#dead[chunk] = 0;
    this.#usedWords += 1;
    this.#vacant.push(chunk);
  }

  /** The first record of a chunk, 0 if it has none. */
  first(chunk: number): number {
    return this.#used[chunk]! > 1 ? chunk * CHUNK_WORDS + 1 : 0;
  }

  /** The record after this one in its chunk, 0 at the end. */
  next(reference: number): number {
    const chunk = reference >>> WORD_BITS;
    const length = this.words[chunk]![reference & WORD_MASK]! & Arena.MAX_LENGTH;
    if (length === 0) return 0;
    const after = (reference & WORD_MASK) + length;
    return after < this.#used[chunk]! ? chunk * CHUNK_WORDS + after : 0;
  }

  /** Length in words of a record in a chunk of its own. */
  soleLength(reference: number): number {
    return this.#used[reference >>> WORD_BITS]! - 1;
  }

  #open(length: number): number {
    const chunk = this.#vacant.pop() ?? this.words.length;
    if (chunk >= 1 << (32 - WORD_BITS)) throw new RangeError('catalog: more than 16 GiB of records');
    const buffer = new ArrayBuffer(length * 4);
    this.words[chunk] = new Uint32Array(buffer);
    this.bytes[chunk] = Buffer.from(buffer);
    if (chunk === this.#used.length) this.#usedWords += 1;
    this.#used[chunk] = 1;
    this.#dead[chunk] = 0;
    this.#pinned[chunk] = 0;
    return chunk;
  }

  #growFirst(): void {
    const old = this.words[0]!;
    const buffer = new ArrayBuffer(Math.min(CHUNK_WORDS, old.length * 4) * 4);
    this.words[0] = new Uint32Array(buffer);
    this.words[0].set(old);
    this.bytes[0] = Buffer.from(buffer);
  }
}

/** The chunk a reference lies in. */
export function chunkOf(reference: number): number {
  return reference >>> WORD_BITS;
}

/** The word inside its chunk. */
export function wordOf(reference: number): number {
  return reference & WORD_MASK;
}
