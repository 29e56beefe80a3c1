/** The command line as a whole: usage errors, help, and completion in a real shell. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe('the program', () => {
  it('shows help and version with exit code 0', async () => {
    const help = await podns(['--help']);
    expect(help.code).toBe(0);
    for (const command of [
      'serve',
      'check',
      'query',
      'ns',
      'vpc',
      'overlay',
      'network',
      'pod',
      'service',
      'import',
      'completion',
    ]) {
      expect(help.out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await podns(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it.each([[['query']], [['import', 'compose']]])(
    '%j shows its defaults as one writes them',
    async (args) => {
      const help = await podns([...args, '--help']);
      expect(help.out).toContain('default: ');
      expect(help.out.replace(/\s+/g, ' ')).not.toMatch(/default: [[{]/);
    },
  );

  it.each([
    [[]],
    [['pods']],
    [['ns']],
    [['ns', 'rm']],
    [['query']],
    [['check', '--colour']],
    [['completion', 'csh']],
  ])('%j is a usage error', async (args) => {
    const ran = await podns(args);
    expect(ran.code).toBe(2);
    expect(ran.out).toBe('');
    expect(ran.err).not.toBe('');
  });
});

describe('completion', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'podns-completion-'));
    mkdirSync(join(folder, 'zones'));
    const zone =
      'vpc: aep\nnamespaces: { shop: { pods: { db: {}, app: {} } }, back: { pods: { app: {} } } }\n';
    writeFileSync(join(folder, 'zones', 'aep.yaml'), zone);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What bash offers for the last of the words. */
  async function offered(...words: string[]): Promise<string[]> {
    const script = (await podns(['completion', 'bash'])).out;
    // The names come from the files of this folder: no server answers there.
    const self = `podns() { PODNS_ADMIN=127.0.0.1:1 '${process.execPath}' '${MAIN}' "$@"; }`;
    const line = `${self}; COMP_WORDS=(podns ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`;
    const shell = spawnSync(
      'bash',
      ['--norc', '-c', `${script}\n${line}\n_podns; printf '%s\\n' "\${COMPREPLY[@]}"`],
      {
        encoding: 'utf8',
        cwd: folder,
      },
    );
    expect(shell.stderr).toBe('');
    return shell.stdout.split('\n').filter((word) => word !== '');
  }

  it('offers names of the zone files, and the words that settings take', async () => {
    expect(await offered('pod', 'ls', '-n', '')).toEqual(['back', 'shop']);
    expect(await offered('pod', 'ls', '--vpc', '')).toEqual(['aep']);
    expect(await offered('resolv-conf', 'sh')).toEqual(['shop/app', 'shop/db']);
    expect(await offered('pod', 'ls', 'back')).toEqual(['back/app']);
    expect(await offered('delete', 'p')).toEqual(['pod']);
    expect(await offered('delete', 'pod', 'shop/d')).toEqual(['shop/db']);
    expect(await offered('delete', 'vpc', '')).toEqual(['aep']);
    expect(await offered('serve', '--a-records', '')).toEqual(['pinned', 'all', 'none']);
    expect(await offered('serve', '--log-level', 'd')).toEqual(['debug']);
    expect(await offered('completion', '')).toContain('fish');
  });

  it('offers names of the running server; none of either is no message', async () => {
    const pod = (name: string) => ({ kind: 'pod', vpc: 'aep', namespace: 'live', name });
    const server = createServer((request, response) => {
      const all = [pod('one'), pod('two'), pod('$(touch x)')];
      response.end(JSON.stringify(request.url === '/v1/pods' ? all : []));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const environment = { PODNS_ADMIN: `127.0.0.1:${port}` };
    const found = await podns(['completion', 'values', 'pods'], { folder, environment });
    expect(found).toEqual({ code: 0, out: 'live/one\nlive/two\n', err: '' });
    await new Promise((resolve) => server.close(resolve));
    const nothing = { folder: tmpdir(), environment: { PODNS_ADMIN: '127.0.0.1:1' } };
    expect(await podns(['completion', 'values', 'pods'], nothing)).toEqual({ code: 0, out: '', err: '' });
    expect((await podns(['completion', 'values'])).code).toBe(2);
    expect((await podns(['completion', 'bash', 'pods'])).code).toBe(2);
  });

  it('offers commands, subcommands, options and choices', async () => {
    expect(await offered('p')).toEqual(['pod', 'put', 'prove-isolation', 'problems']);
    expect(await offered('pod', '')).toEqual(['ls', '--help']);
    expect(await offered('pod', 'ls', '--z')).toEqual(['--zones']);
    expect(await offered('pod', 'ls', '-o', '')).toEqual(['table', 'json']);
    expect(await offered('pod', 'ls', '-o', 'json', '--v')).toEqual(['--vpc']);
    expect(await offered('import', 'compose', '--p')).toEqual(['--profile']);
  });

  it('is a script that zsh and fish read, by its shape', async () => {
    const zsh = (await podns(['completion', 'zsh'])).out;
    expect(zsh).toMatch(/^#compdef podns\n/);
    expect(zsh).toContain("'pod ls -o') offered=('table' 'json') ;;");
    const fish = (await podns(['completion', 'fish'])).out;
    expect(fish).toContain("complete -c podns -n '__fish_use_subcommand' -f -a pod -d 'pods'");
    expect(fish).toContain("-l output -x -a 'table json' -d ");
  });
});
