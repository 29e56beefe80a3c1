/** Every flag that a page names exists: on a command line of podns for that command, alone for any command. */
import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'packaging/systemd/podns.service',
  'packaging/container/compose.yaml',
  'packaging/kubernetes/daemonset.yaml',
];

let program: Command;
beforeAll(async () => {
  const io = { out() {}, err() {}, input: () => Promise.resolve(''), environment: {}, folder: '.' };
  program = await buildProgram(io);
});

/** The command that the words name, and the words after it. */
function commandOf(words: string[]): Command {
  let command = program;
  for (const word of words) {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) break;
    command = child;
  }
  return command;
}

function flagsOf(command: Command): string[] {
  return ['--help', ...command.options.map(({ long }) => long ?? '')];
}

function everyFlag(command: Command): string[] {
  return [...flagsOf(command), ...command.commands.flatMap(everyFlag)];
}

it.each(PAGES)('%s', (page) => {
  const wrong: string[] = [];
  const known = everyFlag(program);
  for (const line of readFileSync(join(ROOT, page), 'utf8').split('\n')) {
    for (const [, text] of line.matchAll(/(?:^|[\s`"/])podns ((?:[a-z]|--)[^`|;#&]*)/g)) {
      const words = text!.trim().split(/[\s[\]"]+/);
      const allowed = flagsOf(commandOf(words));
      for (const word of words.filter((one) => /^--[a-z]/.test(one)))
        if (!allowed.includes(word.split('=')[0]!)) wrong.push(`${word} in: ${line.trim()}`);
    }
    // A flag alone in code, as in "`--state DIR` is created".
    for (const [, flag] of line.matchAll(/`(--[a-z][a-z0-9-]*)[^`]*`/g))
      if (!known.includes(flag!) && !/docker|podman|npm|dnsmasq|container engine|NODE_OPTIONS/i.test(line))
        wrong.push(`${flag} in: ${line.trim()}`);
  }
  expect(wrong).toEqual([]);
});

it('knows a wrong flag when it sees one', () => {
  expect(flagsOf(commandOf(['put', 'zones']))).toContain('--etcd-ca-file');
  expect(flagsOf(commandOf(['delete']))).toContain('--etcd-ca-file');
  expect(flagsOf(commandOf(['pod', 'ls']))).not.toContain('--etcd');
});
