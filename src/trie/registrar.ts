/** Puts the record of a pod or service under its names and addresses, and takes it away again. */
import { parseAddress } from '../dns/address.ts';
import type { Pod, Service } from '../model.ts';
import type { Arena } from './arena.ts';
import type { BearerSets } from './bearers.ts';
import type { Claims, Contest } from './claims.ts';
import { memberKey } from './claims.ts';
import type { Directory, NamespaceState, VpcState } from './directory.ts';
import * as layout from './layout.ts';
import type { Nodes } from './nodes.ts';
import type { PrefixOwners } from './owners.ts';
import type { ARecords } from './policy.ts';
import { buildRecord, readRecord, recordWords } from './records.ts';
import type { Tables } from './tables.ts';
import { MAPPED_WORD } from './view.ts';

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

  /** The record that owns an address nobody contests, or 0. */
  holderOf(vpc: VpcState, address: string): number {
    const view = this.parts.tables.idle;
    parseAddress(address, view.keyBytes, 0);
    return view.find(vpc.record, 128);
  }

  read(vpc: VpcState, record: number): { resource: Pod | Service; stamp: number } {
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
  place(namespace: NamespaceState, resource: Pod | Service, stamp: number, old: number): void {
    const { arena, nodes, directory, bearers, claims, tables } = this.parts;
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
      owns: (address) => {
        const contest = claims.contest(vpc.name, address);
        return contest === undefined || claims.owns(contest, key);
      },
      gate: (ip4, overlay) => {
        const contest = claims.contest(vpc.name, ip4);
        return contest !== undefined && claims.isShared(contest) ? overlay : 0;
      },
      aRecords: this.parts.aRecords,
    });
    this.countOverlays(record, 1);
    const view = tables.idle;
    if (old !== 0) {
      this.eachKey(old, () => {
        // A contested address keeps its entry: settleEntry says whose it is.
        const hash = view.hashKey(vpc.record, 128);
        if ((!claims.empty && this.contested(vpc)) || view.findHashed(vpc.record, 128, hash) !== old) return;
        if (view.bears(record, vpc.record, 128)) tables.putAddress(hash, record, old);
        else {
          tables.deleteAddress(hash, old);
          this.parts.owners.notice(vpc.record, false);
        }
      });
    }
    this.eachKey(record, () => {
      const hash = view.hashKey(vpc.record, 128);
      if ((!claims.empty && this.contested(vpc)) || view.findHashed(vpc.record, 128, hash) !== 0) return;
      tables.putAddress(hash, record, 0);
      this.parts.owners.notice(vpc.record, true);
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
  }

  /** Takes a record away; its contests must have been withdrawn. */
  displace(namespace: NamespaceState, record: number): void {
    const { tables, owners, claims } = this.parts;
    const vpc = namespace.vpc;
    this.eachKey(record, () => {
      if (!claims.empty && this.contested(vpc)) return;
      tables.deleteAddress(tables.idle.hashKey(vpc.record, 128), record);
      owners.notice(vpc.record, false);
    });
    for (const name of this.nameNodes(record)) this.dropName(namespace, name, record);
    this.countOverlays(record, -1);
    tables.release(record, recordWords(this.words, this.bytes, record));
  }

  /** Points the address table to the owner of a contested address, or to the list of its holders. */
  settleEntry(contest: Contest): void {
    const { arena, tables, claims, directory } = this.parts;
    const vpc = directory.vpcs.get(contest.vpc)!;
    const view = tables.idle;
    const owners = claims.owners(contest).map((claim) => {
      const { resource } = claims.member(claim.member)!;
      const namespace = vpc.namespaces.get(resource.namespace)!;
      const overlay = claim.overlay.slice(claim.overlay.indexOf('/') + 1);
      return {
        record: this.recordOf(namespace, resource.kind, resource.name),
        overlay: claim.overlay === '' ? 0 : directory.overlay(namespace, overlay).record,
      };
    });
    parseAddress(contest.address, view.keyBytes, 0);
    const hash = view.hashKey(vpc.record, 128);
    const old = contest.entry;
    if (owners.length === 0) tables.deleteAddress(hash, old);
    else if (!claims.isShared(contest)) contest.entry = owners[0].record;
    else {
      const size = layout.HOLDERS_LIST + 2 * owners.length;
      const holders = arena.allocate(size);
      this.words[holders] = layout.RECORD_HOLDERS;
      this.words[holders + layout.KEYED_SCOPE] = vpc.record;
      this.words[holders + layout.KEYED_BITS] = 128;
      this.words.set(view.key, holders + layout.KEYED_ADDRESS);
      this.words[holders + layout.KEYED_VALUE] = owners.length;
      owners.forEach(({ record, overlay }, i) => {
        this.words[holders + layout.HOLDERS_LIST + 2 * i] = record;
        this.words[holders + layout.HOLDERS_LIST + 2 * i + 1] = overlay;
      });
      contest.entry = holders;
    }
    if (owners.length > 0 && contest.entry !== old) tables.putAddress(hash, contest.entry, old);
    if (contest.shared) {
      const count = this.words[old + layout.KEYED_VALUE];
      tables.release(old, layout.HOLDERS_LIST + 2 * count);
    }
    contest.shared = claims.isShared(contest);
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

  private nameNodes(record: number): number[] {
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

  /** Calls back with `idle.key` set to each address the record owns; an address may come twice. */
  private eachKey(record: number, visit: () => void): void {
    const { words } = this;
    const { key } = this.parts.tables.idle;
    const tail = this.parts.tables.idle.tail(record);
    for (let i = 0; i < words[record + layout.RRSET_AAAA_COUNT]; i++) {
      const at = record + layout.RRSET_AAAA + 4 * i;
      for (let k = 0; k < 4; k++) key[k] = words[at + k];
      visit();
    }
    const counts = words[tail + layout.TAIL_COUNTS];
    let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
    for (let i = counts >>> 24; i > 0; i--) {
      const flags = words[at + layout.ATTACHMENT_FLAGS];
      if ((flags & layout.ATTACHED_IP4) !== 0) {
        key[0] = 0;
        key[1] = 0;
        key[2] = MAPPED_WORD;
        key[3] = words[at + layout.ATTACHMENT_IP4];
        visit();
      }
      at += layout.ATTACHMENT_IP6;
      if ((flags & layout.ATTACHED_IP6) !== 0) {
        for (let k = 0; k < 4; k++) key[k] = words[at + k];
        visit();
        at += 4;
      }
    }
  }
}
