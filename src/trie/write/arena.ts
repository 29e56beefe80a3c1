/** Hands out words of the arena and takes them back by size: the writer's side, one thread. */
import { MemoryFullError } from '../memory.ts';

/** Blocks up to this many words have a class each; larger ones go by powers of two in eighths. */
const EXACT = 40;
const CLASSES = EXACT + 1 + 8 * 26;

/** The words a block of this class size or less really takes. */
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

/** The largest class size that is not above `words`. */
function roundDown(words: number): number {
  if (words <= EXACT) return words;
  const step = 1 << (31 - Math.clz32(words) - 3);
  return words - (words % step);
}

export class Arena {
  readonly words: Int32Array;
  /** Words handed out and not taken back. */
  used = 0;
  /** Blocks ever handed out, and their words. */
  count = 0;
  handed = 0;
  /** The stretch that blocks without a free one of their size are cut from. */
  private next: number;
  private end: number;
  /** First free block of each class; a free block's first word is the next one. */
  private readonly free = new Int32Array(CLASSES);
  /** Words released since blocks were last joined, and the longest stretch that then stayed in the lists. */
  private released = 0;
  private longest = 0;

  /** Words below `first` are left alone; 0 must stay nothing. */
  constructor(words: Int32Array, first = 8) {
    this.words = words;
    this.next = first;
    this.end = words.length;
  }

  /** Words that can be had whatever the sizes asked for. */
  get room(): number {
    return this.end - this.next;
  }

  /** Throws MemoryFullError unless blocks of any sizes, together `words`, can be had: then `allocate` will not. */
  reserve(words: number): void {
    if (this.room >= words) return;
    const isWorthIt = this.released >= Math.min(words, this.words.length >>> 10);
    if (this.longest >= words || isWorthIt) this.join();
    if (this.room < words) throw this.full();
  }

  /** True when blocks of any sizes, together `words` after rounding, can be had; looks for them harder. */
  fits(words: number): boolean {
    if (this.room < words && (this.released > 0 || this.longest >= words)) this.join();
    return this.room >= words;
  }

  /** True when one block of just so many words can be had. */
  hasBlock(words: number): boolean {
    const size = roundWords(words);
    return this.free[classOf(size)] !== 0 || this.fits(size);
  }

  /** A block of zeros or of stale words: the caller writes all of it. */
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
    const at = this.next;
    if (at + size > this.end) throw this.full();
    this.next = at + size;
    this.used += size;
    return at;
  }

  /** No reader may be able to reach the block any more. `words` is what was asked for. */
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

  /** Joins neighbouring free blocks; the longest stretch is where blocks are cut from next. */
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
    // A single word left over is too short for a block: it is lost.
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
