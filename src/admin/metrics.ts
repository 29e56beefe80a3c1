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

function metricsOf(registry: Registry): Metrics {
  const registers = [registry];
  return {
    gauge(name, help, labels, read) {
      new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers,
        collect() {
          this.reset();
          read((values, value) => this.inc(values, value));
        },
      });
    },
    counter(name, help, labels, read) {
      new Counter({
        name,
        help,
        labelNames: [...labels],
        registers,
        collect() {
          this.reset();
          read((values, value) => this.inc(values, value));
        },
      });
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
