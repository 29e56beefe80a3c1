/**
 * States of the catalog that are read while it goes on changing. A moment costs what changes during it: one bit for
 * each record that came, went, or was hidden or made effective since. While one is open, records that go stay
 * readable.
 */
import { chunkOf, wordOf } from './arena.ts';
import { DEAD, SHADOWED } from './layout.ts';
import type { Members } from './members.ts';
import type { Records } from './records.ts';

/** What consumers have been told of a VPC: its JSON text, and the stamp. */
export interface Told {
  text: string;
  stamp: bigint;
}

/** No two records begin in the same four words. */
const GROUP_BITS = 2;
const CHUNK_GROUPS = 1 << 16;
/** Marks that are taken back one by one; more of them chunk by chunk. */
const FEW = 512;
/** Chunks whose bits are kept for the next use. */
const KEPT = 64;

/** A set of records, as bits beside the chunks of the arena. */
class Marks {
  #chunks: (Uint32Array | undefined)[] = [];
  #marked: number[] = [];

  has(reference: number): boolean {
    const bits = this.#chunks[chunkOf(reference)];
    const group = wordOf(reference) >>> GROUP_BITS;
    return bits !== undefined && ((bits[group >>> 5]! >>> (group & 31)) & 1) !== 0;
  }

  toggle(reference: number): void {
    this.#flip(reference);
    if (this.#marked.length <= FEW) this.#marked.push(reference);
  }

  clear(): void {
    const marked = this.#marked;
    if (marked.length === 0) return;
    if (marked.length > FEW || this.#chunks.length > KEPT) this.#chunks = [];
    else for (const reference of marked) if (this.has(reference)) this.#flip(reference);
    marked.length = 0;
  }

  copy(other: Marks): void {
    other.#chunks.forEach((bits, chunk) => (this.#chunks[chunk] = bits?.slice()));
    this.#marked = [...other.#marked];
  }

  #flip(reference: number): void {
    const bits = (this.#chunks[chunkOf(reference)] ??= new Uint32Array(CHUNK_GROUPS >>> 5));
    const group = wordOf(reference) >>> GROUP_BITS;
    bits[group >>> 5]! ^= 1 << (group & 31);
  }
}

/** The state at which it was opened; `close` it. Until then what it shows does not change. */
export class Moment {
  /** Records that came since, that went, and those of others that were hidden or made effective since. */
  readonly came = new Marks();
  readonly went = new Marks();
  readonly turned = new Marks();
  /** Before the first change since: what is effective by place, and what was told of VPCs. */
  readonly counts = new Map<number, number>();
  readonly told = new Map<string, Told | undefined>();
  /** Effective resources by kind. */
  totals: number[] = [];
  /** It was given up, because too much had changed for it. */
  revoked = false;
  readonly #records: Records;
  readonly #members: Members;

  constructor(records: Records, members: Members) {
    this.#records = records;
    this.#members = members;
  }

  /** Whether a record that is linked, or was while this is open, was reported then. */
  has(reference: number): boolean {
    return !this.came.has(reference) && (!this.#records.has(reference, DEAD) || this.went.has(reference));
  }

  /** Whether a record that was reported then was effective. */
  hears(reference: number): boolean {
    return this.#records.has(reference, SHADOWED) === this.turned.has(reference);
  }

  /** How many records of a place were effective. */
  count(place: number): number {
    return this.counts.get(place) ?? this.#members.heard(place);
  }

  /** Throws when it can no longer be read. */
  check(): void {
    if (this.revoked) throw new MomentLost();
  }

  begin(totals: readonly number[]): void {
    for (let kind = 0; kind < totals.length; kind++) this.totals[kind] = totals[kind]!;
  }

  clear(): void {
    this.came.clear();
    this.went.clear();
    this.turned.clear();
    if (this.counts.size > 0) this.counts.clear();
    if (this.told.size > 0) this.told.clear();
  }

  copy(other: Moment): void {
    this.came.copy(other.came);
    this.went.copy(other.went);
    this.turned.copy(other.turned);
    for (const [place, count] of other.counts) this.counts.set(place, count);
    for (const [vpc, told] of other.told) this.told.set(vpc, told);
    this.begin(other.totals);
  }
}

/** A reader was too slow: what it would have kept in memory has been given up. */
export class MomentLost extends Error {
  constructor() {
    super('too much has changed since this list was begun');
    this.name = 'MomentLost';
  }
}

/** All open moments, and what each change means for them. */
export class Moments {
  /** The state before the commit that is being read, while one is. */
  readonly before: Moment;
  /** An array, for every change goes through it: there are few. */
  readonly #open: Moment[] = [];
  readonly #records: Records;
  readonly #members: Members;

  constructor(records: Records, members: Members) {
    this.#records = records;
    this.#members = members;
    this.before = new Moment(records, members);
  }

  /** The last committed state, of which so many resources of each kind are effective now. */
  open(totals: readonly number[]): Moment {
    const moment = new Moment(this.#records, this.#members);
    if (this.#open.includes(this.before)) moment.copy(this.before);
    else moment.begin(totals);
    this.#open.push(moment);
    return moment;
  }

  /** Whether it was open. */
  close(moment: Moment): boolean {
    const at = this.#open.indexOf(moment);
    if (at >= 0) this.#open.splice(at, 1);
    return at >= 0;
  }

  enter(totals: readonly number[]): void {
    this.before.begin(totals);
    this.#open.push(this.before);
  }

  leave(): void {
    this.close(this.before);
    this.before.clear();
  }

  came(reference: number): void {
    for (const moment of this.#open) moment.came.toggle(reference);
  }

  went(reference: number): void {
    for (const moment of this.#open) moment.went.toggle(reference);
  }

  turned(reference: number): void {
    for (const moment of this.#open) moment.turned.toggle(reference);
  }

  /** Before the number of a place changes. */
  counts(place: number): void {
    for (const { counts } of this.#open) {
      if (!counts.has(place)) counts.set(place, this.#members.heard(place));
    }
  }

  /** Before something else is told of a VPC. */
  tells(vpc: string, before: Told | undefined): void {
    for (const { told } of this.#open) if (!told.has(vpc)) told.set(vpc, before);
  }
}
