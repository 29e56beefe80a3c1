/** Who bears a name: keeps each name node's payload the one record, the set or the crowd that answers for it. */
import type { Arena } from './arena.ts';
import { ChunkTrees } from './chunks.ts';
import { Crowd, crowdWords, headerWords } from './crowd.ts';
import { Few } from './few.ts';
import * as layout from '../layout.ts';
import { isNamed } from '../read/members.ts';
import type { Nodes } from './nodes.ts';
import { kindOf, memberCount, recordWords, tailOf } from '../record.ts';
import type { Tables } from './tables.ts';

type Owners = Few | Crowd;

export class NameOwners {
  /** Owners that stand in one record with all their addresses; more become a crowd. Tests make it small. */
  most = 64;
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly trees: ChunkTrees;
  private readonly bytes: Uint8Array;
  /** Words that `flush` will need at most. */
  reserved = 0;
  /** Sets that found no room at the last flush: until they do, one of their owners answers for all. */
  pending = 0;
  /** Names that several bear and that this transaction has changed, or that are pending; built once, at its end. */
  private dirty = new Map<number, Owners>();

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
    const pending = new Map<number, Owners>();
    let reserved = 0;
    for (const [node, nameOwners] of this.dirty) {
      const old = this.nodes.payload(node);
      let payload = 0;
      if (nameOwners.size === 0) nameOwners.release();
      else payload = this.build(node, nameOwners);
      if (payload === 0 && nameOwners.size > 0) {
        payload = this.first(nameOwners);
        pending.set(node, nameOwners);
        reserved += this.need(nameOwners);
      }
      this.nodes.setPayload(node, payload);
      const kind = old === 0 ? 0 : this.kind(old);
      if (kind === layout.RECORD_SET) this.tables.release(old, recordWords(words, this.bytes, old));
      else if (kind === layout.RECORD_CROWD) this.tables.release(old, headerWords(words, old));
      if (payload === 0) prune(node);
    }
    this.trees.publish();
    this.dirty = pending;
    this.pending = pending.size;
    this.reserved = reserved;
  }

  /** The record, set or crowd of a name that somebody bears; 0 when there is no room. */
  private build(node: number, nameOwners: Owners): number {
    const isOne = nameOwners.size === 1;
    if (isOne || nameOwners.size <= this.most) {
      let few = nameOwners;
      if (few instanceof Crowd) few = this.copy(nameOwners, new Few(this.arena));
      const payload = isOne ? this.first(few) : (few as Few).write();
      if (payload !== 0) nameOwners.release();
      return payload;
    }
    let crowd = nameOwners;
    if (crowd instanceof Few) {
      crowd = this.copy(nameOwners, new Crowd(this.tables.idle, this.arena, this.trees, 0));
    }
    return (crowd as Crowd).write(node);
  }

  private copy<T extends Owners>(from: Owners, to: T): T {
    for (const record of from.members()) to.add(record);
    to.pod = from.pod;
    to.service = from.service;
    return to;
  }

  /** The one of several that answers while there is no room for their set. */
  private first(nameOwners: Owners): number {
    let first = 0;
    let best = -1;
    for (const record of nameOwners.members()) {
      const isReady = (this.arena.words[record] & layout.POD_READY) !== 0;
      const rank = this.kind(record) === layout.RECORD_SERVICE ? 2 : isReady ? 1 : 0;
      if (rank <= best) continue;
      first = record;
      best = rank;
    }
    return first;
  }

  private kind(record: number): number {
    return kindOf(this.arena.words, record);
  }

  /** Words that these will need at most. */
  private need(nameOwners: Owners): number {
    const isMore = nameOwners instanceof Few && nameOwners.size > this.most;
    return nameOwners.reserved + (isMore ? crowdWords(nameOwners.size) : 0);
  }

  /** Puts `record` (0: nobody) in the place of `old` (0: nobody). */
  private change(node: number, old: number, record: number): void {
    const nameOwners = this.open(node);
    this.reserved -= this.need(nameOwners);
    for (const each of [old, record]) {
      if (each === 0) continue;
      if (isNamed(this.tables.idle, each, node)) {
        nameOwners[this.kind(each) === layout.RECORD_SERVICE ? 'service' : 'pod'] = each === old ? 0 : each;
      }
      if (each === old) nameOwners.delete(each);
      else nameOwners.add(each);
    }
    this.reserved += this.need(nameOwners);
  }

  private open(node: number): Owners {
    let nameOwners = this.dirty.get(node);
    if (nameOwners !== undefined) return nameOwners;
    const payload = this.nodes.payload(node);
    if (payload !== 0 && this.kind(payload) === layout.RECORD_CROWD) {
      nameOwners = new Crowd(this.tables.idle, this.arena, this.trees, payload);
    } else {
      nameOwners = new Few(this.arena);
      for (const record of payload === 0 ? [] : this.membersOf(payload)) nameOwners.add(record);
      nameOwners.pod = this.named(node, layout.RECORD_POD);
      nameOwners.service = this.named(node, layout.RECORD_SERVICE);
    }
    this.reserved += this.need(nameOwners);
    this.dirty.set(node, nameOwners);
    return nameOwners;
  }

  /** Who stands in a payload that is no crowd. */
  private membersOf(payload: number): Iterable<number> {
    const { words } = this.arena;
    if (this.kind(payload) !== layout.RECORD_SET) return [payload];
    const tail = tailOf(words, payload);
    const from = tail + layout.SET_REFS;
    return words.subarray(from, from + memberCount(words, tail));
  }
}
