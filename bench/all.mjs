/**
 * `npm run bench`: all benches, one after the other; each writes its figures, and the page is made anew of all. A figure
 * that misses what it has to reach is a figure; the exit code is 1 only where a bench has failed, not where this machine
 * cannot run it. Either costs its own figures, and not those of the others.
 *
 * Options: --quick, fewer rounds and 100,000 pods only · --only core,workers,forward,watch,changes,start,memory,commands,
 * growth,docker · --to FOLDER, instead of docs
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CHAPTERS, hasBench } from './chapters.mjs';
import { DOCS, readFigures, writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { GOALS_FILE } from './goals-report.mjs';
import { CANNOT } from './missing.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    to: { type: 'string', default: DOCS },
  },
});
const only = options.only?.split(',');
const unknown = only?.filter((name) => !CHAPTERS.some((chapter) => chapter.name === name)) ?? [];
if (unknown.length > 0) {
  const names = CHAPTERS.map(({ name }) => name).join();
  process.stderr.write(`--only: there is no chapter ${unknown.join(', ')}; there are ${names}\n`);
  process.exit(2);
}

const folder = resolve(options.to);
mkdirSync(folder, { recursive: true });
process.env.PODNS_BENCH_FOLDER = folder;
process.env.PODNS_BENCH_RUN = JSON.stringify({ id: new Date().toISOString(), quick: options.quick });
/** Lines of a bench's last words among which the reason is looked for. */
const LAST_LINES = 40;

/**
 * Runs a bench to its end; undefined, or why it has no figures, and whether this machine cannot have them.
 *
 * @param {import('./chapters.mjs').Chapter} chapter
 */
async function failure({ bench, file, quick, whole = [], target }) {
  const script = fileURLToPath(new URL(bench, import.meta.url));
  const parameters = [
    ...(options.quick ? quick : whole),
    ...(target === undefined ? [] : [target, join(folder, file)]),
  ];
  const child = spawn(process.execPath, [script, ...parameters], {
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  let said = [];
  child.stderr.setEncoding('utf8').on('data', (text) => {
    process.stderr.write(text);
    said = [...said, ...text.split('\n')].slice(-LAST_LINES);
  });
  const [status, signal] = await once(child, 'close');
  if (status === 0) return undefined;
  const lines = said.map((line) => line.trim()).filter((line) => line !== '');
  const reason = lines.findLast((line) => /^(\w*Error|cannot run here): /.test(line)) ?? lines.at(-1);
  return {
    reason: `${reason ?? 'it said nothing'} (${signal ?? `exit code ${status}`})`,
    isCrash: status !== CANNOT,
  };
}

const failed = [];
for (const chapter of CHAPTERS) {
  if (only !== undefined && !only.includes(chapter.name)) continue;
  if (!hasBench(chapter)) {
    process.stderr.write(`bench/${chapter.bench} is not here: ${chapter.subject} are left out\n`);
    continue;
  }
  process.stderr.write(`bench/${chapter.bench}\n`);
  const began = new Date().toISOString();
  const ended = await failure(chapter);
  if (ended === undefined) continue;
  const { reason, isCrash } = ended;
  if (isCrash) failed.push(`bench/${chapter.bench}: ${reason}`);
  // What it left before it failed is of this run; what an older one left shall not be taken for this one's.
  const left = readFigures(chapter.file, folder);
  if (left === undefined || left.date < began)
    writeFigures(chapter.file, { ...measuredOn(), failed: reason }, folder);
}
const page = fileURLToPath(new URL('page.mjs', import.meta.url));
if (spawnSync(process.execPath, [page, folder], { stdio: 'inherit' }).status !== 0) process.exitCode = 1;
for (const { figure, verdict, value, reason } of readFigures(GOALS_FILE, folder)?.goals ?? [])
  process.stderr.write(`${verdict.padEnd(13)}${figure}: ${value ?? reason}\n`);
process.stderr.write(`${join(folder, 'benchmarks.md')}\n`);
if (failed.length > 0) {
  process.stderr.write(`failed:\n${failed.join('\n')}\n`);
  process.exitCode = 1;
}
