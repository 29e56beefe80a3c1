/** Hands out words of the arena and takes them back by size: the writer's side, one thread. */
import { MemoryFullError } from './memory.ts';

const CLASSES = 96;
/** Blocks up to this many words have a class each; larger ones go by powers of two in eighths. */
const EXACT = 40;

/** The class of a block and the words it really takes. */
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

export class Arena {
  readonly words: Int32Array;
  /** Words handed out and not taken back. */
  used = 0;
  private next: number;
  private readonly free = new Int32Array(CLASSES + 160);

  /** Words below `first` are left alone; 0 must stay nothing. */
  constructor(words: Int32Array, first = 8) {
    this.words = words;
    this.next = first;
  }

  /** A block of zeros or of stale words: the caller writes all of it. */
  allocate(words: number): number {
    const size = roundWords(words);
    const kind = classOf(size);
    this.used += size;
    const head = this.free[kind];
    if (head !== 0) {
      this.free[kind] = this.words[head];
      return head;
    }
    const at = this.next;
    if (at + size > this.words.length) {
      this.used -= size;
      throw new MemoryFullError(`the trie's arena is full (${this.words.length * 4} octets)`);
    }
    this.next = at + size;
    return at;
  }

  /** No reader may be able to reach the block any more. `words` is what was asked for. */
  release(at: number, words: number): void {
    const size = roundWords(words);
    this.used -= size;
    const kind = classOf(size);
    this.words[at] = this.free[kind];
    this.free[kind] = at;
  }
}
