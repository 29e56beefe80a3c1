/**
 * The two copies of the slot tables and of the mutable words: readers use one, the writer changes the other, and a flip
 * makes a whole transaction visible at once (left-right, Ramalhete and Correia 2015).
 *
 * `begin` waits until no reader announces the idle copy, and brings it up to date. Every change goes to the idle copy
 * and into a log. `commit` flips. Once the last reader has left the other copy, the log is replayed onto it, and only
 * then is released memory used again.
 */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { MemoryFullError } from '../memory.ts';
import type { TrieMemory } from '../memory.ts';
import { closeGap, findSlot, rebuild } from './slots.ts';
import { View } from '../read/view.ts';

const { NAME_SLOT, ADDRESS_SLOT } = layout;
const FIRST_CAPACITY = 1024;
/** Milliseconds that a reader's batch may take, many times over. */
export const PATIENCE_MS = 2;
/** Above this share of used slots a table grows by a quarter, so that searches stay short and little memory is unused. */
const LOAD_MAX = 0.8;
const GROWTH = 1.25;
/**
 * Slots of each table that an addition leaves free: twice what a resource of the largest size takes, all of it labels
 * of one octet. A small table keeps an eighth.
 */
const SPARE_SLOTS = 1 << 17;

const LOG_NAME_PUT = 0;
const LOG_NAME_DELETE = 1;
const LOG_ADDRESS_PUT = 2;
const LOG_ADDRESS_DELETE = 3;

export class Tables {
  /** Slots and words changed so far, for tests. */
  steps = 0;
  /** The writer's view of the idle copy, which is valid inside a transaction. */
  readonly idle: View;
  private readonly head: Int32Array;
  private readonly names: [Int32Array, Int32Array];
  private readonly addresses: [Int32Array, Int32Array];
  /** Slots that a copy can grow to. */
  private readonly nameMost: number;
  private readonly addressMost: number;
  private readonly nameCount: [number, number] = [0, 0];
  private readonly addressCount: [number, number] = [0, 0];
  private readonly arena: Arena;
  /** Entries of kind, hash and two values. When it grows too long, the whole tables are copied instead. */
  private readonly log = new IntList();
  private copyWhole = false;
  /** Mutable words written: index in copy 0, distance to copy 1's, value; a negative index is one of the head. */
  private writes: number[] = [];
  private readonly released = new IntList();
  private replayed = true;
  /** Readers use an image in the active copy, which nothing is known of; the idle copy is built beside it. */
  private isBeside: boolean;
  /** Called once nobody reads the image any more. */
  private freed: (() => void) | undefined;

  /** `isBeside`: the active copy holds an image (`image.ts`) that readers use until `unveil`. */
  constructor(memory: TrieMemory, arena: Arena, isBeside = false) {
    this.head = new Int32Array(memory.head);
    this.names = [new Int32Array(memory.names[0]), new Int32Array(memory.names[1])];
    this.addresses = [new Int32Array(memory.addresses[0]), new Int32Array(memory.addresses[1])];
    this.nameMost = Math.floor(this.names[0].length / NAME_SLOT);
    this.addressMost = Math.floor(this.addresses[0].length / ADDRESS_SLOT);
    this.arena = arena;
    this.isBeside = isBeside;
    for (const copy of isBeside ? [this.idleCopy] : [0, 1]) {
      this.head[layout.HEAD_NAME_CAPACITY + copy] = firstCapacity(this.names[copy], NAME_SLOT);
      this.head[layout.HEAD_ADDRESS_CAPACITY + copy] = firstCapacity(this.addresses[copy], ADDRESS_SLOT);
    }
    this.idle = new View(memory);
  }

  private get idleCopy(): 0 | 1 {
    return this.head[layout.HEAD_ACTIVE] === 0 ? 1 : 0;
  }

  /**
   * Opens a transaction. Waits while a reader still uses the idle copy: without end, if that reader's thread has died and
   * its announcement is cleared by this thread. So whoever can wait otherwise asks `ready` first.
   */
  begin(): void {
    while (!this.ready(PATIENCE_MS));
    this.idle.use(this.idleCopy);
  }

