/** The first steps of the command: a Node that is too old, what is loaded for which command line, and help. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const BUNDLES = join(dirname(MAIN), '..', 'bundle');

/** The files that are loaded with this one, and the packages, by their static imports. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, target] of text.matchAll(
    /^\s*(?:(?:import|export)\b[^;'"(]*?from |import )['"]([^'"]+)['"]/gm,
  )) {
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

/** The packages of which a bundle has a part, or that it loads, with all that it imports statically. */
function bundled(name: string): string[] {
  const files = [...loadedWith(join(BUNDLES, name))].filter((file) => file.startsWith('/'));
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const parts = texts.flatMap((text) => [
    ...text.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm),
    ...text.matchAll(/createRequire\([^)]*\)\("([^"]+)"\)/g),
  ]);
  return [...new Set(parts.map(([, name]) => name!))].sort();
}

/** The bundle of a command, as the program loads it. */
function bundleOf(command: string): string {
  const text = readFileSync(join(BUNDLES, 'start.js'), 'utf8');
  return new RegExp(`\\t"?${command}"?: async \\(io\\) => \\(await import\\("\\./([^"]+)"`).exec(text)![1]!;
}

describe('the bundles', () => {
  it('of the program and of threads have no package that they do not need', () => {
    expect(bundled('start.js')).toEqual(['commander']);
    expect(bundled('transport-udp-batch-worker.js')).toEqual(['koffi']);
    expect(bundled('answer-worker.js')).toEqual([]);
    expect(bundled('source-zones-zone-worker.js')).toEqual(['yaml', 'zod']);
  });

  it('of the server has nothing that only the admin listener and the lint need', () => {
    const needed = bundled(bundleOf('serve'));
    expect(needed).toEqual(expect.arrayContaining(['commander', 'koffi', 'pino', 'yaml', 'zod']));
    for (const name of ['fastify', 'prom-client', 'light-my-request', 'ajv', 'ip-address', 'tlds'])
      expect(needed).not.toContain(name);
  });

  it('of a query has no server, no configuration and no schema', () => {
    // A second opinion of the answer.
    expect(bundled(bundleOf('query'))).toEqual(['commander', 'dns2']);
    const files = [...loadedWith(join(BUNDLES, bundleOf('query')))];
    expect(files.filter((file) => /\/(?:server|responder|sources|config)-/.test(file))).toEqual([]);
  });

  it('have one octet a character, which V8 keeps as they are', () => {
    const wide = readdirSync(BUNDLES)
      .filter((name) => name.endsWith('.js'))
      .filter((name) => /[\u0080-\uffff]/.test(readFileSync(join(BUNDLES, name), 'utf8')));
    expect(wide).toEqual([]);
  });

  it('have the domains that the module has', async () => {
    const { topLevelDomains } = await import('../../src/dns/top-level.ts');
    const name = readdirSync(BUNDLES).find((each) => /^top-level-.*\.js$/.test(each))!;
    const texts = Object.values((await import(join(BUNDLES, name))) as Record<string, unknown>);
    expect(texts).toEqual([topLevelDomains]);
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
