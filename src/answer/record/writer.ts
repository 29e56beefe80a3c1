/** Records answers of one thread into its shared memory: never waits, allocates nothing, and is done after 72 words. */
import { hashWords } from '../../base/half-sip-hash.ts';
import * as dns from '../../dns/constants.ts';
import * as trie from '../../trie/layout.ts';
import { labelLength } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';
import * as decision from '../decide/decision.ts';
import { POD_AMBIGUOUS } from '../decide/reasons.ts';
import type { Peer } from '../peer.ts';
import type { Responder } from '../responder.ts';
import * as layout from './layout.ts';
import type { RecordMemory } from './layout.ts';

/** Samples between two looks at how fast they come. */
const ADAPT_AFTER = 128;
/** Milliseconds in which so many samples should come: faster, and one stands for more answers; slower, for fewer. */
const ADAPT_FAST = 500;
const ADAPT_SLOW = 4000;
const INTERVAL_MAX = 1 << 16;

export class RecordWriter {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly sets: number;
  private readonly seed0: number;
  private readonly seed1: number;
  private readonly keepsAll: boolean;
  /** A hash of 31 bits below this puts the answer into the query log. */
  private readonly logBelow: number;
  private readonly thread: number;
  private readonly now: () => number;
  private readonly address = new Uint8Array(16);
  private readonly addressWords = new Int32Array(this.address.buffer);
  /** Of the current batch; 0 until the first entry needs it. */
  private time = 0;
  /** Answers until the next sample, which stands for `interval` answers on average. */
  private countdown = 1;
  private interval = 1;
  private random = 0x2545f491;
  private adaptIn = ADAPT_AFTER;
  private adaptedAt = 0;
  /** The VPC of the answer that is recorded, 0 where the client is not known. */
  private vpc = 0;

  /** `now`: milliseconds since 1970. `isMain`: the thread is the main one. */
  constructor({ words, keeps, logRate }: RecordMemory, now: () => number, isMain = false) {
    this.words = new Int32Array(words);
    this.bytes = new Uint8Array(words);
    this.sets = this.words[layout.HEAD_SETS];
    this.seed0 = this.words[layout.HEAD_SEED0];
    this.seed1 = this.words[layout.HEAD_SEED1];
    this.keepsAll = keeps === 'all';
    this.logBelow = logRate >= 1 ? 2 ** 31 : Math.floor(logRate * 2 ** 31);
    this.thread = isMain ? layout.FLAG_MAIN : 0;
    this.now = now;
  }

  /** The batch is over: the next entry asks for the time again. */
  leave(): void {
    this.time = 0;
  }

  /** The answer at `out[at…]` to what the responder has just judged, while its view still stands. */
  answered(responder: Responder, peer: Peer, out: Uint8Array, at: number): void {
    const rcode = out[at + 3] & 0xf;
    if (--this.countdown === 0) this.sample(responder, peer, rcode);
    if (rcode === dns.RCODE_NOERROR && !this.keepsAll && this.logBelow === 0) return;
    this.keep(responder, peer, rcode, 0, 0);
  }

  /** The same, of an answer that took so many microseconds. `flags`: FLAG_HELD, or 0. */
  keep(responder: Responder, peer: Peer, rcode: number, flags: number, duration: number): void {
    if (this.logBelow !== 0 && this.isLogged(responder, peer)) {
      const { words } = this;
      const count = words[layout.HEAD_LOGGED];
      const at = layout.LOGGED_AT + (count & (layout.LOGGED_ENTRIES - 1)) * layout.ENTRY_WORDS;
      this.write(at, responder, peer, rcode, flags, duration, 1);
      Atomics.store(words, layout.HEAD_LOGGED, (count + 1) | 0);
    }
    if (this.keepsAll || isFailure(rcode, responder.query.labelCount))
      this.keepForClient(responder, peer, rcode, flags, duration);
  }

  /** Called for each answer that does not come through `answered`. */
  count(responder: Responder, peer: Peer, rcode: number): void {
    if (--this.countdown === 0) this.sample(responder, peer, rcode);
  }

  private sample(responder: Responder, peer: Peer, rcode: number): void {
    const { words, interval } = this;
    const count = words[layout.HEAD_SAMPLED];
    const at = layout.SAMPLED_AT + (count & (layout.SAMPLED_ENTRIES - 1)) * layout.ENTRY_WORDS;
    this.write(at, responder, peer, rcode, 0, 0, interval);
    Atomics.store(words, layout.HEAD_SAMPLED, (count + 1) | 0);
    if (--this.adaptIn === 0) this.adapt();
    // A fixed distance would favour clients that ask in its rhythm.
    let random = this.random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.random = random;
    this.countdown = 1 + ((random >>> 1) % (2 * this.interval - 1));
  }