  /**
   * Whether `begin` would not wait. Sleeps in steps of 50 µs, for at most so many milliseconds, while a reader still uses
   * the idle copy.
   */
  ready(patience: number): boolean {
    if (this.settle()) return true;
    const readers = this.head;
    const until = performance.now() + patience;
    while (performance.now() < until) {
      for (let r = 0; r < layout.READERS_MAX; r++) {
        const at = layout.HEAD_READERS + r * layout.READER_STRIDE;
        if (Atomics.load(readers, at) === this.idleCopy + 1)
          Atomics.wait(readers, at, this.idleCopy + 1, 0.05);
      }
      if (this.settle()) return true;
    }
    return false;
  }

  /** Replays the last transaction onto the idle copy. False when a reader still uses it. */
  settle(): boolean {
    if (this.replayed) return true;
    const idle = this.idleCopy;
    for (let r = 0; r < layout.READERS_MAX; r++) {
      if (Atomics.load(this.head, layout.HEAD_READERS + r * layout.READER_STRIDE) === idle + 1) return false;
    }
    this.replay(idle);
    this.replayed = true;
    const { words, length } = this.released;
    for (let i = 0; i < length; i += 2) this.arena.release(words[i], words[i + 1]);
    this.released.clear();
    this.freed?.();
    this.freed = undefined;
    return true;
  }

  /** Readers still use the image. */
  get beside(): boolean {
    return this.isBeside;
  }

  /**
   * Ends the time of the image: what all transactions have built so far becomes visible at once. `freed` is called when
   * the last reader has left the image.
   */
  unveil(freed: () => void): void {
    this.isBeside = false;
    this.freed = freed;
    // The log does not begin with what the image's copy holds.
    this.copyWhole = true;
    this.log.clear();
    this.commit();
  }

  /** Makes the transaction visible; beside an image, `unveil` does. */
  commit(): void {
    if (this.isBeside) return;
    const { head } = this;
    head[layout.HEAD_GENERATION] = (head[layout.HEAD_GENERATION] + 1) | 0;
    // Sequentially consistent: a reader that sees the new number sees everything written before.
    Atomics.store(head, layout.HEAD_ACTIVE, this.idleCopy);
    this.replayed = false;
  }

  /** Gives a block back to the arena once no reader can reach it. */
  release(at: number, words: number): void {
    this.released.push2(at, words);
  }

  /** Writes a mutable word, of which each copy has its own. */
  writeBoth(index: number, stride: number, value: number): void {
    this.steps++;
    this.writes.push(index, stride, value);
    this.idle.words[index + this.idleCopy * stride] = value;
  }

  writeBothHeads(index: number, stride: number, value: number): void {
    this.writes.push(-index, stride, value);
    this.head[index + this.idleCopy * stride] = value;
  }

  /** Entries of the idle copy of both tables. */
  get sizes(): { names: number; addresses: number } {
    const { idleCopy } = this;
    return { names: this.nameCount[idleCopy], addresses: this.addressCount[idleCopy] };
  }

  /** Throws MemoryFullError when a table has not more free slots than SPARE_SLOTS. */
  checkMark(): void {
    const copy = this.idleCopy;
    if (this.nameCount[copy] > markOf(this.nameMost)) throw full('name', this.nameMost);
    if (this.addressCount[copy] > markOf(this.addressMost)) throw full('address', this.addressMost);
  }

  /** True when the address table has room for this many more. */
  fits(addresses: number): boolean {
    const copy = this.idleCopy;
    return this.addressCount[copy] + addresses <= this.addressMost * LOAD_MAX;
  }

  /** Adds the edge to a node. */
  putName(hash: number, node: number, payload: number): void {
    this.growTo('name', this.nameCount[this.idleCopy] + 1);
    this.setName(hash, node, payload);
  }

  /** Changes the payload of an edge that is there. Needs no room. */
  setName(hash: number, node: number, payload: number): void {
    this.note(LOG_NAME_PUT, hash, node, payload);
    this.applyName(this.idleCopy, hash, node, payload);
  }

