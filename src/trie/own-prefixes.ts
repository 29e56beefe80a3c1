/** What is a VPC's own by prefix: its net6, its services6, the subnets of its overlays. */
import * as layout from './layout.ts';
import { sharesPrefix } from './prefix.ts';
import type { View } from './view.ts';

/**
 * Bits of the VPC's longest prefix that holds the first `bits` bits of `address` (16 octets, IPv4 mapped), or
 * -1. Walks the list: for names and sources that no exact address settles.
 */
export function longestPrefix(view: View, vpc: number, address: Uint8Array, bits: number): number {
  const { words, bytes } = view;
  const list = view.vpcWord(vpc, layout.VPC_PREFIXES);
  if (list === 0) return -1;
  let longest = -1;
  let at = list + layout.PREFIXES_LIST;
  for (let n = words[list + layout.PREFIXES_COUNT]; n > 0; n--, at += layout.PREFIX_ENTRY) {
    const length = words[at];
    if (length > bits || length <= longest) continue;
    if (sharesPrefix(bytes, (at + 1) * 4, address, 0, length)) longest = length;
  }
  return longest;
}

/** True when a prefix of the VPC lies below the first `bits` bits of `address`. */
export function isAbovePrefix(view: View, vpc: number, address: Uint8Array, bits: number): boolean {
  const { words, bytes } = view;
  const list = view.vpcWord(vpc, layout.VPC_PREFIXES);
  if (list === 0) return false;
  let at = list + layout.PREFIXES_LIST;
  for (let n = words[list + layout.PREFIXES_COUNT]; n > 0; n--, at += layout.PREFIX_ENTRY) {
    if (words[at] > bits && sharesPrefix(bytes, (at + 1) * 4, address, 0, bits)) return true;
  }
  return false;
}
