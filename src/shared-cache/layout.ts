/**
 * Where everything lies on the shared cache: its head, the slots that lead to entries, the words of an entry.
 *
 * An entry never changes once a slot leads to it, apart from the two words that are called marks here. Entries
 * begin at multiples of UNIT octets; unit 0 means none.
 */
import { hashOctets, hashWords } from '../base/half-sip-hash.ts';

// ---- head (Int32Array) ---------------------------------------------------------------------------------
export const HEAD_SEED0 = 0;
export const HEAD_SEED1 = 1;
/** Milliseconds between the machine's monotonic clock and the shared cache's. */
export const HEAD_SHIFT = 2;
/** Second of the shared cache's clock from which on readers must not answer until the writer has renewed the lease. */
export const HEAD_LEASE = 3;
/** Readers, each on a cache line of its own: how often it has entered and left, odd while it is inside. */
export const HEAD_READERS = 16;
export const READER_STRIDE = 16;
/** As many readers as the trie has, and the writer's own thread. */
export const READERS_MAX = 65;
export const OWN_READER = READERS_MAX - 1;
/** From a reader's word on, in octets: a float64, the number of its answers. */
export const READER_HITS = 8;
export const HEAD_WORDS = HEAD_READERS + READERS_MAX * READER_STRIDE;

// ---- slots (Int32Array) --------------------------------------------------------------------------------
/** A slot is the unit of an entry in its low bits, and six bits of its hash above them. */
export const SLOT_UNIT = 0x3ffffff;
export const SLOT_TAG = 26;
/** Bits of a hash that choose its first slot; those above are the tag. */
export const HASH_INDEX = 25;
/** No entry stands farther from its first slot, so a reader ends also while slots move. */
export const PROBES_MAX = 32;

// ---- entry (Int32Array) --------------------------------------------------------------------------------
export const UNIT = 64;
export const UNIT_WORDS = UNIT / 4;

export const ENTRY_HASH = 0;
export const ENTRY_TENANT = 1;
/** type << 16 | class */
export const ENTRY_KIND = 2;
/** ASKED_* | IS_* | rcode << 8 | octets of the qname << 16 */
export const ENTRY_META = 3;
/** A float64: milliseconds of the shared cache's clock. */
export const ENTRY_STORED_AT = 4;
/** For how long it is fresh. */
export const ENTRY_SECONDS = 6;
/** Mark: times it was given, up to POPULAR_HITS. Lost increments do not matter. */
export const ENTRY_HITS = 7;
/** Mark: 1 when a reader has given it since the writer last checked. */
export const ENTRY_TOUCHED = 8;
/** answers << 16 | authorities */
export const ENTRY_COUNTS = 9;
export const ENTRY_ADDITIONALS = 10;
/** Octets of the records. */
export const ENTRY_LENGTH = 11;
/** Then octets: the qname, where each TTL stands in the message (two octets each), the records. */
export const ENTRY_DATA = 12;

/** What distinguishes questions besides name, type and class. */
export const ASKED_DO = 1;
export const ASKED_CD = 2;
export const ASKED = ASKED_DO | ASKED_CD;
export const IS_AUTHENTIC = 4;
export const IS_NEGATIVE = 8;
/** The upstream had an OPT record. */
export const IS_EDNS = 16;

/** An answer given this often is asked for again in the last tenth of its life, if that is long enough to matter. */
export const POPULAR_HITS = 3;
const PREFETCH_SECONDS_MIN = 10;

/** True when it is time to ask again for an answer that is fresh for another `left` milliseconds. */
export function isDue(hits: number, seconds: number, left: number): boolean {
  return hits >= POPULAR_HITS && left <= seconds * 100 && seconds >= PREFETCH_SECONDS_MIN;
}

/** Seconds that have passed; 0 where an answer was published after the reader had read the clock. */
export function ageOf(ms: number): number {
  return ms > 0 ? Math.floor(ms / 1000) : 0;
}

/** Hash of tenant, `kind` (type and class), `asked` (DO and CD) and the folded qname, `length` octets. */
export function hashQuestion(
  seed0: number,
  seed1: number,
  tenant: number,
  kind: number,
  asked: number,
  name: Uint8Array,
  length: number,
): number {
  const head = hashWords(seed0, seed1, tenant, asked, kind, 0, 0, 0);
  return hashOctets(seed0, seed1, head, name, 0, length);
}
