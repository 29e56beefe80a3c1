/** Address ranges that mean nothing outside a network: their reverse names are never forwarded. */
import { parsePrefix, sharesPrefix } from '../../trie/prefix.ts';
import type { Prefix } from '../../trie/prefix.ts';

/** No range holds the prefix, and none lies in it. */
export const PUBLIC = -1;
/** The prefix reaches beyond a range that lies in it. */
export const ABOVE_PRIVATE = -2;

function table(text: string): Prefix[] {
  return text.split(' ').map((range) => parsePrefix(range)!);
}

/**
 * RFC 6303, RFC 7793, and what the registry of RFC 6890 calls not globally reachable as a whole. In order, none
 * within another.
 */
const IP4 = table(
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 ' +
    '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4',
);
/** `::` and `::1` lie in the first, for no address is a zone of its own; the second is that of mapped addresses. */
const IP6 = table(
  '::/124 0.0.0.0/0 64:ff9b:1::/48 100::/64 2001:2::/48 2001:10::/28 2001:db8::/32 3fff::/20 5f00::/16 ' +
    'fc00::/7 fe80::/10',
);

/**
 * Bits of the range that holds the first `bits` bits of `address` (16 octets, the rest zero; an IPv4 prefix counts
 * from 96), PUBLIC or ABOVE_PRIVATE.
 */
export function privateRange(family: number, address: Uint8Array, bits: number): number {
  const ranges = family === 4 ? IP4 : IP6;
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBehind(ranges[middle].octets, address)) high = middle;
    else low = middle + 1;
  }
  // The last that does not begin after the address, and the next one.
  for (let i = Math.max(0, low - 1); i <= low && i < ranges.length; i++) {
    const range = ranges[i];
    if (!sharesPrefix(range.octets, 0, address, 0, Math.min(range.bits, bits))) continue;
    return range.bits <= bits ? range.bits : ABOVE_PRIVATE;
  }
  return PUBLIC;
}

function isBehind(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return a[i] > b[i];
  return false;
}
