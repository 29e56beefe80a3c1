/**
 * List, watch, resume, list again: the state machine of every streaming source, without any I/O.
 *
 * The rules it keeps: a change is applied whole or not at all; revisions only grow; what is visible is exactly the
 * server's state at `resume`; where that can no longer be proved, `resume` is undefined and a full list follows.
 * Nothing that is visible goes away before the list that replaces it is whole.
 */

import { compareRevisions } from './dialect.ts';
import {
  STREAM_SCOPE,
  streamProblem,
  type Effect,
  type Phase,
  type ReflectorEvent,
  type ReflectorState,
} from './state.ts';
import { placeText, type Place, type SourceState } from '../../model.ts';

/** Milliseconds after which a live connection counts as a success. */
export const STEADY = 10_000;
/** The back-off's ceiling is reached at this attempt: refused credentials start there. */
const SLOW_ATTEMPT = 6;
/** So many failures before a first list is taken without the lines of it that nobody can read. */
const PATIENCE = 3;

type EventOf<Type extends ReflectorEvent['type']> = Extract<ReflectorEvent, { type: Type }>;
type Change = EventOf<'put' | 'delete' | 'refused'>;
type Handler<Event> = (state: ReflectorState, event: Event, now: number, effects: Effect[]) => ReflectorState;
type Row = { [Type in ReflectorEvent['type']]: Handler<EventOf<Type>> };

/**
 * One step. Returns the state after it and appends what is to be done to `effects`. `now`: milliseconds of any
 * clock that never goes back.
 */
export function step(
  state: ReflectorState,
  event: ReflectorEvent,
  now: number,
  effects: Effect[],
): ReflectorState {
  const handler = TABLE[state.phase][event.type] as Handler<ReflectorEvent>;
  return handler(state, event, now, effects);
}

const stay: Handler<unknown> = (state) => state;

const connect: Handler<unknown> = (state, _event, _now, effects) => {
  if (state.phase === 'idle') effects.push({ type: 'state', state: 'starting' });
  effects.push({ type: 'connect', resume: state.resume });
  return { ...state, phase: 'connecting' };
};

const goLive: Handler<EventOf<'connected'>> = (state, event, now, effects) => {
  if (!event.resumed || state.resume === undefined) return state;
  if (!state.synced) effects.push({ type: 'resumed' });
  effects.push({ type: 'state', state: 'live' });
  return { ...state, phase: 'watching', synced: true, liveSince: now, serverLost: undefined };
};

const beginList: Handler<EventOf<'snapshot'>> = (state, event, _now, effects) => {
  if (isOpen(state)) effects.push({ type: 'rollback' });
  effects.push({ type: 'begin', full: true, revision: event.revision, at: event.at });
  return { ...state, phase: 'listing', open: event.revision };
};

const listed: Handler<Change> = (state, event, now, effects) => {
  if (compareRevisions(event.revision, state.open) > 0) {
    const reason = `revision ${event.revision} inside the full state of revision ${state.open}`;
    return broken(state, reason, undefined, now, effects);
  }
  apply(state, event, effects);
  return state;
};

const endList: Handler<EventOf<'synced'>> = (state, event, now, effects) => {
  if (event.revision !== state.open) {
    const reason = `"synced" says revision ${event.revision}, its "snapshot" said ${state.open}`;
    return broken(state, reason, undefined, now, effects);
  }
  effects.push({ type: 'commit' }, { type: 'state', state: 'live' });
  const liveSince = state.liveSince === Infinity ? now : state.liveSince;
  return { ...state, phase: 'watching', resume: state.open, synced: true, liveSince, serverLost: undefined };
};

/** Serving all that can be read beats serving nothing, but never beats serving what was good. */
const unreadableInList: Handler<EventOf<'malformed'>> = (state, event, now, effects) => {
  if (state.synced || state.attempt < PATIENCE) return unreadable(state, event, now, effects);
  effects.push(streamProblem(event.reason, event.place, `${STREAM_SCOPE} ${placeText(event.place)}`));
  return state;
};

