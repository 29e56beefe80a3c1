/**
 * The writer of the shared cache: puts answers of upstreams where every thread can take them, and takes them off
 * again.
 */
import { Blocks, BLOCK_MAX } from './blocks.ts';
import { monotonic } from '../base/clock.ts';
import * as layout from './layout.ts';
import type { SharedCacheMemory } from './memory.ts';
import { Retired } from './retirement.ts';

const { UNIT_WORDS, SLOT_UNIT, SLOT_TAG, PROBES_MAX } = layout;

/** Share of the slots in use above which nothing more is put up. */
const LOAD_MAX = 0.75;

/** The question that an answer is for: it is given where all of this is the same. */
export interface CacheQuestion {
  /** Number of the VPC: no two VPCs have the same in the life of the process. */
  tenant: number;
  /** Wire form, folded, root octet included. */
  name: Uint8Array;
  type: number;
  class: number;
  dnssecOk: boolean;
  checkingDisabled: boolean;
}

/** An upstream's answer as it is kept. */
export interface CacheEntry {
  /** A message without OPT record; what is before `recordsAt` does not count. */
  octets: Uint8Array;
  /** Behind the question. */
  recordsAt: number;
  /** Where each record's TTL stands, in order. */
  ttlOffsets: Uint16Array;
  answers: number;
  authorities: number;
  additionals: number;
  /** Below 16. */
  rcode: number;
  authenticData: boolean;
  edns: boolean;
}

/** Since when it is true, and for how long. */
export interface EntryTimes {
  /** Milliseconds of the shared cache's clock. */
  storedAt: number;
  seconds: number;
  negative: boolean;
}

export class SharedCache {
  readonly memory: SharedCacheMemory;
  /** Entries that slots lead to. */
  entries = 0;
  private readonly clock: () => number;
  private readonly head: Int32Array;
  private readonly slots: Int32Array;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly blocks: Blocks;
  private readonly retired: Retired;

  /** `clock`: milliseconds on which all threads agree. */
  constructor(memory: SharedCacheMemory, clock: () => number = monotonic) {
    this.memory = memory;
    this.clock = clock;
    this.head = new Int32Array(memory.head);
    this.slots = new Int32Array(memory.slots);
    this.words = new Int32Array(memory.arena);
    this.doubles = new Float64Array(memory.arena);
    this.bytes = new Uint8Array(memory.arena);
    this.blocks = new Blocks(this.words);
    this.retired = new Retired(this.head, (unit) => this.blocks.give(unit));
  }

  /** Milliseconds of the clock that readers go by. */
  now(): number {
    return this.clock() + Atomics.load(this.head, layout.HEAD_SHIFT);
  }

  /** Octets of blocks that are in use, or wait for readers to leave. */
  get used(): number {
    return this.blocks.used;
  }

  /** Answers that readers have given. */
  get hits(): number {
    let hits = 0;
    const doubles = new Float64Array(this.memory.head);
    for (let r = 0; r < layout.READERS_MAX; r++) {
      const word = layout.HEAD_READERS + r * layout.READER_STRIDE;
      hits += doubles[(word * 4 + layout.READER_HITS) / 8];
    }
    return hits;
  }

  /** For so many seconds from now on readers need not ask the writer whether all is as it was. */
  lease(seconds: number): void {
    Atomics.store(this.head, layout.HEAD_LEASE, (Math.floor(this.now() / 1000) + seconds) | 0);
  }

  /** Puts it up and returns where, for `remove`; 0 when there is no room for it. */
  publish(question: CacheQuestion, answer: CacheEntry, times: EntryTimes): number {
    this.retired.settle();
    const { octets, recordsAt, ttlOffsets } = answer;
    const length = octets.length - recordsAt;
    const size = layout.ENTRY_DATA * 4 + question.name.length + 2 * ttlOffsets.length + length;
    if (length < 0 || size > BLOCK_MAX) return 0;
    const asked = askedOf(question);
    const kind = (question.type << 16) | question.class;
    const { head, slots } = this;
    const hash = layout.hashQuestion(
      head[layout.HEAD_SEED0],
      head[layout.HEAD_SEED1],
      question.tenant,
      kind,
      asked,
      question.name,
      question.name.length,
    );
    const slot = this.emptySlot(hash);
    const unit = slot < 0 ? 0 : this.blocks.take(size);
    if (unit === 0) return 0;
    const at = unit * UNIT_WORDS;
    const { words } = this;
    words[at + layout.ENTRY_HASH] = hash;
    words[at + layout.ENTRY_TENANT] = question.tenant;
    words[at + layout.ENTRY_KIND] = kind;
    words[at + layout.ENTRY_META] =
      asked |
      (answer.authenticData ? layout.IS_AUTHENTIC : 0) |
      (times.negative ? layout.IS_NEGATIVE : 0) |
      (answer.edns ? layout.IS_EDNS : 0) |
      (answer.rcode << 8) |
      (question.name.length << 16);
    this.doubles[(at + layout.ENTRY_STORED_AT) / 2] = times.storedAt;
    words[at + layout.ENTRY_SECONDS] = times.seconds;
    words[at + layout.ENTRY_HITS] = 0;
    words[at + layout.ENTRY_TOUCHED] = 0;
    words[at + layout.ENTRY_COUNTS] = (answer.answers << 16) | answer.authorities;
    words[at + layout.ENTRY_ADDITIONALS] = answer.additionals;
    words[at + layout.ENTRY_LENGTH] = length;
    let to = (at + layout.ENTRY_DATA) * 4;
    this.bytes.set(question.name, to);
    to += question.name.length;
    for (const offset of ttlOffsets) {
      this.bytes[to++] = offset >>> 8;
      this.bytes[to++] = offset;
    }
    this.bytes.set(octets.subarray(recordsAt), to);
    // Sequentially consistent: who sees the slot sees the whole entry.
    Atomics.store(slots, slot, ((hash >>> layout.HASH_INDEX) << SLOT_TAG) | unit);
    this.entries++;
    return unit;
  }

