/** Every type that an export of the library mentions is an export too, in the declarations as users get them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

interface Declarations {
  /** Text by the name that it declares, comments removed. */
  declared: Map<string, string>;
  /** Names that are passed on or used, and the file each comes from. */
  imported: Map<string, string>;
}

/** A file as the compiler writes it: each statement begins at the start of a line. */
function read(path: string): Declarations {
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, '');
  const declared = new Map<string, string>();
  const imported = new Map<string, string>();
  for (const statement of text.split(/\n(?=(?:import|export|declare|interface|type)\b)/)) {
    const from = /\{([^}]*)\}\s*from\s*'(\.[^']+)'/.exec(statement);
    if (from !== null) {
      const file = join(dirname(path), from[2]!.replace(/\.(?:ts|js)$/, '.d.ts'));
      for (const name of from[1]!.split(','))
        imported.set(
          name
            .replace(/^\s*type\s+/, '')
            .replace(/.*\sas\s/, '')
            .trim(),
          file,
        );
      continue;
    }
    const name =
      /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const)\s+(\w+)/.exec(
        statement.trim(),
      );
    if (name !== null) declared.set(name[1]!, statement);
  }
  return { declared, imported };
}

/** What a declaration names that is ours; `typeof X` is about a value, and a string or a property is no type. */
function mentioned(name: string, { declared, imported }: Declarations): string[] {
  const text = declared
    .get(name)!
    .replace(/'(?:[^'\\]|\\.)*'/g, '')
    .replace(/\btypeof\s+[\w.]+/g, '')
    .replace(/^\s*private\b.*$/gm, '')
    .replace(/\b\w+\??:(?!:)/g, '');
  const words = new Set(text.match(/\b[A-Z]\w*/g));
  return [...words].filter((word) => word !== name && (declared.has(word) || imported.has(word)));
}

describe('the exports', () => {
  const index = read(join(DIST, 'index.d.ts'));
  const exported = [...index.imported].filter(([name]) => name !== '');

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
