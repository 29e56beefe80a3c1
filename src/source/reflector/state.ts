/** What a reflector is in, what happens to it, and what it wants done: the words of its state machine. */

import type { StreamEvent, StreamFailure } from './dialect.ts';
import type { Place, Problem, Resource, ResourceKey, SourceState } from '../../model.ts';

/**
 * `connecting`: asked, and nothing proved yet. `listing`: inside a full state. `watching`: live, between two
 * changes. `grouping`: inside a change of several events. `waiting`: until the back-off is over. `ended`: there is
 * nothing to reconnect to. `closed`: by us.
 */
export type Phase =
  'idle' | 'connecting' | 'listing' | 'watching' | 'grouping' | 'waiting' | 'ended' | 'closed';

export interface ReflectorState {
  phase: Phase;
  /** The revision that is visible, as long as it is certain that the stream can go on after it. */
  resume: string | undefined;
  /** The revision of the open transaction. */
  open: string;
  /** Some full state has been applied. */
  synced: boolean;
  /** Failures in a row; a connection that stayed live for `STEADY` ends the row. */
  attempt: number;
  /** When the stream became live; Infinity while it is not. */
  liveSince: number;
  /** The server says that it has been cut off itself, since then; undefined while it is not. */
  serverLost?: number;
}

/** What happens to a reflector: what the stream says, and what the driver finds out. */
export type ReflectorEvent =
  | StreamEvent
  | { type: 'start' }
  | { type: 'lost'; failure: StreamFailure; reason: string; retryAfter: number }
  /** Nothing was heard for too long. */
  | { type: 'stall'; reason: string }
  /** The back-off is over, or somebody wants it to be. */
  | { type: 'timer' }
  | { type: 'close' };

/** What the driver does then, in this order. `connect`, `disconnect` and `wait` steer it; the rest is the sink's. */
export type Effect =
  | { type: 'connect'; resume: string | undefined }
  | { type: 'disconnect' }
  /** `attempt` doubles the back-off from 0; `atLeast`: milliseconds. */
  | { type: 'wait'; attempt: number; atLeast: number }
  | { type: 'begin'; full: boolean; revision: string; at: number | undefined }
  | { type: 'put'; resource: Resource; place: Place | undefined; revision: string; stamp: string | undefined }
  | { type: 'delete'; key: ResourceKey }
  | { type: 'keep'; key: ResourceKey; stamp: string | undefined }
  | { type: 'commit' }
  | { type: 'rollback' }
  | { type: 'bookmark'; revision: string }
  | { type: 'state'; state: SourceState; reason?: string; since?: number }
  /** What the sink had at the start is whole. */
  | { type: 'resumed' }
  | { type: 'problem'; scope: string; problems: Problem[] };

export const INITIAL: ReflectorState = {
  phase: 'idle',
  resume: undefined,
  open: '',
  synced: false,
  attempt: 0,
  liveSince: Infinity,
};

/** Standing problems of this scope are of the stream itself, and the next whole list clears them. */
export const STREAM_SCOPE = 'stream';

export function streamProblem(reason: string, place: Place | undefined, scope = STREAM_SCOPE): Effect {
  const problem: Problem = { kind: 'source', severity: 'error', reason };
  if (place !== undefined) problem.place = place;
  return { type: 'problem', scope, problems: [problem] };
}
