/** The clean-up comes once a burst is over, and no timer runs where nothing happens. */
import { expect, test } from 'vitest';
import { IdleCleanup } from '../../src/server/idle-cleanup.ts';
import { TestClock } from '../forward/world.ts';

function burst(cleanup: IdleCleanup, count: number): void {
  for (let i = 0; i < count; i++) cleanup.note();
}

test('a burst is cleaned up behind once, when it is over', () => {
  const clock = new TestClock();
  let cleaned = 0;
  const cleanup = new IdleCleanup(clock, () => cleaned++);
  burst(cleanup, 1999);
  expect(clock.pending).toBe(0);
  burst(cleanup, 1);
  for (let i = 0; i < 5; i++) {
    clock.advance(450);
    burst(cleanup, 1000);
  }
  expect(cleaned).toBe(0);
  clock.advance(2000);
  expect(cleaned).toBe(1);
  expect(clock.pending).toBe(0);
  burst(cleanup, 1999);
  expect(clock.pending).toBe(0);
  burst(cleanup, 1);
  // A few that still come do not put it off.
  for (let i = 0; i < 10; i++) {
    clock.advance(50);
    cleanup.note();
  }
  clock.advance(1);
  expect(cleaned).toBe(2);
});

test('nothing is cleaned up after the end', () => {
  const clock = new TestClock();
  let cleaned = 0;
  const cleanup = new IdleCleanup(clock, () => cleaned++);
  burst(cleanup, 3000);
  cleanup.close();
  clock.advance(10_000);
  expect(cleaned).toBe(0);
});
