/** Blocks never overlap, and what has come back can be had again in any size. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_MAX, Blocks } from '../../src/shared-cache/blocks.ts';
import { UNIT } from '../../src/shared-cache/layout.ts';
import { PAGE } from '../../src/shared-cache/memory.ts';

const PAGES = 9;
const make = (): Blocks => new Blocks(new Int32Array((PAGES * PAGE) / 4));

describe('blocks', () => {
  test('do not overlap whatever is taken and given, and join again', () => {
    const step = fc.oneof(
      fc.record({ take: fc.integer({ min: 1, max: BLOCK_MAX }) }),
      fc.record({ give: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const blocks = make();
        const held: { unit: number; size: number }[] = [];
        for (const one of steps) {
          if ('give' in one) {
            if (held.length === 0) continue;
            const [gone] = held.splice(one.give % held.length, 1);
            blocks.give(gone!.unit);
            continue;
          }
          const unit = blocks.take(one.take);
          if (unit === 0) continue;
          const size = blocks.sizeOf(unit);
          expect(size).toBeGreaterThanOrEqual(one.take);
          expect(unit * UNIT + size).toBeLessThanOrEqual(PAGES * PAGE);
          for (const other of held) {
            const apart =
              unit * UNIT >= other.unit * UNIT + other.size || other.unit * UNIT >= unit * UNIT + size;
            expect(apart).toBe(true);
          }
          held.push({ unit, size });
        }
        expect(blocks.used).toBe(held.reduce((sum, { size }) => sum + size, 0));
        for (const { unit } of held) blocks.give(unit);
        expect(blocks.used).toBe(0);
        // All pages but the first, each in two halves.
        for (let i = 0; i < 2 * (PAGES - 1); i++) expect(blocks.take(BLOCK_MAX)).toBeGreaterThan(0);
        expect(blocks.take(1)).toBe(0);
      }),
    );
  });

  test('larger than the largest are refused', () => {
    expect(make().take(BLOCK_MAX + 1)).toBe(0);
  });
});
