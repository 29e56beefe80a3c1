/**
 * `node bench/page.mjs [FOLDER]`: puts docs/benchmarks.md together from the figures that the benches have left
 * beside it, and judges them into benchmarks-goals.json; nothing is measured.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CHAPTERS } from './chapters.mjs';
import { writeClaims } from './claims.mjs';
import { DOCS, FOLDER, readFigures, writeFigures } from './figures.mjs';
import { GOALS_FILE, goalsData, goalsMarkdown } from './goals-report.mjs';

/** Where these are the figures of docs, the claims of other pages follow them. */
export function writePage(folder = FOLDER) {
  const files = Object.fromEntries(CHAPTERS.map(({ name, file }) => [name, readFigures(file, folder)]));
  const goals = goalsData(files);
  const preface = readFileSync(new URL('preface.md', import.meta.url), 'utf8').trimEnd();
  const parts = [preface, demote(goalsMarkdown(goals)).trimEnd()];
  for (const { name, bench, subject, markdown } of CHAPTERS) {
    const data = files[name];
    if (data === undefined) parts.push(`Not measured yet: ${subject} (\`node bench/${bench}\`).`);
    else if (data.failed !== undefined)
      parts.push(`Not measured: ${subject}: \`node bench/${bench}\` failed: ${data.failed}.`);
    else parts.push(demote(markdown(data)).trimEnd());
  }
  writeFigures(GOALS_FILE, goals, folder);
  writeFileSync(join(folder, 'benchmarks.md'), parts.join('\n\n') + '\n');
  if (folder === DOCS) writeClaims(files);
}

/** Each section is a page of its own; here it is a chapter. */
function demote(markdown) {
  return markdown.replace(/^#/gm, '##');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder] = process.argv.slice(2);
  writePage(folder === undefined ? FOLDER : resolve(folder));
}
