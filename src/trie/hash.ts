/**
 * Keyed hashing of edges and addresses: HalfSipHash-1-3 (Aumasson and Bernstein), because tenants choose the
 * names, and with an unkeyed hash one of them could pile thousands of names on one slot.
 */

/** Hash of the edge from `parent` along the label whose length octet is `name[offset]`. */
export function hashLabel(
  seed0: number,
  seed1: number,
  parent: number,
  name: Uint8Array,
  offset: number,
): number {
  const length = name[offset];
  let v0 = seed0;
  let v1 = seed1;
  let v2 = seed0 ^ 0x6c796765;
  let v3 = seed1 ^ 0x74656462;
  let m = parent | 0;
  let at = offset + 1;
  const end = at + (length & 0xfc);
  for (;;) {
    v3 ^= m;
    // One SipRound. Written out three times in this file: a call here costs as much as the round.
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
    v0 ^= m;
    if (at >= end) break;
    m = name[at] | (name[at + 1] << 8) | (name[at + 2] << 16) | (name[at + 3] << 24);
    at += 4;
  }
  // The length of the whole message: the parent's four octets and the label.
  m = (length + 4) << 24;
  switch (length & 3) {
    case 3:
      m |= (name[at + 2] << 16) | (name[at + 1] << 8) | name[at];
      break;
    case 2:
      m |= (name[at + 1] << 8) | name[at];
      break;
    case 1:
      m |= name[at];
      break;
  }
  return finish(v0, v1, v2, v3, m);
}

/** Hash of a prefix or address: `bits` long, four words, inside `scope` (a VPC's record, or 0). */
export function hashAddress(
  seed0: number,
  seed1: number,
  scope: number,
  bits: number,
  a: number,
  b: number,
  c: number,
  d: number,
): number {
  let v0 = seed0;
  let v1 = seed1;
  let v2 = seed0 ^ 0x6c796765;
  let v3 = seed1 ^ 0x74656462;
  for (let i = 0; i < 5; i++) {
    const m = i === 0 ? scope : i === 1 ? a : i === 2 ? b : i === 3 ? c : d;
    v3 ^= m;
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
    v0 ^= m;
  }
  // Five words and one octet.
  return finish(v0, v1, v2, v3, bits | (21 << 24));
}

function finish(v0: number, v1: number, v2: number, v3: number, m: number): number {
  v3 ^= m;
  for (let i = 0; i < 4; i++) {
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
    if (i === 0) {
      v0 ^= m;
      v2 ^= 0xff;
    }
  }
  // 31 bits: always a small integer to the engine.
  return (v1 ^ v3) & 0x7fffffff;
}
