/** The first steps of the command: a Node that is too old, what is loaded for which command line, and help. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const BUNDLES = join(dirname(MAIN), '..', 'bundle');

const loader = createRequire(import.meta.url)(join(BUNDLES, 'loader.cjs')) as {
  COMPILED_FOR: string;
  load: (name: string) => object;
};

/** The files that are loaded with this one, and the packages, by their static imports. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, imported, required] of text.matchAll(
    /^\s*(?:(?:import|export)\b[^;'"(]*?from |import )['"]([^'"]+)['"]|(?:^|'use strict';)(?:(?:let|const) \w+ = )?require\("([^"]+)"\)/gm,
  )) {
    const target = imported ?? required;
    if (target!.startsWith('.')) loadedWith(join(dirname(file), target!), found);
    else found.add(target!);
  }
  return found;
}

describe('the first file', () => {
  it('has nothing that Node 12 cannot parse, and loads nothing before it has checked the version', () => {
    const text = readFileSync(MAIN, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    expect(text).toContain("import('../bundle/start.cjs')");
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

/** The file that the one for a thread, or for the command, loads. */
function bodyOf(name: string): string {
  return /load\('([^']+)'\)/.exec(readFileSync(join(BUNDLES, `${name}.cjs`), 'utf8'))![1]!;
}

/** The packages of which a bundle has a part, or that it loads, with all that it imports statically. */
function bundled(name: string): string[] {
  const files = [...loadedWith(join(BUNDLES, name))].filter((file) => file.startsWith('/'));
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const parts = texts.flatMap((text) => [
    ...text.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm),
    ...text.matchAll(/createRequire\)?\(.*?\)\("([^"]+)"\)/g),
  ]);
  return [...new Set(parts.map(([, name]) => name!))].sort();
}

/** The bundle of a command, as the program loads it. */
function bundleOf(command: string): string {
  const text = readFileSync(join(BUNDLES, bodyOf('start')), 'utf8');
  const loading = String.raw`\t"?${command}"?: async \(io\) => \(await Promise\.resolve\(\)\.then\(\(\) => require\("\./([^"]+)"`;
  return new RegExp(loading).exec(text)![1]!;
}

describe('the bundles', () => {
  it('of the program and of threads have no package that they do not need', () => {
    expect(bundled(bodyOf('start'))).toEqual(['commander']);
    expect(bundled(bodyOf('transport-udp-batch-worker'))).toEqual(['koffi']);
    expect(bundled(bodyOf('answer-worker'))).toEqual([]);
    expect(bundled(bodyOf('source-zones-zone-worker'))).toEqual(['yaml', 'zod']);
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
      .filter((name) => name.endsWith('.cjs'))
      .filter((name) => /[\u0080-\uffff]/.test(readFileSync(join(BUNDLES, name), 'utf8')));
    expect(wide).toEqual([]);
  });

  it('have the domains that the module has', async () => {
    const { topLevelDomains } = await import('../../src/dns/top-level.ts');
    const name = readdirSync(BUNDLES).find((each) => /^top-level-.*\.cjs$/.test(each))!;
    expect(Object.values(loader.load(name))).toContainEqual(topLevelDomains);
  });

  it('of the threads that answer are one file each: a call into another would cost time for each packet', () => {
    for (const name of ['answer-worker', 'transport-udp-batch-worker'])
      expect(
        [...loadedWith(join(BUNDLES, bodyOf(name)))].filter((file) => file.startsWith('/')),
      ).toHaveLength(1);
  });
});

/** What the build kept of this Node.js, by the name of the bundle. */
function kept(): Map<string, string> {
  const names = readdirSync(BUNDLES).filter((name) => name.endsWith(loader.COMPILED_FOR));
  return new Map(
    names.map((name) => [
      name.slice(0, -loader.COMPILED_FOR.length),
      readFileSync(join(BUNDLES, name), 'latin1'),
    ]),
  );
}

describe('what V8 compiled at the build', () => {
  it('is there for all that a server with a few pods and a query load, without a path of this machine', () => {
    const bundles = kept();
    const needed = ['serve', 'query', 'explain'].map((command) => bundleOf(command));
    expect([...bundles.keys()]).toEqual(
      expect.arrayContaining([
        bodyOf('start'),
        bodyOf('answer-worker'),
        bodyOf('transport-udp-batch-worker'),
        ...needed,
      ]),
    );
    for (const [name, octets] of bundles) expect(octets, name).not.toContain(process.cwd());
  });

  it('is taken by V8', () => {
    const check = `
      const { Script } = require('node:vm');
      const { readFileSync } = require('node:fs');
      for (const path of process.argv.slice(2)) {
        const cachedData = readFileSync(path + process.argv[1]);
        if (new Script(readFileSync(path, 'latin1'), { cachedData }).cachedDataRejected) console.log(path);
      }`;
    const paths = [...kept().keys()].map((name) => join(BUNDLES, name));
    const ran = spawnSync(process.execPath, ['-e', check, loader.COMPILED_FOR, ...paths], {
      encoding: 'utf8',
    });
    expect(ran).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('may be missing, cut off or of something else; the command writes nothing there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-bundle-'));
    cpSync(join(dirname(MAIN), '..'), join(folder, 'dist'), { recursive: true });
    cpSync('package.json', join(folder, 'package.json'));
    const at = join(folder, 'dist', 'bundle');
    const damage: ((path: string) => void)[] = [
      (path) => rmSync(path),
      (path) => writeFileSync(path, readFileSync(path).subarray(0, 100)),
      (path) => writeFileSync(path, 'something else'),
      (path) => writeFileSync(path, ''),
    ];
    const names = [...kept().keys()].map((name) => name + loader.COMPILED_FOR);
    names.forEach((name, i) => damage[i % damage.length]!(join(at, name)));
    const before = readdirSync(at);
    const zones = join(process.cwd(), 'zones');
    const words = ['explain', 'app', '--zones', zones, '--from', 'aep/nextcloud/app'];
    const whole = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
    const damaged = spawnSync(process.execPath, [join(folder, 'dist', 'cli', 'main.js'), ...words], {
      encoding: 'utf8',
    });
    expect(whole).toMatchObject({ status: 0, stderr: '' });
    expect(damaged).toMatchObject({ status: 0, stdout: whole.stdout, stderr: '' });
    expect(readdirSync(at)).toEqual(before);
    rmSync(folder, { recursive: true });
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
