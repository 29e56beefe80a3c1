/** What a TCP connection needs of the lane it belongs to. */
import type { Answering } from './lane.ts';
import type { TcpCounters, TcpLimits } from './tcp-limits.ts';

export interface ConnectionHost<Connection> {
  readonly answering: Answering;
  readonly counters: TcpCounters;
  readonly limits: TcpLimits;
  /** One answer; shared, for the time of a `respond`. */
  readonly scratch: Buffer;
  /** The answers of one turn; shared, for the time of a `run`. */
  readonly turn: Buffer;
  /** Octets of unread answers of all connections. */
  outputTotal: number;
  now(): number;
  /** Has `run` called now, or in a later turn when this one has done enough. */
  offer(connection: Connection): void;
  /** Has `run` called in a later turn. */
  enqueue(connection: Connection): void;
  /** The connection is closed. */
  closed(connection: Connection): void;
}
