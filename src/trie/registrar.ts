/** Puts the record of a pod or service under its names and addresses, and takes it away again. */
import { parseAddress } from '../dns/address.ts';
import type { Pod, Service } from '../model.ts';
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import type { BearerSets } from './bearers.ts';
import type { Claim, Claims, Contest } from './claims.ts';
import { memberKey } from './claims.ts';
import type { Directory, NamespaceState, VpcState } from './directory.ts';
import * as layout from './layout.ts';
import type { Nodes } from './nodes.ts';
import type { PrefixOwners } from './owners.ts';
import type { ARecords } from './policy.ts';
import { buildRecord, eachKey, readRecord, recordWords } from './records.ts';
import type { Tables } from './tables.ts';

export interface RegistrarParts {
  arena: Arena;
  tables: Tables;
  nodes: Nodes;
  directory: Directory;
  bearers: BearerSets;
  claims: Claims;
  owners: PrefixOwners;
  aRecords: ARecords;
  /** A name with dots is in some namespace of the VPC from now on, or in none any more. */
  onDotted(vpc: VpcState, name: string, present: boolean): void;
}

export class Registrar {
  private readonly parts: RegistrarParts;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(parts: RegistrarParts) {
    this.parts = parts;
    this.words = parts.arena.words;
    this.bytes = new Uint8Array(parts.arena.words.buffer);
  }

  /** The record of a pod or service by its own name, or 0. */
  recordOf(namespace: NamespaceState, kind: 'pod' | 'service', name: string): number {
    const node = this.parts.nodes.findPath(namespace.node, name);
    if (node === 0) return 0;
    const wanted = kind === 'pod' ? layout.RECORD_POD : layout.RECORD_SERVICE;
    for (const record of this.parts.bearers.bearers(node)) {
      if ((this.words[record] & 0xff) !== wanted) continue;
      if (this.words[this.parts.tables.idle.tail(record) + layout.TAIL_NODE] === node) return record;
    }
    return 0;
  }

  /** Adds the nodes that are there for the names of a resource. */
  addNamesOf(vpc: VpcState, resource: Pod | Service, nodes: Set<number>): void {
    const namespace = vpc.namespaces.get(resource.namespace);
    if (namespace === undefined) return;
    for (const name of [resource.name, ...resource.names]) {
      const node = this.parts.nodes.findPath(namespace.node, name);
      if (node !== 0) nodes.add(node);
    }
  }

  /** The record that owns an address nobody contests, or 0. */
  holderOf(vpc: VpcState, address: string): number {
    const view = this.parts.tables.idle;
    parseAddress(address, view.keyBytes, 0);
    return view.find(vpc.record, 128);
  }

  read(vpc: VpcState, record: number): { resource: Pod | Service; stamp: bigint } {
    const { nodes, directory, tables } = this.parts;
    const node = tables.idle.namespaceOfRecord(record);
    return readRecord(this.words, this.bytes, record, {
      path: (name) => nodes.pathText(name, node),
      overlay: (overlay) => directory.overlayOf(overlay).name,
      vpc: vpc.name,
      namespace: tables.idle.labelText(node),
    });
  }

