/** The shared buffers of a shared cache: one writer and any number of readers, in any thread, map them alike. */
import { HASH_INDEX, HEAD_SEED0, HEAD_SEED1, HEAD_WORDS, SLOT_UNIT, UNIT } from './layout.ts';

/** Structured-cloneable: hand it to a worker and build a reader on it there. */
export interface SharedCacheMemory {
  head: SharedArrayBuffer;
  slots: SharedArrayBuffer;
  arena: SharedArrayBuffer;
}

/** The arena of the blocks. */
export const PAGE = 4096;
/** No cached answer takes fewer octets, heap included: this bounds the number of slots. */
const ENTRY_MIN = 256;
const SLOTS_MIN = 64;
const ARENA_MAX = Math.min(1 << 30, SLOT_UNIT * UNIT);
const ATTEMPTS = 8;

/**
 * Reserves the memory for a cache of `cacheSize` octets; pages are used only once they are touched. Where the system
 * does not grant the address space, takes less: the main thread answers what does not fit.
 */
export function reserveSharedCache(cacheSize: number, seed?: [number, number]): SharedCacheMemory {
  const random = seed ?? crypto.getRandomValues(new Uint32Array(2));
  for (let attempt = 1; ; attempt++) {
    // Blocks that wait for readers, and fragmentation, come on top of what the cache counts.
    const octets = Math.min(ARENA_MAX, (cacheSize / 4) * 5);
    const arena = PAGE * (1 + Math.ceil(octets / PAGE));
    let slots = SLOTS_MIN;
    while (slots < (2 * octets) / ENTRY_MIN && slots < 2 ** HASH_INDEX) slots *= 2;
    try {
      const memory: SharedCacheMemory = {
        head: new SharedArrayBuffer(HEAD_WORDS * 4),
        slots: new SharedArrayBuffer(slots * 4),
        arena: new SharedArrayBuffer(arena),
      };
      const head = new Int32Array(memory.head);
      head[HEAD_SEED0] = random[0];
      head[HEAD_SEED1] = random[1];
      return memory;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      cacheSize = Math.min(cacheSize, ARENA_MAX) / 2;
    }
  }
}
