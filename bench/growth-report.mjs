/** Writes what the bench of growth has measured: docs/benchmarks-growth.json, and the page that has it. */
import { cpus, loadavg } from 'node:os';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { round } from './statistics.mjs';
import { table } from './table.mjs';

/** How much there is, as a multiple of a case's size. */
export const TIMES = [1, 2, 4, 8];
/** What twice as much may cost: a load is linear, a change grows with the logarithm at most. */
const LOAD_MOST = 2.3;
const CHANGE_MOST = 1.3;

export function writeGrowthReport({ results, rounds, write }) {
  const data = {
    ...measuredOn(),
    processors: cpus().length,
    loadAverage: round(loadavg()[1], 1),
    rounds,
    cases: results,
  };
  if (!write) {
    process.stdout.write(growthMarkdown(data));
    return;
  }
  writeFigures('benchmarks-growth.json', data);
}

/** A pure function of what docs/benchmarks-growth.json holds. */
export function growthMarkdown(data) {
  const rows = (key, most, digits) =>
    data.cases
      .filter(({ points }) => points[0][key] !== undefined)
      .map(({ name, failed, points }) => {
        const values = points.map((point) => point[key] ?? NaN);
        const ratio = perDoubling(values);
        return [
          name,
          points[0].n.toLocaleString('en'),
          ...values.map((value) => (Number.isNaN(value) ? '–' : value.toFixed(digits))),
          failed === undefined ? ratio.toFixed(2) : failed,
          ratio <= most ? 'pass' : 'miss',
        ];
      });
  const head = (unit) => ['of', '1 is', ...TIMES.map((times) => `${times} ×, ${unit}`), 'per doubling', ''];
  const busy =
    data.loadAverage > data.processors / 2
      ? ` The machine was busy with other work (load ${data.loadAverage} on ${data.processors} processors).`
      : '';
  return (
    [
      '# Growth',
      `\`node bench/growth.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}. ` +
        `CPU time of the whole process, the least of ${data.rounds} rounds.${busy}`,
      '## One change',
      `The median of single changes in the midst of so much, which may be ${CHANGE_MOST} times as much where there is ` +
        'twice as much.',
      table(head('ms'), rows('change', CHANGE_MOST, 3)),
      '## Loading',
      `Twice as much may cost ${LOAD_MOST} times as much.`,
      table(head('ms'), rows('load', LOAD_MOST, 0)),
    ].join('\n\n') + '\n'
  );
}

/** How many times as much twice as much costs: over all of it, or where there is most, whichever is more. */
function perDoubling(values) {
  const last = TIMES.length - 1;
  const mean = (from) => (values[last] / values[from]) ** (1 / Math.log2(TIMES[last] / TIMES[from]));
  return Math.max(mean(0), mean(1));
}