  deleteName(hash: number, node: number): void {
    this.note(LOG_NAME_DELETE, hash, node, 0);
    this.applyNameDelete(this.idleCopy, hash, node);
  }

  /** Adds a record, in the place of `old` unless that is 0. */
  putAddress(hash: number, record: number, old: number): void {
    if (old === 0) this.growTo('address', this.addressCount[this.idleCopy] + 1);
    this.note(LOG_ADDRESS_PUT, hash, record, old);
    this.applyAddress(this.idleCopy, hash, record, old);
  }

  deleteAddress(hash: number, record: number): void {
    this.note(LOG_ADDRESS_DELETE, hash, record, 0);
    this.applyAddressDelete(this.idleCopy, hash, record);
  }

  private note(kind: number, hash: number, a: number, b: number): void {
    this.steps++;
    if (this.copyWhole) return;
    this.log.push4(kind, hash, a, b);
    // Copying a table costs about as much as replaying one entry for every 16 of its slots.
    if (this.log.length > 4096 + this.idle.nameCapacity / 4) {
      this.copyWhole = true;
      this.log.clear();
    }
  }

  private replay(copy: 0 | 1): void {
    const other: 0 | 1 = copy === 0 ? 1 : 0;
    const { head } = this;
    const { words: log, length } = this.log;
    const same =
      head[layout.HEAD_NAME_CAPACITY + copy] === head[layout.HEAD_NAME_CAPACITY + other] &&
      head[layout.HEAD_ADDRESS_CAPACITY + copy] === head[layout.HEAD_ADDRESS_CAPACITY + other];
    this.idle.use(copy);
    if (this.copyWhole || !same) {
      const nameWords = head[layout.HEAD_NAME_CAPACITY + other] * NAME_SLOT;
      const addressWords = head[layout.HEAD_ADDRESS_CAPACITY + other] * ADDRESS_SLOT;
      // A table that grows counts on empty slots behind it; that of an image may have been larger.
      this.names[copy].fill(0, nameWords, Math.max(nameWords, this.idle.nameCapacity * NAME_SLOT));
      this.addresses[copy].fill(
        0,
        addressWords,
        Math.max(addressWords, this.idle.addressCapacity * ADDRESS_SLOT),
      );
      this.names[copy].set(this.names[other].subarray(0, nameWords));
      this.addresses[copy].set(this.addresses[other].subarray(0, addressWords));
      head[layout.HEAD_NAME_CAPACITY + copy] = head[layout.HEAD_NAME_CAPACITY + other];
      head[layout.HEAD_ADDRESS_CAPACITY + copy] = head[layout.HEAD_ADDRESS_CAPACITY + other];
      this.nameCount[copy] = this.nameCount[other];
      this.addressCount[copy] = this.addressCount[other];
      this.idle.use(copy);
    } else {
      for (let i = 0; i < length; i += 4) {
        const hash = log[i + 1];
        const a = log[i + 2];
        const b = log[i + 3];
        switch (log[i]) {
          case LOG_NAME_PUT:
            this.applyName(copy, hash, a, b);
            break;
          case LOG_NAME_DELETE:
            this.applyNameDelete(copy, hash, a);
            break;
          case LOG_ADDRESS_PUT:
            this.applyAddress(copy, hash, a, b);
            break;
          default:
            this.applyAddressDelete(copy, hash, a);
        }
      }
    }
    for (let i = 0; i < this.writes.length; i += 3) {
      const index = this.writes[i];
      if (index > 0) this.idle.words[index + copy * this.writes[i + 1]] = this.writes[i + 2];
      else head[copy * this.writes[i + 1] - index] = this.writes[i + 2];
    }
    this.log.clear();
    if (this.writes.length > 0) this.writes = [];
    this.copyWhole = false;
  }

  private applyName(copy: 0 | 1, hash: number, node: number, payload: number): void {
    const table = this.names[copy];
    const end = this.idle.nameCapacity * NAME_SLOT;
    let at = ((hash * this.idle.nameScale) | 0) * NAME_SLOT;
    while (table[at + 1] !== 0) {
      if (table[at + 1] === node) {
        table[at + 2] = payload;
        return;
      }
      at += NAME_SLOT;
      if (at === end) at = 0;
    }
    table[at] = hash;
    table[at + 1] = node;
    table[at + 2] = payload;
    this.nameCount[copy]++;
  }

