/** Addresses and prefixes as the trie keeps them: 16 octets and a length, IPv4 below ::ffff:0:0/96. */
import { parseAddress } from '../dns/address.ts';

export interface Prefix {
  /** 0…128; an IPv4 prefix counts from 96. */
  bits: number;
  /** 16 octets, host bits cleared. */
  octets: Uint8Array;
  /** The same as native words. */
  words: Int32Array;
}

/** Third word of every IPv4 address among keys. */
export const MAPPED_WORD = new Int32Array(new Uint8Array([0, 0, 0xff, 0xff]).buffer)[0];

/** True when the key is an IPv4 address, ::ffff:a.b.c.d. */
export function isMappedKey(key: Int32Array): boolean {
  return key[0] === 0 && key[1] === 0 && key[2] === MAPPED_WORD;
}

/** Parses `ADDRESS/LENGTH`, or an address alone, whose length is all of its bits. Undefined when it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const octets = new Uint8Array(16);
  const family = parseAddress(slash < 0 ? text : text.slice(0, slash), octets, 0);
  if (family === 0) return undefined;
  const width = family === 4 ? 32 : 128;
  const length = slash < 0 ? width : Number(text.slice(slash + 1));
  if (!Number.isInteger(length) || length < 0 || length > width) return undefined;
  const bits = length + (family === 4 ? 96 : 0);
  maskOctets(octets, bits);
  return { bits, octets, words: new Int32Array(octets.buffer) };
}

/** Clears all bits after the first `bits`. */
export function maskOctets(octets: Uint8Array, bits: number): void {
  for (let i = 0; i < 16; i++) {
    const keep = bits - i * 8;
    if (keep <= 0) octets[i] = 0;
    else if (keep < 8) octets[i] &= 0xff << (8 - keep);
  }
}

/** True when the first `bits` bits of both are equal. */
export function sharesPrefix(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  bits: number,
): boolean {
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (a[aOffset + i] !== b[bOffset + i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((a[aOffset + whole] ^ b[bOffset + whole]) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** How many of the first `most` bits of two addresses are equal. */
export function commonBits(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  most: number,
): number {
  for (let i = 0; i * 8 < most; i++) {
    const differs = a[aOffset + i] ^ b[bOffset + i];
    if (differs !== 0) return Math.min(most, i * 8 + Math.clz32(differs) - 24);
  }
  return most;
}

/** The bit after the first `bits` bits of an address. */
export function bitAt(octets: Uint8Array, offset: number, bits: number): number {
  return (octets[offset + (bits >>> 3)] >>> (7 - (bits & 7))) & 1;
}
