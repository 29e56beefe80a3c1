/** Who bears a name: keeps each name node's payload the one record, or the set, that answers for it. */
import type { Arena } from './arena.ts';
import * as layout from './layout.ts';
import type { Nodes } from './nodes.ts';
import { recordWords } from './records.ts';
import type { Tables } from './tables.ts';

interface Bearers {
  pods: Set<number>;
  services: Set<number>;
}

export class BearerSets {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly bytes: Uint8Array;
  /** Words that `flush` will need at most. */
  debt = 0;
  /** Words of the largest set that was ever built. */
  largest = 0;
  /** Sets that found no room at the last flush: until they do, one of their bearers answers for all. */
  owed = 0;
  /** Names that several bear and that this transaction has changed, or that are owed; built once, at its end. */
  private dirty = new Map<number, Bearers>();

  constructor(arena: Arena, tables: Tables, nodes: Nodes) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.bytes = new Uint8Array(arena.words.buffer);
  }

  add(node: number, record: number): void {
    const open = this.dirty.get(node);
    if (open === undefined) {
      const payload = this.nodes.payload(node);
      if (payload === 0) {
        this.nodes.setPayload(node, record);
        return;
      }
    }
    this.side(this.open(node), record).add(record);
    this.debt += this.memberWords(record);
  }

  /** What `debt` grows by when the name's bearers change. */
  openWords(node: number): number {
    if (this.dirty.has(node)) return 0;
    const payload = this.nodes.payload(node);
    if (payload === 0) return 0;
    if ((this.arena.words[payload] & 0xff) === layout.RECORD_SET) {
      return recordWords(this.arena.words, this.bytes, payload);
    }
    return layout.RRSET_AAAA + layout.SET_REFS + this.memberWords(payload);
  }

  /**
   * What `debt` grows by at most when one that adds `inSet` words to a set bears the name: in the place of `record`,
   * or besides the others.
   */
  changeWords(node: number, record: number, inSet: number): number {
    if (this.dirty.has(node)) return inSet;
    const payload = this.nodes.payload(node);
    return payload === 0 || payload === record ? 0 : this.openWords(node) + inSet;
  }

  /** The node may be without payload afterwards: the caller prunes it. */
  remove(node: number, record: number): void {
    const open = this.dirty.get(node);
    if (open === undefined && this.nodes.payload(node) === record) {
      this.nodes.setPayload(node, 0);
      return;
    }
    this.side(open ?? this.open(node), record).delete(record);
  }

  replace(node: number, old: number, record: number): void {
    if (!this.dirty.has(node) && this.nodes.payload(node) === old) {
      this.nodes.setPayload(node, record);
      return;
    }
    const bearers = this.open(node);
    this.side(bearers, old).delete(old);
    this.side(bearers, record).add(record);
    this.debt += this.memberWords(record);
  }

  /** Records of pods or services that bear the name now. */
  bearers(node: number): number[] {
    const open = this.dirty.get(node);
    if (open !== undefined) return [...open.pods, ...open.services];
    const payload = this.nodes.payload(node);
    if (payload === 0) return [];
    if ((this.arena.words[payload] & 0xff) !== layout.RECORD_SET) return [payload];
    const { pods, services } = this.read(payload);
    return [...pods, ...services];
  }

  /** Builds the sets that changed. `prune` is called for nodes that nobody bears any more. */
  flush(prune: (node: number) => void): void {
    const owed = new Map<number, Bearers>();
    let debt = 0;
    for (const [node, bearers] of this.dirty) {
      const { pods, services } = bearers;
      const old = this.nodes.payload(node);
      let payload = 0;
      if (pods.size + services.size === 1) payload = [...pods, ...services][0];
      else if (pods.size + services.size > 1) {
        payload = this.build([...pods], [...services]);
        if (payload === 0) {
          payload = this.first(bearers);
          owed.set(node, bearers);
          for (const record of [...pods, ...services]) debt += this.memberWords(record);
        }
      }
      this.nodes.setPayload(node, payload);
      const { words } = this.arena;
      if (old !== 0 && (words[old] & 0xff) === layout.RECORD_SET) {
        this.tables.release(old, recordWords(words, this.bytes, old));
      }
      if (payload === 0) prune(node);
    }
    this.dirty = owed;
    this.owed = owed.size;
    this.debt = debt + owed.size * (layout.RRSET_AAAA + layout.SET_REFS);
  }

  /** The one of several that answers while there is no room for their set. */
  private first({ pods, services }: Bearers): number {
    for (const service of services) return service;
    for (const pod of pods) if ((this.arena.words[pod] & layout.POD_READY) !== 0) return pod;
    return pods.values().next().value!;
  }

  /** What a member adds to a set. */
  private memberWords(record: number): number {
    const { words } = this.arena;
    return 4 * words[record + layout.RRSET_AAAA_COUNT] + 2 * words[record + layout.RRSET_A_COUNT] + 1;
  }

  private open(node: number): Bearers {
    let bearers = this.dirty.get(node);
    if (bearers === undefined) {
      this.debt += this.openWords(node);
      const payload = this.nodes.payload(node);
      if (payload === 0) bearers = { pods: new Set(), services: new Set() };
      else if ((this.arena.words[payload] & 0xff) === layout.RECORD_SET) bearers = this.read(payload);
      else {
        bearers = { pods: new Set(), services: new Set() };
        this.side(bearers, payload).add(payload);
      }
      this.dirty.set(node, bearers);
    }
    return bearers;
  }

  private side(bearers: Bearers, record: number): Set<number> {
    return (this.arena.words[record] & 0xff) === layout.RECORD_SERVICE ? bearers.services : bearers.pods;
  }

  private read(set: number): Bearers {
    const { words } = this.arena;
    const tail = this.tables.idle.tail(set);
    const pods = words[tail + layout.SET_PODS];
    const services = words[tail + layout.SET_SERVICES];
    const from = tail + layout.SET_REFS;
    return {
      pods: new Set(words.subarray(from, from + pods)),
      services: new Set(words.subarray(from + pods, from + pods + services)),
    };
  }

  /**
   * Services hide pods: their virtual IPs are the AAAA and there is no A. Else pods that are not ready are left
   * out as long as one is ready; they stay members, for the replica names. Returns 0 when there is no room.
   */
  private build(pods: number[], services: number[]): number {
    const { words } = this.arena;
    const ready = pods.filter((pod) => (words[pod] & layout.POD_READY) !== 0);
    const rest = pods.filter((pod) => (words[pod] & layout.POD_READY) === 0);
    const taken = services.length > 0 ? 0 : ready.length > 0 ? ready.length : rest.length;
    const given = services.length > 0 ? services : ready.length > 0 ? ready : rest;
    let six = 0;
    let four = 0;
    for (const record of given) {
      six += words[record + layout.RRSET_AAAA_COUNT];
      if (services.length === 0) four += words[record + layout.RRSET_A_COUNT];
    }
    const size = layout.RRSET_AAAA + 4 * six + 2 * four + layout.SET_REFS + pods.length + services.length;
    if (!this.arena.hasBlock(size)) return 0;
    const set = this.arena.allocate(size);
    if (size > this.largest) this.largest = size;
    words[set] = layout.RECORD_SET | (services.length > 0 ? layout.SET_SERVICE : 0);
    words[set + layout.RRSET_AAAA_COUNT] = six;
    words[set + layout.RRSET_A_COUNT] = four;
    let at = set + layout.RRSET_AAAA;
    for (const record of given) {
      const n = 4 * words[record + layout.RRSET_AAAA_COUNT];
      words.copyWithin(at, record + layout.RRSET_AAAA, record + layout.RRSET_AAAA + n);
      at += n;
    }
    if (services.length === 0) {
      for (const record of given) {
        const from = record + layout.RRSET_AAAA + 4 * words[record + layout.RRSET_AAAA_COUNT];
        const n = 2 * words[record + layout.RRSET_A_COUNT];
        words.copyWithin(at, from, from + n);
        at += n;
      }
    }
    words[at + layout.SET_PODS] = pods.length;
    words[at + layout.SET_TAKEN] = taken;
    words[at + layout.SET_SERVICES] = services.length;
    at += layout.SET_REFS;
    for (const record of ready) words[at++] = record;
    for (const record of rest) words[at++] = record;
    for (const record of services) words[at++] = record;
    return set;
  }
}
