/**
 * Bundles the command and its threads: one process reads a few files instead of some 600, and of each dependency only what
 * podns uses. Writes to `bundle` below the folder of the compiled modules, and lets the command start from there. The
 * library stays as it was compiled, module by module.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** koffi is native, and optional. */
const EXTERNAL = ['koffi'];

/**
 * `folder`: absolute, with all of `src` compiled. Where the bundler has no binary for this platform the command runs
 * from the modules, as fast as they load.
 */
export async function bundle(folder, root) {
  let rolldown;
  try {
    ({ rolldown } = await import('rolldown'));
  } catch (error) {
    console.error(`build: the command is not bundled, because rolldown does not load: ${String(error)}`);
    return;
  }
  const { THREAD_MODULES, bundleName } = await import(`file://${join(folder, 'locations.js')}`);
  const input = { start: join(folder, 'cli', 'start.js') };
  for (const path of Object.values(THREAD_MODULES)) input[bundleName(path)] = join(folder, `${path}.js`);
  const plugins = [await topLevelText(folder)];
  const made = await rolldown({
    input,
    plugins,
    external: EXTERNAL,
    platform: 'node',
    cwd: root,
    logLevel: 'warn',
  });
  const { output } = await made.write({
    dir: join(folder, 'bundle'),
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    // A process whose package was replaced finds no file, instead of another version's.
    chunkFileNames: '[name]-[hash].js',
    comments: false,
  });
  await made.close();
  for (const { type, fileName } of output)
    if (type === 'chunk') escapeCharacters(join(folder, 'bundle', fileName));
  writeFileSync(join(folder, 'bundle', 'LICENSES.txt'), licenses(output, root));
  const command = join(folder, 'cli', 'main.js');
  const text = readFileSync(command, 'utf8');
  const bundled = text.replace("import('./start.js')", "import('../bundle/start.js')");
  if (bundled === text) throw new Error(`${command} does not import ./start.js`);
  writeFileSync(command, bundled);
}

/** The names of the public top-level domains as text: converting them takes 5 ms and a megabyte in every thread. */
async function topLevelText(folder) {
  const module = join(folder, 'dns', 'top-level.js');
  const { topLevelDomains } = await import(`file://${module}`);
  const code = `export const topLevelDomains = ${JSON.stringify(topLevelDomains.join(' '))}.split(' ');`;
  return { name: 'top-level-domains', load: (id) => (id === module ? { code, map: null } : null) };
}

/**
 * V8 keeps the text of what it runs, with two octets a character where one of them is not Latin: such characters stand
 * only in strings and expressions, where an escape means the same.
 */
function escapeCharacters(path) {
  const text = readFileSync(path, 'utf8');
  // Without comments, only a raw template shows the difference.
  const raw = /String\.raw`[^`]*[\u0080-\uffff]/.exec(text);
  if (raw !== null) throw new Error(`${path}: ${raw[0]} has a character that cannot be escaped`);
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const escaped = text.replace(/[\u0080-\uffff]/g, escape);
  if (escaped !== text) writeFileSync(path, escaped);
}

/** The licences of all packages of which a bundle contains a part. */
function licenses(output, root) {
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
  const packages = new Set();
  for (const id of modules) {
    const at = id.lastIndexOf(`${sep}node_modules${sep}`);
    if (at === -1) continue;
    const parts = id.slice(at + 14).split(sep);
    packages.add(id.slice(0, at + 14) + parts.slice(0, parts[0].startsWith('@') ? 2 : 1).join(sep));
  }
  const texts = [...packages]
    .sort((left, right) => (left < right ? -1 : 1))
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'license.md']
        .map((one) => join(path, one))
        .find((one) => existsSync(one));
      const text = file === undefined ? '' : `\n${readFileSync(file, 'utf8').trim()}\n`;
      return `${name} ${version} (${license}), ${relative(root, dirname(path))}\n${text}`;
    });
  return `The bundles beside this file contain parts of these packages.\n\n${texts.join('\n')}`;
}
