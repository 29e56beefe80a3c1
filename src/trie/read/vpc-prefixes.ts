/** Searches a VPC's own prefixes: its net6, its services6, the subnets of its overlays. */
import * as layout from '../layout.ts';
import { bitAt, sharesPrefix } from '../prefix.ts';
import type { View } from './view.ts';

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
