/** Records in the order in which people read them, and sorting that can be left and gone on with. */
import { chunkOf } from './arena.ts';
import { nameSpan } from './content-read.ts';
import type { Store } from './store.ts';

/** What is sorted in one piece, and comparisons between two pauses: well below a millisecond of work. */
const RUN = 256;
const COMPARISONS = 1024;

/** Sorts in place; yields now and then, so that other work can run. */
export function* sortPaced(
  list: Uint32Array,
  compare: (one: number, other: number) => number,
): Generator<undefined, void, undefined> {
  const { length } = list;
  for (let start = 0; start < length; start += RUN) {
    if (start > 0) yield;
    const run = Array.from(list.subarray(start, start + RUN)).sort(compare);
    list.set(run, start);
  }
  let from = list;
  let to = length > RUN ? new Uint32Array(length) : list;
  let budget = COMPARISONS;
  for (let width = RUN; width < length; width *= 2) {
    for (let start = 0; start < length; start += 2 * width) {
      const middle = Math.min(start + width, length);
      const end = Math.min(start + 2 * width, length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft = right >= end || (left < middle && compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (--budget > 0) continue;
        yield;
        budget = COMPARISONS;
      }
    }
    [from, to] = [to, from];
  }
  if (from !== list) list.set(from);
}

/** Orders records of one kind and scope by the octets of their names; no name becomes a string. */
export function byName(store: Store): (one: number, other: number) => number {
  return (one, other) => {
    const a = store.arena.bytes[chunkOf(one)]!;
    const b = store.arena.bytes[chunkOf(other)]!;
    const first = nameSpan(a, store.contentAt(one));
    const firstEnd = first.start + first.length;
    const second = nameSpan(b, store.contentAt(other));
    return a.compare(b, second.start, second.start + second.length, first.start, firstEnd);
  };
}

/** Orders scopes by VPC and namespace. */
export function byScope({ scopes }: Store): (one: number, other: number) => number {
  return (one, other) =>
    compareTexts(scopes.vpc(one), scopes.vpc(other)) ||
    compareTexts(scopes.namespace(one), scopes.namespace(other));
}

/** A VPC and a namespace in it. */
export interface ScopeNames {
  vpc: string;
  namespace: string;
}

/** As `byScope`. */
export function compareScopes(one: ScopeNames, other: ScopeNames): number {
  return compareTexts(one.vpc, other.vpc) || compareTexts(one.namespace, other.namespace);
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
