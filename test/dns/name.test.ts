import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NameError, encodeName, fold, foldInto, isHostName } from '../../src/dns/name.ts';
import { decodeName } from './decode-name.ts';

const L63 = 'a'.repeat(63);
/** 63 + 63 + 63 + 61 octets: with five length octets 255 on the wire. */
const LONGEST = [L63, L63, L63, 'b'.repeat(61)].join('.');

describe('encodeName', () => {
  test.each([
    ['.', [0]],
    ['db', [2, 0x64, 0x62, 0]],
    ['Db.', [2, 0x44, 0x62, 0]],
    ['a.b', [1, 0x61, 1, 0x62, 0]],
    ['a\\.b', [3, 0x61, 0x2e, 0x62, 0]],
    ['a\\\\', [2, 0x61, 0x5c, 0]],
    ['\\000\\255', [2, 0, 255, 0]],
    ['\\0461', [2, 0x2e, 0x31, 0]],
    ['_http._tcp', [5, 0x5f, 0x68, 0x74, 0x74, 0x70, 4, 0x5f, 0x74, 0x63, 0x70, 0]],
  ])('%s', (text, wire) => {
    expect([...encodeName(text)]).toEqual(wire);
  });

  test.each([
    ['', 'empty name'],
    ['..', 'empty label'],
    ['.a', 'empty label'],
    ['a..b', 'empty label'],
    ['a..', 'empty label'],
    [L63 + 'a', 'label longer than 63'],
    [LONGEST + 'b', 'name longer than 255'],
    [LONGEST + 'b.', 'name longer than 255'],
    [LONGEST + '.c', 'name longer than 255'],
    ['a\\', 'backslash at the end'],
    ['a\\25', '\\25'],
    ['a\\256', '\\256'],
    ['a\\1x1', '\\1x1'],
    ['ä', 'character "ä"'],
    ['\\ä', 'character "ä"'],
    ['a\nb', 'character U+000A'],
  ])('refuses %j', (text, reason) => {
    expect(() => encodeName(text)).toThrow(NameError);
    expect(() => encodeName(text)).toThrow(reason);
  });

  test('the longest names', () => {
    expect(encodeName(LONGEST).length).toBe(255);
    expect(encodeName(LONGEST + '.')).toEqual(encodeName(LONGEST));
    const labels127 = Array.from({ length: 127 }, () => 'x').join('.');
    expect(encodeName(labels127).length).toBe(255);
    expect(() => encodeName(labels127 + '.x')).toThrow('name longer than 255');
  });

  test('any wire name survives its text', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 5 }), (labels) => {
        const wire = Uint8Array.from([...labels.flatMap((octets) => [octets.length, ...octets]), 0]);
        if (wire.length > 255) {
          expect(() => decodeName(wire, 0)).toThrow('name longer than 255');
          return;
        }
        const text = decodeName(wire, 0);
        expect(text).toMatch(/^[!-~]+$/);
        expect(encodeName(text)).toEqual(wire);
      }),
    );
  });

  test('any text is encoded or refused with a NameError', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('.', '\\', '1', 'a') }),
    );
    fc.assert(
      fc.property(text, (input) => {
        let wire: Uint8Array;
        try {
          wire = encodeName(input);
        } catch (error) {
          expect(error).toBeInstanceOf(NameError);
          return;
        }
        expect(encodeName(decodeName(wire, 0))).toEqual(wire);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('decodeName', () => {
  test.each([
    [[0], '.'],
    [[3, 0x61, 0x2e, 0x62, 1, 0x63, 0], 'a\\.b.c.'],
    [[4, 0x20, 0x22, 0x5c, 0x7f, 0], '\\032\\"\\\\\\127.'],
  ])('%j', (wire, text) => {
    expect(decodeName(Uint8Array.from(wire), 0)).toBe(text);
  });

  test('begins at the offset', () => {
    expect(decodeName(Uint8Array.from([9, 9, 1, 0x61, 0, 9]), 2)).toBe('a.');
  });

  test.each([
    [[], 'cut off'],
    [[1], 'cut off'],
    [[1, 0x61], 'cut off'],
    [[5, 0x61, 0x62], 'cut off'],
    [[0xc0, 0], 'label type 0xc0'],
    [[0x40, 0], 'label type 0x40'],
  ])('refuses %j', (wire, reason) => {
    expect(() => decodeName(Uint8Array.from(wire), 0)).toThrow(reason);
  });
});

describe('letter case', () => {
  test('only ASCII letters fold', () => {
    for (let octet = 0; octet < 256; octet++) {
      const expected = octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet;
      expect(fold(octet)).toBe(expected);
    }
  });

  test('foldInto folds a whole wire name in place', () => {
    const wire = encodeName('WEB.Shop');
    foldInto(wire, 0, wire.length, wire, 0);
    expect(decodeName(wire, 0)).toBe('web.shop.');
  });
});

describe('what a label may be', () => {
  test.each([
    ['db', true],
    ['9', true],
    ['a-b', true],
    [L63, true],
    [L63 + 'a', false],
    ['', false],
    ['-a', false],
    ['a-', false],
    ['a_b', false],
    ['a\n', false],
  ])('host label %j: %s', (label, expected) => {
    expect(isHostName(label)).toBe(expected);
  });

  test.each([
    ['a.b', true],
    ['A.B.', true],
    [LONGEST, true],
    [LONGEST + '.', true],
    [LONGEST + 'b', false],
    ['a..b', false],
    ['', false],
    ['.', false],
    ['_dmarc.a', false],
  ])('host name %j: %s', (name, expected) => {
    expect(isHostName(name)).toBe(expected);
  });
});
