/** The first steps of the command: a Node that is too old, what is loaded for which command line, and help. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The files that are loaded with this one, and the packages, by their static imports. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, target] of text.matchAll(/^\s*(?:import|export)\b[^;'"(]*?from '([^']+)'/gm)) {
    if (target!.startsWith('.')) loadedWith(join(dirname(file), target!), found);
    else found.add(target!);
  }
  return found;
}

describe('the first file', () => {
  it('has nothing that Node 12 cannot parse, and loads nothing before it has checked the version', () => {
    const text = readFileSync(MAIN, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    expect(text).toContain("import('../bundle/start.js')");
    expect(text).not.toMatch(
      /\?\?|\?\.|\bawait\b|\|\|=|&&=|#\w+\s*[=(]|\d_\d|node:|\.(?:at|hasOwn|replaceAll)\(/,
    );
    expect([...loadedWith(MAIN)]).toEqual([MAIN]);
  });

  it.each([
    ['v12.22.12', false],
    ['v20.18.3', false],
    ['v20.19.0', true],
    ['v24.1.0', true],
  ])('with Node %s', (version, runs) => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-node-'));
    const fake = join(folder, 'fake.cjs');
    writeFileSync(fake, `Object.defineProperty(process, 'version', { value: ${JSON.stringify(version)} });`);
    const ran = spawnSync(process.execPath, ['--require', fake, MAIN, '--version'], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    const { engines, version: own } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      engines: { node: string };
      version: string;
    };
    if (runs) expect(ran).toMatchObject({ status: 0, stdout: `${own}\n`, stderr: '' });
    else {
      const least = engines.node.replace('>=', '');
      const text = `podns: Node ${version.slice(1)} is too old: podns needs Node ${least} or later\n`;
      expect(ran).toMatchObject({ status: 1, stdout: '', stderr: text });
    }
  });
});

describe('the program', () => {
  it('loads no command, no server and no schema for its version and its help', () => {
    const packages = [...loadedWith(join(dirname(MAIN), 'start.js'))].filter((name) => !name.startsWith('/'));
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual(['commander']);
    const files = [...loadedWith(join(dirname(MAIN), 'start.js'))].filter((name) => name.startsWith('/'));
    expect(files.length).toBeLessThan(12);
    expect(files.filter((name) => /dist\/(?:cli\/commands|server|config\/(?!suggest))/.test(name))).toEqual(
      [],
    );
  });

  it('knows help as a word', async () => {
    const help = await podns(['--help']);
    expect(await podns(['help'])).toEqual(help);
    expect(help.out).toContain('podns help COMMAND shows the flags of a command.');
    for (const words of [['query'], ['pod', 'ls'], ['import', 'compose']]) {
      const asked = await podns(['help', ...words]);
      expect(asked).toEqual(await podns([...words, '--help']));
      expect(asked.out).toMatch(new RegExp(`^Usage: podns ${words.join(' ')} `));
    }
    const wrong = await podns(['help', 'qury']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain("unknown command 'qury'");
    expect(wrong.err).toContain('Did you mean query?');
  });

  it('describes each command in its list', async () => {
    const { out } = await podns(['--help']);
    const rows = out.slice(out.indexOf('Commands:')).match(/^ {2}[a-z].*/gm)!;
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) expect(row).toMatch(/^ {2}[a-z-]+ {2,}\S/);
  });
});
