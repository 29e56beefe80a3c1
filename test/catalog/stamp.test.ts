/** Stamps in two words, against bigints. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeOf, readStamp, setPlace, stampOf, stampText } from '../../src/catalog/stamp.ts';

const MOST = 2n ** 64n - 1n;
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
  fc.integer({ min: 0, max: 66 }).chain((bits) =>
    fc
      .bigInt({ min: -3n, max: 3n })
      .map((more) => 2n ** BigInt(bits) + more)
      .filter((value) => value >= 0n && value < 10n ** 20n),
  ),
);

test('a number is read exactly, and told again', () => {
  fc.assert(
    fc.property(number, (value) => {
      const words = { high: 7, low: 7 };
      expect(readStamp(String(value), words)).toBe(true);
      const stamp = value > MOST ? MOST : value;
      expect(stampOf(words.high, words.low)).toBe(stamp);
      expect(stampText(words.high, words.low)).toBe(String(stamp));
      for (const word of [words.high, words.low]) expect(word).toBe(word >>> 0);
    }),
    { numRuns: 2000 },
  );
});

test.each(['', '-1', '+1', '01', '1.0', '1e3', ' 1', '1 ', '0x1', '١', '9'.repeat(21)])(
  '%j is not read as one',
  (text) => {
    expect(readStamp(text, { high: 0, low: 0 })).toBe(false);
  },
);

test('places are in order, behind every number', () => {
  const words = { high: 0, low: 0 };
  let last = 2n ** 63n;
  for (const place of [1, 2, 2 ** 32 - 1, 2 ** 32, 2 ** 40]) {
    setPlace(words, place);
    expect(placeOf(words)).toBe(place);
    expect(stampOf(words.high, words.low)).toBeGreaterThan(last);
    last = stampOf(words.high, words.low);
  }
  readStamp('9223372036854775807', words);
  expect(placeOf(words)).toBe(0);
});
