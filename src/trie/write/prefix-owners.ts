/** Keeps the VPCs' `net6` prefixes in the address table. */
import type { Addresses } from './addresses.ts';
import type { Arena } from './arena.ts';
import type { VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { Prefix } from '../prefix.ts';
import type { Tables } from './tables.ts';

export class PrefixOwners {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly addresses: Addresses;
  private readonly counts = new Int32Array(129);
  private stamp = 0;

  constructor(arena: Arena, tables: Tables, addresses: Addresses) {
    this.arena = arena;
    this.tables = tables;
    this.addresses = addresses;
  }

  /** Replaces the prefixes of a VPC. A prefix that moves between two VPCs in one transaction belongs to the new one. */
  replace(vpc: VpcState, before: Prefix[], after: Prefix[]): void {
    const view = this.tables.idle;
    const kept = new Set<string>();
    let isChanged = false;
    for (const { bits, words } of after) {
      kept.add(`${bits} ${words.join()}`);
      view.key.set(words);
      const old = view.find(0, bits);
      if (this.isOf(old, vpc)) continue;
      const record = this.addresses.keyed(layout.RECORD_PREFIX, 0, bits);
      this.arena.words[record + layout.KEYED_VALUE] = vpc.record;
      this.addresses.point(0, bits, old, record);
      if (old !== 0) this.tables.release(old, layout.KEYED_WORDS);
      else this.count(bits, 1);
      isChanged = true;
    }
    for (const { bits, words } of before) {
      if (kept.has(`${bits} ${words.join()}`)) continue;
      view.key.set(words);
      const old = view.find(0, bits);
      if (!this.isOf(old, vpc)) continue;
      this.addresses.point(0, bits, old, 0);
      this.tables.release(old, layout.KEYED_WORDS);
      this.count(bits, -1);
      isChanged = true;
    }
    if (isChanged) this.tellReaders();
  }

  /** Stamps go on after that of an image: readers have cached owners under it. */
  goOnFrom(stamp: number): void {
    this.stamp = stamp;
    this.tellReaders();
  }

  private isOf(record: number, vpc: VpcState): boolean {
    return record !== 0 && this.arena.words[record + layout.KEYED_VALUE] === vpc.record;
  }

  private tellReaders(): void {
    const isLong = this.counts.subarray(65).some((count) => count > 0);
    this.stamp = (((this.stamp + 2) | 1) ^ (isLong ? 0 : 1)) | 0;
    this.tables.writeBothHeads(layout.HEAD_NET6_STAMP, 1, this.stamp);
  }

  private count(bits: number, by: number): void {
    this.counts[bits] += by;
    const word = bits >>> 5;
    let mask = 0;
    for (let i = 0; i < 32; i++) if (this.counts[word * 32 + i] > 0) mask |= 1 << i;
    this.tables.writeBothHeads(layout.HEAD_NET6_LENGTHS + word, layout.NET6_LENGTH_WORDS, mask);
  }
}
