/**
 * Settles conflicts: which record shows a contested address, and which one the address table leads to. A conflict that
 * finds no room stays pending: its address has no owner meanwhile, and the next transaction tries it again.
 */
import { parseAddress } from '../../dns/address.ts';
import type { Pod, ResourceKey, Service } from '../../model.ts';
import type { Addresses } from './addresses.ts';
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import { claimedBy, isIp4, keyOfMember, memberKey, SHOWS_ALONE, SHOWS_NOTHING } from './claims.ts';
import type { Claim, Claims, AddressConflict, Group, Member, Space } from './claims.ts';
import type { Directory, VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { RecordIndex } from './record-index.ts';
import { kindOf } from '../record.ts';
import { mostWords } from './records.ts';
import type { Tables } from './tables.ts';

/** A pod or service as it was put last. */
export interface Known {
  resource: Pod | Service;
  stamp: bigint;
}

export interface AddressConflictsParts {
  arena: Arena;
  tables: Tables;
  addresses: Addresses;
  claims: Claims;
  directory: Directory;
  recordIndex: RecordIndex;
  /** See `WriterSettings.resourceOf`. */
  known(key: ResourceKey): Known | undefined;
}

export class AddressConflicts {
  private readonly parts: AddressConflictsParts;
  /** Members whose records may show something else than their claims have won. */
  private readonly outdated = new Set<Member>();
  /** Conflicts whose claims have changed, and those that are about to end. */
  private readonly changed = new Set<AddressConflict>();
  /** Groups for which the address table may lead to another record than the winner's. */
  private readonly groups = new Set<Group>();

  constructor(parts: AddressConflictsParts) {
    this.parts = parts;
  }

  /** Number of members, groups and conflicts that are not settled, because there is no room. */
  get pending(): number {
    return this.outdated.size + this.groups.size + this.changed.size;
  }

  /** Replaces the claims of the resource whose record is `old` (0 before the first) by those that it has now. */
  claim(vpc: VpcState, key: string, resource: Pod | Service, stamp: bigint, old: number): void {
    const { claims, recordIndex } = this.parts;
    this.withdraw(key);
    for (const { address, overlay } of claimedBy(resource)) {
      let conflict = claims.conflict(vpc.name, address);
      if (conflict === undefined) {
        const holder = recordIndex.holderOf(vpc, address);
        if (holder === 0 || holder === old) continue;
        conflict = this.open(vpc, address, holder);
        if (conflict === undefined) continue;
      }
      this.join(conflict, claims.admit(key, stamp, old), overlay);
    }
    this.review();
  }

  /** Takes all claims of a resource back. */
  withdraw(key: string): void {
    const { claims } = this.parts;
    const member = claims.member(key);
    if (member === undefined) return;
    this.outdated.delete(member);
    for (const { group } of claims.withdraw(member)) {
      this.touch(group);
      // Another claim wins now.
      if (group.claims.length > 0) this.outdated.add(group.claims[0]!.member);
    }
    this.review();
  }

  /** The record has been built again, and shows what its claims have won. */
  built(key: string, record: number): void {
    const member = this.parts.claims.member(key);
    if (member !== undefined) this.show(member, record);
  }

  /** Builds outdated records again, and corrects the address table. */
  settle(): void {
    const { arena, directory, known, recordIndex } = this.parts;
    for (const member of this.outdated) {
      if (this.isCurrent(member)) {
        this.outdated.delete(member);
        continue;
      }
      const { vpc, namespace: name } = keyOfMember(member);
      const namespace = directory.vpcs.get(vpc)!.namespaces.get(name)!;
      const now = known(keyOfMember(member));
      if (now === undefined) {
        this.withdraw(member.key);
        recordIndex.displace(namespace, member.record);
      } else if (arena.fits(roundWords(mostWords(now.resource)))) {
        this.outdated.delete(member);
        this.show(member, recordIndex.place(namespace, now.resource, member.record));
      }
    }
    for (const group of this.groups) if (this.list(group)) this.groups.delete(group);
    for (const conflict of this.changed) {
      if (!this.listConflict(conflict)) continue;
      if (conflict.members > 1) this.changed.delete(conflict);
      else this.end(conflict);
    }
  }

  /**
   * Opens a conflict over an address that only `holder` has claimed so far. Undefined when the holder had to be removed,
   * because a newer version of it was refused and may not claim the address.
   */
  private open(vpc: VpcState, address: string, holder: number): AddressConflict | undefined {
    const { claims, known, recordIndex } = this.parts;
    const holderKey = recordIndex.keyOf(vpc, holder);
    const { kind, namespace, name } = holderKey;
    const key = memberKey(kind, vpc.name, namespace, name);
    const now = known(holderKey);
    const claimed =
      now === undefined ? [] : claimedBy(now.resource).filter((each) => each.address === address);
    if (now === undefined || claimed.length === 0) {
      this.withdraw(key);
      recordIndex.displace(vpc.namespaces.get(namespace)!, holder);
      return undefined;
    }
    const conflict = claims.open(vpc.name, address, holder);
    const member = claims.admit(key, now.stamp, holder);
    for (const { overlay } of claimed) this.join(conflict, member, overlay).shows = SHOWS_ALONE;
    return conflict;
  }

  private join(conflict: AddressConflict, member: Member, overlay: string): Claim {
    const { claims } = this.parts;
    const before = conflict.groups.get(isIp4(conflict.address) ? overlay : '')?.claims[0];
    const claim = claims.join(conflict, member, isIp4(conflict.address) ? overlay : '');
    if (before !== undefined) this.outdated.add(before.member);
    this.touch(claim.group);
    return claim;
  }

  private touch(group: Group): void {
    this.groups.add(group);
    this.changed.add(group.conflict);
    this.parts.claims.steps++;
  }

  /** An address has come to be shared, or is shared no longer: the records of its owners have to show that. */
  private review(): void {
    const { claims } = this.parts;
    for (const conflict of this.changed) {
      const isShared = claims.isShared(conflict);
      if (isShared === conflict.isShared) continue;
      conflict.isShared = isShared;
      for (const group of conflict.groups.values()) {
        this.groups.add(group);
        this.outdated.add(group.claims[0]!.member);
      }
    }
  }

  private isCurrent({ claims }: Member): boolean {
    return claims.every((claim) => claim.shows === this.parts.claims.due(claim));
  }

  private show(member: Member, record: number): void {
    member.record = record;
    this.outdated.delete(member);
    for (const claim of member.claims) {
      claim.shows = this.parts.claims.due(claim);
      this.touch(claim.group);
    }
  }

  /** Corrects the table's entries for the overlay and for the namespace. False when there is no room. */
  private list(group: Group): boolean {
    const { space } = group;
    if (space === undefined) return true;
    const { conflict, overlay } = group;
    const { overlayNode, namespaceNode } = this.placesOf(conflict, overlay, space);
    const first = space.groups[0];
    const isHere = this.point(group, overlayNode, layout.OVERLAY_BITS, recordOf(group));
    const isFirst = this.point(
      space,
      namespaceNode,
      layout.NAMESPACE_BITS,
      first === undefined ? 0 : recordOf(first),
    );
    if (first === undefined || group.claims.length > 0) return isHere && isFirst;
    // A group without claims is over and cannot be pending: another group of the namespace is, in its place.
    if (!isFirst) this.groups.add(first);
    return true;
  }

  private point(place: Group | Space, scope: number, bits: number, record: number): boolean {
    const { addresses, tables } = this.parts;
    if (place.listed === record) return true;
    if (place.listed === 0 && !tables.fits(1)) return false;
    addresses.point(scope, bits, place.listed, record);
    place.listed = record;
    return true;
  }

  /** The same for the VPC's entry: the owner's record once it shows the address, or HOLDERS where there are several. */
  private listConflict(conflict: AddressConflict): boolean {
    const { addresses, arena, tables } = this.parts;
    const { listed } = conflict;
    const isList = listed !== 0 && kindOf(arena.words, listed) === layout.RECORD_HOLDERS;
    if (conflict.isShared && isList) return true;
    const record = conflict.isShared ? 0 : soleRecord(conflict);
    if (!conflict.isShared && listed === record) return true;
    const fits = addresses.fits || (listed !== 0 && !conflict.isShared);
    if (!fits && listed === 0) return false;
    const vpc = this.locate(conflict);
    if (!fits) conflict.listed = 0;
    else
      conflict.listed = conflict.isShared ? addresses.keyed(layout.RECORD_HOLDERS, vpc.record, 128) : record;
    addresses.set(vpc.record, listed, conflict.listed);
    if (isList) tables.release(listed, layout.KEYED_WORDS);
    return fits;
  }

  /** Sets `idle.key` to the address, and returns its VPC. */
  private locate({ vpc, address }: AddressConflict): VpcState {
    parseAddress(address, this.parts.tables.idle.keyBytes, 0);
    return this.parts.directory.vpcs.get(vpc)!;
  }

  private placesOf(
    conflict: AddressConflict,
    overlay: string,
    { name }: Space,
  ): { overlayNode: number; namespaceNode: number } {
    const { directory } = this.parts;
    const namespace = directory.namespace(this.locate(conflict), name);
    const { record } = directory.overlay(namespace, overlay.slice(name.length + 1));
    return { overlayNode: record, namespaceNode: namespace.node };
  }

  /** Ends a conflict with one claimant left, once that one's record shows the address. */
  private end(conflict: AddressConflict): void {
    const { claims } = this.parts;
    const rest = claims.anyMember(conflict);
    if (rest !== undefined && this.outdated.has(rest)) return;
    for (const group of conflict.groups.values()) if (this.groups.has(group)) return;
    this.changed.delete(conflict);
    for (const group of conflict.groups.values()) {
      const { overlay, space } = group;
      if (space === undefined) continue;
      const { overlayNode, namespaceNode } = this.placesOf(conflict, overlay, space);
      this.point(group, overlayNode, layout.OVERLAY_BITS, 0);
      this.point(space, namespaceNode, layout.NAMESPACE_BITS, 0);
    }
    claims.close(conflict);
  }
}

/** The winner's record if it shows the address, otherwise 0. */
function recordOf({ claims }: Group): number {
  const winner = claims[0];
  return winner === undefined || winner.shows === SHOWS_NOTHING ? 0 : winner.member.record;
}

/** The owner's record if it shows the address, for an address that has one owner. */
function soleRecord({ groups }: AddressConflict): number {
  for (const group of groups.values()) return recordOf(group);
  return 0;
}
