/** Numbers for readers in other threads: given at a thread's start, taken back when it has ended. */
import { HEAD_READERS, READERS_MAX, READER_STEPS, READER_STRIDE } from './layout.ts';
import type { TrieMemory } from './memory.ts';

export class Readers {
  private readonly head: Int32Array;
  private readonly taken = new Set<number>();

  constructor(memory: TrieMemory) {
    this.head = new Int32Array(memory.head);
  }

  /** Throws RangeError when all READERS_MAX are in use. */
  take(): number {
    for (let reader = 0; reader < READERS_MAX; reader++) {
      if (this.taken.has(reader)) continue;
      this.taken.add(reader);
      return reader;
    }
    throw new RangeError(`more than ${READERS_MAX} threads read the trie`);
  }

  /** The most steps (`View.steps`) that a thread has spent on one announcement: what the writer waits for at most. */
  get longestBatch(): number {
    let most = 0;
    for (let reader = 0; reader < READERS_MAX; reader++) {
      most = Math.max(most, this.head[HEAD_READERS + reader * READER_STRIDE + READER_STEPS]);
    }
    return most;
  }

  /** The thread is gone: what it announced no longer holds the writer back. */
  release(reader: number): void {
    Atomics.store(this.head, HEAD_READERS + reader * READER_STRIDE, 0);
    this.taken.delete(reader);
  }
}
