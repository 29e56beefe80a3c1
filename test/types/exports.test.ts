/** Every type that an export of the library mentions is an export too, in the declarations as users get them. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { index, read, type Declarations } from './declarations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a declaration names that is ours; `typeof X` is about a value, and a string or a property is no type. */
function mentioned(name: string, { declared, imported }: Declarations): string[] {
  const text = declared
    .get(name)!
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/'(?:[^'\\]|\\.)*'/g, '')
    .replace(/\btypeof\s+[\w.]+/g, '')
    .replace(/^\s*private\b.*$/gm, '')
    .replace(/\b\w+\??:(?!:)/g, '');
  const words = new Set(text.match(/\b[A-Z]\w*/g));
  return [...words].filter((word) => word !== name && (declared.has(word) || imported.has(word)));
}

describe('the exports', () => {
  const exported = [...index.imported];

  it.each(exported)('%s is declared, and mentions no type that is not exported', (name, path) => {
    const file = read(path);
    expect([...file.declared.keys()]).toContain(name);
    expect(mentioned(name, file).filter((word) => !index.imported.has(word))).toEqual([]);
  });

  it('are found, also by what they mention', () => {
    expect(exported.length).toBeGreaterThan(40);
    const server = read(index.imported.get('PodnsServer')!);
    expect(mentioned('PodnsServer', server).sort()).toEqual(
      expect.arrayContaining([
        'AnswerClient',
        'BoundListener',
        'Changes',
        'Listen',
        'ServerEvents',
        'ServerStatus',
      ]),
    );
  });
});

it('the library is used as library.ts shows, and in no way that it marks as refused', () => {
  // With the declarations themselves checked, as a project without skipLibCheck does.
  const compiled = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'test/types', '--noEmit'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  expect(compiled).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