  /** Writes a new record in the place of `old` (0: none). Contested addresses are left to `settleEntry`. */
  place(namespace: NamespaceState, resource: Pod | Service, stamp: bigint, old: number): number {
    const { arena, nodes, directory, bearers, claims, tables, owners } = this.parts;
    const vpc = namespace.vpc;
    const key = claims.empty ? '' : memberKey(resource.kind, resource.vpc, resource.namespace, resource.name);
    const node = nodes.ensurePath(namespace.node, resource.name);
    const nameNodes = resource.names.map((name) => nodes.ensurePath(namespace.node, name));
    const record = buildRecord(arena, resource, {
      namespaceNode: namespace.node,
      node,
      nameNodes,
      stamp,
      overlay: (name) => directory.overlay(namespace, name).record,
      owns: (address, overlay) => {
        const contest = claims.contest(vpc.name, address);
        return contest === undefined || claims.owns(contest, key, `${namespace.name}/${overlay}`);
      },
      gate: (ip4, overlay) => {
        const contest = claims.contest(vpc.name, ip4);
        if (contest === undefined || !claims.isShared(contest)) return 0;
        return directory.overlay(namespace, overlay).record;
      },
      aRecords: this.parts.aRecords,
    });
    this.countOverlays(record, 1);
    const view = tables.idle;
    if (old !== 0) {
      eachKey(view, old, () => {
        // A contested address keeps its entry: settleEntry says whose it is.
        const hash = view.hashKey(vpc.record, 128);
        if (this.contested(vpc) || view.findHashed(vpc.record, 128, hash) !== old) return;
        if (view.bears(record, vpc.record, 128)) tables.putAddress(hash, record, old);
        else {
          tables.deleteAddress(hash, old);
          owners.notice(vpc.record, old, 0);
        }
      });
    }
    eachKey(view, record, () => {
      const hash = view.hashKey(vpc.record, 128);
      if (this.contested(vpc) || view.findHashed(vpc.record, 128, hash) !== 0) return;
      tables.putAddress(hash, record, 0);
      owners.notice(vpc.record, 0, record);
    });
    const kept = new Set<number>();
    if (old !== 0) {
      for (const name of this.nameNodes(old)) {
        if (name === node || nameNodes.includes(name)) {
          bearers.replace(name, old, record);
          kept.add(name);
        }
      }
    }
    for (const name of nameNodes.length === 0 ? [node] : new Set([node, ...nameNodes])) {
      if (kept.has(name)) continue;
      bearers.add(name, record);
      if (nodes.parent(name) !== namespace.node) this.countDotted(namespace, name, 1);
    }
    if (old !== 0) {
      for (const name of this.nameNodes(old)) if (!kept.has(name)) this.dropName(namespace, name, old);
      this.countOverlays(old, -1);
      tables.release(old, recordWords(this.words, this.bytes, old));
    }
    return record;
  }

  /** Takes a record away; its contests must have been withdrawn. */
  displace(namespace: NamespaceState, record: number): void {
    const { tables, owners } = this.parts;
    const view = tables.idle;
    const vpc = namespace.vpc;
    eachKey(view, record, () => {
      const hash = view.hashKey(vpc.record, 128);
      if (this.contested(vpc) || view.findHashed(vpc.record, 128, hash) !== record) return;
      tables.deleteAddress(hash, record);
      owners.notice(vpc.record, record, 0);
    });
    for (const name of this.nameNodes(record)) this.dropName(namespace, name, record);
    this.countOverlays(record, -1);
    tables.release(record, recordWords(this.words, this.bytes, record));
  }

  /**
   * Points the address table to the owner of a contested address, or to the list of its holders. False when the
   * owner's record does not say it (`isShown`), or when there is no room: then the address is nobody's.
   */
  settleEntry(contest: Contest, isShown: boolean): boolean {
    const { tables, claims, directory } = this.parts;
    const vpc = directory.vpcs.get(contest.vpc)!;
    const view = tables.idle;
    const owners = claims.owners(contest);
    const old = contest.entry;
    const isList = owners.length > 0 && claims.isShared(contest);
    const isPossible = owners.length === 0 || ((isList || isShown) && this.hasRoomFor(contest, owners));
    const shared = isPossible && isList;
    parseAddress(contest.address, view.keyBytes, 0);
    const hash = view.hashKey(vpc.record, 128);
    if (owners.length === 0 || !isPossible) contest.entry = 0;
    else if (shared) contest.entry = this.buildHolders(vpc, owners);
    else contest.entry = claims.member(owners[0].member)!.record;
    if (contest.entry === 0) tables.deleteAddress(hash, old);
    else if (contest.entry !== old) tables.putAddress(hash, contest.entry, old);
    this.parts.owners.notice(vpc.record, old, contest.entry);
    if (contest.shared) {
      tables.release(old, layout.HOLDERS_LIST + 2 * this.words[old + layout.KEYED_VALUE]);
    }
    contest.shared = shared;
    return isPossible;
  }

