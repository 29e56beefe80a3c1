/** Open addressing with linear probing: finds, removes and spreads the slots of one table. */
import { HASH_RANGE } from '../read/left-right.ts';

/** Word index of the slot with this hash and reference in its second word, or -1. */
export function findSlot(
  table: Int32Array,
  width: number,
  capacity: number,
  scale: number,
  hash: number,
  ref: number,
): number {
  let at = ((hash * scale) | 0) * width;
  const end = capacity * width;
  while (table[at + 1] !== 0) {
    if (table[at + 1] === ref && table[at] === hash) return at;
    at += width;
    if (at === end) at = 0;
  }
  return -1;
}

/** Empties a slot, and moves later slots of its run back, so that no search stops early (Knuth 6.4, algorithm R). */
export function closeGap(
  table: Int32Array,
  width: number,
  capacity: number,
  scale: number,
  gap: number,
): void {
  const end = capacity * width;
  let hole = gap;
  let at = gap;
  for (;;) {
    at += width;
    if (at === end) at = 0;
    if (table[at + 1] === 0) break;
    const home = ((table[at] * scale) | 0) * width;
    // The slot moves unless its home lies cyclically in (hole, at].
    const stays = hole <= at ? home > hole && home <= at : home > hole || home <= at;
    if (stays) continue;
    for (let i = 0; i < width; i++) table[hole + i] = table[at + i];
    hole = at;
  }
  for (let i = 0; i < width; i++) table[hole + i] = 0;
}

/** Spreads the slots of a table over more of them, in place. */
export function rebuild(table: Int32Array, width: number, capacity: number, wanted: number): void {
  const old = table.slice(0, capacity * width);
  table.fill(0, 0, capacity * width);
  const scale = wanted / HASH_RANGE;
  const end = wanted * width;
  for (let from = 0; from < old.length; from += width) {
    if (old[from + 1] === 0) continue;
    let at = ((old[from] * scale) | 0) * width;
    while (table[at + 1] !== 0) {
      at += width;
      if (at === end) at = 0;
    }
    for (let i = 0; i < width; i++) table[at + i] = old[from + i];
  }
}
