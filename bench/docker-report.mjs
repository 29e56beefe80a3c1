/** Writes what the bench of engines has measured: docs/benchmarks-docker.json, and the page that has it. */
import { cpus, loadavg } from 'node:os';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { round } from './statistics.mjs';
import { table } from './table.mjs';

/** Milliseconds from event to answer, at the 99th percentile. */
const CALM_MOST = 20;
const STORM_MOST = 200;
const LIST_MOST = 2000;
const RESIDENT_MOST = 20;
const IDLE_MOST = 0.1;

export function writeDockerReport({ results, options, write }) {
  const data = {
    ...measuredOn(),
    processors: cpus().length,
    loadAverage: round(loadavg()[1], 1),
    quiet: Number(options.quiet),
    ...results,
  };
  if (!write) {
    process.stdout.write(dockerMarkdown(data));
    return;
  }
  writeFigures('benchmarks-docker.json', data);
}

/** A pure function of what docs/benchmarks-docker.json holds. */
export function dockerMarkdown(data) {
  const engines = [
    ['Docker', data.docker],
    ['Podman', data.podman],
  ].filter(([, engine]) => engine !== undefined);
  const measured = engines.filter(([, engine]) => engine.missing === undefined);
  const busy =
    data.loadAverage > data.processors / 2
      ? ` The machine was busy with other work (load ${data.loadAverage} on ${data.processors} processors).`
      : '';
  const parts = [
    '# Docker and Podman',
    `\`node bench/docker.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ` +
      `engines of Debian 12, each in namespaces of its own.${busy}`,
    ...engines
      .filter(([, { missing }]) => missing !== undefined)
      .map(([name, { missing }]) => `Not measured: ${name}: ${missing}.`),
    '## From event to answer',
    'From the time that the engine writes into its event of a start, to the first answer with an address. “Early” ' +
      'counts answers before that event: the address was there already.',
    table(
      ['engine', '', 'starts', 'p50, ms', 'p99, ms', 'most, ms', 'early', 'p99 at most', ''],
      measured.flatMap(([name, { calm, storm }]) => [
        latencyRow(name, 'one start a second', calm, CALM_MOST),
        latencyRow(name, 'four at a time, without pause', storm, STORM_MOST),
      ]),
    ),
    '## What it costs',
  ];
  const costs = measured.map(([name, { idlePercent }]) => [
    `CPU with a quiet engine, ${name}, over ${data.quiet} s`,
    `${idlePercent} %`,
    `${IDLE_MOST} %`,
    idlePercent <= IDLE_MOST ? 'pass' : 'miss',
  ]);
  const { many } = data;
  if (many !== undefined && many.missing === undefined)
    costs.unshift(
      [
        `CPU to list ${many.containers.toLocaleString('en')} containers, over none`,
        `${many.cpuMilliseconds} ms`,
        `${LIST_MOST} ms`,
        many.cpuMilliseconds <= LIST_MOST ? 'pass' : 'miss',
      ],
      [
        `resident with ${many.containers.toLocaleString('en')} containers, over none`,
        `${many.mebibytes} MiB`,
        `${RESIDENT_MOST} MiB`,
        many.mebibytes <= RESIDENT_MOST ? 'pass' : 'miss',
      ],
    );
  parts.push(
    table(['', 'measured', 'at most', ''], costs),
    "## Beside the engine's own DNS",
    'Names of one network, asked for A from one container. Queries a second are those of dnsperf with 100 in flight; ' +
      'times are those of one question after the other; medians of five interleaved rounds.',
    table(
      ['engine', 'server', 'queries a second', 'lost', 'p50, ms', 'p99, ms'],
      measured.flatMap(([name, { peers }]) =>
        peers.map(({ server, rate, lost, p50, p99 }) => [
          name,
          server,
          rate.toLocaleString('en'),
          lost,
          p50,
          p99,
        ]),
      ),
    ),
  );
  return parts.join('\n\n') + '\n';
}

function latencyRow(engine, what, { timed, p50, p99, most, early }, atMost) {
  return [engine, what, timed, p50, p99, most, early, `${atMost} ms`, p99 <= atMost ? 'pass' : 'miss'];
}
