/**
 * Contested addresses: inside a VPC the newest revision owns an IPv6, and an IPv4 inside one overlay; an IPv4
 * that pods of several overlays hold is shared, and only given to clients on the holder's overlay.
 * Only conflicts are remembered here; an address with one claimant costs nothing.
 */
import type { Pod, Problem, ResourceKey, Service } from '../../model.ts';
import { keyText } from '../../model.ts';
import { drop, push } from './heap.ts';
import type { Placed } from './heap.ts';

/** What a record says of an address that its resource claims. */
export const SAYS_NOTHING = 0;
export const SAYS_ALONE = 1;
/** Only to clients on the overlay. */
export const SAYS_SHARED = 2;

/** A resource that is in some conflict. */
export interface Member {
  readonly key: string;
  stamp: bigint;
  /** Its record as it is now; 0 before the first. */
  record: number;
  claims: Claim[];
}

export interface Claim extends Placed {
  readonly member: Member;
  readonly group: Group;
  says: number;
}

/** The claims among which one wins: of an IPv6 all, of an IPv4 those on one overlay. */
export interface Group extends Placed {
  readonly conflict: AddressConflict;
  /** `namespace/overlay`, '' for an IPv6. */
  readonly overlay: string;
  /** The winner first. */
  readonly claims: Claim[];
  readonly space: Space | undefined;
  /** What stands in the address table under the overlay. */
  listed: number;
}

/** The groups of an IPv4 in one namespace. */
export interface Space {
  readonly name: string;
  readonly groups: Group[];
  /** What stands in the address table under the namespace. */
  listed: number;
}

export interface AddressConflict {
  readonly vpc: string;
  readonly address: string;
  readonly groups: Map<string, Group>;
  readonly spaces: Map<string, Space>;
  /** What stands in the address table under the VPC. */
  listed: number;
  /** How many resources claim it, and how often. */
  members: number;
  claims: number;
  /** Several resources own it, each on overlays of its own. */
  isShared: boolean;
}

/** An address a resource claims, and on which overlay: `namespace/overlay`, '' for an IPv6. */
export interface Claimed {
  address: string;
  overlay: string;
}

/** Sorts like `namespace/name` inside a VPC: ties between stamps are settled by it. */
export function memberKey(kind: string, vpc: string, namespace: string, name: string): string {
  return `${vpc}/${namespace}/${name} ${kind}`;
}

/** The key that `memberKey` was made of. */
export function keyOfMember({ key }: Member): ResourceKey {
  const [vpc, namespace, rest] = key.split('/') as [string, string, string];
  const [name, kind] = rest.split(' ') as [string, 'pod' | 'service'];
  return { kind, vpc, namespace, name };
}

export function isIp4(address: string): boolean {
  return !address.includes(':');
}

/** All addresses of a resource, those of one address together: an IPv4 once for each overlay it is on. */
export function claimedBy(resource: Pod | Service): Claimed[] {
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
      add(ip4, `${resource.namespace}/${overlay}`);
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
  /** Those that somebody has lost. */
  private readonly lost = new Set<AddressConflict>();
  /** Claims that were compared, for those who measure. */
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

  /** Over an address under which `listed`, the record of its only claimant so far, stands in the table. */
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

  /** A resource that is about to join conflicts. */
  admit(key: string, stamp: bigint, record: number): Member {
    let member = this.members.get(key);
    if (member === undefined) {
      member = { key, stamp, record, claims: [] };
      this.members.set(key, member);
    }
    return member;
  }

  /** A further claim of a member, whose claims in one conflict must follow each other. */
  join(conflict: AddressConflict, member: Member, overlay: string): Claim {
    let group = conflict.groups.get(overlay);
    if (group === undefined) {
      group = { conflict, overlay, claims: [], space: this.space(conflict, overlay), at: -1, listed: 0 };
      conflict.groups.set(overlay, group);
      if (group.space !== undefined) push(group.space.groups, group, this.isBefore);
    }
    const claim: Claim = { member, group, says: SAYS_NOTHING, at: -1 };
    push(group.claims, claim, this.wins);
    if (member.claims.at(-1)?.group.conflict !== conflict) conflict.members++;
    member.claims.push(claim);
    conflict.claims++;
    this.count(conflict);
    return claim;
  }

  /** Takes all claims of a member back, and returns them. */
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

  /** Forgets a conflict that is over; the one who still claims the address is its owner. */
  close(conflict: AddressConflict): void {
    this.conflicts.delete(`${conflict.vpc} ${conflict.address}`);
    this.lost.delete(conflict);
    const rest = this.anyone(conflict);
    if (rest === undefined) return;
    rest.claims = rest.claims.filter(({ group }) => group.conflict !== conflict);
    if (rest.claims.length === 0) this.members.delete(rest.key);
  }

  /** Some resource that claims the address. */
  anyone(conflict: AddressConflict): Member | undefined {
    for (const { claims } of conflict.groups.values()) if (claims.length > 0) return claims[0]!.member;
    return undefined;
  }

  /** Whether several own the address now. Two that differ are found at once, and one has few overlays. */
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

  /** What its member's record has to say of the address. */
  truth({ at, group }: Claim): number {
    if (at !== 0) return SAYS_NOTHING;
    return group.conflict.isShared ? SAYS_SHARED : SAYS_ALONE;
  }

  /** True when this resource owns the address; an IPv4 on this overlay. */
  owns({ groups, address }: AddressConflict, key: string, overlay: string): boolean {
    return groups.get(isIp4(address) ? overlay : '')?.claims[0]?.member.key === key;
  }

  /** One for each address that somebody lost, at most so many. Shared IPv4 addresses are legal and not among them. */
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
          const winner = keyText(keyOfMember(claims[0]!.member));
          const reason = `${address} of ${keyText(key)} belongs to ${winner}, which claimed it later`;
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
