/**
 * Hands out blocks of the shared cache's arena and joins them again when they come back (Knuth 2.5, buddies in pages).
 */
import { UNIT, UNIT_WORDS } from './layout.ts';
import { PAGE } from './memory.ts';

/** Blocks are 1, 2, 4 … units; a page is the largest, and no entry needs one whole. */
const PAGE_ORDER = Math.log2(PAGE / UNIT);
const PAGE_UNITS = PAGE / UNIT;
/** Octets of the largest block. */
export const BLOCK_MAX = PAGE / 2;

const FREE = 0x80;

/** The writer's side, one thread. Free blocks are lists: in a block's first words stand the next and the last. */
export class Blocks {
  /** Octets handed out. */
  used = 0;
  private readonly words: Int32Array;
  /** By the first unit of a block: its order + 1, with FREE; 0 inside of blocks. */
  private readonly orders: Uint8Array;
  private readonly first = new Int32Array(PAGE_ORDER + 1);
  /** Pages from here on were never cut. */
  private fresh = PAGE_UNITS;

  constructor(arena: Int32Array) {
    this.words = arena;
    this.orders = new Uint8Array(arena.length / UNIT_WORDS);
  }

  /** The first unit of a block for so many octets; 0 when there is no room. */
  take(octets: number): number {
    if (octets > BLOCK_MAX) return 0;
    const order = octets <= UNIT ? 0 : 32 - Math.clz32((octets - 1) / UNIT);
    let from = order;
    while (from <= PAGE_ORDER && this.first[from] === 0) from++;
    let unit: number;
    if (from <= PAGE_ORDER) {
      unit = this.first[from];
      this.unlink(unit, from);
    } else {
      if (this.fresh === this.orders.length) return 0;
      unit = this.fresh;
      this.fresh += PAGE_UNITS;
      from = PAGE_ORDER;
    }
    // The halves that are not needed become free.
    while (from > order) {
      from--;
      this.link(unit + (1 << from), from);
    }
    this.orders[unit] = order + 1;
    this.used += UNIT << order;
    return unit;
  }

  /** No reader may be able to reach the block any more. */
  give(unit: number): void {
    let order = this.orders[unit] - 1;
    this.used -= UNIT << order;
    this.orders[unit] = 0;
    for (; order < PAGE_ORDER; order++) {
      const buddy = unit ^ (1 << order);
      if (this.orders[buddy] !== (FREE | (order + 1))) break;
      this.unlink(buddy, order);
      unit &= ~(1 << order);
    }
    this.link(unit, order);
  }

  /** Octets of a block that was taken. */
  sizeOf(unit: number): number {
    return UNIT << (this.orders[unit] - 1);
  }

  private link(unit: number, order: number): void {
    const { words, first } = this;
    const next = first[order];
    words[unit * UNIT_WORDS] = next;
    words[unit * UNIT_WORDS + 1] = 0;
    if (next !== 0) words[next * UNIT_WORDS + 1] = unit;
    first[order] = unit;
    this.orders[unit] = FREE | (order + 1);
  }

  private unlink(unit: number, order: number): void {
    const { words, first } = this;
    const next = words[unit * UNIT_WORDS];
    const last = words[unit * UNIT_WORDS + 1];
    if (last === 0) first[order] = next;
    else words[last * UNIT_WORDS] = next;
    if (next !== 0) words[next * UNIT_WORDS + 1] = last;
    this.orders[unit] = 0;
  }
}
