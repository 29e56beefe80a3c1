/** Writes what the bench of forwarding has measured: docs/benchmarks-forward.json, and the page that has it. */
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { median, middleHalf, round, summary } from './statistics.mjs';
import { table } from './table.mjs';

const medianOf = (results, key) => median(results.map((result) => result[key]));

export function writeForwardReport(measured) {
  const data = figures(measured);
  if (!measured.write) {
    process.stdout.write(forwardMarkdown(data));
    return;
  }
  writeFigures('benchmarks-forward.json', data);
}

function figures({ rounds, seconds, names, rate, versions, missing, memory, peak, hits, alone, beside }) {
  const ours = hits.get('podns');
  const servers = [...hits].map(([name, results]) => ({
    name,
    cpu: round(medianOf(results, 'cpu')),
    rate: Math.round(medianOf(results, 'rate')),
    lostPercent: round(medianOf(results, 'lost') * 100),
    // Round by round: what slows a round slows both.
    podnsOverIt: round(median(results.map(({ cpu }, i) => ours[i].cpu / cpu)), 3),
    podnsOverItHalf: middleHalf(results.map(({ cpu }, i) => ours[i].cpu / cpu)),
    mebibytes: round(memory[name].gained / 2 ** 20, 1),
    mebibytesInAll: round(memory[name].resident / 2 ** 20, 1),
    mebibytesAtMost: round(memory[name].peak / 2 ** 20, 1),
  }));
  return {
    ...measuredOn(),
    versions,
    missing,
    rounds,
    seconds,
    cachedAnswers: names,
    servers,
    peak: summary(peak, 1),
    deadUpstream: {
      localRate: rate,
      p50Without: round(medianOf(alone, 'p50'), 0),
      p50With: round(medianOf(beside, 'p50'), 0),
      p99Without: round(medianOf(alone, 'p99'), 0),
      p99With: round(medianOf(beside, 'p99'), 0),
      p99Ratio: round(median(beside.map(({ p99 }, i) => p99 / alone[i].p99)), 3),
      answeredShare: round(medianOf(beside, 'share'), 4),
    },
  };
}

function peakOf({ peak }) {
  if (peak === undefined) return [];
  const [low, high] = peak.half.map((end) => end.toFixed(1));
  return [
    `The most that podns has while its cache fills, of ${peak.rounds} processes: ${peak.median.toFixed(1)} MiB, the middle ` +
      `half ${low} to ${high}.`,
  ];
}

/** A pure function of what docs/benchmarks-forward.json holds. */
export function forwardMarkdown(data) {
  const { deadUpstream: dead, servers } = data;
  const versions = Object.entries(data.versions)
    .filter(([, version]) => version !== undefined)
    .map(([name, version]) => `${name === 'upstream' ? 'knot as the upstream' : name} ${version}`);
  const parts = [
    '# Outside names',
    'Each server alone on one core, the generator and the upstream on the other, ' +
      'in a network namespace of their own; every query comes from the address of another pod.',
    `\`node bench/forward.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ${versions.join(', ')}. ` +
      `Medians of ${data.rounds} interleaved rounds of ${data.seconds} s.`,
    ...data.missing.map((text) => `Not measured: ${text}.`),
    '## Answers out of the cache',
    table(
      [
        'server',
        'CPU µs a query',
        'queries a second',
        'later than 20 ms, %',
        'podns ÷ it, CPU',
        `MiB for ${data.cachedAnswers.toLocaleString('en')} answers`,
        'MiB in all',
        'at the most',
      ],
      servers.map((server) => [
        server.name,
        server.cpu.toFixed(2),
        server.rate.toLocaleString('en'),
        server.lostPercent.toFixed(2),
        server.name === 'podns' ? '' : server.podnsOverIt.toFixed(3),
        server.mebibytes.toFixed(1),
        server.mebibytesInAll.toFixed(1),
        server.mebibytesAtMost.toFixed(1),
      ]),
    ),
    'MiB for the answers is what the process gained while its cache filled, once it was at rest; the most it had since ' +
      'its start counts heap that was yet to be collected, and shared libraries. dnsmasq takes the room of its whole ' +
      'cache at its start.',
    ...peakOf(data),
    '## Local names beside a dead upstream',
    `${dead.localRate.toLocaleString('en')} local names a second, alone and with a third as many outside names that no ` +
      `upstream answers, by turns in each round. p99 is the median of the rounds' own, the ratio that of their ratios. ` +
      `${(dead.answeredShare * 100).toFixed(2)} % of the local ones were answered.`,
    table(
      ['', 'alone, µs', 'with a dead upstream, µs', 'ratio'],
      [
        ['p50', dead.p50Without, dead.p50With, ''],
        ['p99', dead.p99Without, dead.p99With, dead.p99Ratio],
      ],
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}
