/** What sources have reported since it was last read, commit by commit: new records, and withdrawn keys. */
import type { ResourceKey } from '../../model.ts';
import type { Store } from '../store.ts';

/** A source has withdrawn a key. */
export interface Withdrawn {
  source: string;
  key: ResourceKey;
}

/** In order: references of records that were reported; the dead ones have been reported anew since. */
export type Sayings = (number | Withdrawn)[];

/**
 * With more records than this, or more octets of them, all are forgotten: the reader of the log reads everything anew.
 */
const MOST = 250_000;
const OCTETS_MOST = 64 << 20;

export class ChangeLog {
  readonly #store: Store;
  readonly #nameOf: (source: number) => string;
  #sayings: Sayings = [];
  /** How many of them belong to finished commits. */
  #finished = 0;
  /** Octets of the noted records: while they are noted, their memory is not used again. */
  #octets = 0;
  #overflown = false;

  constructor(store: Store, nameOf: (source: number) => string) {
    this.#store = store;
    this.#nameOf = nameOf;
  }

  /** There were too many, and some have been forgotten since the last `restart`. */
  get overflown(): boolean {
    return this.#overflown;
  }

  /** Nothing is noted, and nothing has been forgotten. */
  get isEmpty(): boolean {
    return this.#sayings.length === 0 && !this.#overflown;
  }

  put(reference: number): void {
    // No record that is noted here moves.
    this.#store.arena.pin(reference);
    this.#sayings.push(reference);
    this.#octets += this.#store.length(reference) << 2;
  }

  delete(reference: number): void {
    this.#sayings.push({
      source: this.#nameOf(this.#store.source(reference)),
      key: this.#store.key(reference),
    });
  }

  /** A commit has been read to its end. */
  leave(): void {
    this.#finished = this.#sayings.length;
    if (this.#finished <= MOST && this.#octets <= OCTETS_MOST) return;
    this.done(this.take());
    this.#overflown = true;
  }

  /** The records of finished commits; to be given to `done` or `putBack`. */
  take(): Sayings {
    const taken = this.#sayings;
    this.#sayings = taken.splice(this.#finished);
    this.#finished = 0;
    return taken;
  }

  /** It is written down. */
  done(sayings: Sayings): void {
    for (const saying of sayings) {
      if (typeof saying !== 'number') continue;
      this.#octets -= this.#store.length(saying) << 2;
      this.#store.arena.unpin(saying);
    }
  }

  /** It could not be written down, and is to be taken again. */
  putBack(sayings: Sayings): void {
    if (this.#overflown) {
      this.done(sayings);
      return;
    }
    this.#finished += sayings.length;
    this.#sayings = sayings.concat(this.#sayings);
  }

  /** Forgets the records of finished commits: their outcome is being written whole. */
  restart(): void {
    this.done(this.take());
    this.#overflown = false;
  }
}
