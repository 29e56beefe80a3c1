/** The reflector's table, step by step. */

import { expect, test } from 'vitest';
import { compareRevisions, isRevision, type StreamEvent } from '../../src/source/reflector/dialect.ts';
import { backoff } from '../../src/source/reflector/run.ts';
import {
  INITIAL,
  type Effect,
  type ReflectorEvent,
  type ReflectorState,
} from '../../src/source/reflector/state.ts';
import { STEADY, step } from '../../src/source/reflector/reflector.ts';
import type { Pod, ResourceKey } from '../../src/model.ts';

const key: ResourceKey = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'p' };
const pod: Pod = { ...key, kind: 'pod', aid: 'p1', names: [], overlays: [], ports: [], ready: true };

function put(revision: string, more = false): StreamEvent {
  return { type: 'put', revision, resource: pod, more };
}
const refused: StreamEvent = {
  type: 'refused',
  revision: '5',
  key,
  scope: 's',
  problems: [{ severity: 'error', reason: 'bad' }],
  more: false,
};
const snapshot: StreamEvent = { type: 'snapshot', revision: '5' };
const synced: StreamEvent = { type: 'synced', revision: '5' };
const cut: ReflectorEvent = { type: 'lost', failure: 'retry', reason: 'cut', retryAfter: 0 };

/** Runs events from the start and returns the state and what the last event caused. */
function run(
  events: ReflectorEvent[],
  now = 0,
): { state: ReflectorState; effects: Effect[]; words: string[] } {
  let state = INITIAL;
  let effects: Effect[] = [];
  for (const event of [{ type: 'start' } as const, ...events]) {
    effects = [];
    state = step(state, event, now, effects);
  }
  return { state, effects, words: effects.map((effect) => effect.type) };
}

test('a list: one full transaction, then live', () => {
  expect(run([]).effects).toEqual([
    { type: 'state', state: 'starting' },
    { type: 'connect', resume: undefined },
  ]);
  expect(run([snapshot]).effects).toEqual([{ type: 'begin', full: true, revision: '5', at: undefined }]);
  expect(run([snapshot, put('3')]).words).toEqual(['put']);
  const { state, effects } = run([snapshot, put('5'), synced]);
  expect(effects).toEqual([{ type: 'commit' }, { type: 'state', state: 'live' }]);
  expect(state).toMatchObject({ phase: 'watching', resume: '5', synced: true });
});

test('a change of one line is one transaction; of several, open until the last', () => {
  expect(run([snapshot, synced, put('6')]).words).toEqual(['begin', 'put', 'commit']);
  expect(run([snapshot, synced, put('6', true)]).words).toEqual(['begin', 'put']);
  const { state, words } = run([
    snapshot,
    synced,
    put('6', true),
    { type: 'delete', revision: '6', key, more: false },
  ]);
  expect(words).toEqual(['delete', 'commit']);
  expect(state.resume).toBe('6');
});

test('a cut list or group is rolled back, and the last applied revision is asked for again', () => {
  const inList = run([snapshot, put('5'), cut]);
  expect(inList.words).toEqual(['rollback', 'disconnect', 'state', 'wait']);
  expect(inList.state.resume).toBeUndefined();
  const inGroup = run([snapshot, synced, put('6', true), cut]);
  expect(inGroup.words).toEqual(['rollback', 'disconnect', 'state', 'wait']);
  expect(run([snapshot, synced, put('6', true), cut, { type: 'timer' }]).effects).toEqual([
    { type: 'connect', resume: '5' },
  ]);
});

test('a list in the middle of the watch that is cut leaves the old view resumable', () => {
  const again: StreamEvent = { type: 'snapshot', revision: '9' };
  expect(run([snapshot, synced, again, put('9'), cut]).state.resume).toBe('5');
});

test.each<[string, ReflectorEvent[]]>([
  ['the same revision again', [put('5')]],
  ['an older revision', [put('4')]],
  ['a bookmark of an older revision', [{ type: 'bookmark', revision: '4' }]],
  ['another revision inside a group', [put('6', true), put('7')]],
  ['a bookmark that ends an open group', [put('6', true), { type: 'bookmark', revision: '6' }]],
  ['"synced" without "snapshot"', [synced]],
  ['a line nobody can read', [{ type: 'malformed', reason: 'no' }]],
  ['"synced" of another revision', [{ type: 'snapshot', revision: '7' }, synced]],
  ['a newer revision inside a list', [{ type: 'snapshot', revision: '7' }, put('8')]],
  [
    'a delete inside a list',
    [
      { type: 'snapshot', revision: '7' },
      { type: 'delete', revision: '7', key, more: false },
    ],
  ],
])('%s proves nothing any more: list again', (_name, events) => {
  const { state, effects } = run([snapshot, synced, ...events]);
  expect(state).toMatchObject({ phase: 'waiting', resume: undefined, synced: true });
  expect(effects.map((effect) => effect.type)).toContain('problem');
  expect(effects).toContainEqual(expect.objectContaining({ type: 'state', state: 'lost' }));
});

