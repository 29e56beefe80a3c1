/** Changes, measured: the section of docs/benchmarks.md that docs/benchmarks-watch.json makes. */
import { table } from './table.mjs';

const number = (value) => value.toLocaleString('en');
const milliseconds = (value) => `${value >= 100 ? Math.round(value) : value} ms`;

/** A pure function of what docs/benchmarks-watch.json holds. */
export function watchMarkdown(data) {
  const { pods, propagation, flood, relist, start, put, others, etcd } = data;
  const versions = [`podns ${data.version}`];
  if (etcd !== undefined) versions.push(`etcd ${etcd}`);
  for (const { name, version } of others) if (version !== undefined) versions.push(`${name} ${version}`);
  const parts = [
    '# The watch',
    `\`node bench/watch.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ` +
      `${versions.join(', ')}. ${number(pods)} pods, the server with all its threads on one core, what changes and ` +
      'asks on the other.',
    ...missing(data).map((text) => `Not measured: ${text}.`),
    '## From a change of one pod to its answer',
    'The pod is asked for without pause until the answer shows the change: times include the round trip of the ' +
      'question and the scheduling of the process that asks, and so are upper bounds.',
    changeTable(propagation, put, others),
    '## Many changes',
    `${number(flood.perSecond)} changes a second are applied where ${number(flood.changes)} come at once, each a ` +
      `revision of its own: ${flood.cpuMicrosecondsEach} µs of CPU each, with reading, validating and saving.`,
    `A whole new list, in which all ${number(relist.pods)} pods have moved, is answered ` +
      `${number(relist.milliseconds)} ms after its first line. Meanwhile a question every 0.2 ms is answered after`,
    table(
      ['', 'p50', 'p99', 'longest'],
      [
        ['without a list', ...pauses(relist.quiet)],
        ['with the list', ...pauses(relist.answers)],
      ],
    ),
    '## Start from a saved view',
    `From the start of the process to its first answer about the last of ${number(start.pods)} pods: ` +
      `${Math.round(start.p50)} ms, at most ${Math.round(start.most)} ms of ${start.timed}.`,
  ];
  return parts.join('\n\n') + '\n';
}

const pauses = ({ p50, p99, most }) => [p50, p99, most].map(milliseconds);

function missing({ put, others }) {
  const found = others.filter((other) => other.missing !== undefined);
  if (put.missing !== undefined) found.unshift({ name: 'etcd', missing: put.missing });
  return found.map((other) => `${other.name}, to have it: ${other.missing}`);
}

function changeTable(propagation, put, others) {
  const rows = [
    [
      'podns',
      `line of a watch stream, ${number(propagation.written)} other changes a second beside it`,
      propagation,
    ],
  ];
  if (put.missing === undefined) rows.push(['podns', '`podns put` to etcd, which it watches', put]);
  for (const { name, how, ...other } of others)
    if (other.missing === undefined) rows.push([name, how, other]);
  const { p50Ms, p99Ms } = propagation.inside;
  const head = ['server', 'change', 'p50', 'p99', 'longest', 'timed'];
  const lines = rows.map(([name, how, { timed, ...times }]) => [name, how, ...pauses(times), number(timed)]);
  return (
    table(head, lines) +
    `\n\nInside of podns, from the arrival of a line's octets until it is answerable, all of them: half within ` +
    `${p50Ms} ms, 99 of 100 within ${p99Ms} ms (ends of a histogram's buckets).`
  );
}
