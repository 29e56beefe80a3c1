/** An index of records by hash: open addressing in many small tables, so that no single growth is long. */

const SHARDS = 256;
const EMPTY = 0;
/** A slot whose record has gone, in the middle of a run. */
const GONE = 0xffffffff;
const SMALLEST = 8;
/** Full slots (gone ones counted) above this share make a table grow, so far that this many stay free. */
const FULL = 0.8;
const GROWTH = 1.6;
/** Live slots below this share make a table shrink: after a full list all of whose resources have changed. */
const SPARSE = 0.4;

/**
 * Holds references (never 0, never 2^32 - 1) by hash; equal hashes and equal keys may stand side by side. A slot
 * is two numbers, hash and reference: a search reads no record but the right one, and growth reads none.
 */
export class Table {
  readonly #slots: Uint32Array[] = [];
  readonly #live = new Uint32Array(SHARDS);
  readonly #taken = new Uint32Array(SHARDS);

  /** Insertions so far. */
  insertions = 0;

  constructor() {
    for (let shard = 0; shard < SHARDS; shard++) this.#slots.push(new Uint32Array(SMALLEST * 2));
  }

  get bytes(): number {
    let total = 0;
    for (const slots of this.#slots) total += slots.byteLength;
    return total;
  }

  /**
   * The table in which a hash is looked for. Walk it by pairs from `home`, round the end, to the first pair
   * whose second number is 0; pairs whose first number is the hash are candidates if `isReference` the second.
   */
  slots(hash: number): Uint32Array {
    return this.#slots[hash >>> 23]!;
  }

  insert(hash: number, reference: number): void {
    this.insertions++;
    const shard = hash >>> 23;
    let slots = this.#slots[shard]!;
    if (this.#taken[shard]! + 1 > (slots.length >> 1) * FULL) slots = this.#resize(shard);
    if (place(slots, hash, reference)) this.#taken[shard]!++;
    this.#live[shard]!++;
  }

  /** Puts another reference in the slot of a present one with the same hash. */
  replace(hash: number, old: number, reference: number): void {
    const slots = this.#slots[hash >>> 23]!;
    slots[find(slots, hash, old) + 1] = reference;
  }

  /**
   * Removes a present reference, in the place of which there is another one of the same hash. That one stays in the
   * first of the two slots: the second is most often the last of its run, and empty then.
   */
  supersede(hash: number, old: number, reference: number): void {
    const slots = this.#slots[hash >>> 23]!;
    const { length } = slots;
    const start = home(hash, length);
    const one = find(slots, hash, old);
    const other = find(slots, hash, reference);
    if ((one - start + length) % length < (other - start + length) % length) {
      slots[one + 1] = reference;
      slots[other + 1] = old;
    }
    this.remove(hash, old);
  }

  /** Removes a present reference. */
  remove(hash: number, reference: number): void {
    const shard = hash >>> 23;
    const slots = this.#slots[shard]!;
    let at = find(slots, hash, reference);
    this.#live[shard]!--;
    slots[at + 1] = GONE;
    if (slots[after(at, slots.length) + 1] === EMPTY) {
      // The end of a run: it and the gone slots before it can be empty again.
      while (slots[at + 1] === GONE) {
        slots[at + 1] = EMPTY;
        this.#taken[shard]!--;
        at = at === 0 ? slots.length - 2 : at - 2;
      }
    }
    if (slots.length > 128 && this.#live[shard]! < (slots.length >> 1) * SPARSE) this.#resize(shard);
  }

  #resize(shard: number): Uint32Array {
    const old = this.#slots[shard]!;
    const live = this.#live[shard]!;
    const slots = new Uint32Array(Math.max(SMALLEST, Math.ceil((live + 1) * GROWTH)) * 2);
    for (let at = 0; at < old.length; at += 2) {
      const reference = old[at + 1]!;
      if (reference !== EMPTY && reference !== GONE) place(slots, old[at]!, reference);
    }
    this.#slots[shard] = slots;
    this.#taken[shard] = live;
    return slots;
  }
}

/** Index of the pair where the search for a hash begins in a table of this length (two a slot). */
export function home(hash: number, length: number): number {
  return ((((hash & 0x7fffff) * (length >> 1)) / 0x800000) | 0) << 1;
}

/** The pair after this one. */
export function after(at: number, length: number): number {
  return at + 2 === length ? 0 : at + 2;
}

/** Whether the second number of a pair, not 0, is a reference. */
export function isReference(value: number): boolean {
  return value !== GONE;
}

/** Returns whether the slot was empty; else it was that of a record that has gone. */
function place(slots: Uint32Array, hash: number, reference: number): boolean {
  const { length } = slots;
  let at = home(hash, length);
  while (slots[at + 1] !== EMPTY && slots[at + 1] !== GONE) at = after(at, length);
  const fresh = slots[at + 1] === EMPTY;
  slots[at] = hash;
  slots[at + 1] = reference;
  return fresh;
}

function find(slots: Uint32Array, hash: number, reference: number): number {
  const { length } = slots;
  let at = home(hash, length);
  for (let seen = 0; slots[at + 1] !== reference; seen += 2) {
    if (slots[at + 1] === EMPTY || seen > length) throw new Error('catalog: a record is not in its index');
    at = after(at, length);
  }
  return at;
}
