/** The shrink guard's part of the catalog: what a whole list would take away, and what it is later allowed to take. */
import type { Change } from './change.ts';
import { DEAD, HELD, POD, SEEN, SHADOWED } from './layout.ts';
import { Members } from './members.ts';
import { keyText } from '../model.ts';
import type { Precedence, SourceRecords } from './precedence.ts';
import type { Store } from './store.ts';

/** What a whole list takes away from a VPC. */
export interface Loss {
  vpc: string;
  /** Pods that nobody would give any more, and how many there are before the list. */
  gone: number;
  of: number;
}

/** Which losses are held: more than half of the pods of a VPC that has at least `pods` of them. */
export interface ShrinkRule {
  pods: number;
}

/** Records that are looked at between two pauses. */
const LOOKED_AT = 256;
/** Kinds of resources, as their numbers. */
const KINDS = [0, 1, 2, 3, 4];

/**
 * Weighs a whole list of a source before it is committed; yields to pause, and returns the losses that the rule holds.
 * Pods that an earlier list has left out, and that are held, count on neither side: to leave them out again agrees with
 * that list. Nor do those that the list deletes by name.
 */
export function* weigh(
  precedence: Precedence,
  source: SourceRecords,
  rule: ShrinkRule,
  deleted: ReadonlySet<string>,
): Generator<void, Loss[], undefined> {
  const { store } = precedence;
  const gone = new Map<string, number>();
  const held = new Map<string, number>();
  let looked = 0;
  // A pause must not move a record.
  store.pin();
  try {
    for (const reference of store.walk()) {
      if (++looked % LOOKED_AT === 0) yield;
      if (store.source(reference) !== source.id || store.kind(reference) !== POD) continue;
      if (store.has(reference, SEEN) || store.has(reference, SHADOWED)) continue;
      if (precedence.shadowed > 0 && isGivenByOthers(store, reference, source)) continue;
      const isNamed = deleted.size > 0 && deleted.has(keyText(store.key(reference)));
      const vpc = store.vpcOf(reference);
      const counted = isNamed || store.has(reference, HELD) ? held : gone;
      counted.set(vpc, (counted.get(vpc) ?? 0) + 1);
    }
  } finally {
    store.unpin();
  }
  const losses: Loss[] = [];
  for (const [vpc, count] of gone) {
    const of = podsOf(store, vpc) - (held.get(vpc) ?? 0);
    if (of >= rule.pods && count * 2 > of) losses.push({ vpc, gone: count, of });
  }
  return losses;
}

function isGivenByOthers(store: Store, reference: number, source: SourceRecords): boolean {
  store.locate(store.hashOf(reference), reference, source.id);
  return store.found.other !== 0;
}

function podsOf(store: Store, vpc: string): number {
  let pods = 0;
  for (const scope of store.members.scopesOf(vpc)) pods += store.members.heard(Members.place(scope, POD));
  return pods;
}

/**
 * Takes away what is held of these VPCs of a source; read it as a commit. A list that is under way settles itself what it
 * has named again, so that stays.
 */
export function* release(
  precedence: Precedence,
  source: SourceRecords,
  vpcs: Iterable<string>,
): Generator<Change, void, undefined> {
  const { store } = precedence;
  const revision = source.revision ?? '';
  for (const vpc of vpcs) {
    if (!source.held.has(vpc)) continue;
    for (const reference of heldOf(store, source, vpc)) {
      const change = precedence.remove(source, reference, revision);
      if (change !== undefined) yield change;
    }
  }
  yield* precedence.settleVpcs(source, revision);
}

/** Collected first: to remove a record changes the chains. The store is pinned, so none of them moves meanwhile. */
function heldOf(store: Store, source: SourceRecords, vpc: string): number[] {
  const references: number[] = [];
  for (const scope of store.members.scopesOf(vpc)) {
    for (const kind of KINDS) {
      for (let at = store.members.first(Members.place(scope, kind)); at !== 0; at = store.members.after(at)) {
        if (store.source(at) !== source.id || store.has(at, DEAD)) continue;
        if (store.has(at, HELD) && !store.has(at, SEEN)) references.push(at);
      }
    }
  }
  return references;
}
