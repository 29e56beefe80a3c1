/** Small benches, measured: the sections of docs/benchmarks.md about workers, changes, memory, commands and starts. */
import { table } from './table.mjs';

const number = (value) => value.toLocaleString('en');
const from = (bench, data) =>
  `\`node bench/${bench}\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}.`;
const half = ({ half: [low, high] }, digits) => `${low.toFixed(digits)} to ${high.toFixed(digits)}`;

/** A pure function of what docs/benchmarks-workers.json holds. */
export function workersMarkdown(data) {
  const rows = data.servers.map(({ name, cpu, rate, podnsOverIt }) => [
    name,
    cpu.median.toFixed(2),
    half(cpu, 2),
    number(rate.median),
    ...(name === 'podns'
      ? ['', '']
      : [podnsOverIt.cpu, podnsOverIt.rate].map((one) => one.median.toFixed(3))),
  ]);
  const head = ['server', 'CPU µs a query', 'middle half', 'queries a second'];
  return (
    [
      '# Two workers on two cores',
      'Each server has two workers (podns: threads; nsd: processes) and the same two cores as the generator, which takes ' +
        'one of them whole: all of them wait for a core at times.',
      `${from('workers.mjs', data)} ${number(data.pods)} pods, UDP over IPv6; medians of ` +
        `${data.servers[0].cpu.rounds} interleaved rounds of ${data.seconds} s.`,
      ...data.missing.map((text) => `Not measured: ${text}.`),
      table([...head, 'podns ÷ it, CPU', 'podns ÷ it, queries a second'], rows),
    ].join('\n\n') + '\n'
  );
}

/** A pure function of what docs/benchmarks-changes.json holds. */
export function changesMarkdown(data) {
  const { microseconds: cost } = data;
  return (
    [
      '# The cost of a change',
      from('changes.mjs', data),
      `One pod of ${number(data.pods)} moves, ${number(data.changes)} times, each a revision of its own, from the octets of ` +
        `its line until it is answerable, saved view on: ${cost.median.toFixed(2)} µs of CPU, that is ` +
        `${number(Math.round(1e6 / cost.median))} changes a second of one core. Median of ${cost.rounds} rounds, the ` +
        `middle half of them ${half(cost, 2)} µs.`,
    ].join('\n\n') + '\n'
  );
}

/** A pure function of what docs/benchmarks-memory.json holds. */
export function memoryMarkdown(data) {
  const parts = ['# Memory', from('memory.mjs', data)];
  if (data.idle !== undefined) parts.push(...idle(data.idle));
  if (data.loaded !== undefined) parts.push(...loaded(data.loaded));
  return parts.join('\n\n') + '\n';
}

function idle({ resident, own, asked, furtherListener, kinds }) {
  const rows = kinds.map((kind) => [
    kind.kind,
    ...[kind.resident, kind.own, kind.asked].map((n) => n.toFixed(1)),
  ]);
  const all = ['all', ...[resident, own, asked].map(({ median }) => median.toFixed(1))];
  return [
    '## Idle, with the demonstration zones',
    `Resident memory, MiB, medians of ${resident.rounds} processes; the middle half of them ${half(resident, 1)} in all. ` +
      'Own is what only this process has.',
    table(['kind of mapping', 'resident', 'own', 'resident after `/metrics`'], [...rows, all]),
    `A further listener takes ${furtherListener.median.toFixed(2)} MiB.`,
  ];
}

function loaded({ pods, servers, missing }) {
  const rows = servers.map(({ name, mebibytes, seconds }) => [
    name,
    mebibytes.median.toFixed(0),
    half(mebibytes, 0),
    seconds.median.toFixed(2),
    half(seconds, 2),
  ]);
  return [
    `## ${number(pods)} pods`,
    `At rest after its start, and seconds from that until the last of them is answered: podns out of a watch stream, ` +
      `others from their file. Medians of ${servers[0].seconds.rounds} interleaved rounds.`,
    ...missing.map((text) => `Not measured: ${text}.`),
    table(['server', 'MiB', 'middle half', 'seconds', 'middle half'], rows),
  ];
}

/** A pure function of what docs/benchmarks-commands.json holds. */
export function commandsMarkdown(data) {
  const rows = data.commands.map(({ title, seconds }) => [
    title,
    seconds.median.toFixed(3),
    half(seconds, 3),
  ]);
  return (
    [
      '# Commands',
      `${from('commands.mjs', data)} CPU seconds of the whole process, medians of ${data.commands[0].seconds.rounds} ` +
        'interleaved rounds.',
      table(['command', 'CPU, s', 'middle half'], rows),
    ].join('\n\n') + '\n'
  );
}
