/** The reading of a commit: each step applies as much as it takes to find the next effective change. */
import { DEAD, FRESH, SEEN } from './layout.ts';
import type { SourceRecords, Precedence } from './precedence.ts';
import type { Resource } from '../model.ts';
import type { Change } from './change.ts';

/** What was staged, and how to end. */
export interface Staged {
  readonly source: SourceRecords;
  readonly full: boolean;
  readonly revision: string;
  /** References, of which `count` count; each is pinned in the arena. */
  readonly operations: Uint32Array;
  /** As they were put, of the first operations. */
  readonly resources: readonly (Resource | undefined)[];
  readonly count: number;
  /** Since it began, no other transaction has staged anything: what was fresh then still is. */
  readonly alone: boolean;
  /** Called once, when all is applied. */
  end(): void;
}

/** Not a generator: a transaction of one pod would spend more on generators than on itself. */
export class CommitSteps implements IterableIterator<Change> {
  readonly #precedence: Precedence;
  readonly #staged: Staged;
  #position = 0;
  /** The walk for what a full list did not name. */
  #sweep: Iterator<number> | undefined;
  #vpcs: Iterator<Change> | undefined;
  #ended = false;

  constructor(precedence: Precedence, staged: Staged) {
    this.#precedence = precedence;
    this.#staged = staged;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Change, undefined> {
    const value = this.#ended ? undefined : this.#step();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  /** Applies the rest unseen. */
  return(): IteratorResult<Change, undefined> {
    while (!this.#ended) this.#step();
    return { done: true, value: undefined };
  }

  #step(): Change | undefined {
    const { source, full, revision, operations, resources, count, alone } = this.#staged;
    const precedence = this.#precedence;
    const { store } = precedence;
    while (this.#position < count) {
      const resource = resources[this.#position];
      const reference = operations[this.#position++]!;
      store.arena.unpin(reference);
      // Replaced in the same transaction.
      if (store.has(reference, DEAD)) continue;
      const change =
        alone && store.has(reference, FRESH)
          ? precedence.applyFresh(reference, full, resource)
          : precedence.apply(source, reference, full, revision, resource);
      if (change !== undefined) return change;
    }
    if (full) {
      this.#sweep ??= store.walk();
      for (let step = this.#sweep.next(); !step.done; step = this.#sweep.next()) {
        const reference = step.value;
        if (store.source(reference) !== source.id) continue;
        if (store.has(reference, SEEN)) {
          store.clear(reference, SEEN);
          continue;
        }
        const change = precedence.remove(source, reference, revision);
        if (change !== undefined) return change;
      }
    }
    if (precedence.vpcsPending) {
      this.#vpcs ??= precedence.settleVpcs(source, revision);
      const step = this.#vpcs.next();
      if (!step.done) return step.value;
    }
    this.#ended = true;
    this.#staged.end();
    return undefined;
  }
}

/** Reads changes one by one; leaving early, even before the first, does the rest unseen. Then `end`, once. */
export function readWhole(changes: Iterator<Change, void>, end: () => void): IterableIterator<Change> {
  let ended = false;
  const next = (): IteratorResult<Change, undefined> => {
    const step = ended ? undefined : changes.next();
    if (step !== undefined && !step.done) return step;
    if (!ended) end();
    ended = true;
    return { done: true, value: undefined };
  };
  return {
    next,
    return() {
      while (!next().done);
      return { done: true, value: undefined };
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}
