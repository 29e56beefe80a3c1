/**
 * When a socket is tried again without being told that it can be read: at once where that finds more, and the more
 * seldom the more often it finds nothing, as where queries come one by one.
 */

/** Receives that follow a try in vain before the next one: at first, and at the most. */
const FIRST = 4;
const MOST = 64;

export class Restraint {
  #left = 0;
  #next = FIRST;

  /** A receive that was told of. */
  received(): void {
    if (this.#left > 0) this.#left -= 1;
  }

  get mayTry(): boolean {
    return this.#left === 0;
  }

  foundMore(): void {
    this.#next = FIRST;
  }

  foundNothing(): void {
    this.#left = this.#next;
    this.#next = Math.min(2 * this.#next, MOST);
  }
}
