/** What the transports count, by listener, and by worker where threads serve it; TCP connections, and holds. */
import * as counts from '../answer/counts.ts';
import type { ServerCore } from '../server.ts';
import type { OpenListener } from '../server/transports.ts';
import type { ConnectionCounters } from '../transport/transport.ts';
import { rcodeName, type Metrics } from './metric-kinds.ts';

type WorkerCounters = NonNullable<OpenListener['udp']['workers']>[number];

const PACKETS = {
  received: 'that came in',
  answered: 'that were answered',
  dropped: 'that get no answer on purpose: broken ones, and refusals above their rate',
  deferred: 'that were handed to the main thread, or waited there',
  errors: 'on which our own code threw: always a bug',
} as const;

/** Metric's word, counter, help. */
const WORKER_COUNTS: readonly [string, Exclude<keyof WorkerCounters, 'answers'>, string][] = [
  ['received', 'received', 'Packets that a worker has received.'],
  ['answered', 'answered', 'Packets of a worker that were answered, by it or by the main thread.'],
  ['dropped', 'dropped', 'Packets of a worker that got no answer on purpose.'],
  ['deferred', 'deferred', 'Packets that a worker has handed to the main thread.'],
  ['errors', 'errors', 'Packets on which our own code threw: always a bug.'],
  ['overflows', 'overflows', 'Packets answered with SERVFAIL because the main thread did not keep up.'],
  ['send_errors', 'sendErrors', 'Answers that the system did not take.'],
  ['receive_errors', 'receiveErrors', 'Receives that failed.'],
  ['batches', 'batches', 'Receives that brought packets: received over this is the mean batch.'],
  ['restarts', 'restarts', 'Workers that died and were replaced: always a bug.'],
];

const CONNECTIONS: Record<Exclude<keyof ConnectionCounters, 'connections'>, string> = {
  accepted: 'TCP connections that came in.',
  refused: 'TCP connections closed at once, because tcp_connections or tcp_client was reached.',
  evicted: 'TCP connections closed to make room for others.',
  idled: 'TCP connections closed after tcp_idle.',
  cut: 'TCP connections cut because the client read or wrote too slowly, or broke the format.',
};

export function transportMetrics(server: ServerCore, metrics: Metrics): void {
  for (const [word, help] of Object.entries(PACKETS) as [keyof typeof PACKETS, string][]) {
    metrics.counter(`podns_packets_${word}_total`, `Packets ${help}.`, ['listener', 'proto'], (put) => {
      for (const { listener, udp, tcp } of server.listeners) {
        put({ listener: listener.text, proto: 'udp' }, udp.counters[word]);
        put({ listener: listener.text, proto: 'tcp' }, tcp.counters[word]);
      }
    });
  }
  metrics.counter('coredns_panics_total', 'Packets on which our own code threw: always a bug.', [], (put) => {
    for (const { udp, tcp } of server.listeners) put({}, udp.counters.errors + tcp.counters.errors);
  });
  metrics.gauge(
    'podns_udp_transport',
    '1 for the transport that serves UDP: batch, or dgram, which is several times more costly.',
    ['listener', 'kind'],
    (put) => {
      for (const { listener, udpKind } of server.listeners)
        put({ listener: listener.text, kind: udpKind }, 1);
    },
  );
  workers(server, metrics);
  metrics.counter(
    'podns_shed_total',
    'Packets left unanswered because their senders ask far more than others while the queue of the socket is long.',
    ['listener'],
    (put) => {
      for (const { listener, workers: all } of workersOf(server))
        put(
          { listener },
          all.reduce((sum, { shed }) => sum + shed, 0),
        );
    },
  );
  connections(server, metrics);
  holds(server, metrics);
}

function workers(server: ServerCore, metrics: Metrics): void {
  for (const [word, key, help] of WORKER_COUNTS) {
    metrics.counter(`podns_worker_${word}_total`, help, ['listener', 'worker'], (put) => {
      for (const { listener, workers: all } of workersOf(server))
        all.forEach((worker, i) => put({ listener, worker: String(i) }, worker[key]));
    });
  }
  metrics.counter(
    'podns_worker_answers_total',
    'Answers of the workers themselves, by rcode; podns_answers_total has all.',
    ['listener', 'worker', 'rcode'],
    (put) => {
      for (const { listener, workers: all } of workersOf(server)) {
        all.forEach(({ answers }, i) => {
          for (let place = 0; place < 32; place++) {
            const count = answers[counts.RCODES + place]!;
            if (count > 0) put({ listener, worker: String(i), rcode: rcodeName(place & 15) }, count);
          }
        });
      }
    },
  );
}

function connections(server: ServerCore, metrics: Metrics): void {
  metrics.gauge('podns_tcp_connections', 'TCP connections that are open.', ['listener'], (put) => {
    for (const { listener, tcp } of server.listeners)
      put({ listener: listener.text }, tcp.counters.connections ?? 0);
  });
  for (const [word, help] of Object.entries(CONNECTIONS) as [keyof typeof CONNECTIONS, string][]) {
    metrics.counter(`podns_tcp_${word}_total`, help, ['listener'], (put) => {
      for (const { listener, tcp } of server.listeners)
        put({ listener: listener.text }, tcp.counters[word] ?? 0);
    });
  }
}

function holds(server: ServerCore, metrics: Metrics): void {
  const { deferred } = server;
  metrics.gauge('podns_holds', 'Queries that wait for the first view or for their pod now.', [], (put) =>
    put({}, deferred.held),
  );
  metrics.counter(
    'podns_holds_total',
    'Queries that were held, by what they waited for: sync is the first view, pod the event of their pod.',
    ['reason'],
    (put) => {
      put({ reason: 'sync' }, deferred.counters.sync);
      put({ reason: 'pod' }, deferred.counters.pod);
    },
  );
  metrics.counter('podns_holds_expired_total', 'Queries that were held in vain.', [], (put) =>
    put({}, deferred.counters.expired),
  );
  metrics.counter(
    'podns_holds_refused_total',
    'Queries answered with SERVFAIL because holds, vpc_holds or client_holds was reached.',
    [],
    (put) => put({}, deferred.counters.overflows),
  );
}

function workersOf(server: ServerCore): { listener: string; workers: readonly WorkerCounters[] }[] {
  return server.listeners.map(({ listener, udp }) => ({
    listener: listener.text,
    workers: udp.workers ?? [],
  }));
}
