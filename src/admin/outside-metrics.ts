/** The counters of the forwarder: results of queries, messages of upstreams, waiting queries, the cache. */
import type { Counter, Gauge } from 'prom-client';

import type { ServerCore } from '../server.ts';
import type { Adder } from './transport-metrics.ts';

type Count = keyof ServerCore['outside']['counters'];

/** Label and counter. A query may count under several: after a miss it may join, fail or get a stale answer. */
const RESULTS: readonly [string, Count][] = [
  ['hit', 'hits'],
  ['miss', 'misses'],
  ['joined', 'joined'],
  ['stale', 'stale'],
  ['recent_failure', 'failureHits'],
  ['not_desired', 'notDesired'],
  ['loop', 'loops'],
  ['overflow', 'overflows'],
  ['error', 'errors'],
];

const MESSAGES: readonly [string, Count][] = [
  ['sent', 'sent'],
  ['sent_tcp', 'sentTcp'],
  ['probe', 'probes'],
  ['prefetch', 'prefetches'],
  ['timeout', 'timeouts'],
  ['late', 'late'],
  ['spoofed', 'spoofed'],
  ['malformed', 'malformed'],
  ['no_answer', 'failures'],
];

export function outsideMetrics(server: ServerCore, gauge: Adder<Gauge>, counter: Adder<Counter>): void {
  const { outside } = server;
  counter('podns_outside_queries_total', 'Queries for outside names, by result.', ['result'], (metric) => {
    const { counters } = outside;
    for (const [result, key] of RESULTS) metric.inc({ result }, counters[key]);
  });
  counter(
    'podns_upstream_messages_total',
    'Messages to and from upstreams, and failures, by kind.',
    ['kind'],
    (metric) => {
      const { counters } = outside;
      for (const [kind, key] of MESSAGES) metric.inc({ kind }, counters[key]);
    },
  );
  gauge(
    'podns_upstream_failing',
    '1 while the upstream is failing, so that podns tries it last, else 0.',
    ['upstream'],
    (metric) => {
      for (const { upstream, state } of outside.status().upstreams)
        metric.set({ upstream }, state === 'failing' ? 1 : 0);
    },
  );
  gauge('podns_outside_waiting', 'Queries that wait for an upstream.', [], (metric) =>
    metric.set(outside.status().waiting),
  );
  gauge('podns_outside_cache_entries', 'Answers of upstreams in the cache.', [], (metric) =>
    metric.set(outside.status().cacheEntries),
  );
  gauge('podns_outside_cache_bytes', 'Octets of the cached answers.', [], (metric) =>
    metric.set(outside.status().cacheSize),
  );
}
