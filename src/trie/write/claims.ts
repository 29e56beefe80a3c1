/**
 * Contested addresses: of the resources that claim an IPv6 in one VPC, or an IPv4 on one overlay, the one with the
 * newest revision owns it. An IPv4 that pods on several overlays own is shared: only clients on the owner's overlay are
 * given it. Addresses with one claimant are not kept here.
 */
import type { Pod, Problem, ResourceKey, Service } from '../../model.ts';
import { keyText, overlayPath } from '../../model.ts';
import { drop, push } from './heap.ts';
import type { Placed } from './heap.ts';

/** What a record shows of an address that its resource claims: nothing, the address for all clients, … */
export const SHOWS_NOTHING = 0;
export const SHOWS_ALONE = 1;
/** … or the address for clients on its overlay alone. */
export const SHOWS_SHARED = 2;

/** A resource that takes part in some conflict. */
export interface Member {
  readonly key: string;
  stamp: bigint;
  /** Its current record; 0 before the first. */
  record: number;
  claims: Claim[];
}

export interface Claim extends Placed {
  readonly member: Member;
  readonly group: Group;
  shows: number;
}

/** Claims of which one wins: all claims of an IPv6, those of an IPv4 on one overlay. */
export interface Group extends Placed {
  readonly conflict: AddressConflict;
  /** `namespace/overlay`, or '' for an IPv6. */
  readonly overlay: string;
  /** A heap: the winner comes first. */
  readonly claims: Claim[];
  readonly space: Space | undefined;
  /** The record that the address table has for the overlay, or 0. */
  listed: number;
}

/** The groups of an IPv4 in one namespace. */
export interface Space {
  readonly name: string;
  readonly groups: Group[];
  /** The record that the address table has for the namespace, or 0. */
  listed: number;
}

export interface AddressConflict {
  readonly vpc: string;
  readonly address: string;
  readonly groups: Map<string, Group>;
  readonly spaces: Map<string, Space>;
  /** The record that the address table has for the VPC, or 0. */
  listed: number;
  /** Number of resources that claim it, and of their claims. */
  members: number;
  claims: number;
  /** Several resources own it, each on overlays of its own. */
  isShared: boolean;
}

/** An address that a resource claims, and the overlay, `namespace/overlay`, or '' for an IPv6. */
export interface Claimed {
  address: string;
  overlay: string;
}

/** Sorts like `namespace/name` inside a VPC: it decides between equal stamps. */
export function memberKey(kind: string, vpc: string, namespace: string, name: string): string {
  return `${vpc}/${namespace}/${name} ${kind}`;
}

/** The key of the resource from which `memberKey` was made. */
export function keyOfMember({ key }: Member): ResourceKey {
  const [vpc, namespace, rest] = key.split('/') as [string, string, string];
  const [name, kind] = rest.split(' ') as [string, 'pod' | 'service'];
  return { kind, vpc, namespace, name };
}

export function isIp4(address: string): boolean {
  return !address.includes(':');
}

/** All claims of a resource, those of one address together: an IPv4 is claimed once for each of its overlays. */
export function claimedBy(resource: Pod | Service): Claimed[] {
  const places = resource.kind === 'pod' ? resource.overlays.length : 0;
  return places > 1 ? claimedOnSeveral(resource) : claimedOnOne(resource);
}

/** As `claimedBy`, of a resource with one overlay or none: only its two IPv6 may be equal. */
function claimedOnOne(resource: Pod | Service): Claimed[] {
  const claimed: Claimed[] = [];
  if (resource.ip6 !== undefined) claimed.push({ address: resource.ip6, overlay: '' });
  const place = resource.kind === 'pod' ? resource.overlays[0] : undefined;
  if (place === undefined) return claimed;
  const { overlay, ip4, ip6 } = place;
  if (ip4 !== undefined) claimed.push({ address: ip4, overlay: overlayPath(overlay, resource.namespace) });
  if (ip6 !== undefined && ip6 !== resource.ip6) claimed.push({ address: ip6, overlay: '' });
  return claimed;
}

function claimedOnSeveral(resource: Pod | Service): Claimed[] {
  const overlaysOf = new Map<string, Set<string>>();
  const add = (address: string | undefined, overlay: string): void => {
    if (address === undefined) return;
    const overlays = overlaysOf.get(address);
    if (overlays === undefined) overlaysOf.set(address, new Set([overlay]));
    else overlays.add(overlay);
  };
  add(resource.ip6, '');
  if (resource.kind === 'pod') {
    for (const { overlay, ip4, ip6 } of resource.overlays) {
      add(ip4, overlayPath(overlay, resource.namespace));
      add(ip6, '');
    }
  }
  const claimed: Claimed[] = [];
  for (const [address, overlays] of overlaysOf) {
    for (const overlay of overlays) claimed.push({ address, overlay });
  }
  return claimed;
}

export class Claims {
  private readonly conflicts = new Map<string, AddressConflict>();
  private readonly members = new Map<string, Member>();
  /** Conflicts in which some claim has lost. */
  private readonly lost = new Set<AddressConflict>();
  /** Claims compared so far, for tests. */
  steps = 0;
  private readonly wins = (one: Claim, other: Claim): boolean => {
    this.steps++;
    const a = one.member;
    const b = other.member;
    return a.stamp === b.stamp ? a.key < b.key : a.stamp > b.stamp;
  };
  private readonly isBefore = (one: Group, other: Group): boolean => {
    this.steps++;
    return one.overlay < other.overlay;
  };

  get empty(): boolean {
    return this.conflicts.size === 0;
  }

