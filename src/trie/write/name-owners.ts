/** Who bears a name: keeps each name node's payload the one record, the set or the crowd that answers for it. */
import type { Arena } from './arena.ts';
import { ChunkTrees } from '../chunks.ts';
import { Crowd, crowdStep, crowdWords, headerWords } from './crowd.ts';
import { Few, setWords } from './few.ts';
import * as layout from '../layout.ts';
import { isNamed } from '../read/members.ts';
import type { Nodes } from './nodes.ts';
import { recordWords } from './records.ts';
import type { Tables } from './tables.ts';

type Bearers = Few | Crowd;

export class BearerSets {
  /** Bearers that stand in one record with all their addresses; more become a crowd. Tests make it small. */
  most = 64;
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly trees: ChunkTrees;
  private readonly bytes: Uint8Array;
  /** Words that `flush` will need at most. */
  debt = 0;
  /** Words of the largest set that was ever built, or that the change of a crowd has taken. */
  largest = 0;
  /** Sets that found no room at the last flush: until they do, one of their bearers answers for all. */
  owed = 0;
  /** Names that several bear and that this transaction has changed, or that are owed; built once, at its end. */
  private dirty = new Map<number, Bearers>();

  constructor(arena: Arena, tables: Tables, nodes: Nodes) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.trees = new ChunkTrees(arena, tables);
    this.bytes = new Uint8Array(arena.words.buffer);
  }

  add(node: number, record: number): void {
    if (!this.dirty.has(node) && this.nodes.payload(node) === 0) this.nodes.setPayload(node, record);
    else this.change(node, 0, record);
  }

  /** The node may be without payload afterwards: the caller prunes it. */
  remove(node: number, record: number): void {
    if (!this.dirty.has(node) && this.nodes.payload(node) === record) this.nodes.setPayload(node, 0);
    else this.change(node, record, 0);
  }

  replace(node: number, old: number, record: number): void {
    if (!this.dirty.has(node) && this.nodes.payload(node) === old) this.nodes.setPayload(node, record);
    else this.change(node, old, record);
  }

  /**
   * What `debt` grows by at most when one that adds `inSet` words to a set bears the name: in the place of `record`,
   * or besides the others.
   */
  changeWords(node: number, record: number, inSet: number): number {
    const open = this.dirty.get(node);
    if (open instanceof Crowd) return 2 * open.step + crowdWords(1);
    if (open !== undefined) return inSet + this.moreWords(open.size);
    const payload = this.nodes.payload(node);
    if (payload === 0 || payload === record) return 0;
    const { words } = this.arena;
    if (this.kind(payload) === layout.RECORD_CROWD) return crowdWords(1) + 2 * crowdStep(words, payload);
    if (this.kind(payload) !== layout.RECORD_SET) return setWords(words, payload) + inSet + this.moreWords(1);
    const tail = this.tables.idle.tail(payload);
    const size = words[tail + layout.SET_PODS] + words[tail + layout.SET_SERVICES];
    return recordWords(words, this.bytes, payload) + inSet + this.moreWords(size);
  }

  /** What one bearer more adds where they are, or become, more than a set holds. */
  private moreWords(size: number): number {
    if (size + 1 <= this.most) return 0;
    return crowdWords(size + 1) - (size > this.most ? crowdWords(size) : 0);
  }

  /** The pod (RECORD_POD) or service whose own name the node is, or 0. */
  named(node: number, kind: number): number {
    const open = this.dirty.get(node);
    if (open !== undefined) return kind === layout.RECORD_POD ? open.pod : open.service;
    const payload = this.nodes.payload(node);
    if (payload === 0) return 0;
    if (this.kind(payload) === layout.RECORD_CROWD) {
      return this.arena.words[
        payload + (kind === layout.RECORD_POD ? layout.CROWD_POD : layout.CROWD_SERVICE)
      ];
    }
    for (const record of this.membersOf(payload)) {
      if (this.kind(record) === kind && isNamed(this.tables.idle, record, node)) return record;
    }
    return 0;
  }

  /** Builds the sets that changed. `prune` is called for nodes that nobody bears any more. */
  flush(prune: (node: number) => void): void {
    const { words } = this.arena;
    const owed = new Map<number, Bearers>();
    let debt = 0;
    for (const [node, bearers] of this.dirty) {
      const old = this.nodes.payload(node);
      let payload = 0;
      if (bearers.size === 0) bearers.release();
      else payload = this.build(node, bearers);
      if (payload === 0 && bearers.size > 0) {
        payload = this.first(bearers);
        owed.set(node, bearers);
        debt += this.need(bearers);
      }
      this.nodes.setPayload(node, payload);
      const kind = old === 0 ? 0 : this.kind(old);
      if (kind === layout.RECORD_SET) this.tables.release(old, recordWords(words, this.bytes, old));
      else if (kind === layout.RECORD_CROWD) this.tables.release(old, headerWords(words, old));
      if (payload === 0) prune(node);
    }
    this.trees.publish();
    this.dirty = owed;
    this.owed = owed.size;
    this.debt = debt;
  }

  /** The record, set or crowd of a name that somebody bears; 0 when there is no room. */
  private build(node: number, bearers: Bearers): number {
    const isOne = bearers.size === 1;
    if (isOne || bearers.size <= this.most) {
      let few = bearers;
      if (few instanceof Crowd) few = this.copy(bearers, new Few(this.arena));
      const payload = isOne ? this.first(few) : (few as Few).write();
      if (payload !== 0) bearers.release();
      if (!isOne && payload !== 0) this.largest = Math.max(this.largest, few.debt);
      return payload;
    }
    let crowd = bearers;
    if (crowd instanceof Few) {
      crowd = this.copy(bearers, new Crowd(this.tables.idle, this.arena, this.trees, 0));
    }
    const payload = (crowd as Crowd).write(node);
    if (payload !== 0) {
      this.largest = Math.max(this.largest, crowdWords(1) + 2 * crowdStep(this.arena.words, payload));
    }
    return payload;
  }

  private copy<T extends Bearers>(from: Bearers, to: T): T {
    for (const record of from.members()) to.add(record);
    to.pod = from.pod;
    to.service = from.service;
    return to;
  }

  /** The one of several that answers while there is no room for their set. */
  private first(bearers: Bearers): number {
    let first = 0;
    let best = -1;
    for (const record of bearers.members()) {
      const isReady = (this.arena.words[record] & layout.POD_READY) !== 0;
      const rank = this.kind(record) === layout.RECORD_SERVICE ? 2 : isReady ? 1 : 0;
      if (rank <= best) continue;
      first = record;
      best = rank;
    }
    return first;
  }

  private kind(record: number): number {
    return this.arena.words[record] & 0xff;
  }

  /** Words that these will need at most. */
  private need(bearers: Bearers): number {
    const isMore = bearers instanceof Few && bearers.size > this.most;
    return bearers.debt + (isMore ? crowdWords(bearers.size) : 0);
  }

  /** Puts `record` (0: nobody) in the place of `old` (0: nobody). */
  private change(node: number, old: number, record: number): void {
    const bearers = this.open(node);
    this.debt -= this.need(bearers);
    for (const each of [old, record]) {
      if (each === 0) continue;
      if (isNamed(this.tables.idle, each, node)) {
        bearers[this.kind(each) === layout.RECORD_SERVICE ? 'service' : 'pod'] = each === old ? 0 : each;
      }
      if (each === old) bearers.delete(each);
      else bearers.add(each);
    }
    this.debt += this.need(bearers);
  }

  private open(node: number): Bearers {
    let bearers = this.dirty.get(node);
    if (bearers !== undefined) return bearers;
    const payload = this.nodes.payload(node);
    if (payload !== 0 && this.kind(payload) === layout.RECORD_CROWD) {
      bearers = new Crowd(this.tables.idle, this.arena, this.trees, payload);
    } else {
      bearers = new Few(this.arena);
      for (const record of payload === 0 ? [] : this.membersOf(payload)) bearers.add(record);
      bearers.pod = this.named(node, layout.RECORD_POD);
      bearers.service = this.named(node, layout.RECORD_SERVICE);
    }
    this.debt += this.need(bearers);
    this.dirty.set(node, bearers);
    return bearers;
  }

  /** Who stands in a payload that is no crowd. */
  private membersOf(payload: number): Iterable<number> {
    const { words } = this.arena;
    if (this.kind(payload) !== layout.RECORD_SET) return [payload];
    const tail = this.tables.idle.tail(payload);
    const from = tail + layout.SET_REFS;
    return words.subarray(from, from + words[tail + layout.SET_PODS] + words[tail + layout.SET_SERVICES]);
  }
}
