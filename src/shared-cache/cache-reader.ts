/**
 * A reader of the shared cache, one per thread: finds an answer and writes it for a client, without waiting or
 * allocating.
 */
import { HEADER_LENGTH } from '../dns/constants.ts';
import { get32, put16, put32 } from '../dns/octets.ts';
import type { Query } from '../dns/query.ts';
import { monotonic } from '../base/clock.ts';
import * as layout from './layout.ts';
import type { SharedCacheMemory } from './memory.ts';
import { FLAGS_ECHOED, FLAG_AD, FLAG_CD, FLAG_QR, FLAG_RA } from '../dns/flags.ts';

const { UNIT_WORDS, SLOT_UNIT, SLOT_TAG, PROBES_MAX, ENTRY_DATA, ENTRY_META } = layout;

/** QR and RA. */
const ANSWER_FLAGS = FLAG_QR | FLAG_RA;
const TTL_MAX = 0xffffffff;

/**
 * `enter` before the first `find` and `leave` after the last: what is removed in between keeps its octets until
 * then. What `find` returns is good until `leave`.
 */
export class SharedCacheReader {
  private readonly head: Int32Array;
  private readonly slots: Int32Array;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly hits: Float64Array;
  private readonly clock: () => number;
  private readonly seed0: number;
  private readonly seed1: number;
  /** Where this reader's count stands, and the count. */
  private readonly place: number;
  private count: number;
  private readonly hitsAt: number;
  /** Between `enter` and `leave`. */
  isInside = false;
  /** By the shared cache's clock, read at `enter`. */
  private now = 0;
  private isOpen = false;

  /** `reader`: a number of its own, which a dead one before it may have had. */
  constructor(memory: SharedCacheMemory, reader: number, clock: () => number = monotonic) {
    this.head = new Int32Array(memory.head);
    this.slots = new Int32Array(memory.slots);
    this.words = new Int32Array(memory.arena);
    this.doubles = new Float64Array(memory.arena);
    this.bytes = new Uint8Array(memory.arena);
    this.hits = new Float64Array(memory.head);
    this.clock = clock;
    this.seed0 = this.head[layout.HEAD_SEED0];
    this.seed1 = this.head[layout.HEAD_SEED1];
    this.place = layout.HEAD_READERS + reader * layout.READER_STRIDE;
    this.hitsAt = (this.place * 4 + layout.READER_HITS) / 8;
    this.count = Atomics.load(this.head, this.place);
  }

  enter(): void {
    if (this.isInside) return;
    this.isInside = true;
    this.count = (this.count + 1) | 0;
    // Sequentially consistent: no slot is read before the writer can see that this reader is inside.
    Atomics.store(this.head, this.place, this.count);
    this.now = this.clock() + Atomics.load(this.head, layout.HEAD_SHIFT);
    this.isOpen = Math.floor(this.now / 1000) < Atomics.load(this.head, layout.HEAD_LEASE);
  }

  leave(): void {
    if (!this.isInside) return;
    this.isInside = false;
    this.count = (this.count + 1) | 0;
    Atomics.store(this.head, this.place, this.count);
  }

  /**
   * The entry that answers this tenant's question now, 0 when there is none, or one that the main thread has to
   * see: expired, or popular and about to expire. `tenant`: number of the VPC.
   */
  find(tenant: number, query: Query): number {
    if (!this.isOpen) return 0;
    const { slots, words } = this;
    const kind = (query.qtype << 16) | query.qclass;
    const asked =
      (query.dnssecOk ? layout.ASKED_DO : 0) | ((query.flags & FLAG_CD) !== 0 ? layout.ASKED_CD : 0);
    const length = query.qnameLength;
    const hash = layout.hashQuestion(this.seed0, this.seed1, tenant, kind, asked, query.name, length);
    const tag = hash >>> layout.HASH_INDEX;
    const mask = slots.length - 1;
    for (let i = 0; i < PROBES_MAX; i++) {
      const slot = Atomics.load(slots, (hash + i) & mask);
      if (slot === 0) return 0;
      if (slot >>> SLOT_TAG !== tag) continue;
      const at = (slot & SLOT_UNIT) * UNIT_WORDS;
      // The hash only leads to the entry: the whole key decides.
      if (
        words[at + layout.ENTRY_TENANT] === tenant &&
        words[at + layout.ENTRY_KIND] === kind &&
        (words[at + ENTRY_META] & layout.ASKED) === asked &&
        words[at + ENTRY_META] >>> 16 === length &&
        this.isNamed(at, query.name, length)
      ) {
        return this.isGood(at) ? at : 0;
      }
    }
    return 0;
  }

