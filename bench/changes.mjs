/**
 * `node bench/changes.mjs`: the CPU time of a change, from the octets of its line to the flip, saved view on. The server is
 * in a process of its own, without listeners, and reads a watch stream from its standard input. Writes
 * docs/benchmarks-changes.json and the page, unless it compares with another checkout.
 *
 * Options: --pods 100000 · --changes 100000 · --rounds 9 · --before FOLDER, another built checkout, measured in turn ·
 * --profile FOLDER, for a CPU profile of the first round · --no-write
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { writePage } from './page.mjs';
import { podObject, watchLines, writeLines } from './pods.mjs';
import { summary } from './statistics.mjs';
import { random } from './wire.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Milliseconds between two looks whether all changes are applied. */
const LOOK = 5;

/** The changes as a stream brings them, each a revision of its own: one pod moves to another address. */
function* changeLines(pods, changes) {
  const below = random(7);
  for (let n = 1; n <= changes; n++) {
    const object = podObject(below(pods), (n % 0xfffe) + 1);
    yield JSON.stringify({ type: 'put', revision: String(n + 1), object });
  }
}

/** In the server's process: says when it is ready, and what the changes took. */
async function serve(checkout, state, changes) {
  const { ServerCore } = await import(join(checkout, 'dist/server.js'));
  const server = new ServerCore({ config: { zones: [], watch: ['-'], admin: 'off', state } });
  await server.start();
  const until = async (revision) => {
    while (server.feed.status()[0].revision !== revision) await new Promise((done) => setTimeout(done, LOOK));
  };
  await until('1');
  // What the whole list left to do: the saved view, the collector.
  await new Promise((done) => setTimeout(done, 2000));
  process.send?.('ready');
  const before = process.cpuUsage();
  const began = performance.now();
  await until(String(changes + 1));
  const { user, system } = process.cpuUsage(before);
  process.send?.({ cpu: (user + system) / changes, wall: ((performance.now() - began) * 1000) / changes });
  await server.close();
  process.exit();
}

async function measure(checkout, pods, changes, profile) {
  const state = mkdtempSync(join(tmpdir(), 'podns-changes-'));
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [...flags, script, 'serve', checkout, state, String(changes)], {
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  try {
    await writeLines(child.stdin, watchLines(pods));
    await once(child, 'message');
    const result = once(child, 'message');
    await writeLines(child.stdin, changeLines(pods, changes));
    const [figures] = await result;
    await once(child, 'exit');
    return figures;
  } finally {
    child.kill('SIGKILL');
    rmSync(state, { recursive: true, force: true });
  }
}

async function main() {
  const { values: options } = parseArgs({
    options: {
      pods: { type: 'string', default: '100000' },
      changes: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '9' },
      before: { type: 'string' },
      profile: { type: 'string' },
      write: { type: 'boolean', default: true },
    },
    allowNegative: true,
  });
  const subjects = { now: ROOT, ...(options.before !== undefined && { before: resolve(options.before) }) };
  const taken = {};
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [name, checkout] of Object.entries(subjects)) {
      const profile = round === 1 && name === 'now' ? options.profile : undefined;
      const { cpu, wall } = await measure(checkout, Number(options.pods), Number(options.changes), profile);
      (taken[name] ??= []).push(cpu);
      process.stderr.write(
        `${round} ${name} ${cpu.toFixed(2)} µs CPU a change, ${wall.toFixed(2)} by the clock\n`,
      );
    }
  }
  if (options.write && options.before === undefined) {
    const { pods, changes } = options;
    const microseconds = summary(taken.now);
    writeFigures('benchmarks-changes.json', {
      ...measuredOn(),
      ...{ pods: Number(pods), changes: Number(changes), microseconds },
    });
    writePage();
  }
  for (const [name, values] of Object.entries(taken)) {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (q) => sorted[Math.round((sorted.length - 1) * q)];
    const perSecond = Math.round(1e6 / at(0.5));
    console.log(
      JSON.stringify({ name, median: at(0.5), half: [at(0.25), at(0.75)], changesPerCpuSecond: perSecond }),
    );
  }
}

if (process.argv[2] === 'serve') {
  const [, , , checkout, state, changes] = process.argv;
  await serve(checkout, state, Number(changes));
} else await main();
