/** Reads the declarations that the compiler writes: what a file declares, and where the names come from that it uses. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

export interface Declarations {
  /** Text by the name that it declares, with its docstring. */
  declared: Map<string, string>;
  /** Names that are passed on or used, and the file each comes from. */
  imported: Map<string, string>;
}

const STATEMENT = /\n(?=\/\*\*|(?:import|export|declare|interface|type)\b)/;
const NAME = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const)\s+(\w+)/m;

/** A file as the compiler writes it: each statement, and the docstring before it, begins at the start of a line. */
export function read(path: string): Declarations {
  const declared = new Map<string, string>();
  const imported = new Map<string, string>();
  let docstring = '';
  for (const statement of readFileSync(path, 'utf8').split(STATEMENT)) {
    if (/^\/\*\*[\s\S]*?\*\/\s*$/.test(statement)) {
      docstring = statement;
      continue;
    }
    const from = /\{([^}]*)\}\s*from\s*'(\.[^']+)'/.exec(statement);
    const name = NAME.exec(statement);
    if (from !== null) {
      const file = join(dirname(path), from[2]!.replace(/\.(?:ts|js)$/, '.d.ts'));
      for (const each of from[1]!.split(',')) {
        const word = each
          .trim()
          .replace(/^type\s+/, '')
          .replace(/.*\sas\s/, '');
        if (word !== '') imported.set(word, file);
      }
    } else if (name !== null) declared.set(name[1]!, `${docstring}\n${statement}`.trim());
    docstring = '';
  }
  return { declared, imported };
}

/** What users import. */
export const index = read(join(DIST, 'index.d.ts'));

export function declarationOf(name: string): string {
  return read(index.imported.get(name)!).declared.get(name)!;
}
