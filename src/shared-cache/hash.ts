/** Keyed hashing of questions: HalfSipHash-1-3 (Aumasson and Bernstein), because tenants choose what they ask. */

/** Of tenant, `kind` (type and class), `asked` (DO and CD) and the folded qname, `length` octets. */
export function hashQuestion(
  seed0: number,
  seed1: number,
  tenant: number,
  kind: number,
  asked: number,
  name: Uint8Array,
  length: number,
): number {
  let v0 = seed0;
  let v1 = seed1;
  let v2 = seed0 ^ 0x6c796765;
  let v3 = seed1 ^ 0x74656462;
  const whole = length & ~3;
  // The last word has the length of the whole message above what is left of the name.
  let last = (length + 12) << 24;
  if ((length & 3) > 2) last |= name[whole + 2] << 16;
  if ((length & 3) > 1) last |= name[whole + 1] << 8;
  if ((length & 3) > 0) last |= name[whole];
  // From -12: tenant, kind and asked come before the name. Then the last word, then three closing rounds.
  for (let at = -12; at <= whole + 12; at += 4) {
    let m = 0;
    if (at < 0) m = at === -12 ? tenant : at === -8 ? kind : asked;
    else if (at < whole) m = name[at] | (name[at + 1] << 8) | (name[at + 2] << 16) | (name[at + 3] << 24);
    else if (at === whole) m = last;
    else if (at === whole + 4) v2 ^= 0xff;
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
  // 31 bits: always a small integer to the engine.
  return (v1 ^ v3) & 0x7fffffff;
}