  /** No reader finds it from now on; one that is copying it may finish. */
  remove(unit: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    const hash = this.words[unit * UNIT_WORDS + layout.ENTRY_HASH];
    for (let i = 0; i < PROBES_MAX; i++) {
      const at = (hash + i) & mask;
      if ((slots[at] & SLOT_UNIT) !== unit) continue;
      this.closeGap(at);
      this.entries--;
      this.retired.add(unit);
      this.retired.settle();
      return;
    }
  }

  /** Octets of memory that an entry takes. */
  sizeOf(unit: number): number {
    return this.blocks.sizeOf(unit);
  }

  /** A copy of what was put up. */
  read(unit: number): CacheEntry {
    const at = unit * UNIT_WORDS;
    const { words, bytes } = this;
    const meta = words[at + layout.ENTRY_META];
    const counts = words[at + layout.ENTRY_COUNTS];
    const additionals = words[at + layout.ENTRY_ADDITIONALS];
    const nameLength = (meta >>> 16) & 0xff;
    const ttlOffsets = new Uint16Array((counts >>> 16) + (counts & 0xffff) + additionals);
    let from = (at + layout.ENTRY_DATA) * 4 + nameLength;
    for (let i = 0; i < ttlOffsets.length; i++, from += 2)
      ttlOffsets[i] = (bytes[from] << 8) | bytes[from + 1];
    const recordsAt = 12 + nameLength + 4;
    const octets = new Uint8Array(recordsAt + words[at + layout.ENTRY_LENGTH]);
    octets.set(bytes.subarray(from, from + words[at + layout.ENTRY_LENGTH]), recordsAt);
    return {
      octets,
      recordsAt,
      ttlOffsets,
      answers: counts >>> 16,
      authorities: counts & 0xffff,
      additionals,
      rcode: (meta >>> 8) & 0xff,
      authenticData: (meta & layout.IS_AUTHENTIC) !== 0,
      edns: (meta & layout.IS_EDNS) !== 0,
    };
  }

  /** One more has been given it by the writer itself; returns how many have, up to POPULAR_HITS. */
  hit(unit: number): number {
    const at = unit * UNIT_WORDS + layout.ENTRY_HITS;
    if (this.words[at] < layout.POPULAR_HITS) this.words[at]++;
    return this.words[at];
  }

  /** True when a reader has given it since this was asked last. */
  wasTouched(unit: number): boolean {
    const at = unit * UNIT_WORDS + layout.ENTRY_TOUCHED;
    if (this.words[at] === 0) return false;
    this.words[at] = 0;
    return true;
  }

  /** The thread of this reader is gone: what it was copying holds no memory back. */
  readerEnded(reader: number): void {
    const at = layout.HEAD_READERS + reader * layout.READER_STRIDE;
    const count = Atomics.load(this.head, at);
    if ((count & 1) !== 0) Atomics.store(this.head, at, (count + 1) | 0);
  }

  /** Where an entry with this hash goes, or -1 when all places near to its first are taken. */
  private emptySlot(hash: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    if (this.entries >= slots.length * LOAD_MAX) return -1;
    for (let i = 0; i < PROBES_MAX; i++) {
      const at = (hash + i) & mask;
      if (slots[at] === 0) return at;
    }
    return -1;
  }

  /**
   * Empties a slot and moves later ones of its run back, so that no search stops short (Knuth 6.4, algorithm R). A
   * reader in between may meet an entry twice, or miss one, which the main thread then answers.
   */
  private closeGap(hole: number): void {
    const { slots, words } = this;
    const mask = slots.length - 1;
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const first = words[(slots[at] & SLOT_UNIT) * UNIT_WORDS + layout.ENTRY_HASH] & mask;
      // It stays where its first slot lies after the hole, on the way to it.
      if (((at - first) & mask) < ((at - hole) & mask)) continue;
      Atomics.store(slots, hole, slots[at]);
      hole = at;
    }
    Atomics.store(slots, hole, 0);
  }
}

function askedOf(question: { dnssecOk: boolean; checkingDisabled: boolean }): number {
  return (question.dnssecOk ? layout.ASKED_DO : 0) | (question.checkingDisabled ? layout.ASKED_CD : 0);
}
