/**
 * Contested addresses: inside a VPC the newest revision owns an IPv6, and an IPv4 inside one overlay; an IPv4
 * that pods of several overlays hold is shared, and only given to clients on the holder's overlay.
 * Only contests are remembered here; an address with one claimant costs nothing.
 */
import { formatAddress } from '../dns/address.ts';
import type { Pod, Problem, Service } from '../model.ts';
import { keyOf, keyText } from '../model.ts';

export interface Claim {
  member: string;
  /** `namespace/overlay` for an overlay address, '' for an address of the VPC. */
  overlay: string;
}

export interface Contest {
  vpc: string;
  address: string;
  claims: Claim[];
  /** What the address table holds for it: a record, or a HOLDERS record made for it. */
  entry: number;
  shared: boolean;
  /** What each member's record was last built to say of it; nothing for one that does not say the address. */
  shown: Map<string, string>;
  /** Worked out at need, forgotten with every change of the claims. */
  owners: Claim[] | undefined;
}

export interface Member {
  resource: Pod | Service;
  stamp: bigint;
  /** Its record as it is now. */
  record: number;
  contests: Set<Contest>;
}

/** An address a resource claims, and on which overlay. */
export interface Claimed {
  address: string;
  overlay: string;
}

/** Sorts like `namespace/name` inside a VPC: ties between stamps are settled by it. */
export function memberKey(kind: string, vpc: string, namespace: string, name: string): string {
  return `${vpc}/${namespace}/${name} ${kind}`;
}

/** Each address once for each overlay it is on; the VPC address first, then the overlays in order. */
export function claimedBy(resource: Pod | Service): Claimed[] {
  const claimed: Claimed[] = [];
  const add = (address: string | undefined, overlay: string): void => {
    if (address === undefined) return;
    if (claimed.some((known) => known.address === address && known.overlay === overlay)) return;
    claimed.push({ address, overlay });
  };
  add(resource.ip6, '');
  if (resource.kind === 'pod') {
    for (const { overlay, ip4, ip6 } of resource.overlays) {
      add(ip4, `${resource.namespace}/${overlay}`);
      add(ip6, `${resource.namespace}/${overlay}`);
    }
  }
  return claimed;
}

export class Claims {
  private readonly contests = new Map<string, Contest>();
  private readonly members = new Map<string, Member>();

  get empty(): boolean {
    return this.contests.size === 0;
  }

  contest(vpc: string, address: string): Contest | undefined {
    return this.contests.size === 0 ? undefined : this.contests.get(`${vpc} ${address}`);
  }

  /** The same for an address in octets, IPv4 mapped. */
  contestOfKey(vpc: string, octets: Uint8Array): Contest | undefined {
    return this.contests.size === 0 ? undefined : this.contest(vpc, formatAddress(octets, 0));
  }

  member(key: string): Member | undefined {
    return this.members.size === 0 ? undefined : this.members.get(key);
  }

  /** Over an address that `entry`, the record of its only claimant so far, is found under. */
  open(vpc: string, address: string, entry: number): Contest {
    const contest: Contest = {
      vpc,
      address,
      claims: [],
      entry,
      shared: false,
      shown: new Map(),
      owners: undefined,
    };
    this.contests.set(`${vpc} ${address}`, contest);
    return contest;
  }

  join(contest: Contest, key: string, overlay: string, claimant: Omit<Member, 'contests'>): void {
    const { resource, stamp, record } = claimant;
    let member = this.members.get(key);
    if (member === undefined) {
      member = { resource, stamp, record, contests: new Set() };
      this.members.set(key, member);
    }
    member.resource = resource;
    member.stamp = stamp;
    member.contests.add(contest);
    contest.claims.push({ member: key, overlay });
    contest.owners = undefined;
  }

  /** Takes all claims of a resource back; returns the contests it was in. */
  withdraw(key: string): Contest[] {
    const member = this.member(key);
    if (member === undefined) return [];
    this.members.delete(key);
    for (const contest of member.contests) {
      contest.claims = contest.claims.filter((claim) => claim.member !== key);
      contest.owners = undefined;
    }
    return [...member.contests];
  }

  /** Claims all again under another stamp; returns the contests it is in, undefined where it is in none. */
  renew(key: string, stamp: bigint): Set<Contest> | undefined {
    const member = this.member(key);
    if (member === undefined) return undefined;
    member.stamp = stamp;
    for (const contest of member.contests) contest.owners = undefined;
    return new Set(member.contests);
  }

  /** Forgets a contest that is over. */
  close(contest: Contest): void {
    this.contests.delete(`${contest.vpc} ${contest.address}`);
    for (const key of new Set(contest.claims.map((claim) => claim.member))) {
      const member = this.members.get(key)!;
      member.contests.delete(contest);
      if (member.contests.size === 0) this.members.delete(key);
    }
  }

  /** Who owns the address: one, or for an IPv4 one for each overlay. */
  owners(contest: Contest): Claim[] {
    if (contest.owners !== undefined) return contest.owners;
    const groups = new Map<string, Claim>();
    const isIp4 = !contest.address.includes(':');
    for (const claim of contest.claims) {
      const group = isIp4 ? claim.overlay : '';
      const best = groups.get(group);
      if (best === undefined || this.beats(claim.member, best.member)) groups.set(group, claim);
    }
    contest.owners = [...groups.values()];
    return contest.owners;
  }

  /** True when more than one resource owns the address, each on overlays of its own. */
  isShared(contest: Contest): boolean {
    const owners = this.owners(contest);
    return owners.some(({ member }) => member !== owners[0].member);
  }

  /** True when fewer than two resources claim the address. */
  isOver({ claims }: Contest): boolean {
    return claims.every(({ member }) => member === claims[0].member);
  }

  /** True when this resource owns the address; an IPv4 on this overlay. */
  owns(contest: Contest, key: string, overlay: string): boolean {
    const isIp4 = !contest.address.includes(':');
    return this.owners(contest).some(
      (claim) => claim.member === key && (!isIp4 || claim.overlay === overlay),
    );
  }

  /** What the record of each owner has to say of the address; the others say nothing. */
  outcome(contest: Contest): Map<string, string> {
    const shared = this.isShared(contest);
    const outcome = new Map<string, string>();
    for (const { member, overlay } of this.owners(contest)) {
      outcome.set(member, `${outcome.get(member) ?? (shared ? 'shared' : 'alone')} ${overlay}`);
    }
    return outcome;
  }

  private beats(key: string, other: string): boolean {
    const a = this.members.get(key)!;
    const b = this.members.get(other)!;
    if (a.stamp !== b.stamp) return a.stamp > b.stamp;
    return key < other;
  }

  /** One problem for each address that somebody lost. Shared IPv4 addresses are legal and not among them. */
  problems(): Problem[] {
    const problems: Problem[] = [];
    for (const contest of this.contests.values()) {
      const owners = this.owners(contest);
      const isIp4 = !contest.address.includes(':');
      const lost = new Map<string, string>();
      for (const { member, overlay } of contest.claims) {
        const owner = isIp4 ? owners.find((claim) => claim.overlay === overlay)! : owners[0];
        if (owner.member !== member) lost.set(member, owner.member);
      }
      for (const [loser, owner] of lost) {
        const key = keyOf(this.members.get(loser)!.resource);
        const winner = keyOf(this.members.get(owner)!.resource);
        problems.push({
          severity: 'error',
          key,
          reason: `${contest.address} of ${keyText(key)} belongs to ${keyText(winner)}, which claimed it later`,
        });
      }
    }
    return problems;
  }
}
