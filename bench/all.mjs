/** `npm run bench`: all benches, one after the other; each writes its figures, and the page is made anew of all. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { writePage } from './page.mjs';

const failed = [];
for (const name of ['run.mjs', 'forward.mjs', 'watch.mjs', 'growth.mjs', 'docker.mjs']) {
  process.stderr.write(`bench/${name}\n`);
  const done = spawnSync(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], {
    stdio: 'inherit',
  });
  // One that fails costs its own figures, not those of the others.
  if (done.status !== 0) failed.push(`bench/${name}`);
}
writePage();
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
