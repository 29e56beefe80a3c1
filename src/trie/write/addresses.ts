/**
 * Whose an address is, in the address table: an IPv4 under its VPC, an IPv6 for all VPCs together, so that one that a
 * pod of another VPC has is noticed without a look at any prefix.
 */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { isMappedKey } from '../prefix.ts';
import { kindOf } from '../record.ts';
import type { Tables } from './tables.ts';

/** Slots that one more address needs at most. */
const ADDRESS_SLOTS = 3;

export class Addresses {
  private readonly arena: Arena;
  private readonly tables: Tables;

  constructor(arena: Arena, tables: Tables) {
    this.arena = arena;
    this.tables = tables;
  }

  /** True when one more address can be had. */
  get fits(): boolean {
    return this.tables.fits(ADDRESS_SLOTS) && this.arena.fits(layout.SPREAD_WORDS);
  }

  /** The address in `idle.key` is that of `after` instead of `before` inside the VPC; 0: nobody's. */
  set(vpc: number, before: number, after: number): void {
    if (before === after) return;
    const view = this.tables.idle;
    if (isMappedKey(view.key)) this.point(vpc, 128, before, after);
    else {
      const hash = view.hashKey(0, layout.ANYWHERE_BITS);
      const first = view.findHashed(0, layout.ANYWHERE_BITS, hash);
      if (first === before) this.point(0, layout.ANYWHERE_BITS, before, after);
      else this.setSpread(vpc, this.isSpread(first) ? first : this.spread(first, hash), before, after);
    }
  }

  /** The same for what stands under an overlay or a namespace. */
  point(scope: number, bits: number, before: number, after: number): void {
    const hash = this.tables.idle.hashKey(scope, bits);
    if (after === 0) this.tables.deleteAddress(hash, before);
    else this.tables.putAddress(hash, after, before);
  }

  /** A record for the address in `idle.key` that carries its key. */
  keyed(kind: number, scope: number, bits: number, size: number = layout.KEYED_WORDS): number {
    const { words } = this.arena;
    const record = this.arena.allocate(size);
    words[record] = kind;
    words[record + layout.KEYED_SCOPE] = scope;
    words[record + layout.KEYED_BITS] = bits;
    words.set(this.tables.idle.key, record + layout.KEYED_ADDRESS);
    words[record + layout.KEYED_VALUE] = 0;
    return record;
  }

  /** A second VPC gets an address: from now on it stands under each of them. */
  private spread(only: number, hash: number): number {
    const { words } = this.arena;
    const view = this.tables.idle;
    const spread = this.keyed(layout.RECORD_SPREAD, 0, layout.ANYWHERE_BITS, layout.SPREAD_WORDS);
    words[spread + layout.KEYED_VALUE] = 1;
    words.fill(0, spread + layout.SPREAD_PODS, spread + layout.SPREAD_WORDS);
    this.tables.writeBoth(spread + layout.SPREAD_PODS, 1, this.isPod(only) ? 1 : 0);
    this.tables.putAddress(hash, spread, only);
    this.point(view.vpcOfRecord(only), 128, 0, only);
    return spread;
  }

  private setSpread(vpc: number, spread: number, before: number, after: number): void {
    const { words } = this.arena;
    this.point(vpc, 128, before, after);
    words[spread + layout.KEYED_VALUE] += (before === 0 ? 1 : 0) - (after === 0 ? 1 : 0);
    if (words[spread + layout.KEYED_VALUE] === 0) {
      this.point(0, layout.ANYWHERE_BITS, spread, 0);
      this.tables.release(spread, layout.SPREAD_WORDS);
      return;
    }
    const at = spread + layout.SPREAD_PODS;
    const pods =
      words[at + this.tables.idle.copy] + (this.isPod(after) ? 1 : 0) - (this.isPod(before) ? 1 : 0);
    this.tables.writeBoth(at, 1, pods);
  }

  private isSpread(record: number): boolean {
    return record !== 0 && kindOf(this.arena.words, record) === layout.RECORD_SPREAD;
  }

  private isPod(record: number): boolean {
    return record !== 0 && kindOf(this.arena.words, record) === layout.RECORD_POD;
  }
}
