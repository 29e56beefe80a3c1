/** Dependencies point one way: reads every import of `src` and fails on an edge that the table does not allow. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));
const LINES_MAX = 450;

/**
 * Who may import whom. A room is a folder of `src`, or a file at its top without `.ts`; every room may import
 * itself. `a/b` allows that one file of a room.
 */
const ALLOWED: Record<string, string[]> = {
  model: [],
  dns: [],
  trie: ['dns', 'model'],
  'shared-cache': ['dns'],
  answer: ['dns', 'trie', 'model', 'shared-cache'],
  transport: ['dns', 'answer', 'trie'],
  catalog: ['model', 'dns'],
  source: ['model', 'dns'],
  forward: ['dns', 'model', 'shared-cache', 'answer/peer', 'answer/settings'],
  watch: ['model', 'catalog'],
  config: [
    'model',
    'answer/settings',
    'transport/listen',
    'forward/upstream/endpoint',
    'source/validate/addresses',
    'source/validate/name-lists',
    'source/validate/names',
  ],
  server: [
    'model',
    'dns',
    'trie',
    'shared-cache',
    'answer',
    'transport',
    'catalog',
    'source',
    'forward',
    'watch',
    'config',
  ],
  index: ['server', 'model', 'config', 'source', 'answer/peer', 'answer/settings'],
  admin: [
    'index',
    'server',
    'watch',
    'config',
    'model',
    'dns',
    'transport/listen',
    // Metrics read what answers were counted under.
    'answer/counts',
    'answer/vpc-counts',
    'transport/transport',
  ],
  cli: [
    'index',
    'server',
    'config',
    'model',
    'dns',
    'source',
    'admin',
    'transport/listen',
    // `check` reads the host's resolvers as the forwarder does.
    'forward/routes/resolv-conf',
  ],
};

interface SourceFile {
  /** `dns/name.ts`. */
  path: string;
  text: string;
  /** Paths of our own files it imports, types included. */
  imports: string[];
}

/** `dns/name.ts` → `dns`; `server.ts` → `server`; `server-parts.ts` → `server`, a companion of that file. */
function room(path: string): string {
  const first = path.includes('/') ? dirname(path).split('/')[0]! : path.replace(/\.ts$/, '');
  return first in ALLOWED ? first : first.split('-')[0]!;
}

const STATEMENT = /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

function importsOf(path: string, text: string): string[] {
  const found: string[] = [];
  for (const pattern of [STATEMENT, DYNAMIC]) {
    for (const match of text.matchAll(pattern)) {
      const target = match[1] ?? match[2]!;
      if (target.startsWith('.')) found.push(relative(SOURCE, join(SOURCE, dirname(path), target)));
    }
  }
  return found;
}

const files: SourceFile[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), 'utf8');
    return { path, text, imports: importsOf(path, text) };
  });

function allowed(from: string, to: string): boolean {
  const here = room(from);
  const there = room(to);
  const list = ALLOWED[here] ?? [];
  return here === there || list.includes(there) || list.includes(to.replace(/\.ts$/, ''));
}

/** The first cycle found by a depth-first walk, as a path that ends where it starts. */
function findCycle(): string[] {
  const edges = new Map(files.map((file) => [file.path, file.imports]));
  const done = new Set<string>();
  const walk = (path: string, trail: string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of edges.get(path) ?? []) {
      const cycle = walk(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const file of files) {
    const cycle = walk(file.path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

describe('the files of src', () => {
  it('are found, and so are their imports', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.find((file) => file.path === 'config.ts')?.imports).toContain('model.ts');
  });

  it('belong to a room of the table', () => {
    expect(files.map((file) => file.path).filter((path) => !(room(path) in ALLOWED))).toEqual([]);
  });

  it('import only what their room may', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((target) => !allowed(file.path, target))
        .map((target) => `${file.path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('import files that are there, with their ending', () => {
    const known = new Set(files.map((file) => file.path));
    const missing = files.flatMap((file) =>
      file.imports.filter((target) => !known.has(target)).map((target) => `${file.path} → ${target}`),
    );
    expect(missing).toEqual([]);
  });

  it('make no cycle', () => {
    expect(findCycle().join(' → ')).toBe('');
  });

  it('are no barrels: a file that passes names on has something of its own to say', () => {
    const barrels = files.filter(({ path, text }) => {
      const passes = /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^;]*\bfrom\b/m.test(text);
      const declares =
        /^export\s+(?:abstract |async )?(?:class|function|const|interface|type\s+\w+\s*=)/m.test(text);
      return path !== 'index.ts' && (/^export\s+\*/m.test(text) || (passes && !declares));
    });
    expect(barrels.map((file) => file.path)).toEqual([]);
  });

  it('have no default export', () => {
    expect(files.filter((file) => /^export default\b/m.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it(`stay within ${LINES_MAX} lines`, () => {
    const long = files.map((file) => ({ path: file.path, lines: file.text.trimEnd().split('\n').length }));
    expect(long.filter((file) => file.lines > LINES_MAX)).toEqual([]);
  });

  it('open with a head comment', () => {
    const bare = files.filter((file) => !file.text.replace(/^#!.*\n/, '').startsWith('/**'));
    expect(bare.map((file) => file.path)).toEqual([]);
  });
});
