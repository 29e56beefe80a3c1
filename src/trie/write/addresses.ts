/**
 * Keeps the owners of addresses in the address table: an IPv4 per VPC, an IPv6 for all VPCs together, so that a search
 * notices that a pod of another VPC has it, whatever the prefixes are.
 */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { isMappedKey } from '../prefix.ts';
import { kindOf } from '../record.ts';
import type { Tables } from './tables.ts';

/** The most slots that one more address needs. */
const ADDRESS_SLOTS = 3;

export class Addresses {
  private readonly arena: Arena;
  private readonly tables: Tables;

  constructor(arena: Arena, tables: Tables) {
    this.arena = arena;
    this.tables = tables;
  }

  /** True when there is room for one more address. */
  get fits(): boolean {
    return this.tables.fits(ADDRESS_SLOTS) && this.arena.fits(layout.SPREAD_WORDS);
  }

  /** Inside the VPC, the address in `idle.key` belongs to the record `after` instead of `before`; 0 is no record. */
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

  /** The same for one key, such as that of an overlay or a namespace. */
  point(scope: number, bits: number, before: number, after: number): void {
    const hash = this.tables.idle.hashKey(scope, bits);
    if (after === 0) this.tables.deleteAddress(hash, before);
    else this.tables.putAddress(hash, after, before);
  }

  /** Makes a record that carries the key for the address in `idle.key`. */
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

  /** A second VPC gets an address: from now on, each of them has an entry of its own. */
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
