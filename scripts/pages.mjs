/** Writes docs/zones.md and packaging/man/* from the tables of the code; run it after `npm run build`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { commandPage, configurationPage, zonesPage } from './pages/man.mjs';
import { zonesMarkdown } from './pages/zones.mjs';

const ROOT = new URL('../', import.meta.url);

/** Path below the repository's folder and content of every generated page. */
export async function generatedPages() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
  const filepath = fileURLToPath(new URL('docs/zones.md', ROOT));
  return {
    'packaging/man/podns.1': await commandPage(version),
    'packaging/man/podns.yaml.5': configurationPage(version),
    'packaging/man/podns-zones.5': zonesPage(version),
    'docs/zones.md': await format(zonesMarkdown(), { ...(await resolveConfig(filepath)), filepath }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, text] of Object.entries(await generatedPages())) writeFileSync(new URL(path, ROOT), text);
