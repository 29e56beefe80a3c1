/** What every upstream of a forwarder is given. */
import type { Clock } from './clock.ts';
import type { ForwardCounters } from './counters.ts';
import type { Sockets } from './sockets.ts';

export interface UpstreamShared {
  clock: Clock;
  sockets: Sockets;
  counters: ForwardCounters;
  /** Unpredictable, 0 to 65535. */
  random16: () => number;
  /** Of this forwarder; goes along in every query. */
  mark: Uint8Array;
  /** Told of every answer: upstream, rcode, milliseconds. */
  observe: (upstream: string, rcode: number, ms: number) => void;
}