test('without a snapshot nothing is taken from a connection that was not resumed', () => {
  expect(run([{ type: 'connected', resumed: false }, put('1')]).state.phase).toBe('waiting');
  expect(run([{ type: 'connected', resumed: true }]).state.phase).toBe('connecting');
});

test('a resumed connection is live at once and goes on', () => {
  const resumed: ReflectorEvent[] = [
    snapshot,
    synced,
    cut,
    { type: 'timer' },
    { type: 'connected', resumed: true },
  ];
  expect(run(resumed).effects).toEqual([{ type: 'state', state: 'live' }]);
  expect(run([...resumed, put('6')]).words).toEqual(['begin', 'put', 'commit']);
});

test('gone: the next connection asks for everything', () => {
  const gone: ReflectorEvent = { type: 'lost', failure: 'gone', reason: '410', retryAfter: 0 };
  expect(run([snapshot, synced, gone, { type: 'timer' }]).effects).toEqual([
    { type: 'connect', resume: undefined },
  ]);
});

test('refused credentials wait at the ceiling, and fail a source that has no view', () => {
  const lost: ReflectorEvent = { type: 'lost', failure: 'unauthorized', reason: '401', retryAfter: 0 };
  expect(run([lost]).effects).toEqual([
    { type: 'disconnect' },
    { type: 'state', state: 'failed', reason: '401' },
    { type: 'wait', attempt: 6, atLeast: 0 },
  ]);
  expect(run([snapshot, synced, lost]).effects).toContainEqual({
    type: 'state',
    state: 'lost',
    reason: '401',
  });
});

test('what has ended is not asked again; its view stays', () => {
  const ended: ReflectorEvent = { type: 'lost', failure: 'ended', reason: 'the input ended', retryAfter: 0 };
  const { state, effects } = run([snapshot, synced, ended]);
  expect(state.phase).toBe('ended');
  expect(effects).toContainEqual({ type: 'state', state: 'lost', reason: 'the input ended' });
});

test('Retry-After is the least that is waited', () => {
  const busy: ReflectorEvent = { type: 'lost', failure: 'retry', reason: '503', retryAfter: 7000 };
  expect(run([busy]).effects).toContainEqual({ type: 'wait', attempt: 0, atLeast: 7000 });
});

test('failures in a row count up; a connection that stayed live ends the row', () => {
  let state = INITIAL;
  const attempts: number[] = [];
  const feed = (event: ReflectorEvent, now: number): void => {
    const effects: Effect[] = [];
    state = step(state, event, now, effects);
    for (const effect of effects) if (effect.type === 'wait') attempts.push(effect.attempt);
  };
  feed({ type: 'start' }, 0);
  for (let i = 0; i < 3; i++) {
    feed(snapshot, 0);
    feed(synced, 0);
    feed(cut, 100);
    feed({ type: 'timer' }, 100);
  }
  feed({ type: 'connected', resumed: true }, 100);
  feed(cut, 100 + STEADY);
  expect(attempts).toEqual([0, 1, 2, 0]);
});

test('an invalid resource of a list keeps its last good version; of a change, only the rest is applied', () => {
  expect(run([snapshot, refused]).words).toEqual(['problem', 'keep']);
  expect(run([snapshot, synced, { ...refused, revision: '6' }]).words).toEqual([
    'begin',
    'problem',
    'commit',
  ]);
});

test('a list that cannot be read in part is served without that part only when there was never a view', () => {
  const bad: ReflectorEvent = { type: 'malformed', reason: 'not JSON', place: { text: 'line 2' } };
  const round: ReflectorEvent[] = [snapshot, bad, { type: 'timer' }];
  expect(run([...round, ...round, ...round]).words).toEqual(['connect']);
  const { state, words } = run([...round, ...round, ...round, snapshot, bad]);
  expect([state.phase, ...words]).toEqual(['listing', 'problem']);
  expect(run([snapshot, synced, cut, ...round, ...round, ...round, snapshot, bad]).state.phase).toBe(
    'waiting',
  );
});

test('after close nothing has any effect', () => {
  const closed: ReflectorEvent[] = [snapshot, { type: 'close' }];
  expect(run(closed).words).toEqual(['rollback', 'disconnect']);
  const anything: ReflectorEvent[] = [
    snapshot,
    synced,
    put('6'),
    cut,
    { type: 'timer' },
    { type: 'start' },
    { type: 'close' },
  ];
  for (const event of anything) expect(run([...closed, event]).effects).toEqual([]);
});

test('the back-off doubles from 100 ms to 5 s, and the jitter takes any part of it', () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => backoff(attempt, () => 1));
  expect(most).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(backoff(3, () => 0)).toBe(0);
  expect(backoff(3, () => 0.5)).toBe(400);
});

test('revisions are decimal and compared as numbers of any length', () => {
  expect(['0', '42', '18446744073709551615'].every(isRevision)).toBe(true);
  expect(['', '042', '-1', '1.5', '0x1', 7, undefined, '1'.repeat(21)].some(isRevision)).toBe(false);
  expect(compareRevisions('9', '10')).toBeLessThan(0);
  expect(compareRevisions('18446744073709551615', '18446744073709551614')).toBeGreaterThan(0);
  expect(compareRevisions('7', '7')).toBe(0);
});
