/** The command line as a whole: usage errors, help, and completion in a real shell. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

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
  /** What bash offers for the last of the words. */
  async function offered(...words: string[]): Promise<string[]> {
    const script = (await podns(['completion', 'bash'])).out;
    const line = `COMP_WORDS=(podns ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`;
    const shell = spawnSync(
      'bash',
      ['--norc', '-c', `${script}\n${line}\n_podns; printf '%s\\n' "\${COMPREPLY[@]}"`],
      {
        encoding: 'utf8',
      },
    );
    expect(shell.stderr).toBe('');
    return shell.stdout.split('\n').filter((word) => word !== '');
  }

  it('offers commands, subcommands, options and choices', async () => {
    expect(await offered('p')).toEqual(['pod', 'put', 'problems']);
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
