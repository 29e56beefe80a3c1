/** Manual pages and docs/zones.md say what the code says; `vitest run -u` writes them anew. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { describe, expect, it, test } from 'vitest';
import { generatedPages } from '../../scripts/pages.mjs';
import { FIELD_REFERENCE } from '../../src/source/validate/field-reference.ts';
import { parseZoneFile } from '../../src/source/zones/zone-file.ts';
import { FIELD_NAMES } from '../../src/source/validate/schemas.ts';
import type { Kind } from '../../src/model.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const pages = await generatedPages();

describe.each(Object.keys(pages))('%s', (path) => {
  it('is what the tables of the code say', async () => {
    await expect(pages[path]).toMatchFileSnapshot(ROOT + path);
  });
});

const missing = missingTools(['man']);
if (missing !== undefined) skipAloud('manual pages are rendered', missing);
test.skipIf(missing !== undefined).each(Object.keys(pages).filter((path) => /\.\d$/.test(path)))(
  '%s is rendered without a warning',
  (path) => {
    const environment = { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8' };
    const shown = spawnSync('man', ['--warnings', '-l', ROOT + path], { encoding: 'utf8', env: environment });
    expect(shown.stderr).toBe('');
    expect(shown.stdout).toMatch(/NAME\n +podns/);
    expect(shown.stdout).not.toMatch(/\\f[BIR]|`/);
  },
);

describe('the reference of fields', () => {
  const kinds = Object.keys(FIELD_NAMES) as Kind[];

  it.each(kinds)('has each field of a %s', (kind) => {
    expect(Object.keys(FIELD_REFERENCE[kind]).sort()).toEqual([...FIELD_NAMES[kind]].sort());
  });

  const examples = kinds.flatMap((kind) =>
    Object.entries(FIELD_REFERENCE[kind]).map(([field, { example }]) => ({ kind, field, example })),
  );
  it.each(examples)('$kind $field has an example that is valid: $example', ({ kind, field, example }) => {
    const body = parse(example) as Record<string, unknown>;
    expect(Object.keys(body)).toEqual([field]);
    const named = { overlay: 'overlays', pod: 'pods', service: 'services' } as const;
    const namespaces =
      kind === 'vpc' ? {} : { shop: kind === 'namespace' ? body : { [named[kind]]: { example: body } } };
    const document = { vpc: 'aep', ...(kind === 'vpc' ? body : {}), namespaces };
    expect(parseZoneFile(JSON.stringify(document), 'example.yaml').problems).toEqual([]);
  });
});
