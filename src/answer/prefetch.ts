/**
 * Looks at all packets of a batch before the first is answered, so that the memory each of them needs is fetched
 * while the others are processed: one after the other, each would wait for memory five times.
 *
 * What stays of it are hashes, which do not tell whether there is such a name or client: the way of a
 * question is the same with them and without. Only usual questions are prefetched; the others are not slowed down.
 */
import { hashOwner } from '../trie/read/addresses.ts';
import { foldInto } from '../dns/name.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/read/view.ts';
import type { Identifier } from './decide/client.ts';
import type { Listener } from './peer.ts';

/** The packets of a batch as they lie in memory. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly words: Int32Array;
  /** Senders have 16 octets of address, else 4. */
  readonly wide: boolean;
  inputAt(i: number): number;
  /** Octets; 0 for one that gets no answer. */
  inputLength(i: number): number;
  /** Index in `words` of the sender's address. */
  addressAt(i: number): number;
}

/** Packets that a batch has at the most. */
export const BATCH_MAX = 64;
/** Octets kept of a label, its length among them. */
const LABEL = 64;
/** Header, two labels, the root, type and class. */
const USUAL_MIN = 12 + 2 + 5;
/**
 * Words from the kind of a pod with one AAAA and one A to its namespace, which may lie on the next line of the cache.
 */
const TO_NAMESPACE = layout.RRSET_AAAA + 4 + 1;
/** Fewer packets than this overlap too little of their waiting. */
const FEW = 4;
/** Slots of the name table, some 5,000 names, below which all that is asked for stays in the processor's own caches. */
const SMALL = 8192;
/** No scope, node or slot has this number. */
const NONE = -1;

export class Prefetch {
  private readonly view: View;
  private readonly identifier: Identifier;
  /** Packets of a batch that are prefetched; later ones are not. */
  private count = 0;
  private readonly scope = new Int32Array(BATCH_MAX);
  private readonly source = new Int32Array(BATCH_MAX);
  private readonly spaceParent = new Int32Array(BATCH_MAX);
  private readonly spaceHash = new Int32Array(BATCH_MAX);
  private readonly leafParent = new Int32Array(BATCH_MAX);
  private readonly leafHash = new Int32Array(BATCH_MAX);
  private readonly label = new Uint8Array(LABEL);
  /** What was fetched, added up: the engine leaves out loads that nothing depends on. */
  private fetched = 0;

  constructor(view: View, identifier: Identifier) {
    this.view = view;
    this.identifier = identifier;
  }

  /** The view has been entered or is being left: what was prefetched no longer counts. */
  forget(): void {
    this.count = 0;
    this.view.forgetPrefetched();
  }

  /** True when so many packets, looked at before, wait less by more than the look costs: some 0.1 µs each. */
  pays(count: number): boolean {
    return count >= FEW && this.view.nameCapacity >= SMALL;
  }

  /** To be called between the view's `enter` and `leave`, with packets that came to one listener. */
  look(batch: Batch, count: number, listener: Listener): void {
    this.count = count;
    this.lookAtSenders(batch, count, listener);
    // Loads stand in loops of their own: between computations the processor has room for one or two at a time.
    let fetched = this.fetchClients(count);
    this.lookAtNames(batch, count);
    fetched ^= this.fetchNames(count);
    this.fetched ^= fetched;
  }

  /** The packet `i` is answered next. */
  use(i: number): void {
    const { view } = this;
    if (i >= this.count) {
      view.forgetPrefetched();
      return;
    }
    view.sourceScope = this.scope[i];
    view.sourceHash = this.source[i];
    view.spaceParent = this.spaceParent[i];
    view.spaceHash = this.spaceHash[i];
    view.leafParent = this.leafParent[i];
    view.leafHash = this.leafHash[i];
  }

  private lookAtSenders(batch: Batch, count: number, listener: Listener): void {
    const { view, scope, source } = this;
    const { words } = batch;
    const byListener = this.identifier.vpcOfListener(listener);
    for (let i = 0; i < count; i++) {
      scope[i] = NONE;
      if (batch.inputLength(i) < USUAL_MIN) continue;
      const from = batch.addressAt(i);
      if (batch.wide) view.setKeyWords(words[from], words[from + 1], words[from + 2], words[from + 3]);
      else view.setKeyIpv4(words[from]);
      const vpc = byListener !== 0 ? byListener : this.identifier.vpcOfKey();
      if (vpc === 0) continue;
      scope[i] = vpc;
      source[i] = hashOwner(view, vpc);
    }
  }

  private fetchClients(count: number): number {
    const { view, scope, source } = this;
    const { words, addresses } = view;
    const last = words.length - 1;
    let fetched = 0;
    for (let i = 0; i < count; i++) fetched ^= addresses[view.addressHome(source[i]) * layout.ADDRESS_SLOT];
    for (let i = 0; i < count; i++) {
      if (scope[i] === NONE) continue;
      const record = view.firstRecordAt(source[i]);
      fetched ^= words[record] ^ words[Math.min(record + TO_NAMESPACE, last)];
    }
    return fetched;
  }

  private lookAtNames(batch: Batch, count: number): void {
    const { view, scope, spaceParent, leafParent } = this;
    const { bytes } = batch;
    for (let i = 0; i < count; i++) {
      spaceParent[i] = NONE;
      leafParent[i] = NONE;
      if (scope[i] === NONE) continue;
      const length = batch.inputLength(i);
      const at = batch.inputAt(i) + 12;
      const first = bytes[at];
      if (first === 0 || first > 63 || first + USUAL_MIN > length) continue;
      const second = bytes[at + 1 + first];
      if (second > 63 || first + second + USUAL_MIN > length) continue;
      const space = second === 0 ? this.spaceOfClient(i) : this.namedSpace(i, bytes, at + 1 + first, second);
      if (space === 0) continue;
      foldInto(bytes, at, first + 1, this.label, 0);
      leafParent[i] = space;
      this.leafHash[i] = view.hashLabel(space, this.label, 0);
    }
  }

  /** For a bare name. */
  private spaceOfClient(i: number): number {
    const { view } = this;
    const record = view.firstRecordAt(this.source[i]);
    const isPod = (view.words[record] & 0xff) === layout.RECORD_POD;
    return isPod ? view.namespaceOfRecord(record) : 0;
  }

  private namedSpace(i: number, bytes: Uint8Array, at: number, length: number): number {
    const { view } = this;
    foldInto(bytes, at, length + 1, this.label, 0);
    const parent = view.words[this.scope[i] + layout.VPC_NODE];
    const hash = view.hashLabel(parent, this.label, 0);
    if (!view.stepHashed(parent, this.label, 0, hash)) return 0;
    this.spaceParent[i] = parent;
    this.spaceHash[i] = hash;
    return view.node;
  }

  private fetchNames(count: number): number {
    const { view, leafParent, leafHash } = this;
    const { words, names } = view;
    let fetched = 0;
    for (let i = 0; i < count; i++) fetched ^= names[view.nameHome(leafHash[i]) * layout.NAME_SLOT];
    for (let i = 0; i < count; i++) {
      if (leafParent[i] === NONE) continue;
      const at = view.firstNameAt(leafHash[i]);
      fetched ^= words[names[at + 1]] ^ words[names[at + 2]];
    }
    return fetched;
  }
}