  /** Octets of the answer without an OPT record. */
  lengthOf(at: number): number {
    const { words } = this;
    return HEADER_LENGTH + (words[at + ENTRY_META] >>> 16) + 4 + words[at + layout.ENTRY_LENGTH];
  }

  /**
   * Writes that answer for the client whose question `find` was given: its id and letters, its flags, TTLs that
   * have counted down. Returns the offset after it. The answer never contains an OPT record.
   */
  write(at: number, query: Query, out: Uint8Array, base: number): number {
    const { words, bytes } = this;
    const meta = words[at + ENTRY_META];
    const counts = words[at + layout.ENTRY_COUNTS];
    const additionals = words[at + layout.ENTRY_ADDITIONALS];
    let flags = ANSWER_FLAGS | (query.flags & FLAGS_ECHOED) | ((meta >>> 8) & 15);
    const wantsAd = query.dnssecOk || (query.flags & FLAG_AD) !== 0;
    if (wantsAd && (meta & layout.IS_AUTHENTIC) !== 0) flags |= FLAG_AD;
    put16(out, base, query.id);
    put16(out, base + 2, flags);
    put16(out, base + 4, 1);
    put16(out, base + 6, counts >>> 16);
    put16(out, base + 8, counts & 0xffff);
    put16(out, base + 10, additionals);
    const nameLength = meta >>> 16;
    const question = query.start + HEADER_LENGTH;
    for (let i = 0; i < nameLength + 4; i++) out[base + HEADER_LENGTH + i] = query.packet[question + i];
    const records = (counts >>> 16) + (counts & 0xffff) + additionals;
    const offsets = (at + ENTRY_DATA) * 4 + nameLength;
    const from = offsets + 2 * records;
    const length = words[at + layout.ENTRY_LENGTH];
    const to = base + HEADER_LENGTH + nameLength + 4;
    for (let i = 0; i < length; i++) out[to + i] = bytes[from + i];
    const age = layout.ageOf(this.now - this.doubles[(at + layout.ENTRY_STORED_AT) / 2]);
    const most = (meta & layout.IS_NEGATIVE) !== 0 ? words[at + layout.ENTRY_SECONDS] - age : TTL_MAX;
    for (let i = offsets; i < from; i += 2) age32(out, base + ((bytes[i] << 8) | bytes[i + 1]), age, most);
    this.mark(at);
    return to + length;
  }

  private isNamed(at: number, name: Uint8Array, length: number): boolean {
    const { bytes } = this;
    const from = (at + ENTRY_DATA) * 4;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== name[i]) return false;
    return true;
  }

  private isGood(at: number): boolean {
    const { words } = this;
    const seconds = words[at + layout.ENTRY_SECONDS];
    const left = this.doubles[(at + layout.ENTRY_STORED_AT) / 2] + seconds * 1000 - this.now;
    return left > 0 && !layout.isDue(words[at + layout.ENTRY_HITS], seconds, left);
  }

  /**
   * A mark for the writer. Words that have it already are not written again, so that no cache line moves between
   * threads.
   */
  private mark(at: number): void {
    const { words } = this;
    if (words[at + layout.ENTRY_HITS] < layout.POPULAR_HITS) words[at + layout.ENTRY_HITS]++;
    if (words[at + layout.ENTRY_TOUCHED] === 0) words[at + layout.ENTRY_TOUCHED] = 1;
    this.hits[this.hitsAt] += 1;
  }
}

/** Subtracts the age from a TTL in place; at most `most` remains. */
function age32(out: Uint8Array, at: number, age: number, most: number): void {
  const ttl = get32(out, at);
  const left = ttl > age ? ttl - age : 0;
  put32(out, at, left > most ? most : left);
}
