/** Server cookies that any server with the same secret could have made, without state (RFC 9018). */
import { isMapped } from './address.ts';

/** What is hashed: client cookie, version, reserved, timestamp, client address. Filled and read in one call. */
const hashInput = new Uint8Array(32);

/**
 * Writes the 16 octets of a server cookie: version 1, reserved, timestamp, hash.
 * @param secret 16 octets.
 * @param clientCookie holds the client's 8 octets at `clientOffset`.
 * @param address16 the client's address; IPv4 in its mapped form, hashed as 4 octets.
 * @param nowSeconds Unix time.
 */
export function writeServerCookie(
  secret: Uint8Array,
  clientCookie: Uint8Array,
  clientOffset: number,
  address16: Uint8Array,
  nowSeconds: number,
  out: Uint8Array,
  outOffset: number,
): void {
  out[outOffset] = 1;
  out[outOffset + 1] = 0;
  out[outOffset + 2] = 0;
  out[outOffset + 3] = 0;
  // Seconds modulo 2^32: the field is compared by serial number arithmetic.
  const seconds = nowSeconds >>> 0;
  out[outOffset + 4] = seconds >>> 24;
  out[outOffset + 5] = seconds >>> 16;
  out[outOffset + 6] = seconds >>> 8;
  out[outOffset + 7] = seconds;
  for (let i = 0; i < 8; i++) {
    hashInput[i] = clientCookie[clientOffset + i];
    hashInput[8 + i] = out[outOffset + i];
  }
  siphash24(secret, hashInput, 0, 16 + placeAddress(address16), out, outOffset + 8);
}

/** Puts the address after the first 16 octets of the hash input; returns its length, 4 or 16. */
function placeAddress(address16: Uint8Array): 4 | 16 {
  if (isMapped(address16, 0)) {
    for (let i = 0; i < 4; i++) hashInput[16 + i] = address16[12 + i];
    return 4;
  }
  for (let i = 0; i < 16; i++) hashInput[16 + i] = address16[i];
  return 16;
}

/** SipHash-2-4 under a key of 16 octets; the 64-bit result is written little-endian, 8 octets. */
export function siphash24(
  key: Uint8Array,
  data: Uint8Array,
  offset: number,
  length: number,
  out: Uint8Array,
  outOffset: number,
): void {
  const key0 = littleEndian(key, 0);
  const key1 = littleEndian(key, 4);
  const key2 = littleEndian(key, 8);
  const key3 = littleEndian(key, 12);
  // Each of the four 64-bit words is a low and a high half.
  let low0 = key0 ^ 0x70736575;
  let high0 = key1 ^ 0x736f6d65;
  let low1 = key2 ^ 0x6e646f6d;
  let high1 = key3 ^ 0x646f7261;
  let low2 = key0 ^ 0x6e657261;
  let high2 = key1 ^ 0x6c796765;
  let low3 = key2 ^ 0x79746573;
  let high3 = key3 ^ 0x74656462;

  const whole = length >>> 3;
  // Whole words, then the last word with the length in its top octet, then the four closing rounds.
  for (let word = 0; word <= whole + 1; word++) {
    let low = 0;
    let high = 0;
    let rounds = 2;
    if (word < whole) {
      low = littleEndian(data, offset + 8 * word);
      high = littleEndian(data, offset + 8 * word + 4);
    } else if (word === whole) {
      for (let i = 8 * whole; i < length; i++) {
        const shift = 8 * (i & 3);
        if ((i & 4) === 0) low |= data[offset + i] << shift;
        else high |= data[offset + i] << shift;
      }
      high |= length << 24;
    } else {
      low2 ^= 0xff;
      rounds = 4;
    }
    low3 ^= low;
    high3 ^= high;
    for (; rounds > 0; rounds--) {
      let sum = (low0 + low1) | 0;
      high0 = (high0 + high1 + carry(low0, low1, sum)) | 0;
      low0 = sum;
      let carried = low1;
      low1 = ((low1 << 13) | (high1 >>> 19)) ^ low0;
      high1 = ((high1 << 13) | (carried >>> 19)) ^ high0;
      carried = low0;
      low0 = high0;
      high0 = carried;

      sum = (low2 + low3) | 0;
      high2 = (high2 + high3 + carry(low2, low3, sum)) | 0;
      low2 = sum;
      carried = low3;
      low3 = ((low3 << 16) | (high3 >>> 16)) ^ low2;
      high3 = ((high3 << 16) | (carried >>> 16)) ^ high2;

      sum = (low0 + low3) | 0;
      high0 = (high0 + high3 + carry(low0, low3, sum)) | 0;
      low0 = sum;
      carried = low3;
      low3 = ((low3 << 21) | (high3 >>> 11)) ^ low0;
      high3 = ((high3 << 21) | (carried >>> 11)) ^ high0;

      sum = (low2 + low1) | 0;
      high2 = (high2 + high1 + carry(low2, low1, sum)) | 0;
      low2 = sum;
      carried = low1;
      low1 = ((low1 << 17) | (high1 >>> 15)) ^ low2;
      high1 = ((high1 << 17) | (carried >>> 15)) ^ high2;
      carried = low2;
      low2 = high2;
      high2 = carried;
    }
    low0 ^= low;
    high0 ^= high;
  }
  const low = low0 ^ low1 ^ low2 ^ low3;
  const high = high0 ^ high1 ^ high2 ^ high3;
  for (let i = 0; i < 4; i++) {
    out[outOffset + i] = low >>> (8 * i);
    out[outOffset + 4 + i] = high >>> (8 * i);
  }
}

/** 1 when the 32-bit addition of `a` and `b` to `sum` overflowed; without a detour through floating point. */
function carry(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
}

function littleEndian(bytes: Uint8Array, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
}
