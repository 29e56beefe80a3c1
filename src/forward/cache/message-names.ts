/**
 * Names inside one upstream message, checked in time linear to its octets: where labels begin, and where pointers
 * lead.
 */
import { randomInt } from 'node:crypto';
import { NAME_LENGTH_MAX } from '../../dns/constants.ts';

const MESSAGE_MAX = 65536;
const LABELS_MAX = 128;
/** Upstreams must not be able to send names of one hash. */
const SEED = randomInt(2 ** 32) | 0;

/**
 * Reused for every message. A pointer is sound only when it leads to where a label of an earlier, sound name
 * begins (RFC 1035 section 4.1.4): so no chain of pointers costs time, and octets that are rewritten later, TTLs
 * among them, are never part of a name.
 */
export class MessageNames {
  /** The hash of the name read last, whatever its letters and pointers: equal names have equal hashes. */
  hash = 0;
  /** Octets of the expanded name that begins at this offset, 0 where none does; and its hash. */
  private readonly lengths = new Uint8Array(MESSAGE_MAX);
  private readonly hashes = new Int32Array(MESSAGE_MAX);
  /** Where the labels of the name under way begin. */
  private readonly labels = new Uint16Array(LABELS_MAX);
  private message: Uint8Array = new Uint8Array(0);

  begin(message: Uint8Array): void {
    this.message = message;
    this.lengths.fill(0, 0, message.length);
  }

  /** Checks the name at `at`, which must end before `end`. Returns the offset after it, -1 when it is broken. */
  read(at: number, end: number): number {
    const { message, lengths, hashes, labels } = this;
    const start = at;
    let length = 0;
    let count = 0;
    let behind = -1;
    let hash = SEED;
    for (;;) {
      if (at >= end) return -1;
      const label = message[at];
      if (label === 0) {
        length++;
        behind = at + 1;
        break;
      }
      if (label >= 0xc0) {
        if (at + 1 >= end) return -1;
        const target = ((label & 0x3f) << 8) | message[at + 1];
        const rest = target < start ? lengths[target] : 0;
        if (rest === 0) return -1;
        length += rest;
        hash = hashes[target];
        behind = at + 2;
        break;
      }
      if (label > 63) return -1;
      labels[count++] = at;
      length += label + 1;
      at += label + 1;
      if (length > NAME_LENGTH_MAX) return -1;
    }
    if (length > NAME_LENGTH_MAX) return -1;
    // A pointer may point to the pointer at the end of a name: some servers do that.
    lengths[at] = length - (at - start);
    hashes[at] = hash;
    while (count > 0) {
      const label = labels[--count];
      hash = hashOctets(hash, message, label, label + 1 + message[label], true);
      lengths[label] = length - (label - start);
      hashes[label] = hash;
    }
    this.hash = hash;
    return behind;
  }

  /** Copies a name that was read, expanded; `fold`: in lower case. Returns the offset after the copy. */
  copy(at: number, out: Uint8Array, to: number, fold: boolean): number {
    const { message } = this;
    for (;;) {
      const label = message[at];
      if (label >= 0xc0) {
        at = ((label & 0x3f) << 8) | message[at + 1];
        continue;
      }
      for (const behind = at + label; at <= behind; at++)
        out[to++] = fold ? folded(message[at]) : message[at];
      if (label === 0) return to;
    }
  }

  /** True when two names that were read are the same but for their letters' case. */
  same(a: number, b: number): boolean {
    const { message } = this;
    for (;;) {
      while (message[a] >= 0xc0) a = ((message[a] & 0x3f) << 8) | message[a + 1];
      while (message[b] >= 0xc0) b = ((message[b] & 0x3f) << 8) | message[b + 1];
      if (a === b) return true;
      const label = message[a];
      if (label !== message[b]) return false;
      if (label === 0) return true;
      for (let i = 1; i <= label; i++) if (folded(message[a + i]) !== folded(message[b + i])) return false;
      a += label + 1;
      b += label + 1;
    }
  }
}

/** Lengths of labels are below the letters. */
function folded(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/** Goes on from `hash` over octets. */
export function hashOctets(hash: number, octets: Uint8Array, at: number, end: number, fold: boolean): number {
  for (; at < end; at++) hash = mix(hash, fold ? folded(octets[at]) : octets[at]);
  return hash;
}

export function mix(hash: number, value: number): number {
  hash = Math.imul(hash ^ value, 0x5bd1e995);
  return hash ^ (hash >>> 15);
}