  private applyNameDelete(copy: 0 | 1, hash: number, node: number): void {
    const table = this.names[copy];
    const at = findSlot(table, NAME_SLOT, this.idle.nameCapacity, this.idle.nameScale, hash, node);
    if (at < 0) return;
    closeGap(table, NAME_SLOT, this.idle.nameCapacity, this.idle.nameScale, at);
    this.nameCount[copy]--;
  }

  private applyAddress(copy: 0 | 1, hash: number, record: number, old: number): void {
    const table = this.addresses[copy];
    const { addressCapacity, addressScale } = this.idle;
    if (old !== 0) {
      const at = findSlot(table, ADDRESS_SLOT, addressCapacity, addressScale, hash, old);
      if (at >= 0) {
        table[at + 1] = record;
        return;
      }
    }
    const end = addressCapacity * ADDRESS_SLOT;
    let at = ((hash * addressScale) | 0) * ADDRESS_SLOT;
    while (table[at + 1] !== 0) {
      at += ADDRESS_SLOT;
      if (at === end) at = 0;
    }
    table[at] = hash;
    table[at + 1] = record;
    this.addressCount[copy]++;
  }

  private applyAddressDelete(copy: 0 | 1, hash: number, record: number): void {
    const table = this.addresses[copy];
    const at = findSlot(table, ADDRESS_SLOT, this.idle.addressCapacity, this.idle.addressScale, hash, record);
    if (at < 0) return;
    closeGap(table, ADDRESS_SLOT, this.idle.addressCapacity, this.idle.addressScale, at);
    this.addressCount[copy]--;
  }

  private growTo(table: 'name' | 'address', count: number): void {
    const copy = this.idleCopy;
    const capacity = table === 'name' ? this.idle.nameCapacity : this.idle.addressCapacity;
    if (count <= capacity * LOAD_MAX) return;
    const slots = table === 'name' ? this.names[copy] : this.addresses[copy];
    const width = table === 'name' ? NAME_SLOT : ADDRESS_SLOT;
    const most = Math.floor(slots.length / width);
    if (count > most * LOAD_MAX) throw full(table, most);
    const wanted = Math.min(most, Math.ceil(Math.max(capacity * GROWTH, count / LOAD_MAX + 1)));
    rebuild(slots, width, capacity, wanted);
    this.head[(table === 'name' ? layout.HEAD_NAME_CAPACITY : layout.HEAD_ADDRESS_CAPACITY) + copy] = wanted;
    this.idle.use(copy);
  }
}

function full(table: 'name' | 'address', slots: number): MemoryFullError {
  return new MemoryFullError(`the trie's ${table} table is full (${slots} slots)`);
}

/** Entries of a table with this many slots above which it takes up nothing more. */
function markOf(slots: number): number {
  return slots * LOAD_MAX - Math.min(SPARE_SLOTS, slots >>> 3);
}

function firstCapacity(slots: Int32Array, width: number): number {
  return Math.min(FIRST_CAPACITY, Math.floor(slots.length / width));
}

const FIRST_WORDS = 1024;
/** A longer list is given to the collector when it is cleared. */
const KEPT_WORDS = 1 << 18;

/**
 * A list of integers outside of the collector's heap, which is used again and again: a large transaction adds a million
 * of them.
 */
class IntList {
  words = new Int32Array(FIRST_WORDS);
  length = 0;

  push2(a: number, b: number): void {
    if (this.length + 2 > this.words.length) this.grow();
    this.words[this.length++] = a;
    this.words[this.length++] = b;
  }

  push4(a: number, b: number, c: number, d: number): void {
    this.push2(a, b);
    this.push2(c, d);
  }

  clear(): void {
    this.length = 0;
    if (this.words.length > KEPT_WORDS) this.words = new Int32Array(FIRST_WORDS);
  }

  private grow(): void {
    const more = new Int32Array(this.words.length * 2);
    more.set(this.words);
    this.words = more;
  }
}
