/** The container engines of the tests, for benches: their sources are bundled, so that any Node runs them. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What a module of test/harness exports. */
export async function harness(name) {
  const input = join(ROOT, 'test/harness', name);
  const file = join(ROOT, 'node_modules/.cache/podns-bench', name.replace(/\.ts$/, '.mjs'));
  mkdirSync(dirname(file), { recursive: true });
  const bundle = await rolldown({
    input,
    platform: 'node',
    external: ['vitest', 'koffi'],
    transform: { define: { 'import.meta.dirname': JSON.stringify(dirname(input)) } },
  });
  await bundle.write({ file, format: 'esm' });
  await bundle.close();
  return import(pathToFileURL(file).href);
}