  private adapt(): void {
    const took = this.time - this.adaptedAt;
    this.adaptIn = ADAPT_AFTER;
    this.adaptedAt = this.time;
    if (took < ADAPT_FAST) this.interval = Math.min(INTERVAL_MAX, this.interval * 2);
    else if (took > ADAPT_SLOW) this.interval = Math.max(1, this.interval >>> 1);
  }

  /** Chosen by a keyed hash of sender, port and id: no client can choose to be left out. */
  private isLogged({ query }: Responder, peer: Peer): boolean {
    const word = this.setAddress(peer.address);
    const salt = (peer.port << 16) | query.id;
    return hashWords(this.seed1, this.seed0, salt, 0, word[0], word[1], word[2], word[3]) < this.logBelow;
  }

  private setAddress(octets: Uint8Array): Int32Array {
    const { address } = this;
    for (let i = 0; i < 16; i++) address[i] = octets[i];
    return this.addressWords;
  }

  private keepForClient(
    responder: Responder,
    peer: Peer,
    rcode: number,
    flags: number,
    duration: number,
  ): void {
    const { words } = this;
    const { client, view } = responder;
    const vpc = isIdentified(responder) ? client.vpc : 0;
    const number = vpc === 0 ? 0 : view.words[vpc + trie.VPC_NUMBER];
    const key = this.setAddress(peer.address);
    const hash = hashWords(this.seed0, this.seed1, number, 1, key[0], key[1], key[2], key[3]);
    const slot = this.slotOf(Math.floor((hash / 2 ** 31) * this.sets), number, vpc !== 0 && client.pod !== 0);
    const count = words[slot + layout.SLOT_COUNT];
    this.write(layout.slotEntryAt(slot, count), responder, peer, rcode, flags, duration, 1);
    // Never 0 again, and the same place in the ring.
    words[slot + layout.SLOT_COUNT] = count === 0x7fffffff ? layout.SLOT_ENTRIES : count + 1;
    words[slot + layout.SLOT_LAST] = words[layout.HEAD_NUMBER];
  }

  /**
   * The client's own slot; else an empty one; else the oldest of the same VPC in this set; else the oldest. So a VPC
   * takes a slot from another only where it has none, and clients without a pod never take a pod's.
   */
  private slotOf(set: number, vpc: number, hasPod: boolean): number {
    const { words, addressWords: key } = this;
    const first = hasPod ? 0 : layout.WAYS - 1;
    const end = hasPod ? layout.WAYS - 1 : layout.WAYS;
    const now = words[layout.HEAD_NUMBER];
    let victim = 0;
    let most = -1;
    for (let way = first; way < end; way++) {
      const slot = layout.slotAt(set, way);
      const isOwn = words[slot + layout.SLOT_VPC] === vpc;
      let rank = 2 ** 33;
      if (words[slot + layout.SLOT_COUNT] !== 0) {
        if (
          isOwn &&
          words[slot] === key[0] &&
          words[slot + 1] === key[1] &&
          words[slot + 2] === key[2] &&
          words[slot + 3] === key[3]
        )
          return slot;
        rank = ((now - words[slot + layout.SLOT_LAST]) >>> 0) + (isOwn ? 2 ** 32 : 0);
      }
      if (rank <= most) continue;
      most = rank;
      victim = slot;
    }
    for (let i = 0; i < 4; i++) words[victim + layout.SLOT_ADDRESS + i] = key[i];
    words[victim + layout.SLOT_VPC] = vpc;
    // The entries of the former client stay until they are written over: each says whose it is.
    return victim;
  }

