import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/dns/address.ts';
import { siphash24, writeServerCookie } from '../../src/dns/cookie.ts';

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function address(text: string): Uint8Array {
  const out = new Uint8Array(16);
  expect(parseAddress(text, out, 0)).not.toBe(0);
  return out;
}

function make(secret: string, client: string, from: string, now: number): string {
  const out = new Uint8Array(20);
  writeServerCookie(bytes(secret), bytes('ffff' + client), 2, address(from), now, out, 4);
  expect([...out.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  return Buffer.from(out.subarray(4)).toString('hex');
}

/** 64-bit SipHash-2-4 in BigInt, written from its paper, to hold the 32-bit form against. */
function siphashBigInt(key: Uint8Array, data: Uint8Array): bigint {
  const word = (from: Uint8Array, at: number): bigint => Buffer.from(from).readBigUInt64LE(at);
  const rotate = (value: bigint, by: bigint): bigint =>
    BigInt.asUintN(64, (value << by) | (value >> (64n - by)));
  const add = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a + b);
  const v = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n];
  for (let i = 0; i < 4; i++) v[i] ^= word(key, (i & 1) * 8);
  const round = (): void => {
    v[0] = add(v[0], v[1]);
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[0] = rotate(v[0], 32n);
    v[2] = add(v[2], v[3]);
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = add(v[0], v[3]);
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = add(v[2], v[1]);
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[2] = rotate(v[2], 32n);
  };
  const padded = new Uint8Array((data.length & ~7) + 8);
  padded.set(data);
  padded[padded.length - 1] = data.length;
  for (let at = 0; at < padded.length; at += 8) {
    const m = word(padded, at);
    v[3] ^= m;
    round();
    round();
    v[0] ^= m;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

describe('siphash24', () => {
  test('the vector of its paper', () => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => i);
    const data = Uint8Array.from({ length: 15 }, (_, i) => i);
    const out = new Uint8Array(8);
    siphash24(key, data, 0, 15, out, 0);
    expect(Buffer.from(out).readBigUInt64LE(0)).toBe(0xa129ca6149be45e5n);
  });

  test('equals the 64-bit form for any key and length', () => {
    const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 300 }), fc.nat(8), (secret, data, offset) => {
        const shifted = new Uint8Array(offset + data.length);
        shifted.set(data, offset);
        const out = new Uint8Array(9);
        siphash24(secret, shifted, offset, data.length, out, 1);
        expect(Buffer.from(out).readBigUInt64LE(1)).toBe(siphashBigInt(secret, data));
      }),
    );
  });
});

describe('RFC 9018 appendix A', () => {
  const secret = 'e5e973e5a6b2a43f48e7dc849e37bfcf';

  test('A.1: a new cookie for 198.51.100.100', () => {
    const cookie = make(secret, '2464c4abcf10c957', '198.51.100.100', 1559731985);
    expect(cookie).toBe('010000005cf79f111f8130c3eee29480');
  });

  test('A.2: the same client 40 minutes later gets another one', () => {
    const cookie = make(secret, '2464c4abcf10c957', '198.51.100.100', 1559734385);
    expect(cookie).toBe('010000005cf7a871d4a564a1442aca77');
  });

  test('A.3: a new cookie for 203.0.113.203', () => {
    expect(make(secret, 'fc93fc62807ddb86', '203.0.113.203', 1559734700)).toBe(
      '010000005cf7a9acf73a7810aca2381e',
    );
  });

  test('A.4: IPv6, and a secret that was rolled over', () => {
    const client = '2001:db8:220:1:59de:d0f4:8769:82b8';
    const newSecret = '445536bcd2513298075a5d379663c962';
    expect(make(newSecret, '22681ab97d52c298', client, 1559741961)).toBe('010000005cf7c609a6bb79d16625507a');
  });
});

test('the seconds of a cookie are counted modulo 2^32', () => {
  const secret = '000102030405060708090a0b0c0d0e0f';
  const late = make(secret, '1122334455667788', 'fdfd::1', 2 ** 32 + 10);
  expect(late).toBe(make(secret, '1122334455667788', 'fdfd::1', 10));
});
