/** The keyed hash against an independent HalfSipHash on big integers, itself held to the published vectors. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashLabel, hashOctets, hashWords } from '../../src/base/half-sip-hash.ts';
import { halfSipHash, octetsOf } from './reference-hash.ts';

const unsigned = (seed: number): bigint => BigInt(seed >>> 0);
const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const labelOf = (octets: Uint8Array): Uint8Array => Uint8Array.from([0xee, octets.length, ...octets, 0xdd]);

describe('the keyed hash', () => {
  test('the yardstick gives the published HalfSipHash-2-4 vectors', () => {
    // Key 00 01 … 07, messages of 0, 1, 2 … octets 00 01 02 …
    const published = [
      0x5b9f35a9n,
      0xb85a4727n,
      0x03a662fan,
      0x04e7fe8an,
      0x89466e2an,
      0x69b6fac5n,
      0x23fc6358n,
    ];
    published.forEach((wanted, length) => {
      const message = Array.from({ length }, (_, i) => i);
      expect(halfSipHash(2, 4, 0x03020100n, 0x07060504n, message)).toBe(wanted);
    });
  });

  test('of a label and of octets is HalfSipHash-1-3 of the word before them, and them', () => {
    fc.assert(
      fc.property(
        word,
        word,
        word,
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        (k0, k1, parent, octets) => {
          const wanted = halfSipHash(1, 3, unsigned(k0), unsigned(k1), [...octetsOf(parent), ...octets]);
          expect(hashLabel(k0, k1, parent, labelOf(octets), 1)).toBe(Number(wanted & 0x7fffffffn));
          expect(hashOctets(k0, k1, parent, labelOf(octets), 2, octets.length)).toBe(
            Number(wanted & 0x7fffffffn),
          );
        },
      ),
    );
  });

  test('of words is HalfSipHash-1-3 of five words and one octet', () => {
    fc.assert(
      fc.property(
        fc.tuple(word, word, word, word, word, word, word),
        fc.integer({ min: 0, max: 129 }),
        (w, bits) => {
          const [k0, k1, scope, a, b, c, d] = w;
          const message = [scope, a, b, c, d].flatMap(octetsOf);
          const wanted = halfSipHash(1, 3, unsigned(k0), unsigned(k1), [...message, bits]);
          expect(hashWords(k0, k1, scope, bits, a, b, c, d)).toBe(Number(wanted & 0x7fffffffn));
        },
      ),
    );
  });

  test('differs with the parent, the seed and every octet', () => {
    const name = labelOf(Buffer.from('database'));
    const hash = hashLabel(1, 2, 3, name, 1);
    const others = [
      hashLabel(1, 2, 4, name, 1),
      hashLabel(2, 2, 3, name, 1),
      hashLabel(1, 3, 3, name, 1),
      hashLabel(1, 2, 3, labelOf(Buffer.from('databass')), 1),
      hashLabel(1, 2, 3, labelOf(Buffer.from('databas')), 1),
      hashLabel(1, 2, 3, labelOf(Buffer.from('database\0')), 1),
    ];
    expect(new Set([hash, ...others]).size).toBe(7);
  });
});
