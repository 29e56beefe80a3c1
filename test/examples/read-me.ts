/** Runs the shell lines of an example's README as they stand there, on ports of their own. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../harness/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Line {
  command: string;
  /** What the README says that it prints; undefined: nothing is said. */
  promised: string | undefined;
}

/** The first `sh` block, a command a line; the text after ` # ` is what it prints. */
export function linesOf(readme: string): Line[] {
  const block = /```sh\n([\s\S]*?)```/.exec(readFileSync(`${ROOT}${readme}`, 'utf8'))![1]!;
  return block
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [command, promised] = line.split(' # ');
      return { command: command!, promised };
    });
}

/** The package's own command instead of one that npx may have to fetch, and ports that nobody else has. */
async function asHere(lines: Line[]): Promise<Line[]> {
  const ports = new Map<string, string>();
  for (const { command } of lines)
    for (const [, port] of command.matchAll(/(?<=[:. ])(\d{4})\b/g))
      if (!ports.has(port!)) ports.set(port!, String(await freePort('127.0.0.1')));
  return lines.map(({ command, promised }) => ({
    command: command
      .replace(/^npx podns\b/, `${process.execPath} dist/cli/main.js`)
      .replace(/(?<=[:. ])(\d{4})\b/g, (port) => ports.get(port)!)
      // The admin listener's own port may be taken.
      .replace(/ (serve .*) &$/, ' $1 --admin off &'),
    promised,
  }));
}

/**
 * Runs the lines in one shell; one that promises something is tried until it prints it, and one that waits for what a
 * line before it has started until it succeeds. Resolves with what each promising line printed at last, and ends all.
 */
export async function runReadme(readme: string): Promise<string[]> {
  const lines = await asHere(linesOf(readme));
  const script = lines.map(({ command, promised }) => {
    if (command.endsWith('&')) return `${command.slice(0, -1)} >&2 &`;
    if (promised === undefined) return `until ${command} >&2; do sleep 0.2; done`;
    return `until [ "$(${command})" = '${promised}' ]; do sleep 0.2; done; ${command}`;
  });
  const shell = spawn('bash', ['--norc', '-c', [...script, 'echo end'].join('\n')], {
    cwd: ROOT,
    // A group of its own: what runs in the background ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (err = (err + text).slice(-4000)));
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not all of it came: ${out}\n${err}`)), 60_000);
      shell.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (!out.endsWith('end\n')) return;
        clearTimeout(late);
        resolve();
      });
    });
  } finally {
    process.kill(-shell.pid!, 'SIGKILL');
  }
  return out.trimEnd().split('\n').slice(0, -1);
}
