/** How old a revision is: exact while it is remembered, a lower bound where others were forgotten. */
import { expect, it } from 'vitest';
import { RevisionTimes } from '../../src/server/revision-times.ts';

const SECOND = 1000;

it('tells each second apart, and what a whole state holds only as a bound', () => {
  const times = new RevisionTimes();
  times.note('10', 0, true);
  times.note('12', 5 * SECOND, false);
  times.note('14', 5 * SECOND + 900, false);
  times.note('15', 6 * SECOND, false);
  const age = (revision: string): unknown => times.age(revision, 20 * SECOND);
  expect(age('3')).toEqual({ seconds: 20, atLeast: true });
  expect(age('10')).toEqual({ seconds: 20, atLeast: true });
  expect(age('11')).toEqual({ seconds: 15, atLeast: false });
  expect(age('14')).toEqual({ seconds: 15, atLeast: false });
  expect(age('15')).toEqual({ seconds: 14, atLeast: false });
  expect(age('16')).toBeUndefined();
  expect(age('words')).toBeUndefined();
});

it('knows texts that are no numbers while they are the last of their second', () => {
  const times = new RevisionTimes();
  times.note('a', 0, false);
  times.note('b', 2 * SECOND, false);
  expect(times.age('a', 3 * SECOND)).toEqual({ seconds: 3, atLeast: false });
  expect(times.age('b', 3 * SECOND)).toEqual({ seconds: 1, atLeast: false });
});

it('is bounded, and never says younger or exact where it does not know', () => {
  const times = new RevisionTimes();
  const last = 5000;
  times.note('0', 0, true);
  for (let i = 1; i <= last; i++) times.note(String(i), i * SECOND, false);
  const { noted } = times as unknown as { noted: unknown[] };
  expect(noted.length).toBeLessThanOrEqual(256);
  for (let i = 0; i <= last; i++) {
    const { seconds, atLeast } = times.age(String(i), last * SECOND)!;
    const truth = last - i;
    if (atLeast) expect(seconds).toBeLessThanOrEqual(truth);
    else expect(seconds).toBe(truth);
  }
});
