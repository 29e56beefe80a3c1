/**
 * Whether something fits: what it may need at most, at once and at the commit, is asked for before anything is
 * touched, so that a resource that does not fit is refused alone. Taking away is never refused and asks for nothing.
 */
import type { Pod, Service, Vpc } from '../model.ts';
import type { Arena } from './arena.ts';
import type { BearerSets } from './bearers.ts';
import { claimedBy, memberKey } from './claims.ts';
import type { Claims, Contest } from './claims.ts';
import type { VpcState } from './directory.ts';
import * as layout from './layout.ts';
import { labelsIn, wordsOfPath } from './nodes.ts';
import { needsOf } from './outside-trees.ts';
import type { Registrar } from './registrar.ts';
import type { Tables } from './tables.ts';
import type { VpcWords } from './vpc-words.ts';

export interface RoomParts {
  arena: Arena;
  tables: Tables;
  bearers: BearerSets;
  claims: Claims;
  registrar: Registrar;
  vpcWords: VpcWords;
}

/** More words than a pod or service without contests needs, sets apart: most changes are not looked at closer. */
const PLENTY = 1 << 21;
const NAMES_MAX = 255;
/** More than the record of any one resource needs: with the most names, overlays and ports. */
const RECORD_MAX = 1 << 14;
/** A pod and an overlay in a list of holders. */
const HOLDER = 2;

export class Room {
  private readonly parts: RoomParts;
  private readonly least: number;
  /** Words of the largest record that somebody's claims may make. */
  private largest = 0;

  constructor(parts: RoomParts) {
    this.parts = parts;
    this.least = Math.min(1 << 16, parts.arena.words.length >>> 3);
  }

  /**
   * Kept free by what adds, so that what a removal makes anew finds room: at least the largest block twice, for then
   * it is done a piece at a time.
   */
  private get headroom(): number {
    return Math.max(this.least, 2 * Math.max(this.largest, this.parts.arena.largest));
  }

  /** Throws MemoryFullError when the VPC might not fit in the place of `old`. */
  forVpc(vpc: Vpc, old: VpcState | undefined): void {
    const { net6, services6, forward } = vpc;
    const outside = needsOf(vpc);
    let words =
      64 +
      outside.words +
      layout.KEYED_WORDS * net6.length +
      layout.PREFIX_ENTRY * (net6.length + services6.length);
    let names = 1 + outside.names;
    for (const suffix of Array.isArray(forward) ? forward : []) {
      names += labelsIn(suffix);
      words += wordsOfPath(suffix);
    }
    this.ask(names, net6.length, words + this.headroom, old);
  }

  /** Likewise for a namespace or an overlay. */
  forPlace(vpc: VpcState | undefined): void {
    this.ask(2, 0, 128 + this.headroom, vpc);
  }

  /** For a pod or service in the place of the record `old`, or 0. Throws RangeError when a list is too long. */
  forBearer(resource: Pod | Service, vpc: VpcState | undefined, key: string, old: number): void {
    const { arena, bearers, claims, registrar } = this.parts;
    const places = placesOf(resource);
    if (resource.names.length > NAMES_MAX || places > NAMES_MAX) {
      throw new RangeError(`more than ${NAMES_MAX} names or overlays`);
    }
    let labels = labelsIn(resource.name);
    for (const name of resource.names) labels += labelsIn(name);
    const addresses = 1 + 2 * places;
    const record = mostWords(resource);
    if (record > this.largest) this.largest = record;
    // Names with dots stand in a tree of their own besides. A misplaced address has a second entry.
    const names = 2 * labels + 3;
    const contests = this.contestsOf(resource, vpc, key);
    const sets = (1 + resource.names.length + NAMES_MAX * addresses) * bearers.largest;
    if (contests.size === 0 && arena.room >= PLENTY + RECORD_MAX * addresses + sets + bearers.debt) {
      this.ask(names, 2 * addresses, 0);
      return;
    }
    let words = 64 + 2 * wordsOfPath(resource.name) + (6 + layout.KEYED_WORDS) * addresses + record;
    for (const name of resource.names) words += 2 * wordsOfPath(name);
    const nodes = new Set(old === 0 ? [] : registrar.nameNodes(old));
    if (vpc !== undefined) registrar.addNamesOf(vpc, resource, nodes);
    for (const node of nodes) words += bearers.changeWords(node, old, mostInSet(resource));
    const entries = new Set(contests);
    words += this.membersWords(contests, entries, nodes);
    words += this.entriesWords(entries);
    if (vpc !== undefined) {
      const holders = new Set<number>();
      for (const { address } of claimedBy(resource)) {
        words += HOLDER;
        if (claims.contest(vpc.name, address) !== undefined) continue;
        const holder = registrar.holderOf(vpc, address);
        if (holder === 0 || holder === old) continue;
        holders.add(holder);
        words += layout.HOLDERS_LIST + layout.KEYED_WORDS;
      }
      for (const holder of holders) words += this.holderWords(vpc, holder, nodes);
    }
    this.ask(names, 2 * addresses + entries.size, words + this.headroom);
  }

