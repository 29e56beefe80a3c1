/**
 * HalfSipHash-1-3 (Aumasson and Bernstein), a keyed hash with results of 31 bits, small integers to the engine.
 * Tenants choose names and questions: with a hash that they can compute, one could pile thousands of entries on one
 * slot.
 */

/** Hash of the word `head`, followed by the label whose length octet stands at `name[offset]`. */
export function hashLabel(
  seed0: number,
  seed1: number,
  head: number,
  name: Uint8Array,
  offset: number,
): number {
  return hashOctets(seed0, seed1, head, name, offset + 1, name[offset]);
}

/** Hash of the word `head`, followed by `length` octets of `octets` from `at`. */
export function hashOctets(
  seed0: number,
  seed1: number,
  head: number,
  octets: Uint8Array,
  at: number,
  length: number,
): number {
  // The engine adds in floating point where it does not know that both are words.
  let v0 = seed0 | 0;
  let v1 = seed1 | 0;
  let v2 = seed0 ^ 0x6c796765;
  let v3 = seed1 ^ 0x74656462;
  let m = head | 0;
  const end = at + (length & ~3);
  for (;;) {
    v3 ^= m;
    // One SipRound. It stands three times in this file: a call here costs as much as the round.
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
    m = octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16) | (octets[at + 3] << 24);
    at += 4;
  }
  // The length of the whole message stands above what is left of the octets.
  m = (length + 4) << 24;
  switch (length & 3) {
    case 3:
      m |= (octets[at + 2] << 16) | (octets[at + 1] << 8) | octets[at];
      break;
    case 2:
      m |= (octets[at + 1] << 8) | octets[at];
      break;
    case 1:
      m |= octets[at];
      break;
  }
  return finish(v0, v1, v2, v3, m);
}

/** Hash of five words, then one octet. */
export function hashWords(
  seed0: number,
  seed1: number,
  head: number,
  octet: number,
  a: number,
  b: number,
  c: number,
  d: number,
): number {
  let v0 = seed0 | 0;
  let v1 = seed1 | 0;
  let v2 = seed0 ^ 0x6c796765;
  let v3 = seed1 ^ 0x74656462;
  for (let i = 0; i < 5; i++) {
    const m = i === 0 ? head : i === 1 ? a : i === 2 ? b : i === 3 ? c : d;
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
  return finish(v0, v1, v2, v3, octet | (21 << 24));
}

/** The last word, then three closing rounds. */
function finish(v0: number, v1: number, v2: number, v3: number, m: number): number {
  v0 |= 0;
  v1 |= 0;
  v2 |= 0;
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
  return (v1 ^ v3) & 0x7fffffff;
}
