/** The figures that count: the first chapter of docs/benchmarks.md, and the same for programs. */
import { CHAPTERS } from './chapters.mjs';
import { judgeAll } from './goals.mjs';
import { table } from './table.mjs';

export const GOALS_FILE = 'benchmarks-goals.json';

/** What docs/benchmarks-goals.json holds; `files`: as for `judge`. */
export function goalsData(files) {
  return { runs: runsOf(files), goals: judgeAll(files) };
}

/** Which run, of which machine, each file of figures is of. */
function runsOf(files) {
  const runs = [];
  for (const { name, file } of CHAPTERS) {
    const data = files[name];
    if (data === undefined) continue;
    const { date, cpu, kernel, node, run } = data;
    // Without a run of all benches each file has its own.
    const id = run?.id ?? date;
    const found = runs.find((one) => one.id === id && one.cpu === cpu);
    if (found !== undefined) found.files.push(file);
    else runs.push({ id, quick: run?.quick === true, cpu, kernel, node, files: [file] });
  }
  return runs;
}

const day = (id) => String(id).slice(0, 10);

function runsMarkdown(runs) {
  if (runs.length === 0) return 'Nothing has been measured yet.';
  const [{ id, cpu, kernel, node }] = runs;
  const quick = runs.some((run) => run.quick)
    ? ' **A quick run: fewer rounds, 100,000 pods only. Its figures are a first impression.**'
    : '';
  if (runs.length === 1) return `All of one run, ${day(id)}, ${cpu}, Linux ${kernel}, Node ${node}.${quick}`;
  const each = runs.map((run) => `${run.files.join(', ')}: ${day(run.id)}, ${run.cpu}, Linux ${run.kernel}`);
  return `Not of one run: figures of different rows do not compare. ${each.join('; ')}.${quick}`;
}

function shown(value, { digits, unit }) {
  const figure = digits === 0 ? value.toLocaleString('en') : value.toFixed(digits);
  return unit === '' ? figure : `${figure} ${unit}`;
}

function rowOf(goal) {
  const { figure, value, half, beside, compare, reach, verdict, reason, unit } = goal;
  const needed = `${compare} ${digitless(reach)}${unit === '' ? '' : ` ${unit}`}`;
  if (value === undefined) return [figure, '–', '–', needed, `**${verdict}**: ${reason}`];
  const measured = shown(value, goal) + (beside === undefined ? '' : ` (${beside})`);
  const spread = half === undefined ? '–' : half.map((end) => shown(end, { ...goal, unit: '' })).join(' to ');
  return [figure, measured, spread, needed, `**${verdict}**`];
}

const digitless = (reach) => reach.toLocaleString('en');

/** A pure function of what docs/benchmarks-goals.json holds. */
export function goalsMarkdown({ runs, goals }) {
  const count = (verdict) => goals.filter((goal) => goal.verdict === verdict).length;
  return (
    [
      '# The figures that count',
      runsMarkdown(runs),
      `Medians, with the middle half of the rounds beside each where there are rounds. ${count('pass')} pass, ` +
        `${count('miss')} miss, ${count('not measured')} were not measured.`,
      table(['figure', 'measured', 'middle half', 'to reach', ''], goals.map(rowOf)),
    ].join('\n\n') + '\n'
  );
}
