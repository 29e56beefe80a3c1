/**
 * Settles conflicts: whose record says a contested address, and whom the address table names for it. What finds no
 * room stays pending: nobody is given the address then, and it is tried again with the next transaction.
 */
import { parseAddress } from '../../dns/address.ts';
import type { Pod, ResourceKey, Service } from '../../model.ts';
import type { Addresses } from './addresses.ts';
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import { claimedBy, isIp4, keyOfMember, memberKey, SAYS_ALONE, SAYS_NOTHING } from './claims.ts';
import type { Claim, Claims, AddressConflict, Group, Member, Space } from './claims.ts';
import type { Directory, VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { RecordIndex } from './record-index.ts';
import { kindOf } from '../record.ts';
import { mostWords } from './records.ts';
import type { Tables } from './tables.ts';

/** A pod or service as the trie was given it last. */
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
  /** Members whose records may not say what is so. */
  private readonly doubtful = new Set<Member>();
  /** Conflicts whose claims have changed, and those that wait for their end. */
  private readonly changed = new Set<AddressConflict>();
  /** Those whose winner, or whose winner's record, may not be the one in the address table. */
  private readonly groups = new Set<Group>();

  constructor(parts: AddressConflictsParts) {
    this.parts = parts;
  }

  /** What is not settled for want of room. */
  get pending(): number {
    return this.doubtful.size + this.groups.size + this.changed.size;
  }

  /** The resource whose record is `old` (0: none) claims what it claims now, and nothing else. */
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
    this.doubtful.delete(member);
    for (const { group } of claims.withdraw(member)) {
      this.touch(group);
      // The next one wins.
      if (group.claims.length > 0) this.doubtful.add(group.claims[0]!.member);
    }
    this.review();
  }

  /** A record has been built anew, and says what is so. */
  built(key: string, record: number): void {
    const member = this.parts.claims.member(key);
    if (member !== undefined) this.show(member, record);
  }

  /** Rebuilds the records that say something else than is so, and puts the table's entries right. */
  settle(): void {
    const { arena, directory, known, recordIndex } = this.parts;
    for (const member of this.doubtful) {
      if (this.isTrue(member)) {
        this.doubtful.delete(member);
        continue;
      }
      const { vpc, namespace: name } = keyOfMember(member);
      const namespace = directory.vpcs.get(vpc)!.namespaces.get(name)!;
      const now = known(keyOfMember(member));
      if (now === undefined) {
        this.withdraw(member.key);
        recordIndex.displace(namespace, member.record);
      } else if (arena.fits(roundWords(mostWords(now.resource)))) {
        this.doubtful.delete(member);
        this.show(member, recordIndex.place(namespace, now.resource, member.record));
      }
    }
    for (const group of this.groups) if (this.list(group)) this.groups.delete(group);
    for (const conflict of this.changed) {
      if (!this.listContest(conflict)) continue;
      if (conflict.members > 1) this.changed.delete(conflict);
      else this.end(conflict);
    }
  }

  /**
   * Over an address that only `holder` has claimed so far. Undefined when the holder had to go: a version of it that
   * says otherwise was refused.
   */
  private open(vpc: VpcState, address: string, holder: number): AddressConflict | undefined {
    const { claims, known, recordIndex } = this.parts;
    const holderKey = recordIndex.keyOf(vpc, holder);
    const { kind, namespace, name } = holderKey;
    const key = memberKey(kind, vpc.name, namespace, name);
    const now = known(holderKey);
    const said = now === undefined ? [] : claimedBy(now.resource).filter((each) => each.address === address);
    if (now === undefined || said.length === 0) {
      this.withdraw(key);
      recordIndex.displace(vpc.namespaces.get(namespace)!, holder);
      return undefined;
    }
    const conflict = claims.open(vpc.name, address, holder);
    const member = claims.admit(key, now.stamp, holder);
    for (const { overlay } of said) this.join(conflict, member, overlay).says = SAYS_ALONE;
    return conflict;
  }

  private join(conflict: AddressConflict, member: Member, overlay: string): Claim {
    const { claims } = this.parts;
    const before = conflict.groups.get(isIp4(conflict.address) ? overlay : '')?.claims[0];
    const claim = claims.join(conflict, member, isIp4(conflict.address) ? overlay : '');
    if (before !== undefined) this.doubtful.add(before.member);
    this.touch(claim.group);
    return claim;
  }

  private touch(group: Group): void {
    this.groups.add(group);
    this.changed.add(group.conflict);
    this.parts.claims.steps++;
  }

  /** Where an address has come to be shared, or is no longer: one resource owned or owns all of it, and may not know. */
  private review(): void {
    const { claims } = this.parts;
    for (const conflict of this.changed) {
      const isShared = claims.isShared(conflict);
      if (isShared === conflict.isShared) continue;
      conflict.isShared = isShared;
      for (const group of conflict.groups.values()) {
        this.groups.add(group);
        this.doubtful.add(group.claims[0]!.member);
      }
    }
  }

  private isTrue({ claims }: Member): boolean {
    return claims.every((claim) => claim.says === this.parts.claims.truth(claim));
  }

  private show(member: Member, record: number): void {
    member.record = record;
    this.doubtful.delete(member);
    for (const claim of member.claims) {
      claim.says = this.parts.claims.truth(claim);
      this.touch(claim.group);
    }
  }

  /** Puts right what stands under the overlay and under the namespace. False when there is no room. */
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
    // What is gone is not pending; another of the namespace is.
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

  /** Likewise what stands under the VPC: the owner's record once it says the address, or that there are several. */
  private listContest(conflict: AddressConflict): boolean {
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

  /** Sets the key to the address; returns its VPC. */
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

  /** When only one claims an address that was contested, and its record says so, nothing needs to be remembered. */
  private end(conflict: AddressConflict): void {
    const { claims } = this.parts;
    const rest = claims.anyone(conflict);
    if (rest !== undefined && this.doubtful.has(rest)) return;
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

/** The winner's record, if it says the address. */
function recordOf({ claims }: Group): number {
  const winner = claims[0];
  return winner === undefined || winner.says === SAYS_NOTHING ? 0 : winner.member.record;
}

/** The same of an address that has one owner. */
function soleRecord({ groups }: AddressConflict): number {
  for (const group of groups.values()) return recordOf(group);
  return 0;
}
