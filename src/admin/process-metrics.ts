/** The process itself: what it is, and what it takes of processor and memory. */
import type { ServerCore } from '../server.ts';
import type { Metrics } from './metric-kinds.ts';

const MICRO = 1e-6;

export function processMetrics(server: ServerCore, version: string, metrics: Metrics): void {
  const started = Date.now() / 1000 - process.uptime();
  metrics.gauge(
    'podns_build_info',
    'Which podns this is, and on which Node it runs.',
    ['version', 'node'],
    (put) => put({ version, node: process.version }, 1),
  );
  metrics.gauge(
    'coredns_build_info',
    'As podns_build_info, because dashboards for CoreDNS find their instances by it.',
    ['version', 'revision', 'goversion'],
    (put) => put({ version: `podns-${version}`, revision: '', goversion: process.version }, 1),
  );
  metrics.gauge(
    'coredns_plugin_enabled',
    'What this server does, in the words of CoreDNS; forward is missing where outside names are off.',
    ['server', 'zone', 'view', 'name'],
    (put) => {
      const names = ['podns', 'cache', 'prometheus'];
      if (server.config.forward !== 'off' && server.config.forward !== 'refuse') names.push('forward');
      for (const name of names) put({ server: 'dns://', zone: '.', view: '', name }, 1);
    },
  );
  metrics.gauge('process_start_time_seconds', 'When the process began; a change is a restart.', [], (put) =>
    put({}, started),
  );
  metrics.counter(
    'process_cpu_seconds_total',
    'Processor time of all threads, workers included.',
    [],
    (put) => {
      const { user, system } = process.cpuUsage();
      put({}, (user + system) * MICRO);
    },
  );
  metrics.gauge('process_resident_memory_bytes', 'Resident memory of the process.', [], (put) =>
    put({}, process.memoryUsage.rss()),
  );
  metrics.gauge('podns_heap_bytes', "Heap of the main thread's JavaScript that is in use.", [], (put) =>
    put({}, process.memoryUsage().heapUsed),
  );
  metrics.gauge('podns_view_bytes', 'Octets of the view by part: what queries read.', ['part'], (put) => {
    for (const [part, octets] of Object.entries(server.viewUsage())) put({ part }, octets);
  });
  metrics.gauge('podns_catalog_bytes', 'Octets of what sources have given, by part.', ['part'], (put) => {
    for (const [part, octets] of Object.entries(server.catalog.memory())) put({ part }, octets);
  });
  metrics.counter(
    'podns_event_loop_active_seconds_total',
    'Time in which the event loop of the main thread worked. A rate near 1 delays sources, TCP and what is deferred.',
    [],
    (put) => put({}, performance.eventLoopUtilization().active / 1000),
  );
}
