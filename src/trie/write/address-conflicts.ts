/**
 * Settles contests: whose record says a contested address, and whom the address table names for it. What finds no
 * room stays owed: nobody is given the address then, and it is tried again with the next transaction.
 */
import { parseAddress } from '../../dns/address.ts';
import type { Pod, ResourceKey, Service } from '../../model.ts';
import type { Addresses } from './addresses.ts';
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import { claimedBy, isIp4, keyOfMember, memberKey, SAYS_ALONE, SAYS_NOTHING } from './claims.ts';
import type { Claim, Claims, Contest, Group, Member, Space } from './claims.ts';
import type { Directory, VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { Registrar } from './record-index.ts';
import { mostWords } from './capacity.ts';
import type { Tables } from './tables.ts';

/** A pod or service as the trie was given it last. */
export interface Known {
  resource: Pod | Service;
  stamp: bigint;
}

export interface ContestParts {
  arena: Arena;
  tables: Tables;
  addresses: Addresses;
  claims: Claims;
  directory: Directory;
  registrar: Registrar;
  /** See `WriterSettings.resourceOf`. */
  known(key: ResourceKey): Known | undefined;
}

export class Contests {
  private readonly parts: ContestParts;
  /** Members whose records may not say what is so. */
  private readonly doubtful = new Set<Member>();
  /** Contests whose claims have changed, and those that wait for their end. */
  private readonly changed = new Set<Contest>();
  /** Those whose winner, or whose winner's record, may not be the one in the address table. */
  private readonly groups = new Set<Group>();

  constructor(parts: ContestParts) {
    this.parts = parts;
  }

  /** What is not settled for want of room. */
  get owed(): number {
    return this.doubtful.size + this.groups.size + this.changed.size;
  }

  /** The resource whose record is `old` (0: none) claims what it claims now, and nothing else. */
  claim(vpc: VpcState, key: string, resource: Pod | Service, stamp: bigint, old: number): void {
    const { claims, registrar } = this.parts;
    this.withdraw(key);
    for (const { address, overlay } of claimedBy(resource)) {
      let contest = claims.contest(vpc.name, address);
      if (contest === undefined) {
        const holder = registrar.holderOf(vpc, address);
        if (holder === 0 || holder === old) continue;
        contest = this.open(vpc, address, holder);
        if (contest === undefined) continue;
      }
      this.join(contest, claims.admit(key, stamp, old), overlay);
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
    const { arena, directory, known, registrar } = this.parts;
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
        registrar.displace(namespace, member.record);
      } else if (arena.fits(roundWords(mostWords(now.resource)))) {
        this.doubtful.delete(member);
        this.show(member, registrar.place(namespace, now.resource, member.record));
      }
    }
    for (const group of this.groups) if (this.list(group)) this.groups.delete(group);
    for (const contest of this.changed) {
      if (!this.listContest(contest)) continue;
      if (contest.members > 1) this.changed.delete(contest);
      else this.end(contest);
    }
  }

  /**
   * Over an address that only `holder` has claimed so far. Undefined when the holder had to go: a version of it that
   * says otherwise was refused.
   */
  private open(vpc: VpcState, address: string, holder: number): Contest | undefined {
    const { claims, known, registrar } = this.parts;
    const holderKey = registrar.keyOf(vpc, holder);
    const { kind, namespace, name } = holderKey;
    const key = memberKey(kind, vpc.name, namespace, name);
    const now = known(holderKey);
    const said = now === undefined ? [] : claimedBy(now.resource).filter((each) => each.address === address);
    if (now === undefined || said.length === 0) {
      this.withdraw(key);
      registrar.displace(vpc.namespaces.get(namespace)!, holder);
      return undefined;
    }
    const contest = claims.open(vpc.name, address, holder);
    const member = claims.admit(key, now.stamp, holder);
    for (const { overlay } of said) this.join(contest, member, overlay).says = SAYS_ALONE;
    return contest;
  }

  private join(contest: Contest, member: Member, overlay: string): Claim {
    const { claims } = this.parts;
    const before = contest.groups.get(isIp4(contest.address) ? overlay : '')?.claims[0];
    const claim = claims.join(contest, member, isIp4(contest.address) ? overlay : '');
    if (before !== undefined) this.doubtful.add(before.member);
    this.touch(claim.group);
    return claim;
  }

  private touch(group: Group): void {
    this.groups.add(group);
    this.changed.add(group.contest);
    this.parts.claims.steps++;
  }

  /** Where an address has come to be shared, or is no longer: one resource owned or owns all of it, and may not know. */
  private review(): void {
    const { claims } = this.parts;
    for (const contest of this.changed) {
      const isShared = claims.isShared(contest);
      if (isShared === contest.isShared) continue;
      contest.isShared = isShared;
      for (const group of contest.groups.values()) {
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
    const { contest, overlay } = group;
    const { overlayNode, namespaceNode } = this.placesOf(contest, overlay, space);
    const first = space.groups[0];
    const isHere = this.point(group, overlayNode, layout.OVERLAY_BITS, recordOf(group));
    const isFirst = this.point(
      space,
      namespaceNode,
      layout.NAMESPACE_BITS,
      first === undefined ? 0 : recordOf(first),
    );
    if (first === undefined || group.claims.length > 0) return isHere && isFirst;
    // What is gone is not owed; another of the namespace is.
    if (!isFirst) this.groups.add(first);
    return true;
  }

  private point(place: Group | Space, scope: number, bits: number, record: number): boolean {
    const { addresses, tables } = this.parts;
    if (place.listed === record) return true;
    if (place.listed === 0 && !tables.fits(0, 1)) return false;
    addresses.point(scope, bits, place.listed, record);
    place.listed = record;
    return true;
  }

  /** Likewise what stands under the VPC: the owner's record once it says the address, or that there are several. */
  private listContest(contest: Contest): boolean {
    const { addresses, arena, tables } = this.parts;
    const { listed } = contest;
    const isList = listed !== 0 && (arena.words[listed] & 0xff) === layout.RECORD_HOLDERS;
    if (contest.isShared && isList) return true;
    const record = contest.isShared ? 0 : soleRecord(contest);
    if (!contest.isShared && listed === record) return true;
    const fits = addresses.fits || (listed !== 0 && !contest.isShared);
    if (!fits && listed === 0) return false;
    const vpc = this.locate(contest);
    if (!fits) contest.listed = 0;
    else contest.listed = contest.isShared ? addresses.keyed(layout.RECORD_HOLDERS, vpc.record, 128) : record;
    addresses.set(vpc.record, listed, contest.listed);
    if (isList) tables.release(listed, layout.KEYED_WORDS);
    return fits;
  }

  /** Sets the key to the address; returns its VPC. */
  private locate({ vpc, address }: Contest): VpcState {
    parseAddress(address, this.parts.tables.idle.keyBytes, 0);
    return this.parts.directory.vpcs.get(vpc)!;
  }

  private placesOf(
    contest: Contest,
    overlay: string,
    { name }: Space,
  ): { overlayNode: number; namespaceNode: number } {
    const { directory } = this.parts;
    const namespace = directory.namespace(this.locate(contest), name);
    const { record } = directory.overlay(namespace, overlay.slice(name.length + 1));
    return { overlayNode: record, namespaceNode: namespace.node };
  }

  /** When only one claims an address that was contested, and its record says so, nothing needs to be remembered. */
  private end(contest: Contest): void {
    const { claims } = this.parts;
    const rest = claims.anyone(contest);
    if (rest !== undefined && this.doubtful.has(rest)) return;
    for (const group of contest.groups.values()) if (this.groups.has(group)) return;
    this.changed.delete(contest);
    for (const group of contest.groups.values()) {
      const { overlay, space } = group;
      if (space === undefined) continue;
      const { overlayNode, namespaceNode } = this.placesOf(contest, overlay, space);
      this.point(group, overlayNode, layout.OVERLAY_BITS, 0);
      this.point(space, namespaceNode, layout.NAMESPACE_BITS, 0);
    }
    claims.close(contest);
  }
}

/** The winner's record, if it says the address. */
function recordOf({ claims }: Group): number {
  const winner = claims[0];
  return winner === undefined || winner.says === SAYS_NOTHING ? 0 : winner.member.record;
}

/** The same of an address that has one owner. */
function soleRecord({ groups }: Contest): number {
  for (const group of groups.values()) return recordOf(group);
  return 0;
}
