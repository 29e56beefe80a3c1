/** Queries that wait, the sources they wait for, and the limits that keep both bounded. */
import { describe, expect, test } from 'vitest';
import { Holds } from '../../src/answer/defer/holds.ts';
import { RateLimit } from '../../src/base/limits.ts';
import { RefusalLimit } from '../../src/answer/responder.ts';
import {
  UNKNOWN_FAIL,
  UNKNOWN_HOLD,
  UNKNOWN_OVER,
  UnknownPods,
} from '../../src/answer/defer/unknown-pods.ts';
import { ManualClock } from '../harness/clock.ts';
import { octets } from './world.ts';

describe('holds', () => {
  const make = (
    limits = { all: 4, vpc: 3, client: 2 },
  ): {
    clock: ManualClock;
    holds: Holds<string>;
    log: string[];
    hold: (...args: [string, string?, string?, string?]) => boolean;
  } => {
    const clock = new ManualClock();
    const log: string[] = [];
    const holds = new Holds<string>(limits, clock, (item) => log.push(`gone ${item}`));
    const hold = (item: string, vpc = 'v', source = 's', retransmissionKey = ''): boolean =>
      holds.hold(item, vpc, source, retransmissionKey, 100, (late) => log.push(`late ${late}`));
    return { clock, holds, log, hold };
  };

  test('are bounded for each source, for each VPC and in all', () => {
    const { hold, holds } = make({ all: 6, vpc: 3, client: 2 });
    expect(hold('a', 'v', 's1')).toBe(true);
    expect(hold('b', 'v', 's1')).toBe(true);
    expect(hold('c', 'v', 's1')).toBe(false);
    expect(hold('d', 'v', 's2')).toBe(true);
    expect(hold('e', 'v', 's3')).toBe(false);
    expect(hold('f', 'w', 's3')).toBe(true);
    expect(hold('g', 'x', 's4')).toBe(true);
    expect(hold('h', 'y', 's5')).toBe(true);
    expect(hold('i', 'z', 's6')).toBe(false);
    expect(holds.size).toBe(6);
  });

  test('give their place back when they are answered, late, or let go', async () => {
    const { hold, holds, clock, log } = make({ all: 1, vpc: 1, client: 1 });
    expect(hold('a')).toBe(true);
    holds.retry(() => true);
    expect(hold('b')).toBe(true);
    await clock.advance(100);
    expect(log).toEqual(['late b']);
    expect(hold('c')).toBe(true);
    holds.clear((item) => log.push(`last ${item}`));
    expect(log).toEqual(['late b', 'last c']);
    expect(hold('d')).toBe(true);
    // The timers of those that were let go ring for nobody.
    await clock.advance(99);
    expect(log).toEqual(['late b', 'last c']);
    expect(holds.size).toBe(1);
  });

  test('a retransmissionKey takes the place of the earlier one, with a time of its own', async () => {
    const { hold, holds, clock, log } = make({ all: 1, vpc: 1, client: 1 });
    expect(hold('a', 'v', 's', 't')).toBe(true);
    await clock.advance(60);
    expect(hold('b', 'v', 's', 't')).toBe(true);
    expect(log).toEqual(['gone a']);
    expect(holds.size).toBe(1);
    await clock.advance(60);
    expect(log).toEqual(['gone a']);
    await clock.advance(40);
    expect(log).toEqual(['gone a', 'late b']);
    expect(hold('c', 'v', 's', 't')).toBe(true);
  });

  test('those that are not settled stay for the rest of their time', async () => {
    const { hold, holds, clock, log } = make();
    hold('a', 'v', 's1');
    hold('b', 'v', 's2');
    await clock.advance(50);
    holds.retry((item) => item === 'a');
    expect(holds.size).toBe(1);
    await clock.advance(50);
    expect(log).toEqual(['late b']);
  });
});

describe('unknown pods', () => {
  test('are held, then failed at once for a while after a hold in vain, then none', async () => {
    const clock = new ManualClock();
    const unknown = new UnknownPods(clock, 5000);
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_HOLD);
    await clock.advance(300);
    unknown.heldInVain('v s');
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_FAIL);
    expect(unknown.judge('v other', true)).toBe(UNKNOWN_HOLD);
    await clock.advance(4699);
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_FAIL);
    await clock.advance(1);
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_OVER);
  });

  test('are never none while the view is not live, and the five seconds count from when it is', async () => {
    const clock = new ManualClock();
    const unknown = new UnknownPods(clock, 5000);
    for (let i = 0; i < 4; i++) {
      expect(unknown.judge('v s', false)).toBe(UNKNOWN_HOLD);
      await clock.advance(3000);
    }
    // The list that made the view live again may lack an event that is on its way.
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_HOLD);
    await clock.advance(2000);
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_OVER);
  });

  test('that were silent for long are new', async () => {
    const clock = new ManualClock();
    const unknown = new UnknownPods(clock, 5000);
    unknown.judge('v s', true);
    await clock.advance(60_001);
    expect(unknown.judge('v s', true)).toBe(UNKNOWN_HOLD);
  });

  test('are remembered up to a number', async () => {
    const clock = new ManualClock();
    const unknown = new UnknownPods(clock, 5000);
    for (let i = 0; i <= 10_000; i++) unknown.judge(`v ${i}`, true);
    await clock.advance(5000);
    // The first was forgotten for the last.
    expect(unknown.judge('v 10000', true)).toBe(UNKNOWN_OVER);
    expect(unknown.judge('v 0', true)).toBe(UNKNOWN_HOLD);
  });
});

describe('limits by the second', () => {
  test('refusals are told fifty times a second, to one IPv4 address or one IPv6 network', () => {
    let second = 10;
    const limit = new RefusalLimit(() => second);
    const allowed = (address: string, times: number): number => {
      let count = 0;
      for (let i = 0; i < times; i++) if (limit.allow(octets(address))) count++;
      return count;
    };
    expect(allowed('192.0.2.1', 60)).toBe(50);
    expect(allowed('192.0.2.2', 10)).toBe(10);
    expect(allowed('2001:db8::1', 30)).toBe(30);
    expect(allowed('2001:db8::2', 30)).toBe(20);
    expect(allowed('2001:db8:0:1::2', 30)).toBe(30);
    second++;
    expect(allowed('192.0.2.1', 60)).toBe(50);
  });

  test('inventories likewise for each VPC', () => {
    let now = 5.2;
    const limit = new RateLimit<string>(2, () => now);
    expect([1, 2, 3].map(() => limit.allow('v'))).toEqual([true, true, false]);
    expect(limit.allow('w')).toBe(true);
    now = 5.9;
    expect(limit.allow('v')).toBe(false);
    now = 6;
    expect(limit.allow('v')).toBe(true);
  });
});
