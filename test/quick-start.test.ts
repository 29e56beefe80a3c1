/** The three lines of the README that begin with etcd do what they say, as they stand there, on their own ports. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { missingTools, namespaceReason, skipAloud } from './harness/tools.ts';
import { etcdMissing } from './source/etcd-harness.ts';
import { eventually } from './watch/nodes.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const reason = etcdMissing ?? missingTools(['dig', 'bash', 'nsenter']) ?? namespaceReason();
if (reason !== undefined) skipAloud('the quick start with etcd', reason);

describe.skipIf(reason !== undefined)('the quick start with etcd', () => {
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children) {
      const ended = new Promise((resolve) => child.on('close', resolve));
      // All that runs in its namespace of processes ends with its first one.
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    }
  });

  it('answers', { timeout: 90_000 }, async () => {
    const readme = readFileSync(`${ROOT}README.md`, 'utf8');
    const block = /```sh\n(etcd [\s\S]*?)```/.exec(readme)![1]!;
    const lines = block.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    const folder = /--data-dir (\S+)/.exec(lines[0]!)![1]!;
    rmSync(folder, { recursive: true, force: true });
    const promised = / # (\S+)$/.exec(lines[2]!)![1]!;

    // A network and processes of its own, so that the ports are free and all of it ends with the shell.
    const shell = spawn(
      'unshare',
      ['-n', '-p', '--fork', '--kill-child', '--mount-proc', 'bash', '--norc', '-s'],
      { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    children.push(shell);
    let out = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    let err = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (err = (err + text).slice(-4000)));
    const say = (line: string): boolean => shell.stdin.write(`${line}\n`);
    say('ip link set lo up');
    say(lines[0]!);
    // Whoever types them gives etcd the second that it needs.
    say(`until ${lines[1]}; do sleep 0.2; done; echo written`);
    await eventually(
      () => out,
      (text) => text.includes('written'),
    );
    // dig says on its standard output too that it got no answer.
    say(`until [ "$(${lines[2]!.replace(/ #.*/, '')})" = ${promised} ]; do sleep 0.2; done; echo answered`);
    await eventually(
      () => out,
      // What the server says of itself comes in one go, before or after.
      (text) => text.includes('answered') && /^podns \d/m.test(text),
    );
    out = '';
    say(lines[2]!);
    say('echo end');
    await eventually(
      () => out,
      (text) => text.includes('end'),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${err}`);
    });
    expect(out).toBe(`${promised}\nend\n`);
    rmSync(folder, { recursive: true, force: true });
  });
});
