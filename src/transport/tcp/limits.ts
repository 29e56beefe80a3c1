/** The limits of the TCP transport, and what it counts. */
import type { ConnectionCounters, TransportCounters } from '../transport.ts';

export interface TcpLimits {
  /**
   * Connections in all, and of one client address. Above, the oldest that waits for nothing is closed; else, where all
   * connections wait, one of the client that has most; else the new one.
   */
  maxConnections: number;
  maxPerClient: number;
  /** Milliseconds without a query or an answer after which a connection is closed (RFC 7766 section 6.2.3). */
  idleMs: number;
  /** Milliseconds in which a begun frame must be complete. */
  frameMs: number;
  /** Milliseconds without progress after which a client that does not read is cut. */
  writeMs: number;
  /** Milliseconds a connection waits for deferred answers when nothing else happens on it. */
  deferMs: number;
  /** Milliseconds a client has to close its side when we have closed ours. */
  lingerMs: number;
  /** Deferred queries of one connection; at the limit it is not read. */
  maxDeferred: number;
  /** Octets of unread answers of one connection, and of all; at the limit it is not read. */
  maxOutput: number;
  maxOutputTotal: number;
}

export interface TcpCounters extends TransportCounters, ConnectionCounters {}

/** Of a transport that has done nothing yet. */
export function newTcpCounters(): TcpCounters {
  return {
    received: 0,
    answered: 0,
    dropped: 0,
    deferred: 0,
    errors: 0,
    connections: 0,
    accepted: 0,
    refused: 0,
    evicted: 0,
    idled: 0,
    cut: 0,
  };
}

export const TCP_LIMITS: Readonly<TcpLimits> = {
  maxConnections: 1000,
  maxPerClient: 100,
  idleMs: 10_000,
  frameMs: 3000,
  writeMs: 5000,
  deferMs: 15_000,
  lingerMs: 1000,
  maxDeferred: 128,
  maxOutput: 256 * 1024,
  maxOutputTotal: 16 * 1024 * 1024,
};
