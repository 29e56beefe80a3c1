/** The writer against the reference trie: random transactions of all kinds, then every reachable slot compared. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { op } from './changes.ts';
import { Pair } from './pair.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 100);

/** `a_records`, and how many owners of one name stand in a SET. */
const WORLDS = [
  ['pinned', 64],
  ['all', 64],
  ['none', 64],
  ['all', 1],
  ['pinned', 2],
] as const;

describe('the writer and the reference trie agree', () => {
  for (const [policy, most] of WORLDS) {
    test(`after every transaction, a_records ${policy}, sets of ${most} at most`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.array(op, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 10 }),
          (transactions) => {
            const pair = new Pair(policy, undefined, most);
            pair.settle();
            const start = pair.writer.usage;
            for (const ops of transactions) {
              pair.transaction(ops);
              pair.settle();
            }
            // Everything goes, and nothing stays behind.
            pair.clear();
            pair.settle();
            expect(pair.reference.size).toBe(0);
            expect(pair.writer.usage).toEqual(start);
            expect(pair.writer.problems()).toEqual([]);
          },
        ),
        { numRuns: RUNS },
      );
    });
  }
});
