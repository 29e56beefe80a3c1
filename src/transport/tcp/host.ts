/** What a TCP connection needs of the transport it belongs to. */
import type { Answering } from '../transport.ts';
import type { TcpCounters } from './limits.ts';
import type { TcpPool } from './pool.ts';

export interface ConnectionHost<Connection> {
  readonly answering: Answering;
  readonly counters: TcpCounters;
  readonly pool: TcpPool;
  /** The connection is closed. */
  closed(connection: Connection): void;
}
