/** What is looked for among all records of one moment, a slice at a time, because there may be a million of them. */
import type { ResourceKey } from '../model.ts';
import type { Moment } from './moments.ts';
import type { Store } from './store.ts';
import type { Paced } from './lists.ts';

/** Records that are looked at between two pauses. */
const LOOKED_AT = 256;

/** Records that another source hides. */
export function* hiddenRecords(store: Store, moment: Moment): Paced<number> {
  for (const reference of pacedRecords(store, moment)) {
    if (reference === undefined || !moment.hears(reference)) yield reference;
  }
}

/** Keys that a source gave in one file, or without a file. */
export function* keysSavedIn(store: Store, moment: Moment, source: number, file: string): Paced<ResourceKey> {
  for (const reference of pacedRecords(store, moment)) {
    if (reference === undefined) yield undefined;
    else if (store.source(reference) === source && (store.place(reference)?.file ?? file) === file)
      yield store.key(reference);
  }
}

function* pacedRecords(store: Store, moment: Moment): Paced<number> {
  let looked = 0;
  for (const reference of store.walkAll()) {
    if (moment.has(reference)) yield reference;
    if (++looked % LOOKED_AT !== 0) continue;
    yield undefined;
    moment.check();
  }
}
