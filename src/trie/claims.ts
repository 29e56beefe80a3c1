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
}

export interface Member {
  resource: Pod | Service;
  stamp: number;
  contests: Set<Contest>;
}

/** `vpc address`, an address a resource claims, and on which overlay. */
export interface Claimed {
  address: string;
  overlay: string;
}

export function memberKey(kind: string, vpc: string, namespace: string, name: string): string {
  return `${kind} ${vpc}/${namespace}/${name}`;
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
    return this.contest(vpc, formatAddress(octets, 0));
  }

  member(key: string): Member | undefined {
    return this.members.size === 0 ? undefined : this.members.get(key);
  }

  open(vpc: string, address: string, entry: number): Contest {
    const contest: Contest = { vpc, address, claims: [], entry, shared: false };
    this.contests.set(`${vpc} ${address}`, contest);
    return contest;
  }

  join(contest: Contest, key: string, overlay: string, resource: Pod | Service, stamp: number): void {
    let member = this.members.get(key);
    if (member === undefined) {
      member = { resource, stamp, contests: new Set() };
      this.members.set(key, member);
    }
    member.resource = resource;
    member.stamp = stamp;
    member.contests.add(contest);
    contest.claims.push({ member: key, overlay });
  }

  /** Takes all claims of a resource back; returns the contests it was in. */
  withdraw(key: string): Contest[] {
    const member = this.member(key);
    if (member === undefined) return [];
    this.members.delete(key);
    for (const contest of member.contests) {
      contest.claims = contest.claims.filter((claim) => claim.member !== key);
    }
    return [...member.contests];
  }

  /** Forgets a contest that has fewer than two claims. */
  close(contest: Contest): void {
    this.contests.delete(`${contest.vpc} ${contest.address}`);
    for (const { member: key } of contest.claims) {
      const member = this.members.get(key)!;
      member.contests.delete(contest);
      if (member.contests.size === 0) this.members.delete(key);
    }
  }

  /** Who owns the address: one, or for a shared IPv4 one for each overlay. */
  owners(contest: Contest): Claim[] {
    const groups = new Map<string, Claim>();
    const isIp4 = !contest.address.includes(':');
    for (const claim of contest.claims) {
      const group = isIp4 ? claim.overlay : '';
      const best = groups.get(group);
      if (best === undefined || this.beats(claim.member, best.member)) groups.set(group, claim);
    }
    return [...groups.values()];
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

  owns(contest: Contest, key: string): boolean {
    return this.owners(contest).some((claim) => claim.member === key);
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
      const losers = contest.claims.filter((claim) => !owners.some((owner) => owner.member === claim.member));
      for (const { member } of losers) {
        const key = keyOf(this.members.get(member)!.resource);
        const winner = keyOf(this.members.get(owners[0].member)!.resource);
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
