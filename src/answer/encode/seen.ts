/** Which addresses an answer has already, by their octets: a message holds a few thousand at most. */
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';

/** Twice as many as 65,535 octets hold of the shortest record (`c00c` to rdata: 16). */
const SLOTS = 8192;
/** Before marks begin anew. */
const MARK_MAX = 0x7fffffff;

export class Seen {
  private readonly view: View;
  /** Word index of an address. */
  private readonly table = new Int32Array(SLOTS);
  private readonly marks = new Int32Array(SLOTS);
  /** Slots with another mark are empty. */
  private mark = 0;
  private readonly seed0: number;
  private readonly seed1: number;

  constructor(view: View) {
    this.view = view;
    // Tenants choose the addresses: without a key they could pile them on one slot.
    this.seed0 = view.head[layout.HEAD_SEED0];
    this.seed1 = view.head[layout.HEAD_SEED1] | 1;
  }

  clear(): void {
    if (++this.mark === MARK_MAX) {
      this.marks.fill(0);
      this.mark = 1;
    }
  }

  /** True for an address that has not been asked for since `clear`; `width` words at `at`. */
  isNew(at: number, width: number): boolean {
    const { table, marks, mark } = this;
    const { words } = this.view;
    let hash = this.seed0;
    for (let i = 0; i < width; i++) {
      hash = Math.imul(hash ^ words[at + i], this.seed1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0x85ebca6b);
    let slot = hash >>> 19;
    while (marks[slot] === mark) {
      let same = true;
      for (let i = 0; i < width && same; i++) same = words[table[slot] + i] === words[at + i];
      if (same) return false;
      slot = (slot + 1) & (SLOTS - 1);
    }
    table[slot] = at;
    marks[slot] = mark;
    return true;
  }
}
