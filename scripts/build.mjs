/**
 * Compiles `src` to `dist`, bundles the command, and copies the page's files. Only files that changed are replaced, each at
 * once: a server or a test that is running from `dist` never reads half a file, also when `npx` builds a second time.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
}

function isSame(one, other) {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}

// Beside `dist`: a file can only be renamed within its file system.
const fresh = mkdtempSync(join(ROOT, '.dist-'));
try {
  const command = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', fresh];
  const compiled = spawnSync(process.execPath, [command, ...options], { cwd: ROOT, stdio: 'inherit' });
  if (compiled.error !== undefined) throw compiled.error;
  process.exitCode = compiled.status ?? 1;
  if (process.exitCode === 0) await bundle(fresh, ROOT);
  // Served as they are; without the compiler's output there is nothing to add them to.
  if (filesOf(fresh).length > 0) cpSync(join(ROOT, 'src', 'page'), join(fresh, 'page'), { recursive: true });
  const names = filesOf(fresh);
  for (const name of names) {
    const from = join(fresh, name);
    const to = join(DIST, name);
    // So that `npx podns` and a symbolic link to the command run.
    if (name === join('cli', 'main.js')) chmodSync(from, 0o755);
    if (isSame(from, to) && statSync(to).mode === statSync(from).mode) {
      // Known to be as new as its source.
      utimesSync(to, new Date(), new Date());
      continue;
    }
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
  const known = new Set(names);
  for (const name of names.length === 0 ? [] : filesOf(DIST)) if (!known.has(name)) rmSync(join(DIST, name));
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
