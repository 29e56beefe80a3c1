/** Keeps the payload of each name's node: the record of its only owner, or the SET or CROWD of several. */
import type { Arena } from './arena.ts';
import { ChunkTrees } from './chunks.ts';
import { Crowd, crowdWords, headerWords } from './crowd.ts';
import { OwnerSet } from './owner-set.ts';
import * as layout from '../layout.ts';
import { isNamed } from '../read/members.ts';
import type { Nodes } from './nodes.ts';
import { kindOf, memberCount, recordWords, tailOf } from '../record.ts';
import type { Tables } from './tables.ts';

type Owners = OwnerSet | Crowd;

export class NameOwners {
  /** The most owners of a SET; more become a CROWD. Tests make it small. */
  most = 64;
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly trees: ChunkTrees;
  private readonly bytes: Uint8Array;
  /** The most words that `flush` will allocate. */
  reserved = 0;
  /** Names whose SET or CROWD found no room at the last flush: until it does, one of their owners answers for all. */
  pending = 0;
  /** Names with several owners that this transaction has changed, or that are pending: each is built once, at its end. */
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

  /** The node may have no payload afterwards: the caller prunes it. */
  remove(node: number, record: number): void {
    if (!this.dirty.has(node) && this.nodes.payload(node) === record) this.nodes.setPayload(node, 0);
    else this.change(node, record, 0);
  }

  replace(node: number, old: number, record: number): void {
    const isOpen = this.dirty.size > 0 && this.dirty.has(node);
    if (!isOpen && this.nodes.payload(node) === old) this.nodes.setPayload(node, record);
    else this.change(node, old, record);
  }

  /** The pod or the service (`kind` is RECORD_POD or RECORD_SERVICE) whose own name the node is, or 0. */
  named(node: number, kind: number): number {
    const open = this.dirty.size === 0 ? undefined : this.dirty.get(node);
    if (open !== undefined) return kind === layout.RECORD_POD ? open.pod : open.service;
    const payload = this.nodes.payload(node);
    if (payload === 0) return 0;
    if (this.kind(payload) === layout.RECORD_CROWD) {
      return this.arena.words[
        payload + (kind === layout.RECORD_POD ? layout.CROWD_POD : layout.CROWD_SERVICE)
      ];
    }
    if (this.kind(payload) !== layout.RECORD_SET)
      return this.kind(payload) === kind && isNamed(this.tables.idle, payload, node) ? payload : 0;
    for (const record of this.membersOf(payload)) {
      if (this.kind(record) === kind && isNamed(this.tables.idle, record, node)) return record;
    }
    return 0;
  }

  /** Builds what has changed. Calls `prune` for nodes that have lost all owners. */
  flush(prune: (node: number) => void): void {
    const { words } = this.arena;
    const pending = new Map<number, Owners>();
    let reserved = 0;
    for (const [node, owners] of this.dirty) {
      const old = this.nodes.payload(node);
      let payload = 0;
      if (owners.size === 0) owners.release();
      else payload = this.build(node, owners);
      if (payload === 0 && owners.size > 0) {
        payload = this.first(owners);
        pending.set(node, owners);
        reserved += this.need(owners);
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

  /** The payload of a name that has owners; 0 when there is no room. */
  private build(node: number, owners: Owners): number {
    const isOne = owners.size === 1;
    if (isOne || owners.size <= this.most) {
      let set = owners;
      if (set instanceof Crowd) set = this.copy(owners, new OwnerSet(this.arena));
      const payload = isOne ? this.first(set) : (set as OwnerSet).write();
      if (payload !== 0) owners.release();
      return payload;
    }
    let crowd = owners;
    if (crowd instanceof OwnerSet) {
      crowd = this.copy(owners, new Crowd(this.tables.idle, this.arena, this.trees, 0));
    }
    return (crowd as Crowd).write(node);
  }

  private copy<T extends Owners>(from: Owners, to: T): T {
    for (const record of from.members()) to.add(record);
    to.pod = from.pod;
    to.service = from.service;
    return to;
  }

  /** The owner that answers for all while there is no room: a service, or else a pod that is ready, if there is one. */
  private first(owners: Owners): number {
    let first = 0;
    let best = -1;
    for (const record of owners.members()) {
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

  /** The most words that `build` will allocate for these. */
  private need(owners: Owners): number {
    const isMore = owners instanceof OwnerSet && owners.size > this.most;
    return owners.reserved + (isMore ? crowdWords(owners.size) : 0);
  }

  /** `record` owns the name instead of `old`; 0 is no record. */
  private change(node: number, old: number, record: number): void {
    const owners = this.open(node);
    this.reserved -= this.need(owners);
    for (const each of [old, record]) {
      if (each === 0) continue;
      if (isNamed(this.tables.idle, each, node)) {
        owners[this.kind(each) === layout.RECORD_SERVICE ? 'service' : 'pod'] = each === old ? 0 : each;
      }
      if (each === old) owners.delete(each);
      else owners.add(each);
    }
    this.reserved += this.need(owners);
  }

  private open(node: number): Owners {
    let owners = this.dirty.get(node);
    if (owners !== undefined) return owners;
    const payload = this.nodes.payload(node);
    if (payload !== 0 && this.kind(payload) === layout.RECORD_CROWD) {
      owners = new Crowd(this.tables.idle, this.arena, this.trees, payload);
    } else {
      owners = new OwnerSet(this.arena);
      for (const record of payload === 0 ? [] : this.membersOf(payload)) owners.add(record);
      owners.pod = this.named(node, layout.RECORD_POD);
      owners.service = this.named(node, layout.RECORD_SERVICE);
    }
    this.reserved += this.need(owners);
    this.dirty.set(node, owners);
    return owners;
  }

  /** The owners in a payload that is not a CROWD. */
  private membersOf(payload: number): Iterable<number> {
    const { words } = this.arena;
    if (this.kind(payload) !== layout.RECORD_SET) return [payload];
    const tail = tailOf(words, payload);
    const from = tail + layout.SET_REFS;
    return words.subarray(from, from + memberCount(words, tail));
  }
}
