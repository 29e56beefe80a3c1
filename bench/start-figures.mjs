/** Starts, measured: what docs/benchmarks-start.json holds of the time from a start to the first answer. */
import { table } from './table.mjs';

/**
 * What a start answers from: the newest form of a saved view first, for that is what a user's process has. Others, such as
 * a build before, stand in the table of the chapter only.
 */
const SAVED = ['image', 'saved', 'view', 'records'];
const DEMO = /demo|zones/i;
/** So few pods start as the demonstration does. */
const FEW = 1000;
const PODS = { saved: 100_000, million: 1_000_000 };

/** @returns {any[]} */
function startsOf(data) {
  const list = Array.isArray(data) ? data : data?.starts;
  return Array.isArray(list) ? list.filter((one) => Number.isFinite(one?.firstAnswerMs)) : [];
}

/** The best one of those with so many pods, by what they start from. */
function fromSaved(starts) {
  return SAVED.map((name) => starts.find(({ from }) => from === name)).find((one) => one !== undefined);
}

/**
 * Seconds from a start to the first answer of `key`: the demonstration, 100,000 pods out of the saved view, a million.
 *
 * @param {unknown} data
 * @param {'demo' | 'saved' | 'million'} key
 * @returns {import('./goals.mjs').Reading | undefined}
 */
export function startFigure(data, key) {
  const starts = startsOf(data);
  const demo = starts.find(({ from, name }) => DEMO.test(`${from} ${name}`));
  const few = starts.filter(({ pods }) => pods <= FEW);
  const start =
    key === 'demo' ? (demo ?? fromSaved(few)) : fromSaved(starts.filter(({ pods }) => pods === PODS[key]));
  if (start === undefined) return undefined;
  const { firstAnswerMs, firstAnswerMsHalf: half, pods } = start;
  return {
    value: firstAnswerMs / 1000,
    half: Array.isArray(half) ? [half[0] / 1000, half[1] / 1000] : undefined,
    beside: key === 'demo' && demo === undefined ? `${pods} pods out of a saved view` : undefined,
  };
}

/** A pure function of what docs/benchmarks-start.json holds. */
export function startMarkdown(data) {
  const number = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '');
  const rows = startsOf(data).map((start) => [
    number(start.pods),
    start.from ?? start.name ?? '',
    number(start.firstAnswerMs),
    number(start.firstAnswerCpuMs),
    number(start.recordsMs),
    number(start.peakMiB),
  ]);
  const head = ['pods', 'out of', 'first answer, ms', 'CPU until then, ms', 'all records, ms', 'peak, MiB'];
  const parts = [
    '# Starts',
    `\`node bench/start.mjs\`, ${String(data.date).slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}. From the ` +
      `start of the command to its first answer, medians of ${data.rounds} interleaved rounds.`,
    table(head, rows),
  ];
  return parts.join('\n\n') + '\n';
}
