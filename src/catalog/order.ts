/** Records in the order in which people read them: VPC, namespace, name. */
import { chunkOf } from './arena.ts';
import { nameSpan } from './content-read.ts';
import type { Store } from './store.ts';

/** A copy of the references, sorted by octets of VPC, namespace and name; no name becomes a string. */
export function sortedReferences(store: Store, references: Uint32Array): Uint32Array {
  const byScope = new Map<number, number[]>();
  for (const reference of references) {
    const scope = store.word(reference, 1);
    const list = byScope.get(scope);
    if (list === undefined) byScope.set(scope, [reference]);
    else list.push(reference);
  }
  const { scopes } = store;
  const order = [...byScope.keys()].sort(
    (a, b) => compare(scopes.vpc(a), scopes.vpc(b)) || compare(scopes.namespace(a), scopes.namespace(b)),
  );
  const sorted = new Uint32Array(references.length);
  let at = 0;
  for (const scope of order) {
    const list = byScope.get(scope)!;
    const names = list.map((reference) => {
      const bytes = store.arena.bytes[chunkOf(reference)]!;
      const { start, length } = nameSpan(bytes, store.contentAt(reference));
      return { reference, bytes, start, end: start + length };
    });
    names.sort((a, b) => a.bytes.compare(b.bytes, b.start, b.end, a.start, a.end));
    for (const { reference } of names) sorted[at++] = reference;
  }
  return sorted;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