const changed: Handler<Change> = (state, event, now, effects) => {
  if (compareRevisions(event.revision, state.resume!) <= 0) {
    const reason = `revision ${event.revision} after ${state.resume}: revisions must grow, "more" marks all lines of one but the last`;
    return broken(state, reason, undefined, now, effects);
  }
  effects.push({ type: 'begin', full: false, revision: event.revision, at: event.at });
  apply(state, event, effects);
  if (event.more) return { ...state, phase: 'grouping', open: event.revision };
  effects.push({ type: 'commit' });
  return resumedAt(state, event.revision);
};

/** The state after a change, as one is made for each: written out, which takes less time than a copy. */
function resumedAt(state: ReflectorState, resume: string): ReflectorState {
  const { phase, open, synced, attempt, liveSince, serverLost } = state;
  return { phase, resume, open, synced, attempt, liveSince, serverLost };
}

const grouped: Handler<Change> = (state, event, now, effects) => {
  if (event.revision !== state.open) {
    const reason = `revision ${event.revision} begins, but more of ${state.open} was announced`;
    return broken(state, reason, undefined, now, effects);
  }
  apply(state, event, effects);
  if (event.more) return state;
  effects.push({ type: 'commit' });
  return { ...state, phase: 'watching', resume: event.revision };
};

const bookmarked: Handler<EventOf<'bookmark'>> = (state, event, now, effects) => {
  const order = compareRevisions(event.revision, state.resume!);
  if (order < 0) {
    const reason = `the bookmark says revision ${event.revision}, but ${state.resume} was reached`;
    return broken(state, reason, undefined, now, effects);
  }
  effects.push({ type: 'bookmark', revision: event.revision });
  const after = order === 0 ? state : { ...state, resume: event.revision };
  return event.lost === state.serverLost ? after : farLoss(after, event.lost, effects);
};

/** Whoever is fed by a server that is cut off is cut off as well, though the line to it is fine. */
function farLoss(state: ReflectorState, since: number | undefined, effects: Effect[]): ReflectorState {
  if (since === undefined) effects.push({ type: 'state', state: 'live' });
  else {
    const reason = `the server has lost its own source at ${new Date(since).toISOString()}`;
    effects.push({ type: 'state', state: 'lost', reason, since });
  }
  return { ...state, serverLost: since };
}

/** A server may send its sign of life at any time; one that claims the open revision is done contradicts itself. */
const bookmarkedInGroup: Handler<EventOf<'bookmark'>> = (state, event, now, effects) => {
  if (compareRevisions(event.revision, state.open) < 0) return state;
  const reason = `the bookmark says revision ${event.revision}, but more of ${state.open} was announced`;
  return broken(state, reason, undefined, now, effects);
};

const outOfPlace: Handler<ReflectorEvent> = (state, event, now, effects) => {
  const expected = state.phase === 'connecting' ? 'before any "snapshot"' : `while ${state.phase}`;
  return broken(state, `"${event.type}" came ${expected}`, undefined, now, effects);
};

const unreadable: Handler<EventOf<'malformed'>> = (state, event, now, effects) => {
  return broken(state, event.reason, event.place, now, effects);
};

/** The stream contradicted itself or cannot be read: what it would say next proves nothing. */
function broken(
  state: ReflectorState,
  reason: string,
  place: Place | undefined,
  now: number,
  effects: Effect[],
): ReflectorState {
  effects.push(streamProblem(reason, place));
  return retreat({ ...state, resume: undefined }, now, 0, 0, reason, effects);
}

const lost: Handler<EventOf<'lost'>> = (state, event, now, effects) => {
  switch (event.failure) {
    case 'ended':
      if (isOpen(state)) effects.push({ type: 'rollback' });
      effects.push({ type: 'disconnect' });
      effects.push({ type: 'state', state: state.synced ? 'lost' : 'failed', reason: event.reason });
      return { ...state, phase: 'ended', liveSince: Infinity };
    case 'gone':
      return retreat({ ...state, resume: undefined }, now, 0, event.retryAfter, event.reason, effects);
    case 'unauthorized':
      return retreat(state, now, SLOW_ATTEMPT, event.retryAfter, event.reason, effects, 'failed');
    case 'retry':
      return retreat(state, now, 0, event.retryAfter, event.reason, effects);
  }
};

