/** Which VPC an IPv6 source lies in: one probe for each prefix length in use, usually one. */
import * as layout from './layout.ts';
import type { View } from './view.ts';

const saved = new Int32Array(4);

/**
 * The record of the VPC whose `net6` holds the address in `view.key`, or 0. No two overlap. Leaves the key as
 * it was.
 */
export function findNet6Owner(view: View): number {
  const base = layout.HEAD_NET6_LENGTHS + view.copy * layout.NET6_LENGTH_WORDS;
  const { key, keyBytes, head } = view;
  let owner = 0;
  let copied = false;
  for (let word = 0; word < layout.NET6_LENGTH_WORDS && owner === 0; word++) {
    let bits = head[base + word];
    while (bits !== 0) {
      const lowest = bits & -bits;
      bits ^= lowest;
      const length = word * 32 + (31 - Math.clz32(lowest));
      if (!copied) {
        saved.set(key);
        copied = true;
      } else key.set(saved);
      maskKey(keyBytes, length);
      const record = view.find(0, length);
      if (record !== 0) {
        owner = view.words[record + layout.KEYED_VALUE];
        break;
      }
    }
  }
  if (copied) key.set(saved);
  return owner;
}

function maskKey(octets: Uint8Array, bits: number): void {
  let at = bits >>> 3;
  if ((bits & 7) !== 0) octets[at++] &= 0xff << (8 - (bits & 7));
  while (at < 16) octets[at++] = 0;
}
