/** Places the record of a pod or service under its names and addresses, and removes it from there. */
import { findOwner } from '../read/addresses.ts';
import { formatAddress, parseAddress } from '../../dns/address.ts';
import { overlayPath } from '../../model.ts';
import type { ARecords, Pod, ResourceKey, Service } from '../../model.ts';
import type { Addresses } from './addresses.ts';
import type { Arena } from './arena.ts';
import type { NameOwners } from './name-owners.ts';
import type { Claims, AddressConflict } from './claims.ts';
import { memberKey } from './claims.ts';
import type { Directory, NamespaceState, VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { Nodes } from './nodes.ts';
import { buildRecord, KEYS_WORDS, keysOf } from './records.ts';
import type { Placement } from './records.ts';
import type { SoleAddresses } from './sole-addresses.ts';
import {
  attachmentAfter,
  attachmentCount,
  attachmentsAt,
  kindOf,
  nameCount,
  nodeKind,
  recordWords,
} from '../record.ts';
import type { Tables } from './tables.ts';

export interface RecordIndexParts {
  arena: Arena;
  tables: Tables;
  nodes: Nodes;
  directory: Directory;
  nameOwners: NameOwners;
  claims: Claims;
  addresses: Addresses;
  /** A name with dots is now in some namespace of the VPC, or in none of them any more. */
  onDotted(vpc: VpcState, name: string, present: boolean): void;
}

const NO_NODES: ReadonlySet<number> = new Set();
const NO_NAMES: readonly number[] = [];

/** What the record that is being built needs; used again and again. */
class Place implements Placement {
  namespaceNode = 0;
  node = 0;
  nameNodes = NO_NAMES;
  aRecords: ARecords = 'none';
  private readonly claims: Claims;
  private readonly directory: Directory;
  private namespace: NamespaceState | undefined;
  /** No address is contested. */
  private isSole = false;
  private key = '';

  constructor(claims: Claims, directory: Directory) {
    this.claims = claims;
    this.directory = directory;
  }

  of(
    resource: Pod | Service,
    namespace: NamespaceState,
    node: number,
    nameNodes: readonly number[],
    sole: SoleAddresses | undefined,
  ): this {
    const { kind, vpc, namespace: space, name } = resource;
    this.isSole = sole !== undefined || this.claims.empty;
    this.key = this.isSole ? '' : memberKey(kind, vpc, space, name);
    this.namespace = namespace;
    this.namespaceNode = namespace.node;
    this.node = node;
    this.nameNodes = nameNodes;
    this.aRecords = namespace.vpc.aRecords;
    return this;
  }

  overlay(name: string): number {
    return this.directory.overlayOfPod(this.namespace!, name).record;
  }

  owns(address: string, overlay: string): boolean {
    if (this.isSole) return true;
    const { vpc, name } = this.namespace!;
    const conflict = this.claims.conflict(vpc.name, address);
    return conflict === undefined || this.claims.owns(conflict, this.key, overlayPath(overlay, name));
  }

  isShared(ip4: string): boolean {
    return !this.isSole && this.claims.conflict(this.namespace!.vpc.name, ip4)?.isShared === true;
  }
}

export class RecordIndex {
  private readonly parts: RecordIndexParts;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly placement: Place;
  private readonly keys = new Int32Array(KEYS_WORDS);

  constructor(parts: RecordIndexParts) {
    this.parts = parts;
    this.placement = new Place(parts.claims, parts.directory);
    this.words = parts.arena.words;
    this.bytes = new Uint8Array(parts.arena.words.buffer);
  }

  /** The record of the pod or service with this own name, or 0. */
  recordOf(namespace: NamespaceState, kind: 'pod' | 'service', name: string): number {
    const node = this.parts.nodes.findPath(namespace.node, name);
    if (node === 0) return 0;
    return this.parts.nameOwners.named(node, kind === 'pod' ? layout.RECORD_POD : layout.RECORD_SERVICE);
  }

  /** The record that owns an address without a conflict, or 0. */
  holderOf(vpc: VpcState, address: string): number {
    const view = this.parts.tables.idle;
    parseAddress(address, view.keyBytes, 0);
    return findOwner(view, vpc.record);
  }

  /** The key of the resource that has this record. */
  keyOf(vpc: VpcState, record: number): ResourceKey {
    const { nodes, tables } = this.parts;
    const node = tables.idle.namespaceOfRecord(record);
    const own = this.words[tables.idle.tail(record) + layout.TAIL_NODE];
    const kind = kindOf(this.words, record) === layout.RECORD_POD ? 'pod' : 'service';
    return { kind, vpc: vpc.name, namespace: tables.idle.labelText(node), name: nodes.pathText(own, node) };
  }

  /**
   * Writes a record in the place of `old` (0: none). `sole`: it has found the addresses, which are no others'. If not,
   * `AddressConflicts` corrects the entries of contested addresses.
   */
  place(namespace: NamespaceState, resource: Pod | Service, old: number, sole?: SoleAddresses): number {
    const { arena, nodes, nameOwners, tables } = this.parts;
    const vpc = namespace.vpc;
    const node = nodes.ensurePath(namespace.node, resource.name);
    const nameNodes =
      resource.names.length === 0
        ? NO_NAMES
        : resource.names.map((name) => nodes.ensurePath(namespace.node, name));
    const record = buildRecord(
      arena,
      resource,
      this.placement.of(resource, namespace, node, nameNodes, sole),
    );
    const sameOverlays = old !== 0 && this.haveSameOverlays(old, record);
    if (!sameOverlays) this.countOverlays(record, 1);
    if (sole === undefined) this.leadTo(vpc, old, record);
    else sole.lead(vpc, old, record);
    // Most changes are to a resource with the one name that it had.
    if (nameNodes.length === 0 && old !== 0 && this.hasOnly(old, node)) nameOwners.replace(node, old, record);
    else this.rename(namespace, old, record, new Set([node, ...nameNodes]));
    if (old === 0) return record;
    if (!sameOverlays) this.countOverlays(old, -1);
    tables.release(old, recordWords(this.words, this.bytes, old));
    return record;
  }

  /** The addresses that are not contested lead to `record`, and those of `old` no longer to that. */
  private leadTo(vpc: VpcState, old: number, record: number): void {
    const { addresses, tables } = this.parts;
    const view = tables.idle;
    if (old !== 0) {
      this.eachKey(old, () => {
        if (this.conflictAt(vpc) !== undefined || findOwner(view, vpc.record) !== old) return;
        addresses.set(vpc.record, old, view.matches(record, vpc.record, 128) ? record : 0);
      });
    }
    this.eachKey(record, () => {
      if (this.conflictAt(vpc) !== undefined || findOwner(view, vpc.record) !== 0) return;
      addresses.set(vpc.record, 0, record);
    });
  }

  /** Sets `idle.key` to each address that the record owns, and calls `visit`; an address may come twice. */
  private eachKey(record: number, visit: () => void): void {
    const { keys } = this;
    const view = this.parts.tables.idle;
    const count = keysOf(view, record, keys);
    for (let at = 0; at < 4 * count; at += 4) {
      view.setKeyWords(keys[at], keys[at + 1], keys[at + 2], keys[at + 3]);
      visit();
    }
  }

  /** The names lead to `record`, and those of `old` (0: none) no longer to that. */
  private rename(namespace: NamespaceState, old: number, record: number, names: Set<number>): void {
    const { nameOwners, nodes } = this.parts;
    const before = old === 0 ? NO_NODES : this.nameNodes(old);
    for (const name of names) {
      if (before.has(name)) nameOwners.replace(name, old, record);
      else {
        nameOwners.add(name, record);
        if (nodes.parent(name) !== namespace.node) this.countDotted(namespace, name, 1);
      }
    }
    for (const name of before) if (!names.has(name)) this.dropName(namespace, name, old);
  }

  /** The record has no name but that of this node. */
  private hasOnly(record: number, node: number): boolean {
    const tail = this.parts.tables.idle.tail(record);
    return nameCount(this.words, tail) === 0 && this.words[tail + layout.TAIL_NODE] === node;
  }

  /** Removes a record whose claims have been withdrawn. */
  displace(namespace: NamespaceState, record: number): void {
    const { addresses, directory, tables } = this.parts;
    const view = tables.idle;
    const vpc = namespace.vpc;
    this.eachKey(record, () => {
      if (this.conflictAt(vpc) === undefined && findOwner(view, vpc.record) === record)
        addresses.set(vpc.record, record, 0);
    });
    for (const name of this.nameNodes(record)) this.dropName(namespace, name, record);
    this.countOverlays(record, -1);
    directory.suspect(namespace);
    tables.release(record, recordWords(this.words, this.bytes, record));
  }

  /** Removes the node of a name that has lost all owners. */
  prune(node: number): void {
    const { nodes } = this.parts;
    let root = node;
    while (nodeKind(this.words, root) !== layout.NODE_NAMESPACE) root = nodes.parent(root);
    nodes.prune(node, root);
  }

  private dropName(namespace: NamespaceState, node: number, record: number): void {
    const { nameOwners, nodes } = this.parts;
    if (nodes.parent(node) !== namespace.node) this.countDotted(namespace, node, -1);
    nameOwners.remove(node, record);
    nodes.prune(node, namespace.node);
  }

  private countDotted({ vpc, node: root }: NamespaceState, node: number, by: number): void {
    const name = this.parts.nodes.pathText(node, root);
    const count = (vpc.dotted.get(name) ?? 0) + by;
    if (count > 0) vpc.dotted.set(name, count);
    else vpc.dotted.delete(name);
    if (count === 0 || count === by) this.parts.onDotted(vpc, name, count > 0);
  }

  /** The nodes of all names of a record, its own first. */
  private nameNodes(record: number): Set<number> {
    const tail = this.parts.tables.idle.tail(record);
    const from = tail + layout.TAIL_NAMES;
    const names = this.words.subarray(from, from + nameCount(this.words, tail));
    return new Set([this.words[tail + layout.TAIL_NODE], ...names]);
  }

  /** The conflict over the address in `idle.key`. */
  private conflictAt(vpc: VpcState): AddressConflict | undefined {
    const { claims, tables } = this.parts;
    return claims.empty ? undefined : claims.conflict(vpc.name, formatAddress(tables.idle.keyBytes, 0));
  }

  private haveSameOverlays(one: number, other: number): boolean {
    const { words } = this;
    const { idle } = this.parts.tables;
    let tail = idle.tail(one);
    let at = attachmentsAt(words, tail);
    const count = attachmentCount(words, tail);
    tail = idle.tail(other);
    if (attachmentCount(words, tail) !== count) return false;
    let there = attachmentsAt(words, tail);
    for (let i = 0; i < count; i++) {
      if (words[at + layout.ATTACHMENT_OVERLAY] !== words[there + layout.ATTACHMENT_OVERLAY]) return false;
      at = attachmentAfter(words, at);
      there = attachmentAfter(words, there);
    }
    return true;
  }

  private countOverlays(record: number, by: number): void {
    const { directory, tables } = this.parts;
    const tail = tables.idle.tail(record);
    let at = attachmentsAt(this.words, tail);
    for (let i = attachmentCount(this.words, tail); i > 0; i--, at = attachmentAfter(this.words, at))
      directory.countPods(this.words[at + layout.ATTACHMENT_OVERLAY], by);
  }
}
