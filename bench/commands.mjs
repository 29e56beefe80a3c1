/**
 * `node bench/commands.mjs`: the CPU time of a command from its start to its end, next to a Node that runs nothing.
 * Writes docs/benchmarks-commands.json and the page.
 *
 * Options: --rounds 15 · --no-write
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commandsMarkdown } from './costs-report.mjs';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { writePage } from './page.mjs';
import { stop } from './process.mjs';
import { summary } from './statistics.mjs';
import { freePort } from './watch-server.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, write: { type: 'boolean', default: true } },
  allowNegative: true,
});

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');
const NAME = 'db';

/** Seconds, of user and system. Bash counts them in milliseconds: a process that has ended tells nobody else. */
function cpuOf(parameters, folder) {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null';
  const done = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...parameters], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (done.error !== undefined)
    throw new Error(`bash is needed: apt-get install bash (${done.error.message})`);
  const taken = /([\d.]+) ([\d.]+)\n$/.exec(done.stderr);
  if (done.status !== 0 || taken === null) throw new Error(`${parameters.join(' ')}: ${done.stderr}`);
  return Number(taken[1]) + Number(taken[2]);
}

const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'podns-commands-'));
const listener = `127.0.0.1:${port}@aep/nextcloud`;
const serve = [MAIN, 'serve', '--zones', join(ROOT, 'zones'), '--listen', listener, '--admin', 'off'];
const server = spawn(process.execPath, serve, { cwd: folder, stdio: 'ignore' });
const query = [MAIN, 'query', NAME, '--server', `127.0.0.1:${port}`, '--short'];
const commands = [
  { name: 'node', title: '`node -e 0`', parameters: ['-e', '0'] },
  { name: 'version', title: '`podns --version`', parameters: [MAIN, '--version'] },
  { name: 'query', title: `\`podns query ${NAME}\``, parameters: query },
];
try {
  for (let attempt = 0; spawnSync(process.execPath, query, { cwd: folder }).status !== 0; attempt++) {
    if (attempt === 20 || server.exitCode !== null) throw new Error('podns serve does not answer');
    await pause(200);
  }
  /** @type {Record<string, number[]>} */
  const taken = {};
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const { name, parameters } of commands) (taken[name] ??= []).push(cpuOf(parameters, folder));
    const line = commands.map(({ name }) => `${name} ${taken[name][round - 1].toFixed(3)}`);
    process.stderr.write(`commands ${round}/${options.rounds}  ${line.join('  ')}\n`);
  }
  const data = {
    ...measuredOn(),
    commands: commands.map(({ name, title }) => ({ name, title, seconds: summary(taken[name]) })),
  };
  if (options.write) {
    writeFigures('benchmarks-commands.json', data);
    writePage();
  } else process.stdout.write(commandsMarkdown(data));
} finally {
  await stop(server);
  rmSync(folder, { recursive: true, force: true });
}
