/** The status of one source, for people and for code that depends on the age of its records. */
import type { Problem, SourceState } from '../model.ts';

export interface SourceStatus {
  name: string;
  state: SourceState;
  reason: string;
  revision: string;
  /** True once a whole state of the source has become visible. */
  synced: boolean;
  /** True if saved records of the source have become visible. */
  restored: boolean;
  /** Milliseconds since 1970; 0 for never. */
  lastChange: number;
  lastHeard: number;
  /** When the source was lost, on the same clock; 0 while it is not lost. */
  lostSince: number;
  /** @internal The same on the clock of `FeedOptions.elapsed`, which measures how long it has been lost. */
  lostAt: number;
  changes: number;
  /** Changes per second, over the last ten seconds. */
  rate: number;
  /** Milliseconds from the control plane's commit of the last change until it was answerable; -1: not reported. */
  lag: number;
  problems: Problem[];
}

/** The status of a source that has delivered nothing. */
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
