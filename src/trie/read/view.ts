/** A reader's handle on the flat memory: follows edges, finds addresses and reads records, and allocates nothing. */
import { LeftRight } from './left-right.ts';
import { hashLabel, hashWords } from '../../base/half-sip-hash.ts';
import * as layout from '../layout.ts';
import type { TrieMemory } from '../memory.ts';
import { MAPPED_WORD, isMappedKey } from '../prefix.ts';
import { attachmentAfter, attachmentCount, attachmentsAt, kindOf, labelLength, tailOf } from '../record.ts';

const { NAME_SLOT, ADDRESS_SLOT, NODE_LABEL, KEYED_SCOPE, KEYED_BITS, KEYED_ADDRESS } = layout;

export class View extends LeftRight {
  /** Results of the last successful `step`. A node without records has payload 0. */
  node = 0;
  payload = 0;
  /** A pod of another VPC has the address of the last `findOwner` too. */
  isElsewhere = false;

  /** The cache of `findNet6Owner`, 256 entries: two words of address, the prefixes' stamp, the owner. */
  readonly net6Owners = new Int32Array(256 * 4);

  /** The address that `find` looks for: four words in network order. */
  readonly key: Int32Array;
  /** The octets of `key`. */
  readonly keyBytes: Uint8Array;

  /**
   * Hashes that `answer/prefetch.ts` has computed for the current packet: of its sender in `sourceScope`, of its second
   * label below `spaceParent`, of its first below `leafParent`. A scope or parent of -1 means that there is no hash.
   */
  sourceScope = -1;
  sourceHash = 0;
  spaceParent = -1;
  spaceHash = 0;
  leafParent = -1;
  leafHash = 0;

  private readonly seed0: number;
  private readonly seed1: number;

  /** `reader`: this reader's number, or -1 on the writer's thread. */
  constructor(memory: TrieMemory, reader = -1) {
    super(memory, reader);
    this.seed0 = this.head[layout.HEAD_SEED0];
    this.seed1 = this.head[layout.HEAD_SEED1];
    this.keyBytes = new Uint8Array(16);
    this.key = new Int32Array(this.keyBytes.buffer);
  }

  forgetPrefetched(): void {
    this.sourceScope = -1;
    this.spaceParent = -1;
    this.leafParent = -1;
  }

  hashLabel(parent: number, name: Uint8Array, offset: number): number {
    return hashLabel(this.seed0, this.seed1, parent, name, offset);
  }

  /** Number of the slot where the search for this hash begins, to touch it before. */
  nameHome(hash: number): number {
    return (hash * this.nameScale) | 0;
  }

  /**
   * Goes from `parent` along the folded label whose length octet is `name[offset]`. True when there is such a node;
   * then `node` and `payload` are set, otherwise they are unchanged.
   */
  step(parent: number, name: Uint8Array, offset: number): boolean {
    return this.stepHashed(parent, name, offset, hashLabel(this.seed0, this.seed1, parent, name, offset));
  }

  /** `step` along a label of the question, whose hash may have been computed before. */
  stepAlong(parent: number, name: Uint8Array, offset: number): boolean {
    const hash =
      parent === this.leafParent && offset === 0
        ? this.leafHash
        : hashLabel(this.seed0, this.seed1, parent, name, offset);
    return this.stepHashed(parent, name, offset, hash);
  }

  /** `step` to a namespace, along the second label of the question or a later one, whose hash may have been computed. */
  stepToSpace(parent: number, name: Uint8Array, offset: number): boolean {
    const isSecond = parent === this.spaceParent && offset === name[0] + 1;
    const hash = isSecond ? this.spaceHash : hashLabel(this.seed0, this.seed1, parent, name, offset);
    return this.stepHashed(parent, name, offset, hash);
  }

