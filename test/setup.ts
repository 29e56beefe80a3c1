/** Builds `dist` before the first test when a source is newer: worker threads and the command run compiled code. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** True when a file of `src` has no compiled counterpart, or an older one. */
function isStale(): boolean {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') || dirname(file) === 'page')
    .some((file) => {
      const compiled = join(ROOT, 'dist', file.replace(/\.ts$/, '.js'));
      return modified(compiled) < modified(join(ROOT, 'src', file));
    });
}

export default function setup(): void {
  if (!isStale()) return;
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, encoding: 'utf8' });
  if (built.error !== undefined) throw built.error;
  // The compiler writes its output in spite of type errors, and `npm run types` is where those fail.
  if (built.status !== 0)
    console.error(`npm run build ended with ${built.status}:\n${built.stdout}${built.stderr}`);
}