  /** For the list of holders, the entry, and a mark when a pod gets an IPv6 address that lies in a foreign prefix. */
  private hasRoomFor(contest: Contest, owners: Claim[]): boolean {
    const { arena, claims, tables } = this.parts;
    const { address, entry } = contest;
    const mark = address.includes(':') && (entry === 0 || (this.words[entry] & 0xff) !== layout.RECORD_POD);
    const slots = (entry === 0 ? 1 : 0) + (mark ? 1 : 0);
    const list = claims.isShared(contest) ? roundWords(layout.HOLDERS_LIST + 2 * owners.length) : 0;
    const words = list + (mark ? layout.KEYED_WORDS : 0);
    return (words === 0 || arena.fits(words)) && (slots === 0 || tables.fits(0, slots));
  }

  /** A HOLDERS record for the address in `idle.key`. */
  private buildHolders(vpc: VpcState, owners: Claim[]): number {
    const { words } = this;
    const { arena, claims, directory, tables } = this.parts;
    const holders = arena.allocate(layout.HOLDERS_LIST + 2 * owners.length);
    words[holders] = layout.RECORD_HOLDERS;
    words[holders + layout.KEYED_SCOPE] = vpc.record;
    words[holders + layout.KEYED_BITS] = 128;
    words.set(tables.idle.key, holders + layout.KEYED_ADDRESS);
    words[holders + layout.KEYED_VALUE] = owners.length;
    let at = holders + layout.HOLDERS_LIST;
    for (const { member, overlay } of owners) {
      const { resource, record } = claims.member(member)!;
      const namespace = vpc.namespaces.get(resource.namespace)!;
      words[at++] = record;
      words[at++] = directory.overlay(namespace, overlay.slice(overlay.indexOf('/') + 1)).record;
    }
    return holders;
  }

  /** Drops a name node that nobody bears any more. */
  prune(node: number): void {
    const { nodes } = this.parts;
    let root = node;
    while (((this.words[root + layout.NODE_META] >>> 8) & 0xff) !== layout.NODE_NAMESPACE)
      root = nodes.parent(root);
    nodes.prune(node, root);
  }

  private dropName(namespace: NamespaceState, node: number, record: number): void {
    const { bearers, nodes } = this.parts;
    if (nodes.parent(node) !== namespace.node) this.countDotted(namespace, node, -1);
    bearers.remove(node, record);
    nodes.prune(node, namespace.node);
  }

  private countDotted({ vpc, node: root }: NamespaceState, node: number, by: number): void {
    const name = this.parts.nodes.pathText(node, root);
    const count = (vpc.dotted.get(name) ?? 0) + by;
    if (count > 0) vpc.dotted.set(name, count);
    else vpc.dotted.delete(name);
    if (count === 0 || count === by) this.parts.onDotted(vpc, name, count > 0);
  }

  /** The nodes of all names of a record, its own first, each once. */
  nameNodes(record: number): number[] {
    const tail = this.parts.tables.idle.tail(record);
    const names = [this.words[tail + layout.TAIL_NODE]];
    const count = (this.words[tail + layout.TAIL_COUNTS] >>> 16) & 0xff;
    for (let i = 0; i < count; i++) {
      const node = this.words[tail + layout.TAIL_NAMES + i];
      if (!names.includes(node)) names.push(node);
    }
    return names;
  }

  private contested(vpc: VpcState): boolean {
    return this.parts.claims.contestOfKey(vpc.name, this.parts.tables.idle.keyBytes) !== undefined;
  }

  private countOverlays(record: number, by: number): void {
    const { directory, tables } = this.parts;
    const tail = tables.idle.tail(record);
    const counts = this.words[tail + layout.TAIL_COUNTS];
    let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
    for (let i = counts >>> 24; i > 0; i--) {
      directory.overlayOf(this.words[at + layout.ATTACHMENT_OVERLAY]).pods += by;
      at += layout.ATTACHMENT_IP6;
      if ((this.words[at - 2] & layout.ATTACHED_IP6) !== 0) at += 4;
    }
  }
}
