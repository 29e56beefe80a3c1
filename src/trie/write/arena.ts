/** Allocates blocks of the arena and takes them back by size; only the writer's thread uses it. */
import { MemoryFullError } from '../memory.ts';

/** Each size up to this many words has a class of its own; above it, each power of two has eight. */
const EXACT = 40;
const CLASSES = EXACT + 1 + 8 * 26;
/** The words below it are never used, so that no block is at 0. */
export const FIRST_WORD = 8;

/** Words of the arena, from the first one to the one after the last. */
export interface Stretch {
  from: number;
  to: number;
}

/** Words of the smallest block that holds so many. */
export function roundWords(words: number): number {
  if (words <= EXACT) return words < 2 ? 2 : words;
  const step = 1 << (31 - Math.clz32(words) - 3);
  return Math.ceil(words / step) * step;
}

function classOf(rounded: number): number {
  if (rounded <= EXACT) return rounded;
  const power = 31 - Math.clz32(rounded);
  return EXACT + 1 + (power - 5) * 8 + ((rounded >>> (power - 3)) & 7);
}

function sizeOf(kind: number): number {
  if (kind <= EXACT) return kind;
  const i = kind - EXACT - 1;
  return (8 + (i & 7)) << ((i >>> 3) + 2);
}

/** Words of the largest block that fits into so many. */
function roundDown(words: number): number {
  if (words <= EXACT) return words;
  const step = 1 << (31 - Math.clz32(words) - 3);
  return words - (words % step);
}

export class Arena {
  readonly words: Int32Array;
  /** Words allocated and not released. */
  used = 0;
  /** Blocks allocated since the start, and their words. */
  count = 0;
  handed = 0;
  /** The stretch of free words from which a block is cut when its class has no free one. */
  private next: number;
  private end: number;
  /** First free block of each class; the first word of a free block refers to the next one. */
  private readonly free = new Int32Array(CLASSES);
  /** Words released since the last `join`, and the longest stretch that it left in the lists. */
  private released = 0;
  private longest = 0;

  /** Blocks are cut from this stretch alone until `grant` adds to it. */
  constructor(words: Int32Array, from = FIRST_WORD, to = words.length) {
    this.words = words;
    this.next = from;
    this.end = to;
  }

  /** Adds a stretch of words that nobody uses. */
  grant(from: number, to: number): void {
    this.scatter(from, to);
  }

  /**
   * The stretches in which blocks are in use, in order: all words but free ones of at least `least` in one piece. Stretches
   * that were not granted count as used.
   */
  stretches(least: number): Stretch[] {
    const free: Stretch[] = [];
    if (this.room > 0) free.push({ from: this.next, to: this.end });
    for (let kind = classOf(roundWords(least)); kind < CLASSES; kind++) {
      const size = sizeOf(kind);
      for (let at = this.free[kind]; at !== 0; at = this.words[at]) free.push({ from: at, to: at + size });
    }
    free.sort((a, b) => a.from - b.from);
    const used: Stretch[] = [];
    let at = FIRST_WORD;
    for (const { from, to } of free) {
      if (from > at) used.push({ from: at, to: from });
      at = to;
    }
    if (at < this.words.length) used.push({ from: at, to: this.words.length });
    return used;
  }

  /** Words that can be allocated in blocks of any sizes. */
  get room(): number {
    return this.end - this.next;
  }

  /** Throws MemoryFullError unless blocks of any sizes can be allocated, together `words` after rounding. */
  reserve(words: number): void {
    if (this.room >= words) return;
    const isWorthIt = this.released >= Math.min(words, this.words.length >>> 10);
    if (this.longest >= words || isWorthIt) this.join();
    if (this.room < words) throw this.full();
  }

  /** True when they can; joins free blocks for that, however few words were released. */
  fits(words: number): boolean {
    if (this.room < words && (this.released > 0 || this.longest >= words)) this.join();
    return this.room >= words;
  }

  /** True when one block of this many words can be allocated. */
  hasBlock(words: number): boolean {
    const size = roundWords(words);
    return this.free[classOf(size)] !== 0 || this.fits(size);
  }

  /** A block with stale words, all of which the caller writes. */
  allocate(words: number): number {
    const size = roundWords(words);
    const kind = classOf(size);
    const head = this.free[kind];
    this.count++;
    this.handed += size;
    if (head !== 0) {
      this.free[kind] = this.words[head];
      this.used += size;
      return head;
    }
    if (this.next + size > this.end && !this.fits(size)) throw this.full();
    const at = this.next;
    this.next = at + size;
    this.used += size;
    return at;
  }

  /** Takes a block back that no reader can reach any more. `words`: as in `allocate`. */
  release(at: number, words: number): void {
    const size = roundWords(words);
    this.used -= size;
    this.released += size;
    this.give(at, classOf(size));
  }

  private give(at: number, kind: number): void {
    this.words[at] = this.free[kind];
    this.free[kind] = at;
  }

  /** Joins neighbouring free blocks; from the longest stretch, blocks are cut from now on. */
  private join(): void {
    const { words } = this;
    const found: number[] = [];
    if (this.room >= 2) {
      words[this.next + 1] = this.room;
      found.push(this.next);
    }
    for (let kind = 2; kind < CLASSES; kind++) {
      const size = sizeOf(kind);
      for (let at = this.free[kind]; at !== 0; at = words[at]) {
        words[at + 1] = size;
        found.push(at);
      }
    }
    this.free.fill(0);
    const starts = Int32Array.from(found).sort();
    this.next = this.end = this.longest = this.released = 0;
    for (let i = 0; i < starts.length;) {
      const from = starts[i];
      let to = from + words[from + 1];
      for (i++; i < starts.length && starts[i] === to; i++) to += words[starts[i] + 1];
      if (to - from > this.room) {
        this.scatter(this.next, this.end);
        this.next = from;
        this.end = to;
      } else this.scatter(from, to);
    }
  }

  private scatter(from: number, to: number): void {
    this.longest = Math.max(this.longest, to - from);
    // A single word that is left over is too short for a block, and is lost until its neighbours are joined.
    for (let at = from; to - at >= 2;) {
      const size = roundDown(to - at);
      this.give(at, classOf(size));
      at += size;
    }
  }

  private full(): MemoryFullError {
    return new MemoryFullError(`the trie's arena is full (${this.words.length * 4} octets)`);
  }
}
