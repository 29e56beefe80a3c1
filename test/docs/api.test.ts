/** docs/api.md has every export as users get it, `vitest run -u` writes the declarations anew; its examples run. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import * as library from '../../src/index.ts';
import { declarationOf, index } from '../types/declarations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = `${ROOT}docs/api.md`;
const page = readFileSync(PAGE, 'utf8');
const BLOCK = /<!-- declarations: ([\w ]+) -->[\s\S]*?<!-- \/declarations -->/g;

/** Without what is the same for all of them, and what users cannot reach. */
function shown(name: string): string {
  return declarationOf(name)
    .replace(/^export (?:declare )?/m, '')
    .replace(/^\s*private\b.*\n/gm, '');
}

it('has every export, once', async () => {
  const named = [...page.matchAll(BLOCK)].flatMap(([, names]) => names!.split(' '));
  expect(named.toSorted()).toEqual([...index.imported.keys()].sort());
  const whole = page.replace(
    BLOCK,
    (_, names: string) =>
      `<!-- declarations: ${names} -->\n\n\`\`\`ts\n${names.split(' ').map(shown).join('\n\n')}\n\`\`\`\n\n<!-- /declarations -->`,
  );
  const formatted = await format(whole, { ...(await resolveConfig(PAGE)), filepath: PAGE });
  await expect(formatted).toMatchFileSnapshot(PAGE);
});

const examples = [...page.matchAll(/^## (.*)$|```js\n([\s\S]*?)```/gm)].reduce<[string, string][]>(
  (all, [, title, code]) => {
    if (title !== undefined) all.push([title, '']);
    else all.at(-1)![1] = code!;
    return all;
  },
  [],
);

describe('the example of', () => {
  it.concurrent.each(examples.filter(([, code]) => code !== ''))(
    '"%s" prints what it says',
    async (_, code) => {
      // What follows the end of a statement; a remark may end a line of another kind.
      const promised = [...code.matchAll(/(?:^.*console\.log\(.*\);|^\}\);) \/\/ (.*)$/gm)].map(
        ([, text]) => text,
      );
      expect(promised.length).toBeGreaterThan(0);
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: ROOT });
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (out += text));
      const status = await new Promise((resolve) => child.once('close', resolve));
      expect(out).toBe(promised.map((text) => `${text}\n`).join(''));
      expect(status).toBe(0);
    },
  );

  it('something uses each value that is exported', () => {
    const imported = examples.flatMap(([, code]) =>
      [...code.matchAll(/import \{([^}]*)\} from 'podns'/g)].flatMap(([, names]) =>
        names!.split(',').map((name) => name.trim()),
      ),
    );
    expect([...new Set(imported)].sort()).toEqual(Object.keys(library).sort());
  });
});
