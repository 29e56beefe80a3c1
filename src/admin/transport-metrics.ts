/** The counters of the transports, by listener, and by worker for listeners that worker threads serve. */
import type { Counter, Gauge } from 'prom-client';
import type { ServerCore } from '../server.ts';
import type { OpenListener } from '../server/transports.ts';

type WorkerCounters = NonNullable<OpenListener['udp']['workers']>[number];

/** Counter, and the help of its metric. */
const PACKETS = {
  received: 'Packets that the listener has received.',
  answered: 'Packets that the listener has answered.',
  dropped: 'Packets that get no answer by design.',
  deferred: 'Packets whose answer takes time, such as held queries and outside names.',
  errors: 'Packets on which podns itself failed.',
} as const;

/** Word in the metric's name, counter, help. */
const WORKER_COUNTS: readonly [string, Exclude<keyof WorkerCounters, 'rcodes'>, string][] = [
  ['received', 'received', 'Packets that the worker has received.'],
  ['answered', 'answered', 'Packets of the worker that it or the main thread has answered.'],
  ['dropped', 'dropped', 'Packets of the worker that get no answer by design.'],
  ['deferred', 'deferred', 'Packets that the worker has handed to the main thread.'],
  ['errors', 'errors', 'Packets on which podns itself failed.'],
  [
    'overflows',
    'overflows',
    'Packets that the worker has answered with SERVFAIL because the main thread did not keep up.',
  ],
  ['send_errors', 'sendErrors', 'Answers that the system refused to send.'],
  ['receive_errors', 'receiveErrors', 'Receive calls that failed.'],
  [
    'batches',
    'batches',
    'Receive calls that returned packets; received divided by this is the mean batch size.',
  ],
  ['restarts', 'restarts', 'Times that the worker died and was replaced.'],
];

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export type Adder<Metric> = (
  name: string,
  help: string,
  labelNames: string[],
  fill: (metric: Metric) => void,
) => void;

export function transportMetrics(server: ServerCore, gauge: Adder<Gauge>, counter: Adder<Counter>): void {
  for (const [word, help] of Object.entries(PACKETS) as [keyof typeof PACKETS, string][]) {
    counter(`podns_packets_${word}_total`, help, ['listener', 'proto'], (metric) => {
      for (const { listener, udp, tcp } of server.listeners) {
        metric.inc({ listener: listener.text, proto: 'udp' }, udp.counters[word]);
        metric.inc({ listener: listener.text, proto: 'tcp' }, tcp.counters[word]);
      }
    });
  }
  gauge(
    'podns_udp_lane',
    '1 for the transport that serves UDP: batch, or dgram, which is several times slower.',
    ['listener', 'kind'],
    (metric) => {
      for (const { listener, udpKind } of server.listeners)
        metric.set({ listener: listener.text, kind: udpKind }, 1);
    },
  );
  for (const [word, key, help] of WORKER_COUNTS) {
    counter(`podns_worker_${word}_total`, help, ['listener', 'worker'], (metric) => {
      for (const { listener, workers } of workersOf(server))
        workers.forEach((worker, i) => metric.inc({ listener, worker: String(i) }, worker[key]));
    });
  }
  counter(
    'podns_worker_answers_total',
    'Answers that the worker has sent itself, by rcode.',
    ['listener', 'worker', 'rcode'],
    (metric) => {
      for (const { listener, workers } of workersOf(server)) {
        workers.forEach(({ rcodes }, i) => {
          rcodes.forEach((count, rcode) => {
            if (count > 0)
              metric.inc({ listener, worker: String(i), rcode: RCODES[rcode] ?? String(rcode) }, count);
          });
        });
      }
    },
  );
}

function workersOf(server: ServerCore): { listener: string; workers: readonly WorkerCounters[] }[] {
  return server.listeners.map(({ listener, udp }) => ({
    listener: listener.text,
    workers: udp.workers ?? [],
  }));
}