  conflict(vpc: string, address: string): AddressConflict | undefined {
    return this.conflicts.size === 0 ? undefined : this.conflicts.get(`${vpc} ${address}`);
  }

  member(key: string): Member | undefined {
    return this.members.size === 0 ? undefined : this.members.get(key);
  }

  /** Opens a conflict over an address for which the table has `listed`, the record of its only claimant so far. */
  open(vpc: string, address: string, listed: number): AddressConflict {
    const conflict: AddressConflict = {
      vpc,
      address,
      groups: new Map(),
      spaces: new Map(),
      listed,
      members: 0,
      claims: 0,
      isShared: false,
    };
    this.conflicts.set(`${vpc} ${address}`, conflict);
    return conflict;
  }

  /** The member for a resource that is about to join conflicts. */
  admit(key: string, stamp: bigint, record: number): Member {
    let member = this.members.get(key);
    if (member === undefined) {
      member = { key, stamp, record, claims: [] };
      this.members.set(key, member);
    }
    return member;
  }

  /** Adds a claim of a member. All of its claims in one conflict must be added one after another. */
  join(conflict: AddressConflict, member: Member, overlay: string): Claim {
    let group = conflict.groups.get(overlay);
    if (group === undefined) {
      group = { conflict, overlay, claims: [], space: this.space(conflict, overlay), at: -1, listed: 0 };
      conflict.groups.set(overlay, group);
      if (group.space !== undefined) push(group.space.groups, group, this.isBefore);
    }
    const claim: Claim = { member, group, shows: SHOWS_NOTHING, at: -1 };
    push(group.claims, claim, this.wins);
    if (member.claims.at(-1)?.group.conflict !== conflict) conflict.members++;
    member.claims.push(claim);
    conflict.claims++;
    this.count(conflict);
    return claim;
  }

  /** Removes all claims of a member, and returns them. */
  withdraw(member: Member): Claim[] {
    const { claims } = member;
    this.members.delete(member.key);
    member.claims = [];
    let last: AddressConflict | undefined;
    for (const claim of claims) {
      const { conflict } = claim.group;
      if (conflict !== last) conflict.members--;
      last = conflict;
      this.leave(claim);
    }
    return claims;
  }

  /** Forgets a conflict that is over: a member that still claims the address owns it without one. */
  close(conflict: AddressConflict): void {
    this.conflicts.delete(`${conflict.vpc} ${conflict.address}`);
    this.lost.delete(conflict);
    const rest = this.anyMember(conflict);
    if (rest === undefined) return;
    rest.claims = rest.claims.filter(({ group }) => group.conflict !== conflict);
    if (rest.claims.length === 0) this.members.delete(rest.key);
  }

  /** One of the resources that claim the address. */
  anyMember(conflict: AddressConflict): Member | undefined {
    for (const { claims } of conflict.groups.values()) if (claims.length > 0) return claims[0]!.member;
    return undefined;
  }

  /** True when several resources own the address. The loop is short: it ends at the second, and one has few overlays. */
  isShared({ groups }: AddressConflict): boolean {
    let owner: Member | undefined;
    for (const { claims } of groups.values()) {
      this.steps++;
      if (claims.length === 0) continue;
      if (owner !== undefined && claims[0]!.member !== owner) return true;
      owner = claims[0]!.member;
    }
    return false;
  }

  /** One of SHOWS_*: what the record of the claim's member has to show. */
  due({ at, group }: Claim): number {
    if (at !== 0) return SHOWS_NOTHING;
    return group.conflict.isShared ? SHOWS_SHARED : SHOWS_ALONE;
  }

  /** True when the resource owns the address, for an IPv4 on this overlay. */
  owns({ groups, address }: AddressConflict, key: string, overlay: string): boolean {
    return groups.get(isIp4(address) ? overlay : '')?.claims[0]?.member.key === key;
  }

  /** A problem for each lost address of each resource, at most `limit`. Shared IPv4 addresses are legal, and no problem. */
  problems(limit: number): Problem[] {
    const problems: Problem[] = [];
    for (const { address, groups } of this.lost) {
      const losers = new Set<Member>();
      for (const { claims } of groups.values()) {
        for (const { member, at } of claims) {
          if (problems.length >= limit) return problems;
          if (at === 0 || losers.has(member)) continue;
          losers.add(member);
          const key = keyOfMember(member);
          const first = claims[0]!.member;
          // Files do not show which claim is newer.
          const why = first.stamp === member.stamp ? 'whose name comes first' : 'which claimed it later';
          const reason = `${address} of ${keyText(key)} belongs to ${keyText(keyOfMember(first))}, ${why}`;
          problems.push({ kind: 'address', severity: 'error', key, reason });
        }
      }
    }
    return problems;
  }

  private leave(claim: Claim): void {
    const { group } = claim;
    const { conflict, space } = group;
    drop(group.claims, claim, this.wins);
    conflict.claims--;
    if (group.claims.length === 0) {
      conflict.groups.delete(group.overlay);
      if (space !== undefined) {
        drop(space.groups, group, this.isBefore);
        if (space.groups.length === 0) conflict.spaces.delete(space.name);
      }
    }
    this.count(conflict);
  }

  private space(conflict: AddressConflict, overlay: string): Space | undefined {
    if (overlay === '') return undefined;
    const name = overlay.slice(0, overlay.indexOf('/'));
    let space = conflict.spaces.get(name);
    if (space === undefined) conflict.spaces.set(name, (space = { name, groups: [], listed: 0 }));
    return space;
  }

  private count(conflict: AddressConflict): void {
    if (conflict.claims > conflict.groups.size) this.lost.add(conflict);
    else this.lost.delete(conflict);
  }
}