  private write(
    at: number,
    responder: Responder,
    peer: Peer,
    rcode: number,
    flags: number,
    duration: number,
    weight: number,
  ): void {
    const { words } = this;
    const { query, client, view, decision: d } = responder;
    const { outcome } = d;
    const sequence = words[at + layout.ENTRY_SEQUENCE];
    // An exchange, because no later store may become visible before it. One that died here has left it odd.
    Atomics.exchange(words, at + layout.ENTRY_SEQUENCE, sequence | 1);
    if (this.time === 0) this.time = this.now();
    const number = words[layout.HEAD_NUMBER];
    words[at + layout.ENTRY_NUMBER] = number;
    words[at + layout.ENTRY_TIME_LOW] = this.time | 0;
    words[at + layout.ENTRY_TIME_HIGH] = Math.floor(this.time / 2 ** 32);
    const isOutside = outcome === decision.OUTCOME_OUTSIDE;
    const isIt = isIdentified(responder);
    this.vpc = isIt ? client.vpc : 0;
    // What was not parsed has left the last question where it was.
    const nameLength = d.withQuestion ? query.qnameLength : 0;
    const cut = nameLength > layout.NAME_OCTETS ? layout.FLAG_NAME_CUT : 0;
    const tcp = peer.tcp ? layout.FLAG_TCP : 0;
    const outside = isOutside ? layout.FLAG_OUTSIDE : 0;
    words[at + layout.ENTRY_TYPE] = (query.qtype << 16) | flags | tcp | outside | cut | this.thread;
    // The header has only four of the twelve bits; and an upstream may have decided, or a limit.
    const isDecided = outcome === decision.OUTCOME_ANSWER && (d.rcode & 0xf) === rcode;
    const ede = isDecided ? d.ede + 1 : 0;
    words[at + layout.ENTRY_RESULT] = (isDecided ? d.rcode : rcode) | (ede << 12) | (d.edeText << 24);
    const whoLength = this.writeWho(at + layout.ENTRY_WHO, view, client.namespace, client.pod);
    const kept = nameLength > layout.NAME_OCTETS ? layout.NAME_OCTETS : nameLength;
    words[at + layout.ENTRY_LENGTHS] = kept | (whoLength << 8) | (d.reasonCount << 16);
    words[at + layout.ENTRY_DURATION] = duration;
    words[at + layout.ENTRY_REVISION] = this.vpc === 0 ? 0 : view.vpcWord(this.vpc, trie.VPC_SERIAL);
    words[at + layout.ENTRY_WEIGHT] = weight;
    words[at + layout.ENTRY_PORT] = (peer.port << 16) | query.id;
    const { bytes } = this;
    let to = (at + layout.ENTRY_ADDRESS) * 4;
    for (let i = 0; i < 16; i++) bytes[to + i] = peer.address[i];
    to = (at + layout.ENTRY_REASONS) * 4;
    for (let i = 0; i < d.reasonCount; i++) bytes[to + i] = d.reasons[i];
    const nameAt = at + layout.ENTRY_NAME;
    const nameWords = (kept + 3) >>> 2;
    for (let i = 0; i < nameWords; i++) words[nameAt + i] = query.nameWords[i];
    words[layout.HEAD_NUMBER] = (number + 1) | 0;
    Atomics.store(words, at + layout.ENTRY_SEQUENCE, ((sequence | 1) + 1) | 0);
  }

  /** Returns the octets that it wrote. */
  private writeWho(at: number, view: View, namespace: number, pod: number): number {
    if (this.vpc === 0) return 0;
    const vpcWords = view.words;
    const start = at * 4;
    let to = this.writeLabel(start, start, view, vpcWords[this.vpc + trie.VPC_NODE]);
    if (namespace === 0 || to === start) return to - start;
    to = this.writeLabel(to, start, view, namespace);
    if (pod === 0) return to - start;
    const own = vpcWords[view.tail(pod) + trie.TAIL_NAMESPACE];
    let node = vpcWords[view.tail(pod) + trie.TAIL_NODE];
    // A scope may fix another namespace than the pod's: then it is the scope's that matters.
    if (own !== namespace) return to - start;
    for (; node !== own && node !== 0; node = vpcWords[node + trie.NODE_PARENT])
      to = this.writeLabel(to, start, view, node);
    return to - start;
  }

  private writeLabel(to: number, start: number, view: View, node: number): number {
    const length = labelLength(view.words, node);
    if (to + 1 + length > start + layout.WHO_OCTETS) return to;
    const { bytes } = this;
    bytes[to] = length;
    const from = (node + trie.NODE_LABEL) * 4;
    for (let i = 0; i < length; i++) bytes[to + 1 + i] = view.bytes[from + i];
    return to + 1 + length;
  }
}

/** What `failures` keeps: SERVFAIL, REFUSED, and NXDOMAIN of a name without a dot. */
export function isFailure(rcode: number, labels: number): boolean {
  return (
    rcode === dns.RCODE_SERVFAIL ||
    rcode === dns.RCODE_REFUSED ||
    (rcode === dns.RCODE_NXDOMAIN && labels === 1)
  );
}

/** The client belongs to this very message: some are answered before anybody asks who sent them. */
function isIdentified({ decision: d }: Responder): boolean {
  return d.reasonCount > 0 && d.reasons[0] <= POD_AMBIGUOUS;
}
