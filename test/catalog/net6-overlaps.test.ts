/** Overlapping prefixes: decided as a plain reading of the rule does, in steps that do not grow with what is there. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Overlaps } from '../../src/catalog/net6-overlaps.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 300);

/** What each VPC claims, and how old it is. */
type Provenance = Map<string, { prefixes: string[]; rank: number; age: bigint }>;

/** Bits of a prefix of these tests: groups of four digits, a multiple of four bits. */
function bitsOf(prefix: string): string {
  const [address, length] = prefix.split('/') as [string, string];
  const groups = address
    .replace(/::$/, '')
    .split(':')
    .filter((group) => group !== '');
  const bits = groups.map((group) => parseInt(group, 16).toString(2).padStart(16, '0')).join('');
  return bits.padEnd(128, '0').slice(0, Number(length));
}

/** `vpc prefix` of each refused claim. */
function refusedBy(said: Provenance): string[] {
  const claims = [...said].flatMap(([vpc, { prefixes, rank, age }]) =>
    prefixes.map((prefix) => ({ vpc, prefix, rank, age, bits: bitsOf(prefix) })),
  );
  claims.sort(
    (a, b) => a.rank - b.rank || Number(a.age - b.age) || (a.vpc < b.vpc ? -1 : a.vpc > b.vpc ? 1 : 0),
  );
  const standing: typeof claims = [];
  const refused: string[] = [];
  for (const claim of claims) {
    const isAgainst = standing.some(
      ({ vpc, bits }) => vpc !== claim.vpc && (bits.startsWith(claim.bits) || claim.bits.startsWith(bits)),
    );
    if (isAgainst) refused.push(`${claim.vpc} ${claim.prefix}`);
    else standing.push(claim);
  }
  return refused.toSorted();
}

const prefix = fc.constantFrom(
  ...[
    '::/0',
    'fd00::/8',
    'fd00::/16',
    'fd01::/16',
    'fd00:1::/32',
    'fd00:2::/32',
    'fd00:1:2::/48',
    'fd00:1:3::/48',
  ],
  ...['fd00:1:2:3::/64', 'fd00:1:2:4::/64', 'fd01:1::/32', 'fd01:1:1:1:1:1:1:1/128'],
);
const vpc = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.record({
  vpc,
  prefixes: fc.uniqueArray(prefix, { maxLength: 4 }),
  rank: fc.integer({ min: 0, max: 1 }),
  age: fc.bigInt({ min: 1n, max: 6n }),
});

describe('overlapping prefixes', () => {
  test('stand or fall as the set of claims says, however it came about', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 }),
        (rounds) => {
          const overlaps = new Overlaps();
          const said: Provenance = new Map();
          for (const steps of rounds) {
            const before = new Set(refusedBy(said));
            const touched = new Set<string>();
            for (const { vpc: name, prefixes, rank, age } of steps) {
              touched.add(name);
              said.set(name, { prefixes, rank, age });
              overlaps.set(name, prefixes, rank, age);
            }
            const changed = overlaps.settle();
            const refused = refusedBy(said);
            const found = [...overlaps.allRefused()].map(({ vpc: name, prefix: each }) => `${name} ${each}`);
            expect(found.toSorted()).toEqual(refused);
            for (const [name] of said) {
              const own = overlaps.refused(name);
              expect(own.map(({ prefix: each }) => `${name} ${each}`).toSorted()).toEqual(
                refused.filter((text) => text.startsWith(`${name} `)),
              );
              for (const { by } of own) expect(by).not.toBe(name);
            }
            // Whoever has lost or won something without a word of its own is told of.
            for (const text of new Set([...before, ...refused])) {
              const name = text.split(' ')[0]!;
              if (before.has(text) !== refused.includes(text) && !touched.has(name)) {
                expect(changed.has(name), text).toBe(true);
              }
            }
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  /** Steps of each change among so many VPCs, below one that claims all of it in vain. */
  function measure(n: number): number[] {
    const overlaps = new Overlaps();
    const put = (name: string, prefixes: string[], age = 0): number => {
      const before = overlaps.steps;
      overlaps.set(name, prefixes, 0, BigInt(age));
      overlaps.settle();
      return overlaps.steps - before;
    };
    for (let i = 0; i < n; i++) put(`v${i}`, [`fd00:${i.toString(16)}::/32`], i + 1);
    for (let i = 0; i < n; i++) put(`w${i}`, ['fd01:1::/32'], i + 1);
    return [
      put('wide', ['fd00::/8'], n + 1),
      put('new', ['fd00:ffff::/32'], n + 2),
      put('new', ['fd00:fffe::/32'], n + 2),
      put('v3', []),
      put('v3', ['fd00:3::/32'], n + 3),
      put('v4', ['fd00:4::/32', 'fd02::/32'], 5),
      put('w0', []),
      put('w0', ['fd01:1::/32'], n + 5),
      put('wide', []),
    ];
  }

  test('are decided where a change touches them, though one VPC claims everything', () => {
    const small = measure(100);
    measure(800).forEach((steps, i) => expect(steps, `change ${i}`).toBeLessThanOrEqual(small[i]! + 60));
  });
});
