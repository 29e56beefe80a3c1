/** Authoritative answers, measured: the section of docs/benchmarks.md that docs/benchmarks.json makes. */
import { table } from './table.mjs';

const TITLES = {
  udp6: 'UDP over IPv6',
  udp4: 'UDP over IPv4',
  bare6: 'UDP over IPv6, bare names',
  tcp6: 'TCP over IPv6, pipelined',
};

const METHOD =
  'Every server has the same names: pods of one VPC, an AAAA and an A each. Its answers are checked first. Then each ' +
  'is measured in turn, alone on one core, with the generator on another: eight of ten queries ask an AAAA, one an ' +
  'A, one a name that does not exist, half of them with EDNS, each from the address of another pod, so podns finds ' +
  'a new client for every query. CPU is that of the whole process with all threads and children, by the ' +
  "scheduler's account. `loop` is a bare loop of recvmmsg and sendmmsg that knows no names: the floor. The peers are " +
  'told to answer as briefly as podns does.';

/** The share of queries that a server answers which is not overwhelmed. */
export const KEEPS_UP = 0.98;

const number = (value) => Math.round(value).toLocaleString('en');

/** A pure function of what docs/benchmarks.json holds. */
export function coreMarkdown(data) {
  const versions = Object.entries(data.versions).map(([name, version]) => `${name} ${version}`);
  const parts = [
    '# Authoritative answers',
    METHOD,
    `\`node bench/run.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ` +
      `${versions.join(', ')}. Medians of ${data.rounds} interleaved rounds of ${data.seconds} s.`,
    ...data.missing.map((reason) => `Not measured: ${reason}.`),
  ];
  const sizes = [...new Set(data.servers.map(({ pods }) => pods))];
  for (const [kind, title] of Object.entries(TITLES)) {
    for (const pods of sizes) {
      const label = `${kind} ${pods}`;
      if (data.medians[label] === undefined) continue;
      parts.push(`## ${title}, ${number(pods)} pods`, loadTable(data, label));
    }
  }
  parts.push(...latency(data), ...single(data), ...secondOpinion(data), ...memory(data), ...updates(data));
  if (data.throughputMillionOverThousand !== undefined)
    parts.push(`Queries a second at 1,000,000 pods ÷ at 1,000: ${data.throughputMillionOverThousand}.`);
  if (data.idlePercent !== undefined) parts.push(`Idle: ${data.idlePercent.toFixed(4)} % of a core.`);
  return parts.join('\n\n') + '\n';
}

function loadTable(data, label) {
  const ratios = data.ratiosOf[label] ?? {};
  const rows = Object.entries(data.medians[label]).map(([name, { cpu, rate }]) => [
    name,
    cpu.toFixed(2),
    number(rate),
    ratios[name]?.toFixed(3) ?? '',
  ]);
  return table(['server', 'CPU µs a query', 'queries a second', 'podns ÷ it, CPU'], rows);
}

function latency(data) {
  const medians = data.medians[`latency6 ${data.pods}`];
  if (medians === undefined) return [];
  // One that cannot keep up has no latency, only a queue.
  const ratios = data.ratiosOf[`latency6 ${data.pods}`] ?? {};
  const rows = Object.entries(medians).map(([name, { share, p50, p99, cpu }]) =>
    share < KEEPS_UP
      ? [name, 'cannot keep up', '', '', '']
      : [name, p50.toFixed(0), p99.toFixed(0), cpu?.toFixed(2) ?? '', ratios[name]?.toFixed(3) ?? ''],
  );
  return [
    '## 20,000 queries a second',
    'A server that is not saturated: it sleeps after most queries, and each wakes it up.',
    table(['server', 'p50, µs', 'p99, µs', 'CPU µs a query', 'podns ÷ it, CPU'], rows),
  ];
}

function single(data) {
  const label = `single6 ${data.pods}`;
  if (data.medians[label] === undefined) return [];
  return [
    '## One query at a time',
    'The next query leaves when the answer to the last one has come.',
    loadTable(data, label),
  ];
}

function secondOpinion(data) {
  const medians = data.medians[`dnsperf6 ${data.pods}`];
  if (medians === undefined) return [];
  const rows = Object.entries(medians).map(([name, { rate }]) => [name, number(rate)]);
  return ['## A second opinion: dnsperf', table(['server', 'queries a second'], rows)];
}

function memory({ servers }) {
  const rows = servers.map((server) => [
    server.name,
    number(server.pods),
    server.mebibytes,
    server.loadSeconds,
  ]);
  return ['## Memory and load time', table(['server', 'pods', 'MiB', 'seconds until it answers'], rows)];
}

function updates({ updates: measured }) {
  if (measured.length === 0) return [];
  const head = ['changes a second', 'queries a second', '÷ without changes'];
  head.push('in process, line to answerable, ms: p50', 'p99');
  head.push('written to first new answer seen, ms: p50', 'p99');
  const rows = measured.map(({ rate, queries, kept, p50, p99, insideP50, insideP99 }) => [
    number(rate),
    number(queries),
    kept.toFixed(3),
    `≤ ${insideP50}`,
    `≤ ${insideP99}`,
    p50.toFixed(2),
    p99.toFixed(2),
  ]);
  return ['## Changes under full query load', table(head, rows)];
}
