/**
 * Settles contests: whose record says a contested address, and whom the address table names for it. What finds no
 * room stays owed: nobody is given the address then, and it is tried again with the next transaction.
 */
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import { claimedBy, memberKey } from './claims.ts';
import type { Claims, Contest } from './claims.ts';
import type { Directory, VpcState } from './directory.ts';
import type { Registrar } from './registrar.ts';
import { mostWords } from './room.ts';

export class Contests {
  private readonly arena: Arena;
  private readonly claims: Claims;
  private readonly directory: Directory;
  private readonly registrar: Registrar;
  private readonly unsettled = new Set<Contest>();
  /** Those of them whose entry in the address table is wanting. */
  private readonly unlisted = new Set<Contest>();

  constructor(arena: Arena, claims: Claims, directory: Directory, registrar: Registrar) {
    this.arena = arena;
    this.claims = claims;
    this.directory = directory;
    this.registrar = registrar;
  }

  /** Contests that are not settled for want of room. */
  get owed(): number {
    return this.unsettled.size;
  }

  /** Over an address that only `holder` has claimed so far. */
  open(vpc: VpcState, address: string, holder: number): Contest {
    const { claims } = this;
    const { resource, stamp } = this.registrar.read(vpc, holder);
    const key = memberKey(resource.kind, resource.vpc, resource.namespace, resource.name);
    // What a record lost in another contest is not in it.
    const whole = claims.member(key) ?? { resource, stamp, record: holder };
    const contest = claims.open(vpc.name, address, holder);
    for (const claim of claimedBy(whole.resource)) {
      if (claim.address === address) claims.join(contest, key, claim.overlay, whole);
    }
    contest.shown = claims.outcome(contest);
    return contest;
  }

  /**
   * Rebuilds those in the contests whose record says something else of the address than is so now, but not
   * `done`, whose record is new already; then the table's entries, also those of the other contests that the
   * rebuilt are in, because they name records.
   */
  settle(affected: Set<Contest>, done: string, entries = new Set(affected)): void {
    const { claims, unlisted, unsettled } = this;
    const stale = new Set<string>();
    for (const contest of affected) {
      const outcome = claims.outcome(contest);
      for (const { member } of contest.claims) {
        if (member !== done && contest.shown.get(member) !== outcome.get(member)) stale.add(member);
      }
    }
    const built = new Set([done]);
    for (const key of stale) {
      const member = claims.member(key)!;
      const { resource, stamp, contests, record } = member;
      if (!this.arena.fits(roundWords(mostWords(resource)))) continue;
      for (const contest of contests) {
        affected.add(contest);
        entries.add(contest);
      }
      const namespace = this.directory.vpcs.get(resource.vpc)!.namespaces.get(resource.namespace)!;
      member.record = this.registrar.place(namespace, resource, stamp, record);
      built.add(key);
    }
    for (const contest of affected) {
      const isShown = this.show(contest, built);
      if (entries.has(contest) && this.registrar.settleEntry(contest, isShown)) unlisted.delete(contest);
      else if (entries.has(contest)) unlisted.add(contest);
      if (!isShown || unlisted.has(contest)) {
        unsettled.add(contest);
        continue;
      }
      unsettled.delete(contest);
      if (claims.isOver(contest)) claims.close(contest);
    }
  }

  /** Tries again what is owed. */
  retry(): void {
    if (this.unsettled.size > 0) this.settle(new Set(this.unsettled), '', new Set(this.unlisted));
  }

  /** Notes what the records of `built` say now; true when all in the contest say what is so. */
  private show(contest: Contest, built: Set<string>): boolean {
    const outcome = this.claims.outcome(contest);
    const shown = new Map<string, string>();
    let isShown = true;
    for (const { member } of contest.claims) {
      const now = outcome.get(member);
      const says = built.has(member) ? now : contest.shown.get(member);
      if (says !== undefined) shown.set(member, says);
      if (says !== now) isShown = false;
    }
    contest.shown = shown;
    return isShown;
  }
}
