/**
 * Trees of records in the arena (persistent B+ trees with counts): their chunks do not change once a reader may see
 * them, so a change copies one leaf and the branches above it, however many records there are.
 */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import type { Tables } from './tables.ts';

const {
  CHUNK_LEVEL,
  CHUNK_COUNT,
  CHUNK_TOTAL,
  CHUNK_EDITION,
  CHUNK_ENTRIES,
  CHUNK_WORDS,
  LEAF_ENTRY,
  LEAF_MAX,
  BRANCH_CHILD,
  BRANCH_TOTAL,
  BRANCH_ENTRY,
  BRANCH_MAX,
} = layout;

/** Entries of the chunks that `build` makes: the rest is free for later records. */
const LEAF_BUILT = 46;
const BRANCH_BUILT = 23;

/** The most words that one `insert` or `remove` allocates in a tree whose root has this level. */
export function stepWords(level: number): number {
  // Each chunk on the way is copied and split, or copied and joined with a neighbour's copy; and a root is added.
  return CHUNK_WORDS * (2 * (level + 1) + 1);
}

/** The most words that `build` allocates for so many records in so many trees. */
export function builtWords(records: number, trees: number): number {
  let words = 0;
  for (let chunks = records / LEAF_BUILT; ; chunks /= BRANCH_BUILT) {
    words += CHUNK_WORDS * (Math.floor(chunks) + trees);
    if (chunks <= 1) return words;
  }
}

export class ChunkTrees {
  /** True when the last `remove` has found its record. */
  found = false;
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly words: Int32Array;
  /** Chunks of this edition have not been published, and are changed in place. */
  private edition = 1;
  /** The chunk that took the upper half of a full one during `put`, or 0. */
  private split = 0;

  constructor(arena: Arena, tables: Tables) {
    this.arena = arena;
    this.tables = tables;
    this.words = arena.words;
  }

  /** All chunks made so far are published now. */
  publish(): void {
    this.edition = (this.edition + 1) | 0;
  }

  /** Adds a record to the tree `root` (0: none); returns the new root. */
  insert(root: number, key: number, record: number): number {
    if (root === 0) root = this.make(0);
    const { words } = this;
    const chunk = this.put(root, key, record);
    if (this.split === 0) return chunk;
    const top = this.make(words[chunk + CHUNK_LEVEL] + 1);
    this.refer(this.gap(top, 0), chunk);
    this.refer(this.gap(top, 1), this.split);
    this.split = 0;
    this.count(top);
    return top;
  }

  /** Removes a record; returns the new root, 0 when nothing is left. Copies nothing when the record is not there. */
  remove(root: number, key: number, record: number): number {
    const { words } = this;
    this.found = root !== 0 && this.has(root, key, record);
    if (!this.found) return root;
    let chunk = this.take(root, key, record);
    while (chunk !== 0 && words[chunk + CHUNK_LEVEL] > 0 && words[chunk + CHUNK_COUNT] === 1) {
      const child = words[chunk + CHUNK_ENTRIES + BRANCH_CHILD];
      this.tables.release(chunk, CHUNK_WORDS);
      chunk = child;
    }
    return chunk;
  }

  /** Builds a tree of sorted values `key * 2 ** 32 + record`; returns its root, 0 for none. */
  build(sorted: Float64Array): number {
    const { words } = this;
    let row: number[] = [];
    for (let from = 0; from < sorted.length; from += LEAF_BUILT) {
      const leaf = this.make(0);
      const count = Math.min(LEAF_BUILT, sorted.length - from);
      for (let i = 0; i < count; i++) {
        const at = leaf + CHUNK_ENTRIES + LEAF_ENTRY * i;
        words[at] = Math.floor(sorted[from + i] / 2 ** 32);
        words[at + 1] = sorted[from + i] - words[at] * 2 ** 32;
      }
      words[leaf + CHUNK_COUNT] = count;
      this.count(leaf);
      row.push(leaf);
    }
    for (let level = 1; row.length > 1; level++) {
      const above: number[] = [];
      for (let from = 0; from < row.length; from += BRANCH_BUILT) {
        const branch = this.make(level);
        for (let i = from; i < row.length && i < from + BRANCH_BUILT; i++) {
          this.refer(this.gap(branch, i - from), row[i]);
        }
        this.count(branch);
        above.push(branch);
      }
      row = above;
    }
    return row.length === 0 ? 0 : row[0];
  }

