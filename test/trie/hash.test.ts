/** The keyed hash against an independent HalfSipHash on big integers, itself held to the published vectors. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashAddress, hashLabel } from '../../src/trie/hash.ts';

const MASK = 0xffffffffn;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & MASK;

/** HalfSipHash-c-d with 32 bits of output, as the reference describes it. */
function halfSipHash(c: number, d: number, k0: bigint, k1: bigint, message: number[]): bigint {
  let v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    let [a, b, e, f] = v;
    a = (a + b) & MASK;
    b = rotate(b, 5n) ^ a;
    a = rotate(a, 16n);
    e = (e + f) & MASK;
    f = rotate(f, 8n) ^ e;
    a = (a + f) & MASK;
    f = rotate(f, 7n) ^ a;
    e = (e + b) & MASK;
    b = rotate(b, 13n) ^ e;
    e = rotate(e, 16n);
    v = [a, b, e, f];
  };
  const octets = [...message];
  while (octets.length % 4 !== 3) octets.push(0);
  octets.push(message.length & 0xff);
  for (let i = 0; i < octets.length; i += 4) {
    const word = BigInt(
      (octets[i]! | (octets[i + 1]! << 8) | (octets[i + 2]! << 16) | (octets[i + 3]! << 24)) >>> 0,
    );
    v[3] ^= word;
    for (let r = 0; r < c; r++) round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let r = 0; r < d; r++) round();
  return v[1] ^ v[3];
}

const octetsOf = (word: number): number[] => [
  word & 255,
  (word >>> 8) & 255,
  (word >>> 16) & 255,
  word >>> 24,
];
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

  test('of an edge is HalfSipHash-1-3 of parent and label', () => {
    fc.assert(
      fc.property(
        word,
        word,
        word,
        fc.uint8Array({ minLength: 1, maxLength: 63 }),
        (k0, k1, parent, octets) => {
          const wanted = halfSipHash(1, 3, unsigned(k0), unsigned(k1), [...octetsOf(parent), ...octets]);
          expect(hashLabel(k0, k1, parent, labelOf(octets), 1)).toBe(Number(wanted & 0x7fffffffn));
        },
      ),
    );
  });

  test('of an address is HalfSipHash-1-3 of scope, four words and the length', () => {
    fc.assert(
      fc.property(
        fc.tuple(word, word, word, word, word, word, word),
        fc.integer({ min: 0, max: 129 }),
        (w, bits) => {
          const [k0, k1, scope, a, b, c, d] = w;
          const message = [scope, a, b, c, d].flatMap(octetsOf);
          const wanted = halfSipHash(1, 3, unsigned(k0), unsigned(k1), [...message, bits]);
          expect(hashAddress(k0, k1, scope, bits, a, b, c, d)).toBe(Number(wanted & 0x7fffffffn));
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
