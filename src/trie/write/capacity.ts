/**
 * Whether something fits: what it may need at most, at once and at the commit, is asked for before anything is
 * touched, so that a resource that does not fit is refused alone. Taking away is never refused and asks for nothing.
 */
import type { Pod, Service, Vpc } from '../../model.ts';
import { ADDRESS_SLOTS } from './addresses.ts';
import type { Arena } from './arena.ts';
import type { NameOwners } from './name-owners.ts';
import { claimedBy } from './claims.ts';
import type { Claim, Claims, AddressConflict } from './claims.ts';
import type { VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import { labelsIn, wordsOfPath } from './nodes.ts';
import { needsOf } from './outside-trees.ts';
import { recordWords } from './records.ts';
import type { RecordIndex } from './record-index.ts';
import { SUBNET_MOST } from './subnets.ts';
import type { Tables } from './tables.ts';

export interface CapacityParts {
  arena: Arena;
  tables: Tables;
  nameOwners: NameOwners;
  claims: Claims;
  recordIndex: RecordIndex;
}

/** More words than a pod or service without conflicts needs, sets apart: most changes are not looked at closer. */
const PLENTY = 1 << 21;
const NAMES_MAX = 255;
/** More than the record of any one resource needs: with the most names, overlays and ports. */
const RECORD_MAX = 1 << 14;
/** Records of others that change at most when a claim to one address comes, and when one goes: the owners of it. */
const OWNERS_MAX = 4;
/** What an address may add to a record: itself, as AAAA or A, and where it is attached. */
const ADDRESS_WORDS = 10;

export class Capacity {
  private readonly parts: CapacityParts;
  private readonly bytes: Uint8Array;
  private readonly least: number;
  /** Words of the largest record that somebody's claims may make. */
  private largest = 0;

  constructor(parts: CapacityParts) {
    this.parts = parts;
    this.bytes = new Uint8Array(parts.arena.words.buffer);
    this.least = Math.min(1 << 16, parts.arena.words.length >>> 3);
  }

  /**
   * Kept free by what adds, so that what a removal makes anew finds room: at least the largest block twice, for then
   * it is done a piece at a time.
   */
  private get headroom(): number {
    return Math.max(this.least, 2 * Math.max(this.largest, this.parts.arena.largest));
  }

  /** Throws MemoryFullError when the VPC might not fit. */
  forVpc(vpc: Vpc): void {
    const { net6, services6, forward } = vpc;
    const outside = needsOf(vpc);
    const subnets = SUBNET_MOST * (net6.length + services6.length);
    let words = 64 + outside.words + layout.KEYED_WORDS * net6.length + subnets;
    let names = 1 + outside.names;
    for (const suffix of Array.isArray(forward) ? forward : []) {
      names += labelsIn(suffix);
      words += wordsOfPath(suffix);
    }
    this.ask(names, net6.length, words + this.headroom);
  }

  /** Likewise for a namespace or an overlay. */
  forPlace(): void {
    this.ask(2, 0, 128 + 2 * SUBNET_MOST + this.headroom);
  }

  /** For a pod or service in the place of the record `old`, or 0. Throws RangeError when a list is too long. */
  forOwner(resource: Pod | Service, vpc: VpcState | undefined, key: string, old: number): void {
    const { arena, nameOwners, tables } = this.parts;
    const places = placesOf(resource);
    if (resource.names.length > NAMES_MAX || places > NAMES_MAX) {
      throw new RangeError(`more than ${NAMES_MAX} names or overlays`);
    }
    let labels = labelsIn(resource.name);
    for (const name of resource.names) labels += labelsIn(name);
    const addresses = 1 + 2 * places;
    const record = mostWords(resource);
    if (record > this.largest) this.largest = record;
    // Names with dots stand in a tree of their own besides.
    const names = 2 * labels + 3;
    const slots = ADDRESS_SLOTS * addresses;
    const records = RECORD_MAX * (1 + OWNERS_MAX * addresses);
    const sets = (1 + resource.names.length + NAMES_MAX * OWNERS_MAX * addresses) * nameOwners.largest;
    if (
      arena.room >= PLENTY + records + sets + nameOwners.reserved &&
      tables.fits(names, slots + 2 * NAMES_MAX * OWNERS_MAX * addresses)
    ) {
      tables.reserve(names, slots);
      return;
    }
    let words = 64 + 2 * wordsOfPath(resource.name) + (6 + layout.SPREAD_WORDS) * addresses + record;
    for (const name of resource.names) words += 2 * wordsOfPath(name);
    const nodes = old === 0 ? new Set<number>() : this.parts.recordIndex.nameNodes(old);
    if (vpc !== undefined) this.parts.recordIndex.addNamesOf(vpc, resource, nodes);
    for (const node of nodes) words += nameOwners.changeWords(node, old, mostInSet(resource));
    words += layout.KEYED_WORDS * addresses + this.headroom;
    const others = vpc === undefined ? NO_OTHERS : this.othersOf(resource, vpc, key, old);
    for (const [other, gain] of others.records) words += this.rebuildWords(other, gain, nodes);
    this.ask(names, slots + others.slots, words);
  }

  /** What the commit will need for what has been changed so far is asked for too. */
  private ask(names: number, addresses: number, words: number): void {
    const { arena, tables, nameOwners } = this.parts;
    tables.reserve(names, addresses);
    // In words of blocks: a block may take an eighth more than it was asked for.
    arena.reserve(Math.ceil(((words + nameOwners.reserved) * 9) / 8));
  }

  /**
   * The records that the change of a resource may make say something else, with the words that each may gain, and the
   * slots that its conflicts take.
   */
  private othersOf(resource: Pod | Service, vpc: VpcState, key: string, old: number): Others {
    const { claims, recordIndex } = this.parts;
    const records = new Map<number, number>();
    let slots = 0;
    const add = (claim: Claim | undefined): void => {
      if (claim === undefined || claim.member.key === key) return;
      records.set(claim.member.record, ADDRESS_WORDS * claim.member.claims.length);
    };
    // Where it comes to be shared, or is no longer, there is one other owner: it is among any two.
    const addOwners = ({ groups }: AddressConflict): void => {
      let others = 0;
      for (const { claims: candidates } of groups.values()) {
        add(candidates[0]);
        if (candidates[0]!.member.key !== key && ++others === 2) return;
      }
    };
    for (const { group } of claims.member(key)?.claims ?? []) {
      // Behind the first of a heap, one of two is next.
      group.claims.slice(0, 3).forEach(add);
      addOwners(group.conflict);
    }
    for (const { address, overlay } of claimedBy(resource)) {
      slots += 2;
      const conflict = claims.conflict(vpc.name, address);
      if (conflict !== undefined) {
        add(conflict.groups.get(overlay)?.claims[0]);
        addOwners(conflict);
        continue;
      }
      const holder = recordIndex.holderOf(vpc, address);
      if (holder === 0 || holder === old) continue;
      records.set(holder, ADDRESS_WORDS);
      slots += 2 * recordIndex.timesHeld(holder);
    }
    return { records, slots };
  }

  /** A record built again, and the sets it is in; `opened` are names that the change touches besides. */
  private rebuildWords(record: number, gain: number, opened: Set<number>): number {
    const { arena, nameOwners, recordIndex } = this.parts;
    const own = recordWords(arena.words, this.bytes, record) + gain;
    let words = own;
    for (const node of recordIndex.nameNodes(record)) {
      words += nameOwners.changeWords(node, opened.has(node) ? -1 : record, own);
    }
    return words;
  }
}

interface Others {
  records: Map<number, number>;
  slots: number;
}

const NO_OTHERS: Others = { records: new Map(), slots: 0 };

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
