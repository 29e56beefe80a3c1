/** An index of records by hash: open addressing in many small tables, so that no single growth is long. */

const SHARDS = 256;
const EMPTY = 0;
/** A slot whose record has gone, in the middle of a run. */
const GONE = 0xffffffff;
const SMALLEST = 8;
/** Full slots (gone ones counted) above this share make a table grow. */
const FULL = 0.75;

/** Holds references (never 0, never 2^32 - 1) by hash; equal hashes and equal keys may stand side by side. */
export class Table {
  readonly #hashOf: (reference: number) => number;
  readonly #slots: Uint32Array[] = [];
  readonly #live = new Uint32Array(SHARDS);
  readonly #taken = new Uint32Array(SHARDS);

  constructor(hashOf: (reference: number) => number) {
    this.#hashOf = hashOf;
    for (let shard = 0; shard < SHARDS; shard++) this.#slots.push(new Uint32Array(SMALLEST));
  }

  get bytes(): number {
    let total = 0;
    for (const slots of this.#slots) total += slots.byteLength;
    return total;
  }

  /** The table in which a hash is looked for; walk it from `home` to the first 0, round the end, skip GONE. */
  slots(hash: number): Uint32Array {
    return this.#slots[hash >>> 24]!;
  }

  insert(hash: number, reference: number): void {
    const shard = hash >>> 24;
    let slots = this.#slots[shard]!;
    if (this.#taken[shard]! + 1 > slots.length * FULL) slots = this.#resize(shard);
    if (place(slots, hash, reference)) this.#taken[shard]!++;
    this.#live[shard]!++;
  }

  /** Puts another reference in the slot of a present one with the same hash. */
  replace(hash: number, old: number, reference: number): void {
    const slots = this.#slots[hash >>> 24]!;
    slots[find(slots, hash, old)] = reference;
  }

  /** Removes a present reference. */
  remove(hash: number, reference: number): void {
    const shard = hash >>> 24;
    const slots = this.#slots[shard]!;
    let at = find(slots, hash, reference);
    this.#live[shard]!--;
    slots[at] = GONE;
    const last = slots.length - 1;
    if (slots[at === last ? 0 : at + 1] === EMPTY) {
      // The end of a run: it and the gone slots before it can be empty again.
      while (slots[at] === GONE) {
        slots[at] = EMPTY;
        this.#taken[shard]!--;
        at = at === 0 ? last : at - 1;
      }
    }
    if (slots.length > 64 && this.#live[shard]! < slots.length / 6) this.#resize(shard);
  }

  #resize(shard: number): Uint32Array {
    const old = this.#slots[shard]!;
    const live = this.#live[shard]!;
    const slots = new Uint32Array(Math.max(SMALLEST, Math.ceil((live + 1) * 1.9)));
    for (let at = 0; at < old.length; at++) {
      const reference = old[at]!;
      if (reference !== EMPTY && reference !== GONE) place(slots, this.#hashOf(reference), reference);
    }
    this.#slots[shard] = slots;
    this.#taken[shard] = live;
    return slots;
  }
}

/** The slot where the search for a hash begins in a table of `length` slots. */
export function home(hash: number, length: number): number {
  return (((hash & 0xffffff) * length) / 0x1000000) | 0;
}

/** Whether a slot's value is a reference; 0 ends a search. */
export function isReference(value: number): boolean {
  return value !== GONE;
}

function place(slots: Uint32Array, hash: number, reference: number): boolean {
  let at = home(hash, slots.length);
  while (slots[at] !== EMPTY && slots[at] !== GONE) at = at === slots.length - 1 ? 0 : at + 1;
  const fresh = slots[at] === EMPTY;
  slots[at] = reference;
  return fresh;
}

function find(slots: Uint32Array, hash: number, reference: number): number {
  let at = home(hash, slots.length);
  for (let seen = 0; slots[at] !== reference; seen++) {
    if (slots[at] === EMPTY || seen > slots.length) throw new Error('catalog: a record is not in its index');
    at = at === slots.length - 1 ? 0 : at + 1;
  }
  return at;
}
