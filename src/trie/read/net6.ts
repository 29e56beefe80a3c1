/** Finds the VPC whose `net6` holds an IPv6 source: one probe for each prefix length in use, usually one. */
import * as layout from '../layout.ts';
import type { View } from './view.ts';

/**
 * The record of the VPC whose `net6` holds the address in `view.key`, or 0; no two prefixes overlap. The key is the
 * same afterwards. The owners of the last sources are cached by their first 64 bits, because nearly all prefixes are
 * that long or shorter.
 */
export function findNet6Owner(view: View): number {
  const stamp = view.head[layout.HEAD_NET6_STAMP + view.copy];
  if ((stamp & 1) !== 0) return searchOwner(view);
  const a = view.key[0];
  const b = view.key[1];
  const entries = view.net6Owners;
  const at = ((Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> 24) * 4;
  if (entries[at] === a && entries[at + 1] === b && entries[at + 2] === stamp) return entries[at + 3];
  const owner = searchOwner(view);
  entries[at] = a;
  entries[at + 1] = b;
  entries[at + 2] = stamp;
  entries[at + 3] = owner;
  return owner;
}

function searchOwner(view: View): number {
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
