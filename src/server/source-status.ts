/** What is known of one source, for people and for what depends on how old its records are. */
import type { Problem, SourceState } from '../model.ts';

export interface SourceStatus {
  name: string;
  state: SourceState;
  reason: string;
  revision: string;
  /** A whole state of it has become visible. */
  synced: boolean;
  /** What an earlier run saved of it is visible. */
  restored: boolean;
  /** Milliseconds since 1970; 0 for never. */
  lastChange: number;
  lastHeard: number;
  /** When it was lost, on the same clock; 0 while it is not. */
  lostSince: number;
  /** @internal When it was lost, on the clock of `FeedOptions.elapsed`: what counts for how long. */
  lostAt: number;
  changes: number;
  /** Changes a second, over the last ten. */
  rate: number;
  /** Milliseconds from the control plane's commit of the last change until it was answerable; -1: not told. */
  lag: number;
  problems: Problem[];
}

/** Of a source that has delivered nothing. */
export function newStatus(name: string): SourceStatus {
  return {
    name,
    state: 'starting',
    reason: '',
    revision: '',
    synced: false,
    restored: false,
    lastChange: 0,
    lastHeard: 0,
    lostSince: 0,
    lostAt: 0,
    changes: 0,
    rate: 0,
    lag: -1,
    problems: [],
  };
}
