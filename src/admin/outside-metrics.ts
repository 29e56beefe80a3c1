/** What the forwarder of outside names counts: how queries went, what upstreams said, what is cached and waits. */
import type { ServerCore } from '../server.ts';
import { rcodeName, type Metrics } from './metric-kinds.ts';
import { observedOf } from './state-metrics.ts';

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
  ['delayed', 'delayed'],
  ['unsent', 'unsent'],
  ['timeout', 'timeouts'],
  ['late', 'late'],
  ['spoofed', 'spoofed'],
  ['malformed', 'malformed'],
  ['no_answer', 'failures'],
];

export function outsideMetrics(server: ServerCore, metrics: Metrics): void {
  const { outside } = server;
  metrics.counter(
    'podns_outside_queries_total',
    'Queries for outside names, by how they went; one that misses the cache may then join, fail or be given a stale answer.',
    ['result'],
    (put) => {
      const { counters } = outside;
      for (const [result, key] of RESULTS) put({ result }, counters[key]);
    },
  );
  metrics.counter(
    'podns_upstream_messages_total',
    'Messages to and from upstreams, by kind.',
    ['kind'],
    (put) => {
      const { counters } = outside;
      for (const [kind, key] of MESSAGES) put({ kind }, counters[key]);
    },
  );
  metrics.gauge(
    'podns_upstream_failing',
    '1 while an upstream does not answer and is tried last.',
    ['upstream'],
    (put) => {
      for (const { upstream, state } of outside.status().upstreams)
        put({ upstream }, state === 'failing' ? 1 : 0);
    },
  );
  metrics.gauge('podns_outside_waiting', 'Queries that wait for upstreams now.', [], (put) =>
    put({}, outside.status().waiting),
  );
  metrics.gauge('podns_outside_cache_entries', 'Answers in the cache of outside names.', [], (put) =>
    put({}, outside.status().cacheEntries),
  );
  metrics.gauge('podns_outside_cache_bytes', 'Octets that the cached answers take.', [], (put) =>
    put({}, outside.status().cacheSize),
  );
  upstreams(outside, metrics);
  cache(outside, metrics);
}

function upstreams({ upstreams: { upstreams }, forwarder }: ServerCore['outside'], metrics: Metrics): void {
  metrics.counter(
    'coredns_forward_requests_total',
    'Questions that an upstream has answered; those that it left unanswered are timeouts of podns_upstream_messages_total.',
    ['to'],
    (put) => {
      for (const [to, { durations }] of upstreams) put({ to }, durations.count);
    },
  );
  metrics.counter(
    'coredns_forward_responses_total',
    'Answers of upstreams by rcode: SERVFAIL here is not of our making.',
    ['to', 'rcode'],
    (put) => {
      for (const [to, { answers }] of upstreams)
        for (const [rcode, count] of answers) put({ to, rcode: rcodeName(rcode) }, count);
    },
  );
  metrics.histogram(
    'coredns_forward_request_duration_seconds',
    'Time that upstreams took to answer.',
    (put) => {
      for (const [to, { durations }] of upstreams) put({ to }, observedOf(durations));
    },
  );
  metrics.histogram(
    'coredns_proxy_request_duration_seconds',
    'As coredns_forward_request_duration_seconds, under the name that later CoreDNS has for it.',
    (put) => {
      for (const [to, { durations }] of upstreams) put({ proxy_name: 'forward', to }, observedOf(durations));
    },
  );
  metrics.counter(
    'coredns_forward_max_concurrent_rejects_total',
    'Outside queries turned away because too many were under way.',
    [],
    (put) => put({}, forwarder.counters.overflows),
  );
}

function cache(outside: ServerCore['outside'], metrics: Metrics): void {
  const labels = { server: 'dns://', zones: '.', view: '' };
  const names = Object.keys(labels);
  metrics.counter(
    'coredns_cache_hits_total',
    'Outside names answered from the cache.',
    [...names, 'type'],
    (put) => put({ ...labels, type: 'success' }, outside.counters.hits),
  );
  metrics.counter('coredns_cache_misses_total', 'Outside names that the cache did not have.', names, (put) =>
    put(labels, outside.counters.misses),
  );
  metrics.counter('coredns_cache_requests_total', 'Outside names looked for in the cache.', names, (put) =>
    put(labels, outside.counters.hits + outside.counters.misses),
  );
  metrics.counter(
    'coredns_cache_served_stale_total',
    'Expired answers given because no upstream answered.',
    names,
    (put) => put(labels, outside.counters.stale),
  );
  metrics.gauge(
    'coredns_cache_entries',
    'Answers in the cache of outside names.',
    [...names, 'type'],
    (put) => put({ ...labels, type: 'success' }, outside.status().cacheEntries),
  );
}
