/** The hash of a question against an independent HalfSipHash on big integers. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashQuestion } from '../../src/shared-cache/hash.ts';
import { halfSipHash, octetsOf } from '../harness/half-sip-hash.ts';

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });

describe('the hash of a question', () => {
  test('is HalfSipHash-1-3 of tenant, kind, what was asked for, and the name', () => {
    fc.assert(
      fc.property(
        fc.tuple(word, word, word, word),
        fc.integer({ min: 0, max: 3 }),
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        ([k0, k1, tenant, kind], asked, name) => {
          const message = [...octetsOf(tenant), ...octetsOf(kind), ...octetsOf(asked), ...name];
          const wanted = halfSipHash(1, 3, BigInt(k0 >>> 0), BigInt(k1 >>> 0), message);
          const longer = Uint8Array.from([...name, 7, 7, 7, 7]);
          const got = hashQuestion(k0, k1, tenant, kind, asked, longer, name.length);
          expect(got).toBe(Number(wanted & 0x7fffffffn));
        },
      ),
    );
  });
});
