import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  format4,
  format6,
  formatAddress,
  isLoopback,
  isMapped,
  mapInto,
  parse4,
  parse6,
  parseAddress,
} from '../../src/dns/address.ts';

/** Canonical text of what `text` parses to, undefined where it is refused. */
function canonical(text: string): string | undefined {
  const out = new Uint8Array(16);
  return parse6(text, out, 0) ? format6(out, 0) : undefined;
}

describe('parse4', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.198.62.20', 0x0ac63e14],
    ['255.255.255.255', 0xffffffff],
    ['128.0.0.1', 0x80000001],
  ])('%s', (text, value) => {
    expect(parse4(text)).toBe(value);
    expect(format4(value)).toBe(text);
    expect(format4(value | 0)).toBe(text);
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4.',
    '.1.2.3.4',
    '1..2.3',
    '1.2.3.256',
    '1.2.3.04',
    '00.0.0.0',
    '1.2.3.-4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4/8',
    '1.2.3.a',
    '0x1.2.3.4',
    '1111.2.3.4',
    '١.2.3.4',
  ])('refuses %j', (text) => {
    expect(parse4(text)).toBe(-1);
  });
});

describe('parse6', () => {
  test.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FDFD:01A8:0::2:1', 'fdfd:1a8::2:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    // One zero group is not shortened, the first of two equal runs is (RFC 5952 sections 4.2.2 and 4.2.3).
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['0:0:0:0:0:ffff:102:304', '::ffff:1.2.3.4'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['fe80::1', 'fe80::1'],
  ])('%s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each([
    '',
    ':',
    ':::',
    '1',
    ':1',
    '1:',
    '1:2',
    '::1::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    '12345::',
    '::g',
    '::1%eth0',
    '::1/128',
    '[::1]',
    ' ::1',
    '::1 ',
    '1.2.3.4',
    '::1.2.3',
    '::1.2.3.256',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::12345.2.3.4',
    '::é',
    '0000:0000:0000:0000:0000:ffff:255.255.255.2555',
  ])('refuses %j', (text) => {
    expect(canonical(text)).toBeUndefined();
  });

  test('writes at the offset and nowhere else', () => {
    const out = new Uint8Array(20).fill(0xee);
    expect(parse6('1::2', out, 2)).toBe(true);
    expect([...out]).toEqual([0xee, 0xee, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xee, 0xee]);
  });

  test('the same text twice has the same octets, whatever became of the first ones and in between', () => {
    const out = new Uint8Array(36).fill(0xee);
    expect(parse6('fd00::7', out, 0)).toBe(true);
    const octets = [...out.subarray(0, 16)];
    out.fill(0xee);
    expect(parse6('fd00::', out, 0)).toBe(true);
    expect(parse6('fd00::7:', out, 0)).toBe(false);
    expect(parse6('fd00::7', out, 1)).toBe(true);
    expect(parse6('fd00::7', out, 18)).toBe(true);
    expect([...out.subarray(1, 17)]).toEqual(octets);
    expect([...out.subarray(18, 34)]).toEqual(octets);
    expect([out[17], out[34]]).toEqual([0xee, 0xee]);
  });

  test('16 octets survive their text', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      // Runs of zeros are rare among random octets.
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
        .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255]))),
    );
    fc.assert(
      fc.property(octets, (bytes) => {
        const out = new Uint8Array(16).fill(0xee);
        const text = format6(bytes, 0);
        expect(parse6(text, out, 0)).toBe(true);
        expect(out).toEqual(bytes);
        expect(isIPv6(text)).toBe(true);
      }),
    );
  });

  test('accepts exactly what the platform accepts', () => {
    const shards = fc.constantFrom(
      '0',
      '1',
      'ff',
      'FFFF',
      ':',
      ':',
      ':',
      '::',
      '.',
      '10',
      '255',
      '1.2.3.4',
      'g',
    );
    const texts = fc.oneof(
      fc.array(shards, { maxLength: 17 }).map((parts) => parts.join('')),
      fc.array(fc.constantFrom('', '0', 'a1', '2001'), { maxLength: 9 }).map((parts) => parts.join(':')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(canonical(text) !== undefined).toBe(isIPv6(text));
        expect(parse4(text) >= 0).toBe(isIPv4(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('both families in 16 octets', () => {
  test.each([
    ['10.0.0.1', 4, '10.0.0.1'],
    ['::ffff:10.0.0.1', 4, '10.0.0.1'],
    ['::FFFF:a00:1', 4, '10.0.0.1'],
    ['::1', 6, '::1'],
    ['::fffe:10.0.0.1', 6, '::fffe:a00:1'],
    ['1::ffff:10.0.0.1', 6, '1::ffff:a00:1'],
  ])('%s', (text, family, expected) => {
    const out = new Uint8Array(16);
    expect(parseAddress(text, out, 0)).toBe(family);
    expect(isMapped(out, 0)).toBe(family === 4);
    expect(formatAddress(out, 0)).toBe(expected);
  });

  test.each(['', 'db', '10.0.0', '1:2', '10.0.0.1/8'])('refuses %j', (text) => {
    expect(parseAddress(text, new Uint8Array(16), 0)).toBe(0);
  });

  test('mapInto', () => {
    const out = new Uint8Array(17).fill(0xee);
    mapInto(0xc0000201, out, 1);
    expect([...out]).toEqual([0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
  });
});

describe('isLoopback', () => {
  test.each(['127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])('%s', (text) => {
    expect(isLoopback(text)).toBe(true);
  });

  test.each(['', '128.0.0.1', '::', '::2', '1::1', '127.example', 'localhost', '::ffff:128.0.0.1'])(
    'not %j',
    (text) => {
      expect(isLoopback(text)).toBe(false);
    },
  );
});
