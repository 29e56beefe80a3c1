import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { format4, formatAddress, mapInto, parseAddress } from '../../src/dns/address.ts';
import { ReverseName, parseReverse, reverseText } from '../../src/dns/arpa.ts';
import { buildQuery } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { PARSED, Query } from '../../src/dns/query.ts';

const query = new Query();
const reverse = new ReverseName();

function read(name: string, labelsDropped = 0): boolean {
  const packet = buildQuery({ name, type: 12 });
  expect(parseQuery(packet, 0, packet.length, query)).toBe(PARSED);
  return parseReverse(query, labelsDropped, reverse);
}

/** Family, prefix, whether it was malformed, and at which label the well-formed part begins. */
function seen(): unknown[] {
  return [
    reverse.family,
    `${formatAddress(reverse.address, 0)}/${reverse.bits}`,
    reverse.malformed,
    reverse.label,
  ];
}

const NIBBLES = '1.0.0.0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.A.1.0.d.f.D.f';

describe('parseReverse', () => {
  test.each([
    ['20.62.198.10.in-addr.arpa', 4, '10.198.62.20/32', false, 0],
    ['0.0.0.0.in-addr.arpa', 4, '0.0.0.0/32', false, 0],
    ['255.255.255.255.IN-ADDR.ARPA', 4, '255.255.255.255/32', false, 0],
    ['62.198.10.in-addr.arpa', 4, '10.198.62.0/24', false, 0],
    ['10.in-addr.arpa', 4, '10.0.0.0/8', false, 0],
    ['in-addr.arpa', 4, '0.0.0.0/0', false, 0],
    ['300.10.in-addr.arpa', 4, '10.0.0.0/8', true, 1],
    ['256.in-addr.arpa', 4, '0.0.0.0/0', true, 1],
    ['01.10.in-addr.arpa', 4, '10.0.0.0/8', true, 1],
    ['00.10.in-addr.arpa', 4, '10.0.0.0/8', true, 1],
    ['0001.10.in-addr.arpa', 4, '10.0.0.0/8', true, 1],
    ['x.300.10.in-addr.arpa', 4, '10.0.0.0/8', true, 2],
    ['1.x.10.in-addr.arpa', 4, '10.0.0.0/8', true, 2],
    ['1\\.2.10.in-addr.arpa', 4, '10.0.0.0/8', true, 1],
    ['5.4.3.2.1.in-addr.arpa', 4, '1.2.3.4/32', true, 1],
    ['0/25.2.0.192.in-addr.arpa', 4, '192.0.2.0/24', true, 1],
    [`${NIBBLES}.ip6.arpa`, 6, 'fdfd:1a8::2:1/128', false, 0],
    ['8.a.1.0.d.f.d.f.ip6.arpa', 6, 'fdfd:1a8::/32', false, 0],
    ['F.ip6.arpa', 6, 'f000::/4', false, 0],
    ['d.f.ip6.arpa', 6, 'fd00::/8', false, 0],
    ['ip6.arpa', 6, '::/0', false, 0],
    ['zz.d.f.ip6.arpa', 6, 'fd00::/8', true, 1],
    ['g.d.f.ip6.arpa', 6, 'fd00::/8', true, 1],
    ['10.d.f.ip6.arpa', 6, 'fd00::/8', true, 1],
    [`0.${NIBBLES}.ip6.arpa`, 6, 'fdfd:1a8::2:1/128', true, 1],
    ['x.ip6.arpa', 6, '::/0', true, 1],
  ])('%s', (name, family, prefix, malformed, label) => {
    expect(read(name)).toBe(true);
    expect(seen()).toEqual([family, prefix, malformed, label]);
  });

  test.each([
    '.',
    'arpa',
    'db',
    'in-addr',
    'ip4.arpa',
    'ip6.arpa.internal',
    'xin-addr.arpa',
    'in-addr\\.arpa',
    'in-addr.arpb',
  ])('%s is none', (name) => {
    expect(read(name)).toBe(false);
    expect(reverse.family).toBe(0);
  });

  test('labels dropped from the left do not count', () => {
    expect(read('_dns-sd.20.62.198.10.in-addr.arpa', 1)).toBe(true);
    expect(seen()).toEqual([4, '10.198.62.20/32', false, 1]);
    expect(read('1.in-addr.arpa', 1)).toBe(true);
    expect(seen()).toEqual([4, '0.0.0.0/0', false, 1]);
    expect(read('1.in-addr.arpa', 2)).toBe(false);
  });

  test('a record that is used again shows nothing of its past', () => {
    expect(read(`${NIBBLES}.ip6.arpa`)).toBe(true);
    expect(read('x.10.in-addr.arpa')).toBe(true);
    expect(read('f.ip6.arpa')).toBe(true);
    expect(seen()).toEqual([6, 'f000::/4', false, 0]);
    expect(read('db')).toBe(false);
    expect([reverse.family, reverse.bits, reverse.malformed]).toEqual([0, 0, false]);
  });
});

describe('reverseText', () => {
  test.each([
    ['10.198.62.20', '20.62.198.10.in-addr.arpa.'],
    ['fdfd:1a8::2:1', `${NIBBLES.toLowerCase()}.ip6.arpa.`],
  ])('%s', (text, expected) => {
    const address = new Uint8Array(16);
    parseAddress(text, address, 0);
    expect(reverseText(address)).toBe(expected);
  });

  test('any address comes back from its reverse name', () => {
    const mapped = fc.nat(0xffffffff).map((value) => {
      const address = new Uint8Array(16);
      mapInto(value, address, 0);
      expect(formatAddress(address, 0)).toBe(format4(value));
      return address;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ minLength: 16, maxLength: 16 }), mapped), (address) => {
        expect(read(reverseText(address))).toBe(true);
        expect(reverse.address).toEqual(address);
        expect([reverse.malformed, reverse.bits]).toEqual([false, reverse.family === 4 ? 32 : 128]);
      }),
    );
  });
});
