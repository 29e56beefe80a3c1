/** `/metrics`: the counts of transports, sources, the watch stream, outside names and propagation, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import { KINDS } from '../model.ts';
import type { ServerCore } from '../server.ts';
import { BOUNDS, type Histogram } from '../server/histogram.ts';
import { transportMetrics, type Adder } from './transport-metrics.ts';
import { outsideMetrics } from './outside-metrics.ts';

export function metricsRoutes(app: FastifyInstance, server: ServerCore, version: string): void {
  const registry = registryOf(server, version);
  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

/** What a metric does when it is read: it is filled anew. */
function filled<M extends Gauge | Counter>(fill: (metric: M) => void): (this: M) => void {
  return function () {
    this.reset();
    fill(this);
  };
}

function registryOf(server: ServerCore, version: string): Registry {
  const registry = new Registry();
  const registers = [registry];
  type Fill<M> = (name: string, help: string, labelNames: string[], fill: (metric: M) => void) => void;
  const gauge: Fill<Gauge> = (name, help, labelNames, fill) => {
    new Gauge({ name, help, labelNames, registers, collect: filled(fill) });
  };
  const counter: Fill<Counter> = (name, help, labelNames, fill) => {
    new Counter({ name, help, labelNames, registers, collect: filled(fill) });
  };

  gauge('podns_build_info', 'Version of podns and of Node.', ['version', 'node'], (metric) =>
    metric.set({ version, node: process.version }, 1),
  );
  transportMetrics(server, gauge, counter);
  gauge('podns_resources', 'Resources that podns serves, by kind.', ['kind'], (metric) => {
    for (const kind of KINDS) metric.set({ kind }, server.catalog.count(kind));
  });
  gauge(
    'podns_source_live',
    '1 while the source has synced and is connected, else 0.',
    ['source'],
    (metric) => {
      for (const { name, synced, state } of server.feed.states())
        metric.set({ source: name }, synced && state === 'live' ? 1 : 0);
    },
  );
  gauge(
    'podns_source_heard_timestamp_seconds',
    'Time of the last sign of life of the source.',
    ['source'],
    (metric) => {
      for (const { name, lastHeard } of server.feed.states()) metric.set({ source: name }, lastHeard / 1000);
    },
  );
  counter(
    'podns_source_changes_total',
    'Changes of the source that have changed the view.',
    ['source'],
    (metric) => {
      for (const { name, changes } of server.feed.states()) metric.inc({ source: name }, changes);
    },
  );
  gauge(
    'podns_conflicts',
    'Unresolved conflicts between sources, between VPCs and over addresses.',
    [],
    (metric) => metric.set(server.conflicts().length),
  );
  watchMetrics(server, gauge, counter);
  outsideMetrics(server, gauge, counter);
  const { committed, received } = server.feed;
  addHistogram(
    registry,
    'podns_propagation_seconds',
    'Time from the commit of a change in the control plane until it is answerable.',
    committed,
  );
  addHistogram(
    registry,
    'podns_apply_seconds',
    'Time from the arrival of a change until it is answerable.',
    received,
  );
  return registry;
}

function watchMetrics(server: ServerCore, gauge: Adder<Gauge>, counter: Adder<Counter>): void {
  const { watchServer } = server.subscribers;
  gauge('podns_watch_readers', "Connected readers of this server's watch stream.", [], (metric) =>
    metric.set(watchServer.facts().readers),
  );
  counter(
    'podns_watch_cut_total',
    'Readers of the watch stream that podns has disconnected, by reason.',
    ['reason'],
    (metric) => {
      for (const [reason, count] of Object.entries(watchServer.facts().cut)) metric.inc({ reason }, count);
    },
  );
  counter(
    'podns_watch_refused_total',
    'Readers of the watch stream that podns has refused, by reason.',
    ['reason'],
    (metric) => {
      for (const [reason, count] of Object.entries(watchServer.facts().refused))
        metric.inc({ reason }, count);
    },
  );
  gauge(
    'podns_watch_history_bytes',
    'Octets of the changes that podns keeps for readers of the watch stream.',
    [],
    (metric) => metric.set(watchServer.facts().history.bytes),
  );
}

/** Registers a histogram of the server, which has its counts already, so prom-client's own class does not fit. */
function addHistogram(registry: Registry, name: string, help: string, histogram: Histogram): void {
  const read = (): object => {
    let below = 0;
    const values = BOUNDS.map((bound, i) => {
      below += histogram.counts[i]!;
      return { metricName: `${name}_bucket`, labels: { le: bound / 1000 }, value: below };
    });
    const total = [
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: histogram.count },
      { metricName: `${name}_sum`, labels: {}, value: histogram.sum / 1000 },
      { metricName: `${name}_count`, labels: {}, value: histogram.count },
    ];
    return { name, help, type: 'histogram', values: [...values, ...total], aggregator: 'sum' };
  };
  const metric = { name, get: () => Promise.resolve(read()), reset: () => undefined };
  registry.registerMetric(metric as unknown as Gauge);
}
