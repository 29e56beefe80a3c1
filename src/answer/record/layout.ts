/** The flight recorder's memory: one shared buffer for each thread that answers, with one writer and rare readers. */

/*
 * head │ sampled ring │ query log ring │ clients: sets of WAYS slots: their heads, then a ring of SLOT_ENTRIES entries each
 *
 * An entry holds all that a reader shows, so a reader never combines it with a slot that changes meanwhile.
 */

/** What one thread records into; structured-cloneable. */
export interface RecordMemory {
  words: SharedArrayBuffer;
  /** Answers that are kept per client. */
  keeps: RecordMode;
  /** Share of the answers that go into the query log, 0 to 1. */
  logRate: number;
}

export type RecordMode = 'failures' | 'all';

export const HEAD_SETS = 0;
export const HEAD_SEED0 = 1;
export const HEAD_SEED1 = 2;
/** Entries written so far, modulo 2^32: the next entry's number. */
export const HEAD_NUMBER = 3;
/** Entries ever written into each of the two rings, modulo 2^32. */
export const HEAD_SAMPLED = 4;
export const HEAD_LOGGED = 5;
export const HEAD_WORDS = 16;

/** The ring that `podns top` reads. */
export const SAMPLED_ENTRIES = 2048;
/** The ring that the query log is written from. */
export const LOGGED_ENTRIES = 1024;

/** Slots that one hash chooses from. The last one is for clients without a pod: nobody else bounds their number. */
export const WAYS = 4;
/** Answers kept per client. */
export const SLOT_ENTRIES = 16;
/** The client: four words of address, then the number of its VPC. */
export const SLOT_ADDRESS = 0;
export const SLOT_VPC = 4;
/** Entries ever written for this client; 0 in a slot that was never used. */
export const SLOT_COUNT = 5;
/** Number of the last entry. */
export const SLOT_LAST = 6;
export const SLOT_HEAD = 8;

/** Odd while the entry is written, 0 before the first time. */
export const ENTRY_SEQUENCE = 0;
export const ENTRY_NUMBER = 1;
/** Milliseconds since 1970, the low 32 bits and the rest. */
export const ENTRY_TIME_LOW = 2;
export const ENTRY_TIME_HIGH = 3;
/** The question's type in the upper half; ENTRY_FLAGS below. */
export const ENTRY_TYPE = 4;
/** The rcode, 12 bits; from bit 12 on the EDE's number plus 1, from bit 24 on its text. */
export const ENTRY_RESULT = 5;
/** Octets of the name, octets of `who` from bit 8 on, reasons from bit 16 on. */
export const ENTRY_LENGTHS = 6;
/** Microseconds from the question to the answer; 0 for one that was answered at once. */
export const ENTRY_DURATION = 7;
/** The serial of the client's VPC. */
export const ENTRY_REVISION = 8;
/** In the sampled ring: how many answers this one stands for. */
export const ENTRY_WEIGHT = 9;
/** The client's port in the upper half, the id of the message. */
export const ENTRY_PORT = 10;
export const ENTRY_ADDRESS = 11;
export const ENTRY_REASONS = 15;
/** Labels in wire form: the VPC, the namespace, then those of the pod; as many as are known, and fit. */
export const ENTRY_WHO = 21;
export const WHO_OCTETS = 96;
/** The question's name, folded, in wire form, as many octets as fit. */
export const ENTRY_NAME = 45;
export const NAME_OCTETS = 108;
export const ENTRY_WORDS = 72;

export const FLAG_TCP = 1;
/** The main thread wrote it. */
export const FLAG_MAIN = 2;
/** It waited for the first view, or for its pod. */
export const FLAG_HELD = 4;
/** An outside name: the rcode is an upstream's, or stands for the upstreams' silence. */
export const FLAG_OUTSIDE = 8;
export const FLAG_NAME_CUT = 16;

const SLOT_ENTRY_WORDS = SLOT_ENTRIES * ENTRY_WORDS;
/** The heads of a set stand side by side, so that looking for a client touches two cache lines. */
const HEADS_WORDS = WAYS * SLOT_HEAD;
export const SET_WORDS = HEADS_WORDS + WAYS * SLOT_ENTRY_WORDS;
export const SAMPLED_AT = HEAD_WORDS;
export const LOGGED_AT = SAMPLED_AT + SAMPLED_ENTRIES * ENTRY_WORDS;
export const SETS_AT = LOGGED_AT + LOGGED_ENTRIES * ENTRY_WORDS;

/** Word index of a slot's head. */
export function slotAt(set: number, way: number): number {
  return SETS_AT + set * SET_WORDS + way * SLOT_HEAD;
}

/** Word index of the entry that is written after `count` others. */
export function slotEntryAt(slot: number, count: number): number {
  const offset = (slot - SETS_AT) % SET_WORDS;
  const way = (offset / SLOT_HEAD) | 0;
  const ring = slot - offset + HEADS_WORDS + way * SLOT_ENTRY_WORDS;
  return ring + (count & (SLOT_ENTRIES - 1)) * ENTRY_WORDS;
}

/** Octets of clients' answers that one thread keeps at the most. */
const SIZE_MAX = 1 << 30;

/**
 * Memory for `size` octets of clients' answers, at least one set, and less where the system does not grant so much;
 * the two rings come on top. Pages are used only once they are touched.
 */
export function reserveRecord(size: number, keeps: RecordMode, logRate: number): RecordMemory {
  let sets = Math.max(1, Math.floor(Math.min(size, SIZE_MAX) / (SET_WORDS * 4)));
  let words: SharedArrayBuffer | undefined;
  while (words === undefined) {
    try {
      words = new SharedArrayBuffer((SETS_AT + sets * SET_WORDS) * 4);
    } catch (error) {
      if (sets === 1) throw error;
      sets >>>= 1;
    }
  }
  const head = new Int32Array(words);
  head[HEAD_SETS] = sets;
  const random = crypto.getRandomValues(new Int32Array(2));
  head[HEAD_SEED0] = random[0];
  head[HEAD_SEED1] = random[1];
  return { words, keeps, logRate };
}