  /** Releases a whole tree. */
  release(chunk: number): void {
    if (chunk === 0) return;
    const { words } = this;
    if (words[chunk + CHUNK_LEVEL] > 0) {
      for (let i = words[chunk + CHUNK_COUNT] - 1; i >= 0; i--) {
        this.release(words[chunk + CHUNK_ENTRIES + BRANCH_ENTRY * i + BRANCH_CHILD]);
      }
    }
    this.tables.release(chunk, CHUNK_WORDS);
  }

  private make(level: number): number {
    const chunk = this.arena.allocate(CHUNK_WORDS);
    const { words } = this;
    words[chunk + CHUNK_LEVEL] = level;
    words[chunk + CHUNK_COUNT] = 0;
    words[chunk + CHUNK_TOTAL] = 0;
    words[chunk + CHUNK_EDITION] = this.edition;
    return chunk;
  }

  /** The chunk itself where no reader can see it, otherwise a copy in its place. */
  private own(chunk: number): number {
    const { words } = this;
    if (words[chunk + CHUNK_EDITION] === this.edition) return chunk;
    const copy = this.arena.allocate(CHUNK_WORDS);
    words.copyWithin(copy, chunk, chunk + CHUNK_WORDS);
    words[copy + CHUNK_EDITION] = this.edition;
    this.tables.release(chunk, CHUNK_WORDS);
    return copy;
  }

  private put(chunk: number, key: number, record: number): number {
    const { words } = this;
    chunk = this.own(chunk);
    const i = this.place(chunk, key, record);
    if (words[chunk + CHUNK_LEVEL] === 0) {
      const at = this.gap(chunk, i + 1);
      words[at] = key;
      words[at + 1] = record;
    } else {
      const at = chunk + CHUNK_ENTRIES + BRANCH_ENTRY * Math.max(0, i);
      this.refer(at, this.put(words[at + BRANCH_CHILD], key, record));
      const right = this.split;
      this.split = 0;
      if (right !== 0) this.refer(this.gap(chunk, Math.max(0, i) + 1), right);
    }
    this.count(chunk);
    if (this.split !== 0) this.count(this.split);
    return chunk;
  }

  private take(chunk: number, key: number, record: number): number {
    const { words } = this;
    chunk = this.own(chunk);
    const i = this.place(chunk, key, record);
    if (words[chunk + CHUNK_LEVEL] === 0) this.close(chunk, i);
    else {
      const at = chunk + CHUNK_ENTRIES + BRANCH_ENTRY * i;
      const child = this.take(words[at + BRANCH_CHILD], key, record);
      if (child === 0) this.close(chunk, i);
      else {
        this.refer(at, child);
        if (words[child + CHUNK_COUNT] * 4 < most(words[child + CHUNK_LEVEL])) this.join(chunk, i);
      }
    }
    if (words[chunk + CHUNK_COUNT] === 0) {
      this.tables.release(chunk, CHUNK_WORDS);
      return 0;
    }
    this.count(chunk);
    return chunk;
  }

