/** A worker with several sockets tries one again where that pays: what it costs is counted in tries, not in time. */
import { expect, it } from 'vitest';
import { Restraint } from '../../src/transport/udp-batch/restraint.ts';

/** Tries in so many receives, of which `finds` tells whether there was more. */
function tries(restraint: Restraint, receives: number, finds: (receive: number) => boolean): number {
  let count = 0;
  for (let n = 0; n < receives; n++) {
    restraint.received();
    if (!restraint.mayTry) continue;
    count += 1;
    if (finds(n)) restraint.foundMore();
    else restraint.foundNothing();
  }
  return count;
}

it('tries with every receive while that finds more', () => {
  expect(tries(new Restraint(), 1000, () => true)).toBe(1000);
});

it('hardly tries where nothing more ever comes', () => {
  const restraint = new Restraint();
  expect(tries(restraint, 10_000, () => false)).toBeLessThan(10_000 / 50);
  // And not less and less for ever: a load that begins is noticed.
  expect(tries(restraint, 640, () => false)).toBeGreaterThanOrEqual(10);
});

it('is as eager as at first once a try has found more', () => {
  const restraint = new Restraint();
  tries(restraint, 1000, () => false);
  expect(tries(restraint, 128, () => true)).toBeGreaterThanOrEqual(64);
  restraint.foundNothing();
  expect(tries(restraint, 4, () => false)).toBe(1);
});

it('pays a part of the tries where every other one is in vain', () => {
  let found = false;
  const count = tries(new Restraint(), 1000, () => (found = !found));
  expect(count).toBeGreaterThan(200);
});
