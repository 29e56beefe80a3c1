/** Address text of the system → 16 octets, held against the system's own parser. */
import fc from 'fast-check';
import { isIP, SocketAddress } from 'node:net';
import { describe, expect, it } from 'vitest';
import { writeAddress } from '../../src/transport/peer-address.ts';

function octets(text: string): string | null {
  // What was there before must not show.
  const out = new Uint8Array(16).fill(0xaa);
  return writeAddress(text, out) ? Buffer.from(out).toString('hex') : null;
}

describe('addresses of peers', () => {
  it.each([
    ['0.0.0.0', '00000000000000000000ffff00000000'],
    ['255.255.255.255', '00000000000000000000ffffffffffff'],
    ['10.198.62.20', '00000000000000000000ffff0ac63e14'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['fdfd:1a8::2:1', 'fdfd01a8000000000000000000020001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['FE80::AB%eth0', 'fe8000000000000000000000000000ab'],
    ['fe80::%3', 'fe800000000000000000000000000000'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
  ])('%s', (text, expected) => {
    expect(octets(text)).toBe(expected);
  });

  it.each([
    '',
    'x',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1..2.3',
    '1.2.3.4x',
    ':',
    ':1',
    '1:',
    '1:2',
    ':::',
    '::1::',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::1.2.3',
    '1:2:3:4:5:6:7:1.2.3.4',
    'g::',
    '::1 ',
    '::1:',
  ])('refuses %j', (text) => {
    expect(octets(text)).toBeNull();
  });

  it('reads what the system writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(0xffff), (bytes, zeros) => {
        for (let group = 0; group < 8; group++) {
          if ((zeros >> group) & 1) bytes[2 * group] = bytes[2 * group + 1] = 0;
        }
        const groups = Array.from({ length: 8 }, (_, i) =>
          ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
        );
        const text = new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
        expect(octets(text)).toBe(Buffer.from(bytes).toString('hex'));
      }),
    );
  });

  it('never reads what is no address', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123459abf:.:'), maxLength: 24 }), (text) => {
        expect(octets(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3000 },
    );
  });
});