  /** Joins the child `i` with a neighbour when both fill at most three quarters of one chunk. */
  private join(chunk: number, i: number): void {
    const { words } = this;
    const first = i > 0 ? i - 1 : i;
    if (first + 1 >= words[chunk + CHUNK_COUNT]) return;
    const at = chunk + CHUNK_ENTRIES + BRANCH_ENTRY * first;
    const right = words[at + BRANCH_ENTRY + BRANCH_CHILD];
    const level = words[right + CHUNK_LEVEL];
    const count = words[right + CHUNK_COUNT];
    const before = words[words[at + BRANCH_CHILD] + CHUNK_COUNT];
    if ((before + count) * 4 > most(level) * 3) return;
    const left = this.own(words[at + BRANCH_CHILD]);
    const from = right + CHUNK_ENTRIES;
    words.copyWithin(left + CHUNK_ENTRIES + width(level) * before, from, from + width(level) * count);
    words[left + CHUNK_COUNT] = before + count;
    this.count(left);
    this.tables.release(right, CHUNK_WORDS);
    this.refer(at, left);
    this.close(chunk, first + 1);
  }

  /** Index of the last entry that is not after (key, record), or -1. */
  private place(chunk: number, key: number, record: number): number {
    const { words } = this;
    const step = width(words[chunk + CHUNK_LEVEL]);
    let low = 0;
    let high = words[chunk + CHUNK_COUNT];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = chunk + CHUNK_ENTRIES + step * middle;
      if (words[at] < key || (words[at] === key && words[at + 1] <= record)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private has(chunk: number, key: number, record: number): boolean {
    const { words } = this;
    for (;;) {
      const i = this.place(chunk, key, record);
      if (i < 0) return false;
      const level = words[chunk + CHUNK_LEVEL];
      const at = chunk + CHUNK_ENTRIES + width(level) * i;
      if (level === 0) return words[at] === key && words[at + 1] === record;
      chunk = words[at + BRANCH_CHILD];
    }
  }

  /** Makes a free entry at `i`, and returns its word index. A full chunk first gives its upper half to `split`. */
  private gap(chunk: number, i: number): number {
    const { words } = this;
    const level = words[chunk + CHUNK_LEVEL];
    const step = width(level);
    let count = words[chunk + CHUNK_COUNT];
    if (count === most(level)) {
      const half = count >> 1;
      const right = this.make(level);
      const from = chunk + CHUNK_ENTRIES;
      words.copyWithin(right + CHUNK_ENTRIES, from + step * half, from + step * count);
      words[right + CHUNK_COUNT] = count - half;
      words[chunk + CHUNK_COUNT] = half;
      this.count(chunk);
      this.split = right;
      if (i > half) {
        i -= half;
        chunk = right;
      }
      count = words[chunk + CHUNK_COUNT];
    }
    const at = chunk + CHUNK_ENTRIES + step * i;
    words.copyWithin(at + step, at, chunk + CHUNK_ENTRIES + step * count);
    words[chunk + CHUNK_COUNT] = count + 1;
    return at;
  }

  private close(chunk: number, i: number): void {
    const { words } = this;
    const step = width(words[chunk + CHUNK_LEVEL]);
    const at = chunk + CHUNK_ENTRIES + step * i;
    words.copyWithin(at, at + step, chunk + CHUNK_ENTRIES + step * words[chunk + CHUNK_COUNT]);
    words[chunk + CHUNK_COUNT]--;
  }

  /** Writes a branch's entry for `child`. */
  private refer(at: number, child: number): void {
    const { words } = this;
    words[at] = words[child + CHUNK_ENTRIES];
    words[at + 1] = words[child + CHUNK_ENTRIES + 1];
    words[at + BRANCH_CHILD] = child;
    words[at + BRANCH_TOTAL] = words[child + CHUNK_TOTAL];
  }

  private count(chunk: number): void {
    const { words } = this;
    const count = words[chunk + CHUNK_COUNT];
    let total = count;
    if (words[chunk + CHUNK_LEVEL] > 0) {
      total = 0;
      const from = chunk + CHUNK_ENTRIES + BRANCH_TOTAL;
      for (let i = 0; i < count; i++) total += words[from + BRANCH_ENTRY * i];
    }
    words[chunk + CHUNK_TOTAL] = total;
  }
}

function width(level: number): number {
  return level === 0 ? LEAF_ENTRY : BRANCH_ENTRY;
}

function most(level: number): number {
  return level === 0 ? LEAF_MAX : BRANCH_MAX;
}
