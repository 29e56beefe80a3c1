/** Finds the owner of an address inside a VPC, in the table that `write/addresses.ts` keeps. */
import * as layout from '../layout.ts';
import { isMappedKey } from '../prefix.ts';
import { kindOf } from '../record.ts';
import type { View } from './view.ts';

/** Hash with which the search for the owner of the address in `view.key` begins. */
export function hashOwner(view: View, vpc: number): number {
  return isMappedKey(view.key) ? view.hashKey(vpc, 128) : view.hashKey(0, layout.ANYWHERE_BITS);
}

/**
 * The record that owns the address in `view.key` inside a VPC, or 0: a POD or SERVICE, for an IPv4 also HOLDERS. Sets
 * `view.isElsewhere` to whether a pod of another VPC has the IPv6.
 */
export function findOwner(view: View, vpc: number): number {
  return findHashed(view, vpc, hashOwner(view, vpc));
}

/** `findOwner` for the sender's address, whose hash may have been computed before. */
export function findSource(view: View, vpc: number): number {
  return findHashed(view, vpc, vpc === view.sourceScope ? view.sourceHash : hashOwner(view, vpc));
}

function findHashed(view: View, vpc: number, hash: number): number {
  view.isElsewhere = false;
  if (isMappedKey(view.key)) return view.findHashed(vpc, 128, hash);
  const { words } = view;
  const record = view.findHashed(0, layout.ANYWHERE_BITS, hash);
  if (record === 0) return 0;
  const kind = kindOf(words, record);
  if (kind !== layout.RECORD_SPREAD) {
    if (view.vpcOfRecord(record) === vpc) return record;
    view.isElsewhere = kind === layout.RECORD_POD;
    return 0;
  }
  const owner = view.find(vpc, 128);
  const isPod = owner !== 0 && kindOf(words, owner) === layout.RECORD_POD;
  view.isElsewhere = words[record + layout.SPREAD_PODS + view.copy] > (isPod ? 1 : 0);
  return owner;
}