  /** `step` with a hash that the caller has computed. */
  stepHashed(parent: number, name: Uint8Array, offset: number, hash: number): boolean {
    const names = this.names;
    const words = this.words;
    const bytes = this.bytes;
    const end = this.nameCapacity * NAME_SLOT;
    let at = ((hash * this.nameScale) | 0) * NAME_SLOT;
    const length = name[offset];
    for (;;) {
      const node = names[at + 1];
      if (node === 0) return false;
      if (names[at] === hash && words[node] === parent && labelLength(words, node) === length) {
        const label = (node + NODE_LABEL) * 4 - offset - 1;
        let i = offset + 1;
        const stop = i + length;
        while (i < stop && bytes[label + i] === name[i]) i++;
        if (i === stop) {
          this.node = node;
          this.payload = names[at + 2];
          return true;
        }
      }
      at += NAME_SLOT;
      if (at === end) at = 0;
    }
  }

  /** Word index of the first name slot with this hash, or of the empty slot where the search ends. */
  firstNameAt(hash: number): number {
    const names = this.names;
    const end = this.nameCapacity * NAME_SLOT;
    let at = ((hash * this.nameScale) | 0) * NAME_SLOT;
    while (names[at] !== hash && names[at + 1] !== 0) {
      at += NAME_SLOT;
      if (at === end) at = 0;
    }
    return at;
  }

  /** Payload of a node, which is found by its own label; 0 when it is no longer there. */
  payloadOf(node: number): number {
    const words = this.words;
    const length = labelLength(words, node);
    // The octet before the label is its length only on a big-endian machine.
    labelScratch[0] = length;
    const from = (node + NODE_LABEL) * 4;
    for (let i = 0; i < length; i++) labelScratch[i + 1] = this.bytes[from + i];
    return this.payloadHashed(node, hashLabel(this.seed0, this.seed1, words[node], labelScratch, 0));
  }

  /** `payloadOf` with a hash that the caller has computed. */
  payloadHashed(node: number, hash: number): number {
    const { names } = this;
    const end = this.nameCapacity * NAME_SLOT;
    let at = ((hash * this.nameScale) | 0) * NAME_SLOT;
    for (;;) {
      const found = names[at + 1];
      if (found === 0) return 0;
      if (found === node) return names[at + 2];
      at += NAME_SLOT;
      if (at === end) at = 0;
    }
  }

  /** Copies 16 octets to `key`; a loop, because TypedArray.set costs more than all of it. */
  setKey(octets: Uint8Array): void {
    const { keyBytes } = this;
    for (let i = 0; i < 16; i++) keyBytes[i] = octets[i];
  }

  /** Sets `key` to four words in network order. */
  setKeyWords(a: number, b: number, c: number, d: number): void {
    const { key } = this;
    key[0] = a;
    key[1] = b;
    key[2] = c;
    key[3] = d;
  }

  setKeyIpv4(word: number): void {
    this.setKeyWords(0, 0, MAPPED_WORD, word);
  }

  hashKey(scope: number, bits: number): number {
    const key = this.key;
    return hashWords(this.seed0, this.seed1, scope, bits, key[0], key[1], key[2], key[3]);
  }

  addressHome(hash: number): number {
    return (hash * this.addressScale) | 0;
  }

  /**
   * The record under `key` in `scope` (a VPC's record, or 0 for all VPCs), or 0: a PREFIX with this many bits, or the
   * record of a whole address, see `ANYWHERE_BITS`.
   */
  find(scope: number, bits: number): number {
    return this.findHashed(scope, bits, this.hashKey(scope, bits));
  }

  /** The record in the first address slot with this hash, or 0; it may belong to another address. */
  firstRecordAt(hash: number): number {
    const slots = this.addresses;
    const end = this.addressCapacity * ADDRESS_SLOT;
    let at = ((hash * this.addressScale) | 0) * ADDRESS_SLOT;
    while (slots[at] !== hash && slots[at + 1] !== 0) {
      at += ADDRESS_SLOT;
      if (at === end) at = 0;
    }
    return slots[at + 1];
  }

  /** `find` with a hash that the caller has computed. */
  findHashed(scope: number, bits: number, hash: number): number {
    const slots = this.addresses;
    const end = this.addressCapacity * ADDRESS_SLOT;
    let at = ((hash * this.addressScale) | 0) * ADDRESS_SLOT;
    for (;;) {
      const record = slots[at + 1];
      if (record === 0) return 0;
      if (slots[at] === hash && this.matches(record, scope, bits)) return record;
      at += ADDRESS_SLOT;
      if (at === end) at = 0;
    }
  }

