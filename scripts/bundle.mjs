/**
 * Bundles the command and its threads: one process reads a few files instead of some 600, and of each dependency only what
 * podns uses. Writes to `bundle` below the folder of the compiled modules, and lets the command start from there, with what
 * V8 has compiled (`bundle-loader.cjs`). The library stays as it was compiled, module by module.
 */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { keepCompiled } from './compiled.mjs';

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
  const entry = (path) => ({ [bundleName(path)]: join(folder, `${path}.js`) });
  const { answers, packets, ...others } = THREAD_MODULES;
  const inputs = [
    { start: join(folder, 'cli', 'start.js'), ...Object.assign({}, ...Object.values(others).map(entry)) },
    // One file each, because what is called for each packet is called fastest within its file.
    entry(answers),
    entry(packets),
  ];
  const plugins = [await topLevelText(folder)];
  const written = [];
  for (const input of inputs) {
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
      format: 'cjs',
      sourcemap: true,
      sourcemapExcludeSources: true,
      // A process whose package was replaced finds no file, instead of another version's, and nothing that was compiled
      // of another text.
      entryFileNames: '[name]-[hash].cjs',
      chunkFileNames: '[name]-[hash].cjs',
      comments: false,
    });
    await made.close();
    written.push(...output.filter(({ type }) => type === 'chunk'));
  }
  cpSync(new URL('bundle-loader.cjs', import.meta.url), join(folder, 'bundle', 'loader.cjs'));
  for (const chunk of written) finish(chunk, join(folder, 'bundle'));
  writeFileSync(join(folder, 'bundle', 'LICENSES.txt'), licenses(written, root));
  const command = join(folder, 'cli', 'main.js');
  const text = readFileSync(command, 'utf8');
  const bundled = text.replace("import('./start.js')", "import('../bundle/start.cjs')");
  if (bundled === text) throw new Error(`${command} does not import ./start.js`);
  writeFileSync(command, bundled);
  await keepCompiled(command, root);
}

/** Makes a chunk a function expression, which the loader calls; what begins a thread, or the command, gets its file. */
function finish({ fileName, name, isEntry, exports }, folder) {
  const path = join(folder, fileName);
  const text = escaped(readFileSync(path, 'utf8'), path);
  const end = text.lastIndexOf('\n//# sourceMappingURL=');
  const [body, map] = end === -1 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)];
  writeFileSync(
    path,
    `(function (exports, require, module, __filename, __dirname) {'use strict';${body}\n})\n${map}`,
  );
  if (!isEntry) return;
  // Named one by one, which an import recognizes.
  const lines = exports.map((each) => `exports.${each} = bundle.${each};\n`);
  const loading = `const bundle = require('./loader.cjs').load('${fileName}');\n`;
  writeFileSync(join(folder, `${name}.cjs`), `'use strict';\n${loading}${lines.join('')}`);
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
function escaped(text, path) {
  // Without comments, only a raw template shows the difference.
  const raw = /String\.raw`[^`]*[\u0080-\uffff]/.exec(text);
  if (raw !== null) throw new Error(`${path}: ${raw[0]} has a character that cannot be escaped`);
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/[\u0080-\uffff]/g, escape);
}

/** The licences of all packages of which a bundle contains a part. */
function licenses(chunks, root) {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
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