const stalled: Handler<EventOf<'stall'>> = (state, event, now, effects) => {
  return retreat(state, now, 0, 0, event.reason, effects);
};

function retreat(
  state: ReflectorState,
  now: number,
  leastAttempt: number,
  atLeast: number,
  reason: string,
  effects: Effect[],
  unsynced: SourceState = 'starting',
): ReflectorState {
  if (isOpen(state)) effects.push({ type: 'rollback' });
  const attempt = now - state.liveSince >= STEADY ? 0 : state.attempt;
  effects.push(
    { type: 'disconnect' },
    { type: 'state', state: state.synced ? 'lost' : unsynced, reason },
    { type: 'wait', attempt: Math.max(attempt, leastAttempt), atLeast },
  );
  return { ...state, phase: 'waiting', attempt: attempt + 1, liveSince: Infinity };
}

const close: Handler<unknown> = (state, _event, _now, effects) => {
  if (isOpen(state)) effects.push({ type: 'rollback' });
  effects.push({ type: 'disconnect' });
  return { ...state, phase: 'closed' };
};

function isOpen(state: ReflectorState): boolean {
  return state.phase === 'listing' || state.phase === 'grouping';
}

function apply(state: ReflectorState, event: Change, effects: Effect[]): void {
  switch (event.type) {
    case 'put': {
      const { resource, place, stamp } = event;
      // Of all but VPCs it is the revision that the object has where it comes from.
      const isOwn = stamp !== undefined && resource.kind !== 'vpc';
      effects.push({ type: 'put', resource, place, revision: isOwn ? stamp : event.revision, stamp });
      return;
    }
    case 'delete':
      effects.push({ type: 'delete', key: event.key });
      return;
    case 'refused':
      effects.push({ type: 'problem', scope: event.scope, problems: event.problems });
      if (event.key === undefined) return;
      // Of a VPC, what was refused may still say how old it is.
      if (state.phase === 'listing' || event.key.kind === 'vpc')
        effects.push({ type: 'keep', key: event.key, stamp: event.stamp });
  }
}

const NOTHING: Row = {
  start: stay,
  connected: stay,
  snapshot: stay,
  put: stay,
  delete: stay,
  refused: stay,
  synced: stay,
  bookmark: stay,
  malformed: stay,
  lost: stay,
  stall: stay,
  timer: stay,
  close,
};

/** Every state and every event. What an aborted connection still says arrives while waiting, and is nothing. */
const TABLE: { [State in Phase]: Row } = {
  idle: { ...NOTHING, start: connect },
  connecting: {
    start: stay,
    connected: goLive,
    snapshot: beginList,
    put: outOfPlace,
    delete: outOfPlace,
    refused: outOfPlace,
    synced: outOfPlace,
    bookmark: stay,
    malformed: unreadable,
    lost,
    stall: stalled,
    timer: stay,
    close,
  },
  listing: {
    start: stay,
    connected: stay,
    snapshot: beginList,
    put: listed,
    delete: outOfPlace,
    refused: listed,
    synced: endList,
    bookmark: stay,
    malformed: unreadableInList,
    lost,
    stall: stalled,
    timer: stay,
    close,
  },
  watching: {
    start: stay,
    connected: stay,
    snapshot: beginList,
    put: changed,
    delete: changed,
    refused: changed,
    synced: outOfPlace,
    bookmark: bookmarked,
    malformed: unreadable,
    lost,
    stall: stalled,
    timer: stay,
    close,
  },
  grouping: {
    start: stay,
    connected: stay,
    snapshot: beginList,
    put: grouped,
    delete: grouped,
    refused: grouped,
    synced: outOfPlace,
    bookmark: bookmarkedInGroup,
    malformed: unreadable,
    lost,
    stall: stalled,
    timer: stay,
    close,
  },
  waiting: { ...NOTHING, timer: connect },
  ended: NOTHING,
  closed: { ...NOTHING, close: stay },
};
