/** The VPCs' `net6` prefixes in the address table, and the addresses of pods that lie in a foreign one. */
import type { Arena } from './arena.ts';
import type { VpcState } from './directory.ts';
import * as layout from './layout.ts';
import { findNet6Owner } from './net6.ts';
import type { Prefix } from './prefix.ts';
import { eachKey } from './records.ts';
import type { Tables } from './tables.ts';
import { isMappedKey } from './mapped.ts';

export class PrefixOwners {
  /** Misplaced addresses that there was no room to mark, or 0: then none is marked. */
  owed = 0;
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly counts = new Int32Array(129);
  /** MISPLACED entries by the address's four words: the record, and in how many VPCs a pod owns it. */
  private readonly misplaced = new Map<string, { record: number; vpcs: number }>();
  /** Prefixes have moved, and what lies in them has not been looked at again. */
  private changed = false;
  private moved = false;
  private stamp = 0;

  constructor(arena: Arena, tables: Tables) {
    this.arena = arena;
    this.tables = tables;
  }

  /** Replaces the prefixes of a VPC. A prefix that moves between two in one transaction ends with the new one. */
  replace(vpc: VpcState, before: Prefix[], after: Prefix[]): void {
    const view = this.tables.idle;
    for (const { bits, words } of after) {
      view.key.set(words);
      const old = view.find(0, bits);
      if (old !== 0 && this.arena.words[old + layout.KEYED_VALUE] === vpc.record) continue;
      const record = this.keyed(layout.RECORD_PREFIX, bits, vpc.record);
      this.tables.putAddress(view.hashKey(0, bits), record, old);
      if (old !== 0) this.tables.release(old, layout.KEYED_WORDS);
      else this.count(bits, 1);
      this.changed = this.moved = true;
    }
    for (const { bits, words } of before) {
      if (after.some((prefix) => prefix.bits === bits && prefix.words.every((word, i) => word === words[i])))
        continue;
      view.key.set(words);
      const old = view.find(0, bits);
      if (old === 0 || this.arena.words[old + layout.KEYED_VALUE] !== vpc.record) continue;
      this.tables.deleteAddress(view.hashKey(0, bits), old);
      this.tables.release(old, layout.KEYED_WORDS);
      this.count(bits, -1);
      this.changed = this.moved = true;
    }
  }

  /**
   * The address in `idle.key` belongs to `after` now instead of `before` (0: nobody), inside this VPC: marks it
   * while a pod owns it and it lies in another VPC's prefix.
   */
  notice(vpc: number, before: number, after: number): void {
    const view = this.tables.idle;
    const owned = this.isPod(after);
    if (this.changed || owned === this.isPod(before) || isMappedKey(view.key)) return;
    const owner = findNet6Owner(view);
    if (owner === 0 || owner === vpc) return;
    if (owned) this.mark(view.key.join());
    else this.unmark(view.key.join());
  }

  /** At the end of a transaction that moved prefixes: looks at all addresses again. `alone`: there is one VPC only. */
  flush(alone: boolean): void {
    if (!this.changed) return;
    if (this.moved) this.tellReaders();
    else if (!this.hasRoomFor(this.owed)) return;
    this.owed = 0;
    const view = this.tables.idle;
    const { words } = this.arena;
    for (const [id, entry] of this.misplaced) {
      for (let i = 0; i < 4; i++) view.key[i] = words[entry.record + layout.KEYED_ADDRESS + i];
      entry.vpcs = 1;
      this.unmark(id);
    }
    this.changed = false;
    if (alone || this.counts.every((count) => count === 0)) return;
    // A record stands in the table once for each of its addresses.
    const found = new Set<string>();
    for (const record of this.tables.addressRecords()) {
      if (!this.isPod(record)) continue;
      const vpc = view.vpcOfRecord(record);
      eachKey(view, record, () => {
        if (isMappedKey(view.key)) return;
        const owner = findNet6Owner(view);
        if (owner !== 0 && owner !== vpc) found.add(`${vpc},${view.key.join()}`);
      });
    }
    if (!this.hasRoomFor(found.size)) {
      this.owed = found.size;
      this.changed = true;
      return;
    }
    for (const each of found) {
      const id = each.slice(each.indexOf(',') + 1);
      view.key.set(id.split(',').map(Number));
      this.mark(id);
    }
  }

  private tellReaders(): void {
    this.moved = false;
    const isLong = this.counts.subarray(65).some((count) => count > 0);
    this.stamp = (((this.stamp + 2) | 1) ^ (isLong ? 0 : 1)) | 0;
    this.tables.pokeHead(layout.HEAD_NET6_STAMP, 1, this.stamp);
  }

  private hasRoomFor(marks: number): boolean {
    return this.arena.fits(layout.KEYED_WORDS * marks) && this.tables.fits(0, marks);
  }

  private isPod(record: number): boolean {
    return record !== 0 && (this.arena.words[record] & 0xff) === layout.RECORD_POD;
  }

  private mark(id: string): void {
    const known = this.misplaced.get(id);
    if (known !== undefined) {
      known.vpcs++;
      return;
    }
    const view = this.tables.idle;
    const record = this.keyed(layout.RECORD_MISPLACED, layout.MISPLACED_BITS, 0);
    this.tables.putAddress(view.hashKey(0, layout.MISPLACED_BITS), record, 0);
    this.misplaced.set(id, { record, vpcs: 1 });
  }

  private unmark(id: string): void {
    const known = this.misplaced.get(id);
    if (known === undefined || --known.vpcs > 0) return;
    const { record } = known;
    this.tables.deleteAddress(this.tables.idle.hashKey(0, layout.MISPLACED_BITS), record);
    this.tables.release(record, layout.KEYED_WORDS);
    this.misplaced.delete(id);
  }

  private keyed(kind: number, bits: number, value: number): number {
    const { words } = this.arena;
    const record = this.arena.allocate(layout.KEYED_WORDS);
    words[record] = kind;
    words[record + layout.KEYED_SCOPE] = 0;
    words[record + layout.KEYED_BITS] = bits;
    words.set(this.tables.idle.key, record + layout.KEYED_ADDRESS);
    words[record + layout.KEYED_VALUE] = value;
    return record;
  }

  private count(bits: number, by: number): void {
    this.counts[bits] += by;
    const word = bits >>> 5;
    let mask = 0;
    for (let i = 0; i < 32; i++) if (this.counts[word * 32 + i] > 0) mask |= 1 << i;
    this.tables.pokeHead(layout.HEAD_NET6_LENGTHS + word, layout.NET6_LENGTH_WORDS, mask);
  }
}
