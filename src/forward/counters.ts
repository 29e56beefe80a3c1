/** What the forwarder counts: monotonic numbers, for metrics and status. */

export interface ForwardCounters {
  /** Queries that came in. */
  queries: number;
  /** Answered from the cache, fresh. */
  hits: number;
  misses: number;
  /** Answered from a recent failure without asking. */
  failureHits: number;
  /** Expired answers given because no upstream answered (RFC 8767). */
  stale: number;
  /** Joined an equal question in flight. */
  joined: number;
  prefetches: number;
  /** RD was clear. */
  notDesired: number;
  loops: number;
  /** Turned away because too many were waiting. */
  overflows: number;
  /** Questions to which no upstream had an answer. */
  failures: number;
  /** Sent to upstreams, probes included. */
  sent: number;
  sentTcp: number;
  timeouts: number;
  /** Messages on our sockets with a wrong id or question, or no answers at all. */
  spoofed: number;
  /** Replies that came when the question was settled. */
  late: number;
  /** Replies that break the format. */
  malformed: number;
  probes: number;
  /** Questions that waited for the budget of an upstream, and those that it had no room for in time. */
  delayed: number;
  unsent: number;
  /** Our own code threw: always a bug, never fatal. */
  errors: number;
}

export function newCounters(): ForwardCounters {
  return {
    queries: 0,
    hits: 0,
    misses: 0,
    failureHits: 0,
    stale: 0,
    joined: 0,
    prefetches: 0,
    notDesired: 0,
    loops: 0,
    overflows: 0,
    failures: 0,
    sent: 0,
    sentTcp: 0,
    timeouts: 0,
    spoofed: 0,
    late: 0,
    malformed: 0,
    probes: 0,
    delayed: 0,
    unsent: 0,
    errors: 0,
  };
}
