/**
 * The addresses of a resource that nobody else claims, which is the usual case: each is looked up once, before anything
 * changes, and then led to the record without another search.
 */
import { mapInto, parse4, parse6 } from '../../dns/address.ts';
import type { Pod, Service } from '../../model.ts';
import * as layout from '../layout.ts';
import { isMappedKey } from '../prefix.ts';
import { findOwner, hashOwner } from '../read/addresses.ts';
import type { Addresses } from './addresses.ts';
import type { Claims } from './claims.ts';
import type { VpcState } from './directory.ts';
import { KEYS_WORDS, keysOf } from './records.ts';
import type { Tables } from './tables.ts';

/** Resources with more addresses are not usual: each is compared to all others. */
const MOST = 8;

export class SoleAddresses {
  private readonly tables: Tables;
  private readonly addresses: Addresses;
  private readonly claims: Claims;
  private count = 0;
  /** Of each address: four words, its hash in the address table, and the record that it leads to now. */
  private readonly keys = new Int32Array(4 * MOST);
  private readonly hashes = new Int32Array(MOST);
  private readonly holders = new Int32Array(MOST);
  private readonly before = new Int32Array(KEYS_WORDS);

  constructor(tables: Tables, addresses: Addresses, claims: Claims) {
    this.tables = tables;
    this.addresses = addresses;
    this.claims = claims;
  }

  /**
   * Looks up the addresses of a resource, whose record is `old` so far (0: none). False where somebody else has, or
   * claims, one of them, or where they are many.
   */
  find(vpc: VpcState, resource: Pod | Service, old: number): boolean {
    this.count = 0;
    const { keyBytes } = this.tables.idle;
    if (resource.ip6 !== undefined) {
      parse6(resource.ip6, keyBytes, 0);
      if (!this.add(vpc, resource.ip6, old)) return false;
    }
    if (resource.kind !== 'pod') return true;
    for (const { ip4, ip6 } of resource.overlays) {
      if (ip4 !== undefined) {
        mapInto(parse4(ip4), keyBytes, 0);
        if (!this.add(vpc, ip4, old)) return false;
      }
      if (ip6 !== undefined) {
        parse6(ip6, keyBytes, 0);
        if (!this.add(vpc, ip6, old)) return false;
      }
    }
    return true;
  }

  /** What `find` has found leads to `record`, and the rest of what `old` had, to nothing. */
  lead(vpc: VpcState, old: number, record: number): void {
    const { tables, before, addresses } = this;
    const view = tables.idle;
    const had = old === 0 ? 0 : keysOf(view, old, before);
    for (let i = 0; i < had; i++) {
      const at = 4 * i;
      if (this.has(before, at)) continue;
      view.setKeyWords(before[at], before[at + 1], before[at + 2], before[at + 3]);
      const hash = hashOwner(view, vpc.record);
      if (this.holder(vpc, hash) === old) tables.deleteAddress(hash, old);
      else if (findOwner(view, vpc.record) === old) addresses.set(vpc.record, old, 0);
    }
    for (let i = 0; i < this.count; i++) tables.putAddress(this.hashes[i], record, this.holders[i]);
  }

  /** The address in `idle.key`. */
  private add(vpc: VpcState, text: string, old: number): boolean {
    const { count, keys } = this;
    const view = this.tables.idle;
    if (this.has(view.key, 0)) return true;
    if (count === MOST || this.claims.conflict(vpc.name, text) !== undefined) return false;
    const hash = hashOwner(view, vpc.record);
    const holder = this.holder(vpc, hash);
    if (holder !== 0 && holder !== old) return false;
    for (let k = 0; k < 4; k++) keys[4 * count + k] = view.key[k];
    this.hashes[count] = hash;
    this.holders[count] = holder;
    this.count++;
    return true;
  }

  /** What the table has for the address in `idle.key`: 0, its owner, or the SPREAD of several VPCs. */
  private holder(vpc: VpcState, hash: number): number {
    const view = this.tables.idle;
    if (isMappedKey(view.key)) return view.findHashed(vpc.record, 128, hash);
    return view.findHashed(0, layout.ANYWHERE_BITS, hash);
  }

  private has(words: Int32Array, at: number): boolean {
    const { keys } = this;
    const end = 4 * this.count;
    for (let key = 0; key < end; key += 4) {
      let same = 0;
      while (same < 4 && keys[key + same] === words[at + same]) same++;
      if (same === 4) return true;
    }
    return false;
  }
}
