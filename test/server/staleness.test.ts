/** Whose answers say that they are old: the VPCs of a lost source, and no look at them at each commit. */
import { beforeEach, expect, test } from 'vitest';
import { Staleness } from '../../src/server/staleness.ts';
import { newStatus } from '../../src/server/source-status.ts';
import type { SourceStatus } from '../../src/server/source-status.ts';

const VPCS = 500;

let stale: Set<string>;
let marked: number;
let now: number;
let sources: SourceStatus[];
let staleness: Staleness;

beforeEach(() => {
  stale = new Set();
  marked = now = 0;
  sources = ['a', 'b'].map((name) => ({ ...newStatus(name), synced: true, state: 'live' as const }));
  staleness = new Staleness({
    writer: {
      setSync: () => undefined,
      setIpv4Blind: () => undefined,
      setStale: (vpc, isStale) => {
        marked++;
        if (isStale) stale.add(vpc);
        else stale.delete(vpc);
      },
    },
    wallClock: () => 0,
    elapsed: () => now,
    staleAfter: 10,
    snapshotMaxAge: 1000,
    states: () => sources,
  });
});

function say(source: string, name: string): void {
  staleness.note(source, { kind: 'vpc', name, net6: [], services6: [] });
}

function lose(source: SourceStatus): void {
  Object.assign(source, { state: 'lost', lostSince: 1, lostAt: 0 });
}

test('the VPCs of a lost source are marked once it is lost for long, and new ones at once', () => {
  for (let i = 0; i < VPCS; i++) say('a', `v${i}`);
  say('b', 'v0');
  say('b', 'w');
  lose(sources[0]!);
  staleness.refresh();
  expect(stale.size).toBe(0);
  now = 10;
  staleness.refresh();
  expect(stale.size).toBe(VPCS);
  expect(stale.has('w')).toBe(false);
  say('a', 'late');
  say('a', 'late');
  expect(stale.has('late')).toBe(true);
});

test('a commit while a source is lost looks at none of its VPCs', () => {
  for (let i = 0; i < VPCS; i++) say('a', `v${i}`);
  lose(sources[0]!);
  now = 10;
  staleness.refresh();
  marked = 0;
  for (let i = 0; i < 100; i++) staleness.refresh();
  expect(marked).toBe(0);
});

test('a VPC of two lost sources is fresh when both are back', () => {
  say('a', 'v');
  say('b', 'v');
  for (const source of sources) lose(source);
  now = 10;
  staleness.refresh();
  for (const [i, isStale] of [true, false].entries()) {
    Object.assign(sources[i]!, { state: 'live', lostSince: 0, lostAt: 0 });
    staleness.refresh();
    expect(stale.has('v')).toBe(isStale);
  }
});

test('a VPC that is gone is forgotten, and marked anew when it comes back', () => {
  lose(sources[0]!);
  now = 10;
  staleness.refresh();
  for (let i = 0; i < 3; i++) {
    say('a', 'v');
    expect(stale.has('v')).toBe(true);
    stale.clear();
    staleness.forget('v');
    // Nothing is left to be marked: neither when the source comes back, nor when it is lost again.
    const before = marked;
    Object.assign(sources[0]!, { state: 'live', lostSince: 0 });
    staleness.refresh();
    lose(sources[0]!);
    staleness.refresh();
    expect(marked).toBe(before);
  }
});
