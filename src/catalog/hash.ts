/** A keyed hash of short octet strings (HalfSipHash-1-3): tenants choose names, so buckets must not be theirs. */

let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}

/** `head` is hashed before `length` octets of `bytes` from `at`. Unsigned 32 bits. */
export function hashOctets(
  key0: number,
  key1: number,
  head: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  v0 = key0;
  v1 = key1;
  v2 = 0x6c796765 ^ key0;
  v3 = 0x74656462 ^ key1;
  v3 ^= head;
  round();
  v0 ^= head;
  const end = at + length;
  let word = 0;
  for (; at + 4 <= end; at += 4) {
    word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  word = length << 24;
  for (let shift = 0; at < end; at++, shift += 8) word |= bytes[at]! << shift;
  v3 ^= word;
  round();
  v0 ^= word;
  v2 ^= 0xff;
  round();
  round();
  round();
  return (v1 ^ v3) >>> 0;
}