  /**
   * What the commit will need for what has been changed so far, and for `next`, is asked for too. In words of
   * blocks: a block may take an eighth more than it was asked for.
   */
  private ask(names: number, addresses: number, words: number, next?: VpcState): void {
    const { arena, tables, bearers, vpcWords } = this.parts;
    names += vpcWords.implied.names;
    words += vpcWords.implied.words;
    tables.reserve(names + vpcWords.nameDebt(next), addresses);
    if (arena.room >= 2 * PLENTY && words + bearers.debt < PLENTY && next === undefined) return;
    arena.reserve(Math.ceil(((words + bearers.debt + vpcWords.wordDebt(next)) * 9) / 8));
  }

  private contestsOf(resource: Pod | Service, vpc: VpcState | undefined, key: string): Set<Contest> {
    const { claims } = this.parts;
    const contests = new Set<Contest>(claims.member(key)?.contests);
    if (claims.empty || vpc === undefined) return contests;
    for (const { address } of claimedBy(resource)) {
      const contest = claims.contest(vpc.name, address);
      if (contest !== undefined) contests.add(contest);
    }
    return contests;
  }

  /** Everyone in these contests built again, with all they claim; adds the contests they are in to `entries`. */
  private membersWords(contests: Set<Contest>, entries: Set<Contest>, opened: Set<number>): number {
    const { claims } = this.parts;
    let words = 0;
    const members = new Set<string>();
    for (const contest of contests) for (const { member } of contest.claims) members.add(member);
    for (const key of members) {
      const member = claims.member(key)!;
      for (const contest of member.contests) entries.add(contest);
      words += this.rebuildWords(member.resource, member.record, opened);
    }
    return words;
  }

  /** What the address table names for these contests, made anew: a list where an IPv4 is shared. */
  private entriesWords(entries: Set<Contest>): number {
    let words = 0;
    for (const { claims } of entries)
      words += layout.HOLDERS_LIST + layout.KEYED_WORDS + HOLDER * claims.length;
    return words;
  }

  /** One whose address becomes contested, built again: what it claims stands in its record. */
  private holderWords(vpc: VpcState, holder: number, opened: Set<number>): number {
    const { claims, registrar } = this.parts;
    const { resource } = registrar.read(vpc, holder);
    const key = memberKey(resource.kind, resource.vpc, resource.namespace, resource.name);
    const whole = claims.member(key)?.resource ?? resource;
    return this.rebuildWords(whole, holder, opened) + HOLDER * placesOf(whole);
  }

  /** A record built again, and the sets it is in; `opened` are names that the change touches besides. */
  private rebuildWords(resource: Pod | Service, record: number, opened: Set<number>): number {
    const { bearers, registrar } = this.parts;
    const inSet = mostInSet(resource);
    let words = mostWords(resource);
    for (const node of registrar.nameNodes(record)) {
      words += bearers.changeWords(node, opened.has(node) ? -1 : record, inSet);
    }
    return words;
  }
}

function placesOf(resource: Pod | Service): number {
  return resource.kind === 'pod' ? resource.overlays.length : 0;
}

/** Words of a resource's record, when it owns all that it claims. */
export function mostWords(resource: Pod | Service): number {
  let words = 32 + 14 * placesOf(resource) + resource.names.length + (resource.aid.length >>> 2);
  for (const { name } of resource.ports) words += 2 + (name.length >>> 2);
  return words;
}

/** Words that it adds to a set, likewise. */
function mostInSet(resource: Pod | Service): number {
  const places = placesOf(resource);
  return 1 + 4 * (resource.ip6 === undefined ? places : 1) + 2 * places;
}