  /** True when the record is the one that `find(scope, bits)` looks for. */
  matches(record: number, scope: number, bits: number): boolean {
    const words = this.words;
    const kind = kindOf(words, record);
    if (kind === layout.RECORD_POD || kind === layout.RECORD_SERVICE) {
      if (bits === 128) return this.vpcOfRecord(record) === scope && this.holdsAddress(record);
      if (bits === layout.ANYWHERE_BITS) return this.holdsAddress(record);
      return bits > layout.ANYWHERE_BITS && this.holdsOn(record, scope, bits);
    }
    return (
      words[record + KEYED_SCOPE] === scope &&
      words[record + KEYED_BITS] === bits &&
      this.isKeyAt(record + KEYED_ADDRESS)
    );
  }

  /** True when a POD or SERVICE owns the address in `key`, whether answers give it or not. */
  private holdsAddress(record: number): boolean {
    const { words, key } = this;
    if (this.aaaaHolds(record)) return true;
    const tail = this.tail(record);
    let at = attachmentsAt(words, tail);
    for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
      const flags = words[at + layout.ATTACHMENT_FLAGS];
      const is4 = (flags & layout.ATTACHED_IP4) !== 0 && words[at + layout.ATTACHMENT_IP4] === key[3];
      if (is4 && isMappedKey(key)) return true;
      if ((flags & layout.ATTACHED_IP6) !== 0 && this.isKeyAt(at + layout.ATTACHMENT_IP6)) return true;
    }
    return false;
  }

  /** True when a POD owns the IPv4 in `key` on the overlay `scope`, or on one of that namespace node. */
  private holdsOn(record: number, scope: number, bits: number): boolean {
    const { words, key } = this;
    const tail = this.tail(record);
    let at = attachmentsAt(words, tail);
    for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
      const overlay = words[at + layout.ATTACHMENT_OVERLAY];
      const place = bits === layout.OVERLAY_BITS ? overlay : words[overlay + layout.OVERLAY_NAMESPACE];
      const isIt = place === scope && words[at + layout.ATTACHMENT_IP4] === key[3];
      if (isIt && (words[at + layout.ATTACHMENT_FLAGS] & layout.ATTACHED_IP4) !== 0) return true;
    }
    return false;
  }

  /** True when the address in `key` is among the ready AAAA of a POD or SERVICE. */
  aaaaHolds(record: number): boolean {
    let at = record + layout.RRSET_AAAA;
    for (let n = this.words[record + layout.RRSET_AAAA_COUNT]; n > 0; n--, at += 4) {
      if (this.isKeyAt(at)) return true;
    }
    return false;
  }

  isKeyAt(at: number): boolean {
    const { words, key } = this;
    return (
      words[at + 3] === key[3] && words[at + 2] === key[2] && words[at + 1] === key[1] && words[at] === key[0]
    );
  }

  /** First word after the A rdata of a POD, SERVICE or SET. */
  tail(record: number): number {
    return tailOf(this.words, record);
  }

  /** The namespace node of a POD or SERVICE. */
  namespaceOfRecord(record: number): number {
    return this.words[this.tail(record) + layout.TAIL_NAMESPACE];
  }

  vpcOfRecord(record: number): number {
    return this.vpcOfNamespace(this.namespaceOfRecord(record));
  }

  /** The VPC record of a namespace node. */
  vpcOfNamespace(node: number): number {
    const words = this.words;
    return words[node + NODE_LABEL + ((labelLength(words, node) + 3) >>> 2)];
  }

  /** A word of the VPC's block for the copy in use. */
  vpcWord(vpc: number, word: number): number {
    return this.words[vpc + layout.VPC_COPIES + this.copy * layout.VPC_BLOCK + word];
  }

  /** The label of a node as text, for messages and inventories. The model allows ASCII alone. */
  labelText(node: number): string {
    const from = (node + NODE_LABEL) * 4;
    const length = labelLength(this.words, node);
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.bytes[from + i]);
    return text;
  }
}

const labelScratch = new Uint8Array(64);
