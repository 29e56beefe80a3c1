/**
 * Whether a change fits: what it may need at most, at once and at the commit, is asked for before anything is
 * touched, so that one that does not fit is refused alone and a commit never fails.
 */
import type { Pod, Service, Vpc } from '../model.ts';
import type { Arena } from './arena.ts';
import type { BearerSets } from './bearers.ts';
import { claimedBy } from './claims.ts';
import type { Claims, Contest } from './claims.ts';
import type { VpcState } from './directory.ts';
import * as layout from './layout.ts';
import { labelsIn, wordsOfPath } from './nodes.ts';
import type { Registrar } from './registrar.ts';
import { recordWords } from './records.ts';
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
const KEYED_WORDS = layout.KEYED_VALUE + 1;

export class Room {
  private readonly parts: RoomParts;
  private readonly bytes: Uint8Array;
  /** Kept free by what adds, so that removing always works. */
  private readonly headroom: number;

  constructor(parts: RoomParts) {
    this.parts = parts;
    const { words } = parts.arena;
    this.bytes = new Uint8Array(words.buffer);
    this.headroom = Math.min(1 << 16, words.length >>> 3);
  }

  /** Throws MemoryFullError when the VPC might not fit in the place of `old`. */
  forVpc({ net6, services6, forward }: Vpc, old: VpcState | undefined): void {
    let words = 64 + KEYED_WORDS * net6.length + layout.PREFIX_ENTRY * (net6.length + services6.length);
    let names = 1;
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

  /** For taking a VPC, a namespace or an overlay away. */
  forLess(vpc: VpcState): void {
    this.ask(0, 0, 64, vpc);
  }

  /** For a pod or service in the place of the record `old`, or 0. Throws RangeError when a list is too long. */
  forBearer(resource: Pod | Service, vpc: VpcState | undefined, key: string, old: number): void {
    const { arena, bearers, registrar } = this.parts;
    const places = resource.kind === 'pod' ? resource.overlays.length : 0;
    if (resource.names.length > NAMES_MAX || places > NAMES_MAX) {
      throw new RangeError(`more than ${NAMES_MAX} names or overlays`);
    }
    let labels = labelsIn(resource.name);
    for (const name of resource.names) labels += labelsIn(name);
    const addresses = 1 + 2 * places;
    // Names with dots stand in a tree of their own besides. A misplaced address has a second entry.
    const names = 2 * labels + 3;
    const contests = this.contestsOf(resource, vpc, key);
    const sets = (1 + resource.names.length + NAMES_MAX * addresses) * bearers.largest;
    if (contests.size === 0 && arena.room >= PLENTY + sets + bearers.debt) {
      this.ask(names, 2 * addresses, 0);
      return;
    }
    let words = 64 + 2 * wordsOfPath(resource.name) + (6 + KEYED_WORDS) * addresses;
    for (const name of resource.names) words += 2 * wordsOfPath(name) + 1;
    words += 32 + 14 * places + (resource.aid.length >>> 2);
    for (const { name } of resource.ports) words += 2 + (name.length >>> 2);
    const nodes = new Set(old === 0 ? [] : registrar.nameNodes(old));
    if (vpc !== undefined) registrar.addNamesOf(vpc, resource, nodes);
    for (const node of nodes) words += bearers.openWords(node) + 8 + 6 * addresses;
    words += this.wordsOf(contests, 1 + places);
    if (vpc !== undefined) {
      for (const { address } of claimedBy(resource)) {
        const holder = registrar.holderOf(vpc, address);
        if (holder === 0 || holder === old) continue;
        words += this.rebuildWords(holder) + layout.HOLDERS_LIST + 4 * (1 + places);
      }
    }
    this.ask(names, 2 * addresses, words + this.headroom);
  }

  /** For taking a record away: sets that it was in, and what its contestants gain. */
  forRemoval(record: number, key: string): void {
    const { arena, bearers, claims, registrar } = this.parts;
    const contests = claims.member(key)?.contests;
    const sets = NAMES_MAX * bearers.largest;
    if (contests === undefined && arena.room >= PLENTY + sets + bearers.debt) return;
    let words = 64;
    for (const node of registrar.nameNodes(record)) words += bearers.openWords(node);
    if (contests !== undefined) words += this.wordsOf(contests, 0);
    this.ask(0, 0, words);
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

  /** Everyone in these contests built again, and the lists of holders, each with `more` claims. */
  private wordsOf(contests: Set<Contest>, more: number): number {
    const { claims } = this.parts;
    let words = 0;
    const members = new Set<string>();
    const entries = new Set<Contest>(contests);
    for (const contest of contests) for (const { member } of contest.claims) members.add(member);
    for (const key of members) {
      const member = claims.member(key)!;
      words += this.rebuildWords(member.record);
      for (const contest of member.contests) entries.add(contest);
    }
    for (const contest of entries) words += layout.HOLDERS_LIST + 2 * (contest.claims.length + more);
    return words;
  }

  /** A record built again, maybe with one address more, and the sets it is in. */
  private rebuildWords(record: number): number {
    const { arena, bearers, registrar } = this.parts;
    const own = recordWords(arena.words, this.bytes, record) + 16 + KEYED_WORDS;
    let words = own;
    for (const node of registrar.nameNodes(record)) words += bearers.openWords(node) + own;
    return words;
  }
}
