/** What the feed keeps of a source and of a transaction on its way, and how a whole state is weighed. */
import type { Loss, Transaction } from '../catalog/catalog.ts';
import type { Problem } from '../model.ts';
import type { RevisionTimes } from './revision-times.ts';
import type { Rate, SourceStatus } from './source-status.ts';

/** Milliseconds that a slice of work may last. */
export const TURN_MS = 2;

/** The arguments of `Sink.begin`. */
export interface Opening {
  full: boolean;
  /** The commit in the control plane, milliseconds since 1970. */
  at: number | undefined;
  /** The arrival, by `performance.now()`. */
  received: number | undefined;
  /** For saved records: the last sign of life of their source at that time, milliseconds since 1970. */
  heard?: number;
  /** Not said by its source now: the shrink guard lets through what was held. */
  released?: boolean;
  /** What the shrink guard holds of it. */
  losses?: readonly Loss[];
}

/** What `apply` takes up. */
export type Committable = Pick<Transaction, 'revision' | 'commit'> & Partial<Pick<Transaction, 'weigh'>>;

/** A transaction that is applied and not yet visible. */
export interface Applied {
  feeder: Feeder;
  revision: string;
  opening: Opening;
  changes: number;
}

export const NOTHING_OPEN: Opening = { full: false, at: undefined, received: undefined };

export interface Feeder {
  status: SourceStatus;
  transaction: Transaction | undefined;
  opening: Opening;
  problems: Map<string, Problem[]>;
  rate: Rate;
  times: RevisionTimes;
  /** True between `gather(true)` and `gather(false)`. */
  gathers: boolean;
}

/** Goes on with the weighing for a while; undefined if it is not done then. */
export function someOf(weighing: Generator<void, Loss[], undefined>): Loss[] | undefined {
  const until = performance.now() + TURN_MS;
  for (;;) {
    const step = weighing.next();
    if (step.done === true) return step.value;
    if (performance.now() > until) return undefined;
  }
}
