/** What the transports count, by listener, and by worker where threads serve it. */
import type { Counter, Gauge } from 'prom-client';
import type { ServerCore } from '../server.ts';
import type { OpenListener } from '../server/transports.ts';

type WorkerCounters = NonNullable<OpenListener['udp']['workers']>[number];

const LANE_COUNTS = ['received', 'answered', 'dropped', 'deferred', 'errors'] as const;

/** Metric's word, counter, help. */
const WORKER_COUNTS: readonly [string, Exclude<keyof WorkerCounters, 'rcodes'>, string][] = [
  ['received', 'received', 'Packets that a worker has received.'],
  ['answered', 'answered', 'Packets of a worker that were answered, by it or by the main thread.'],
  ['dropped', 'dropped', 'Packets of a worker that got no answer on purpose.'],
  ['deferred', 'deferred', 'Packets that a worker has handed to the main thread.'],
  ['errors', 'errors', 'Packets on which our own code threw.'],
  ['overflows', 'overflows', 'Packets answered with SERVFAIL because the main thread did not keep up.'],
  ['send_errors', 'sendErrors', 'Answers that the system did not take.'],
  ['receive_errors', 'receiveErrors', 'Receives that failed.'],
  ['batches', 'batches', 'Receives that brought packets: received over this is the mean batch.'],
  ['restarts', 'restarts', 'Workers that died and were replaced.'],
];

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export type Adder<Metric> = (
  name: string,
  help: string,
  labelNames: string[],
  fill: (metric: Metric) => void,
) => void;

export function transportMetrics(server: ServerCore, gauge: Adder<Gauge>, counter: Adder<Counter>): void {
  for (const word of LANE_COUNTS) {
    counter(`podns_packets_${word}_total`, `Packets ${word}.`, ['listener', 'proto'], (metric) => {
      for (const { listener, udp, tcp } of server.listeners) {
        metric.inc({ listener: listener.text, proto: 'udp' }, udp.counters[word]);
        metric.inc({ listener: listener.text, proto: 'tcp' }, tcp.counters[word]);
      }
    });
  }
  gauge(
    'podns_udp_lane',
    '1 for the transport that serves UDP: batch, or dgram, which is several times dearer.',
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
    'Answers of the workers themselves, by rcode.',
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
