/** Reads the owners of a name: the records of a crowd's tree by rank or by key, and whose own name it is. */
import * as layout from '../layout.ts';
import { aidTextAt, hasTextAid, kindOf } from '../record.ts';
import type { View } from './view.ts';

const { CHUNK_LEVEL, CHUNK_COUNT, CHUNK_TOTAL, CHUNK_ENTRIES, LEAF_ENTRY } = layout;
const { BRANCH_CHILD, BRANCH_TOTAL, BRANCH_ENTRY } = layout;

/** Records of the tree with this root. */
export function totalOf(words: Int32Array, root: number): number {
  return root === 0 ? 0 : words[root + CHUNK_TOTAL];
}

/** Goes through a tree in order, from any record on; it descends again only at the end of a leaf. */
export class Cursor {
  /** Key of the record that `next` returned last. */
  key = 0;
  private words: Int32Array;
  private root = 0;
  private rank = 0;
  private at = 0;
  private left = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Reads this arena from now on. */
  use(words: Int32Array): void {
    this.words = words;
  }

  /** `next` returns the record with this rank, then those after it. */
  seek(root: number, rank: number): void {
    const { words } = this;
    this.root = root;
    this.rank = rank;
    this.left = 0;
    if (rank >= totalOf(words, root)) return;
    let chunk = root;
    while (words[chunk + CHUNK_LEVEL] > 0) {
      let at = chunk + CHUNK_ENTRIES;
      for (; rank >= words[at + BRANCH_TOTAL]; at += BRANCH_ENTRY) rank -= words[at + BRANCH_TOTAL];
      chunk = words[at + BRANCH_CHILD];
    }
    this.at = chunk + CHUNK_ENTRIES + LEAF_ENTRY * rank;
    this.left = words[chunk + CHUNK_COUNT] - rank;
  }

  /** `next` returns the first record whose key is at least this one. */
  seekKey(root: number, key: number): void {
    const { words } = this;
    let chunk = root;
    let rank = 0;
    while (words[chunk + CHUNK_LEVEL] > 0) {
      let at = chunk + CHUNK_ENTRIES;
      // The first record with the key may be in the chunk before the one that begins with the key.
      for (let n = words[chunk + CHUNK_COUNT]; n > 1 && words[at + BRANCH_ENTRY] < key; n--) {
        rank += words[at + BRANCH_TOTAL];
        at += BRANCH_ENTRY;
      }
      chunk = words[at + BRANCH_CHILD];
    }
    let at = chunk + CHUNK_ENTRIES;
    for (let n = words[chunk + CHUNK_COUNT]; n > 0 && words[at] < key; n--, at += LEAF_ENTRY) rank++;
    this.seek(root, rank);
  }

  /** The next record, or 0 after the last. */
  next(): number {
    if (this.left === 0) {
      this.seek(this.root, this.rank);
      if (this.left === 0) return 0;
    }
    const { words, at } = this;
    this.left--;
    this.rank++;
    this.at = at + LEAF_ENTRY;
    this.key = words[at];
    return words[at + 1];
  }
}

/** The pod whose own name is the name `node`, which has this payload; 0 when there is none. */
export function podNamed(view: View, node: number, payload: number): number {
  const { words } = view;
  const kind = payload === 0 ? 0 : kindOf(words, payload);
  if (kind === layout.RECORD_CROWD) return words[payload + layout.CROWD_POD];
  if (kind === layout.RECORD_POD) return isNamed(view, payload, node) ? payload : 0;
  if (kind !== layout.RECORD_SET) return 0;
  const tail = view.tail(payload);
  for (let i = words[tail + layout.SET_PODS] - 1; i >= 0; i--) {
    const pod = words[tail + layout.SET_REFS + i];
    if (isNamed(view, pod, node)) return pod;
  }
  return 0;
}

/** True when the name `node` is the record's own. */
export function isNamed(view: View, record: number, node: number): boolean {
  return view.words[view.tail(record) + layout.TAIL_NODE] === node;
}

/** Writes the aid of a POD or SERVICE as a label; returns the offset after it. */
export function putAid(view: View, out: Uint8Array, at: number, record: number): number {
  const { words, bytes } = view;
  const tail = view.tail(record);
  const aid = words[tail + layout.TAIL_AID];
  const rest = words[tail + layout.TAIL_AID_REST];
  if (hasTextAid(words, tail)) {
    const from = aidTextAt(words, bytes, tail);
    out[at++] = rest;
    for (let i = 0; i < rest; i++) out[at + i] = bytes[from + i];
    return at + rest;
  }
  out[at] = 11;
  out[at + 1] = kindOf(words, record) === layout.RECORD_POD ? 0x70 : 0x73;
  out[at + 2] = hex((aid >>> 4) & 15);
  out[at + 3] = hex(aid & 15);
  for (let i = 0; i < 8; i++) out[at + 4 + i] = hex((rest >>> (28 - 4 * i)) & 15);
  return at + 12;
}

function hex(digit: number): number {
  return digit < 10 ? 0x30 + digit : 0x57 + digit;
}
