/** A binary heap of items that know their place in it, so that removing any of them takes logarithmic time. */

export interface Placed {
  /** Index in its heap, or -1 outside of one. */
  at: number;
}

/** True when `one` comes before `other`. */
export type Order<T> = (one: T, other: T) => boolean;

export function push<T extends Placed>(heap: T[], item: T, isFirst: Order<T>): void {
  heap.push(item);
  item.at = heap.length - 1;
  rise(heap, item, isFirst);
}

export function drop<T extends Placed>(heap: T[], item: T, isFirst: Order<T>): void {
  const last = heap.pop()!;
  if (last !== item) {
    last.at = item.at;
    heap[last.at] = last;
    rise(heap, last, isFirst);
    sink(heap, last, isFirst);
  }
  item.at = -1;
}

function rise<T extends Placed>(heap: T[], item: T, isFirst: Order<T>): void {
  while (item.at > 0) {
    const above = heap[(item.at - 1) >>> 1]!;
    if (!isFirst(item, above)) return;
    swap(heap, item, above);
  }
}

function sink<T extends Placed>(heap: T[], item: T, isFirst: Order<T>): void {
  for (;;) {
    const left = 2 * item.at + 1;
    if (left >= heap.length) return;
    const right = heap[left + 1];
    const below = right !== undefined && isFirst(right, heap[left]!) ? right : heap[left]!;
    if (!isFirst(below, item)) return;
    swap(heap, below, item);
  }
}

function swap<T extends Placed>(heap: T[], one: T, other: T): void {
  [one.at, other.at] = [other.at, one.at];
  heap[one.at] = one;
  heap[other.at] = other;
}
