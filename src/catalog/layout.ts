/** The layout of a packed record: the words of its header, and the bits of the content of pods and services. */
import type { Kind, Protocol } from '../model.ts';

// Word 0: length in words (15 bits), kind (3), flags (6), source (8).
export const KIND_SHIFT = 15;
export const KIND_MASK = 0x7;
export const SOURCE_SHIFT = 24;
/** Part of an open transaction: not yet applied. */
export const STAGED = 1 << 18;
/** A staged deletion; its content is the name alone. */
export const DELETION = 1 << 19;
/** Freed; kept until its chunk is dropped. */
export const DEAD = 1 << 20;
/** A preferred source reports the same key. */
export const SHADOWED = 1 << 21;
/** Said again by the open full transaction of its source. */
export const SEEN = 1 << 22;
/** Staged, and when it was staged no source had its key. */
export const FRESH = 1 << 23;
/** Of a reported record: a whole list has left it out, and the shrink guard keeps it for now. Shares a bit with FRESH. */
export const HELD = FRESH;
// Word 1: scope. Words 2 and 3: stamp, low 32 bits and, where 21 bits are enough, the high ones.
export const STAMP_HIGH = 0x1fffff;
/** In word 3: a word with the revision in the string pool follows the header; else the stamp is the revision. */
export const HAS_REVISION = 1 << 21;
/** In word 3: then three words, the file in the string pool, line and column. */
export const HAS_PLACE = 1 << 22;
/** In word 3: one more word follows these, all high bits of the stamp. */
export const WIDE_STAMP = 1 << 23;
/** Words between header and content, by the three flags of word 3. */
export const EXTRA_WORDS = [0, 1, 3, 4, 1, 2, 4, 5];
export const EXTRA_SHIFT = 21;
export const EXTRA_MASK = 7;
// Words 4 and 5: the records of the same scope and kind around this one, 0 at the ends.
export const CHAIN_NEXT = 4;
export const CHAIN_PREVIOUS = 5;
export const HEADER_WORDS = 6;

/** By the number in the header. */
export const KIND_NAMES: readonly Kind[] = ['vpc', 'namespace', 'overlay', 'pod', 'service'];
export const KIND_NUMBERS: Readonly<Record<Kind, number>> = {
  vpc: 0,
  namespace: 1,
  overlay: 2,
  pod: 3,
  service: 4,
};
export const VPC = 0;
export const POD = 3;
export const SERVICE = 4;

export const READY = 1;
export const HAS_IP6 = 2;
/** The aid is the kind's letter and ten hex digits: five octets. */
export const SHORT_AID = 4;
export const HAS_NAMES = 8;
export const HAS_OVERLAYS = 16;
export const HAS_PORTS = 32;

export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
