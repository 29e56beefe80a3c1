/** `/metrics`, written by prom-client: the one file that knows it. */
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import type { ServerCore } from '../server.ts';
import { answerMetrics } from './answer-metrics.ts';
import type { Metrics, Observed } from './metric-kinds.ts';
import { outsideMetrics } from './outside-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { stateMetrics } from './state-metrics.ts';
import { transportMetrics } from './transport-metrics.ts';
import { vpcMetrics } from './vpc-metrics.ts';

export function metricsRoutes(app: FastifyInstance, server: ServerCore, version: string): void {
  const registry = new Registry();
  const metrics = metricsOf(registry);
  processMetrics(server, version, metrics);
  answerMetrics(server, metrics);
  vpcMetrics(server, metrics);
  transportMetrics(server, metrics);
  stateMetrics(server, metrics);
  outsideMetrics(server, metrics);
  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

type Read = Parameters<Metrics['gauge']>[3];

/** What a gauge and a counter are made of; each is filled anew when it is read. */
interface Described {
  name: string;
  help: string;
  labelNames: string[];
  registers: Registry[];
  collect(this: Gauge | Counter): void;
}

function metricsOf(registry: Registry): Metrics {
  const described = (name: string, help: string, labels: readonly string[], read: Read): Described => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      read((values, value) => this.inc(values, value));
    },
  });
  return {
    gauge(...facts) {
      new Gauge(described(...facts));
    },
    counter(...facts) {
      new Counter(described(...facts));
    },
    histogram(name, help, read) {
      addHistogram(registry, name, help, read);
    },
  };
}

/** Histograms observe by themselves; they are only read out. */
function addHistogram(
  registry: Registry,
  name: string,
  help: string,
  read: Parameters<Metrics['histogram']>[2],
): void {
  const get = (): object => {
    const values: object[] = [];
    read((labels, observed) => values.push(...samplesOf(name, labels, observed)));
    return { name, help, type: 'histogram', values, aggregator: 'sum' };
  };
  const metric = { name, get: () => Promise.resolve(get()), reset: () => undefined };
  registry.registerMetric(metric as unknown as Gauge);
}

function samplesOf(name: string, labels: Record<string, string>, observed: Observed): object[] {
  const { bounds, counts, count, sum } = observed;
  let below = 0;
  const buckets = bounds.map((bound, i) => {
    below += counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
