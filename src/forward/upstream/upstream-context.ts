/** What every upstream of a forwarder is given, and what all of them share. */
import type { Clock } from '../../base/clock.ts';
import type { Budgets } from './budget.ts';
import type { Places } from '../routes/places.ts';
import type { ForwardCounters } from '../counters.ts';
import type { Endpoint } from './endpoint.ts';
import type { Sockets } from './sockets.ts';

export interface UpstreamContext {
  clock: Clock;
  sockets: Sockets;
  counters: ForwardCounters;
  /** Unpredictable, 0 to 65535. */
  random16: () => number;
  /** The mark of this forwarder, sent in every query. */
  mark: Uint8Array;
  /** Told of every answer: upstream, rcode, milliseconds. */
  observe: (upstream: string, rcode: number, ms: number) => void;
  /** Places for TCP connections. */
  connections: Places;
  budgets: Budgets;
  /** Under way now: probes, and sockets that wait for what comes late. */
  probes: number;
  lingering: number;
}

/** `untried`: it has neither answered nor failed. */
export type UpstreamState = 'untried' | 'answering' | 'failing';

/** What is known of an upstream, whichever tenant asks it. */
export interface Condition {
  readonly endpoint: Endpoint;
  /** Several tenants ask it; else one that names it for itself. */
  readonly isShared: boolean;
  readonly state: UpstreamState;
  /** Why it is failing, ''. */
  readonly reason: string;
  /** Milliseconds of the clock. */
  usedAt: number;
  readonly heardAt: number;
  readonly failingSince: number;
  /** It has answered a question with EDNS. */
  knowsEdns: boolean;
  heard(): void;
  missed(reason: string, by: object): void;
  verify(): void;
}
