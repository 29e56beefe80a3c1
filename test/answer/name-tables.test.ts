/** The fixed tables that names are held against: private ranges and top-level domains. */
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { domainToASCII } from 'node:url';
import { expect, test } from 'vitest';
import { ABOVE_PRIVATE, PUBLIC, privateRange } from '../../src/answer/decide/private-ranges.ts';
import { isTopLevel } from '../../src/answer/decide/top-level.ts';
import { parseAddress } from '../../src/dns/address.ts';
import { encodeName } from '../../src/dns/name.ts';
import { maskOctets } from '../../src/trie/prefix.ts';

function rangeOf(text: string): number {
  const [address, length] = text.split('/');
  const octets = new Uint8Array(16);
  const family = parseAddress(address!, octets, 0);
  const bits = Number(length) + (family === 4 ? 96 : 0);
  maskOctets(octets, bits);
  return privateRange(family, octets, bits);
}

test.each([
  ['0.0.0.0/8', 104],
  ['9.255.255.255/32', PUBLIC],
  ['10.0.0.0/32', 104],
  ['10.255.255.255/32', 104],
  ['11.0.0.0/32', PUBLIC],
  ['172.0.0.0/8', ABOVE_PRIVATE],
  ['172.15.255.255/32', PUBLIC],
  ['172.16.0.0/16', 108],
  ['172.31.255.255/32', 108],
  ['172.32.0.0/16', PUBLIC],
  ['192.0.0.0/16', ABOVE_PRIVATE],
  ['192.0.1.0/24', PUBLIC],
  ['192.0.2.255/32', 120],
  ['192.0.3.0/32', PUBLIC],
  ['203.0.112.255/32', PUBLIC],
  ['239.255.255.255/32', PUBLIC],
  ['255.255.255.255/32', 100],
  ['0.0.0.0/0', ABOVE_PRIVATE],
  ['::/0', ABOVE_PRIVATE],
  ['::1/128', 124],
  ['::10/128', PUBLIC],
  ['64:ff9b::/96', PUBLIC],
  ['64:ff9b:1::1/128', 48],
  ['2000::/4', ABOVE_PRIVATE],
  ['2001::1/128', PUBLIC],
  ['2001:db8::/32', 32],
  ['2001:db7:ffff::/48', PUBLIC],
  ['2001:db9::/32', PUBLIC],
  ['3fff:fff::/32', 20],
  ['3fff:1000::/32', PUBLIC],
  ['fbff::1/128', PUBLIC],
  ['fc00::/8', 7],
  ['fdff::1/128', 7],
  ['fe00::/8', ABOVE_PRIVATE],
  ['fe7f::1/128', PUBLIC],
  ['fe80::1/128', 10],
  ['fec0::/10', PUBLIC],
  ['ffff::/16', PUBLIC],
])('%s lies in a private range of %s bits', (text, bits) => {
  expect(rangeOf(text)).toBe(bits);
});

test('every public top-level domain is one, and no other label', () => {
  const domains = (createRequire(import.meta.url)('tlds') as string[]).map((name) => domainToASCII(name));
  expect(domains.length).toBeGreaterThan(1000);
  for (const domain of domains) expect(isTopLevel(encodeName(`x.${domain}`), 2), domain).toBe(true);
  for (const label of ['web', 'internal', 'corp', 'lan', 'co', 'comm', 'c'].filter(
    (one) => !domains.includes(one),
  ))
    expect(isTopLevel(encodeName(label), 0), label).toBe(false);
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9-]{1,6}$/), (label) => {
      expect(isTopLevel(encodeName(label), 0)).toBe(domains.includes(label));
    }),
    { numRuns: 2000 },
  );
  expect(isTopLevel(encodeName('a'.repeat(63)), 0)).toBe(false);
});
