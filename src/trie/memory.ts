/** The flat memory: six shared buffers that one writer maps, and up to READERS_MAX readers in other threads. */
import { HEAD_READERS, HEAD_SEED0, HEAD_SEED1, HEAD_WORDS, READERS_MAX, READER_STRIDE } from './layout.ts';

/** Structured-cloneable: hand it to a worker and build a View on it there. */
export interface TrieMemory {
  head: SharedArrayBuffer;
  names: [SharedArrayBuffer, SharedArrayBuffer];
  addresses: [SharedArrayBuffer, SharedArrayBuffer];
  arena: SharedArrayBuffer;
}

/** Octets of address space; memory is used only where it is touched. */
export interface Reserve {
  names: number;
  addresses: number;
  arena: number;
}

const MiB = 1 << 20;

/** Capacity for about 30 million names. */
export const DEFAULT_RESERVE: Reserve = { names: 768 * MiB, addresses: 512 * MiB, arena: 4095 * MiB };

/** The system does not grant the flat memory, or it is full. The change that needed it is not visible. */
export class MemoryFullError extends Error {
  override name = 'MemoryFullError';
}

/**
 * Reserves the memory. Where the system grants no such address space (strict overcommit, ulimit -v), tries half,
 * four times over, before it throws MemoryFullError.
 */
export function reserveMemory(reserve: Reserve = DEFAULT_RESERVE, seed?: [number, number]): TrieMemory {
  let names = whole(reserve.names);
  let addresses = whole(reserve.addresses);
  let arena = whole(reserve.arena);
  for (let attempt = 0; ; attempt++) {
    try {
      const memory: TrieMemory = {
        head: new SharedArrayBuffer(HEAD_WORDS * 4),
        names: [new SharedArrayBuffer(names), new SharedArrayBuffer(names)],
        addresses: [new SharedArrayBuffer(addresses), new SharedArrayBuffer(addresses)],
        arena: new SharedArrayBuffer(arena),
      };
      const head = new Int32Array(memory.head);
      const random = seed ?? crypto.getRandomValues(new Uint32Array(2));
      head[HEAD_SEED0] = random[0];
      head[HEAD_SEED1] = random[1];
      return memory;
    } catch (error) {
      if (attempt === 4) {
        throw new MemoryFullError(`no address space for the trie (${arena / MiB} MiB): ${String(error)}`);
      }
      names = whole(names / 2);
      addresses = whole(addresses / 2);
      arena = whole(arena / 2);
    }
  }
}

/** Multiples of 8 keep every view aligned, and the special names need a page. */
function whole(octets: number): number {
  return Math.max(4096, Math.floor(octets / 8) * 8);
}

/** Gives each reader in another thread a number when it starts, and takes it back when the thread has ended. */
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

  /** The thread has ended: its last announcement no longer holds the writer back. */
  release(reader: number): void {
    Atomics.store(this.head, HEAD_READERS + reader * READER_STRIDE, 0);
    this.taken.delete(reader);
  }
}
