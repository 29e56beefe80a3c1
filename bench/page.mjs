/**
 * `node bench/page.mjs [FOLDER]`: puts docs/benchmarks.md together from the figures that the benches have left
 * beside it; nothing is measured.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { coreMarkdown } from './core-report.mjs';
import { dockerMarkdown } from './docker-report.mjs';
import { forwardMarkdown } from './forward-report.mjs';
import { growthMarkdown } from './growth-report.mjs';
import { watchMarkdown } from './watch-report.mjs';

const DOCS = new URL('../docs/', import.meta.url);

const SECTIONS = [
  { file: 'benchmarks.json', bench: 'run.mjs', subject: 'authoritative answers', markdown: coreMarkdown },
  {
    file: 'benchmarks-forward.json',
    bench: 'forward.mjs',
    subject: 'outside names',
    markdown: forwardMarkdown,
  },
  { file: 'benchmarks-watch.json', bench: 'watch.mjs', subject: 'the watch', markdown: watchMarkdown },
  { file: 'benchmarks-growth.json', bench: 'growth.mjs', subject: 'growth', markdown: growthMarkdown },
  {
    file: 'benchmarks-docker.json',
    bench: 'docker.mjs',
    subject: 'Docker and Podman',
    markdown: dockerMarkdown,
  },
];

/** `folder`: a URL that ends in a slash. */
export function writePage(folder = DOCS) {
  const parts = [readFileSync(new URL('preface.md', import.meta.url), 'utf8').trimEnd()];
  for (const { file, bench, subject, markdown } of SECTIONS) {
    const data = readFigures(new URL(file, folder));
    if (data === undefined) parts.push(`Not measured yet: ${subject} (\`node bench/${bench}\`).`);
    else parts.push(demote(markdown(data)).trimEnd());
  }
  writeFileSync(new URL('benchmarks.md', folder), parts.join('\n\n') + '\n');
}

function readFigures(url) {
  try {
    return JSON.parse(readFileSync(url, 'utf8'));
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT') return undefined;
    throw new Error(`${fileURLToPath(url)}: ${message}`, { cause: error });
  }
}

/** Each section is a page of its own; here it is a chapter. */
function demote(markdown) {
  return markdown.replace(/^#/gm, '##');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder] = process.argv.slice(2);
  writePage(folder === undefined ? DOCS : pathToFileURL(`${resolve(folder)}/`));
}
