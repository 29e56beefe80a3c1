/**
 * Whose an address is: of a pod or service by itself, of a VPC by its `net6`, and which of a VPC's own prefixes hold it.
 * `write/addresses.ts`, `write/prefix-owners.ts` and `write/subnets.ts` keep what is searched here.
 */
import * as layout from '../layout.ts';
import { bitAt, isMappedKey, sharesPrefix } from '../prefix.ts';
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

/**
 * The record of the VPC whose `net6` holds the address in `view.key`, or 0; no two prefixes overlap. The key is the
 * same afterwards. The owners of the last sources are cached by their first 64 bits, because nearly all prefixes are
 * that long or shorter.
 */
export function findNet6Owner(view: View): number {
  const stamp = view.head[layout.HEAD_NET6_STAMP + view.copy];
  if ((stamp & 1) !== 0) return searchNet6(view);
  const a = view.key[0];
  const b = view.key[1];
  const entries = view.net6Owners;
  const at = ((Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> 24) * 4;
  if (entries[at] === a && entries[at + 1] === b && entries[at + 2] === stamp) return entries[at + 3];
  const owner = searchNet6(view);
  entries[at] = a;
  entries[at + 1] = b;
  entries[at + 2] = stamp;
  entries[at + 3] = owner;
  return owner;
}

function searchNet6(view: View): number {
  const base = layout.HEAD_NET6_LENGTHS + view.copy * layout.NET6_LENGTH_WORDS;
  const { key, keyBytes, head } = view;
  const a = key[0];
  const b = key[1];
  const c = key[2];
  const d = key[3];
  let owner = 0;
  for (let word = 0; word < layout.NET6_LENGTH_WORDS && owner === 0; word++) {
    let bits = head[base + word];
    while (bits !== 0) {
      const lowest = bits & -bits;
      bits ^= lowest;
      const length = word * 32 + (31 - Math.clz32(lowest));
      maskKey(keyBytes, length);
      const record = view.find(0, length);
      key[0] = a;
      key[1] = b;
      key[2] = c;
      key[3] = d;
      if (record !== 0) {
        owner = view.words[record + layout.KEYED_VALUE];
        break;
      }
    }
  }
  return owner;
}

function maskKey(octets: Uint8Array, bits: number): void {
  let at = bits >>> 3;
  if ((bits & 7) !== 0) octets[at++] &= 0xff << (8 - (bits & 7));
  while (at < 16) octets[at++] = 0;
}

/**
 * Length of the VPC's longest prefix that holds the first `bits` bits of `address` (16 octets, IPv4 mapped), or -1.
 * The search takes at most one step for each bit, and few where there are few prefixes.
 */
export function longestPrefix(view: View, vpc: number, address: Uint8Array, bits: number): number {
  const { words, bytes } = view;
  let longest = -1;
  for (let node = view.vpcWord(vpc, layout.VPC_SUBNETS); node !== 0;) {
    const length = words[node + layout.SUBNET_BITS];
    if (length > bits || !sharesPrefix(bytes, (node + layout.SUBNET_ADDRESS) * 4, address, 0, length)) break;
    const block = node + layout.SUBNET_COPIES + view.copy * layout.SUBNET_BLOCK;
    if (words[block + layout.SUBNET_HELD] > 0) longest = length;
    if (length === 128) break;
    node = words[block + layout.SUBNET_BELOW + bitAt(address, 0, length)];
  }
  return longest;
}

/** True when the first `bits` bits of `address` hold a prefix of the VPC. */
export function isAbovePrefix(view: View, vpc: number, address: Uint8Array, bits: number): boolean {
  const { words, bytes } = view;
  for (let node = view.vpcWord(vpc, layout.VPC_SUBNETS); node !== 0;) {
    const length = words[node + layout.SUBNET_BITS];
    const at = (node + layout.SUBNET_ADDRESS) * 4;
    // Every node is a prefix of the VPC, or joins two that are.
    if (length > bits) return sharesPrefix(bytes, at, address, 0, bits);
    if (!sharesPrefix(bytes, at, address, 0, length) || length === 128) return false;
    const below = node + layout.SUBNET_COPIES + view.copy * layout.SUBNET_BLOCK + layout.SUBNET_BELOW;
    if (length === bits) return words[below] !== 0 || words[below + 1] !== 0;
    node = words[below + bitAt(address, 0, length)];
  }
  return false;
}
