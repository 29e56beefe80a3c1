/**
 * `node bench/memory.mjs`: what podns is resident with. An idle process with the demonstration zones, by kind of mapping,
 * with one listener and with eleven, asked for nothing and then for the metrics once; and a million pods out of a stream,
 * next to gdnsd, with the time until they are answered. Writes docs/benchmarks-memory.json and the page.
 *
 * Options: --rounds 9 · --only idle,pods · --pods 1000000 · --no-write
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { end, PEERS, start } from './competitors.mjs';
import { memoryMarkdown } from './costs-report.mjs';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { whyMissing } from './missing.mjs';
import { enterNamespace } from './namespace.mjs';
import { writePage } from './page.mjs';
import { CLIENT_CORE, pinSelf, residentOctets, stop } from './process.mjs';
import { median, round, summary } from './statistics.mjs';
import { freePort } from './watch-server.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    only: { type: 'string', default: 'idle,pods' },
    pods: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The zone thread, which is idle for a minute after a large file, does not start for the demonstration's. */
const SETTLED = 6000;
const START_MOST = 60_000;
const MORE_LISTENERS = 10;
const KIBIBYTES = 1024;
/** Who is the lightest with as many names. */
const LOADED = ['podns', 'gdnsd'];
const rounds = Number(options.rounds);
const say = (text) => process.stderr.write(`${text}\n`);

/** The kind of a mapping, by its line in smaps. */
function kindOf(start, permissions, path) {
  if (path === process.execPath) return permissions.includes('w') ? 'Node, data' : 'Node, program';
  if (path.includes('koffi')) return 'koffi';
  if (path.startsWith('/')) return 'C libraries';
  if (path === '[heap]') return 'malloc';
  if (path.startsWith('[')) return 'stack of the main thread, kernel';
  if (permissions.includes('x')) return 'machine code';
  // V8 chooses addresses for its pages; the C library takes what the kernel gives, below the libraries.
  return parseInt(start, 16) < 0x7f0000000000
    ? 'V8 heaps of main and workers'
    : 'malloc, shared memory, stacks';
}

/** KiB by kind: resident, and what only this process has. */
function mappings(pid) {
  /** @type {Map<string, { resident: number, own: number }>} */
  const kinds = new Map();
  let of;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const head = /^([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head !== null) {
      const kind = kindOf(head[1], head[2], head[3]);
      of = kinds.get(kind) ?? { resident: 0, own: 0 };
      kinds.set(kind, of);
      continue;
    }
    const figure = /^(Rss|Anonymous):\s+(\d+) kB/.exec(line);
    if (figure === null || of === undefined) continue;
    if (figure[1] === 'Rss') of.resident += Number(figure[2]);
    else of.own += Number(figure[2]);
  }
  return kinds;
}

/** Resolves once it has said that it serves, which on a busy machine takes its time; nobody asks it anything for that. */
async function started(child) {
  const late = setTimeout(() => child.kill('SIGKILL'), START_MOST);
  try {
    for await (const line of createInterface({ input: child.stdout })) if (/ serves /.test(line)) return;
    throw new Error(`podns has ended, or does not serve after ${START_MOST / 1000} s`);
  } finally {
    clearTimeout(late);
    child.stdout.resume();
  }
}

async function measure(listeners, isAsked) {
  const admin = await freePort();
  const listen = Array.from({ length: listeners }, () => ['--listen', '127.0.0.1:0@aep/nextcloud']).flat();
  const parameters = ['serve', '--zones', 'zones', ...listen, '--admin', `127.0.0.1:${admin}`];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...parameters], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await started(child);
    await pause(SETTLED);
    if (isAsked) {
      const answer = await fetch(`http://127.0.0.1:${admin}/metrics`);
      await answer.text();
      if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
      await pause(SETTLED);
    }
    if (child.exitCode !== null || child.pid === undefined)
      throw new Error(`podns ended with ${child.exitCode}`);
    return mappings(child.pid);
  } finally {
    await stop(child);
  }
}

const total = (kinds, key) => [...kinds.values()].reduce((sum, each) => sum + each[key], 0) / KIBIBYTES;

async function measureIdle() {
  const taken = [];
  for (let n = 1; n <= rounds; n++) {
    // Idle, so none of them is in the way of another.
    const [idle, many, asked] = await Promise.all([
      measure(1, false),
      measure(1 + MORE_LISTENERS, false),
      measure(1, true),
    ]);
    taken.push({ idle, many, asked });
    say(`idle ${n}/${rounds}  ${total(idle, 'resident').toFixed(1)} MiB`);
  }
  const kinds = [...new Set(taken.flatMap(({ idle, asked }) => [...idle.keys(), ...asked.keys()]))];
  const of = (who, kind, key) =>
    round(median(taken.map((one) => (one[who].get(kind)?.[key] ?? 0) / KIBIBYTES)), 1);
  return {
    resident: summary(
      taken.map(({ idle }) => total(idle, 'resident')),
      1,
    ),
    own: summary(
      taken.map(({ idle }) => total(idle, 'own')),
      1,
    ),
    asked: summary(
      taken.map(({ asked }) => total(asked, 'resident')),
      1,
    ),
    // How much of Node's program is back from its file differs from run to run.
    furtherListener: summary(
      taken.map(({ idle, many }) => (total(many, 'own') - total(idle, 'own')) / MORE_LISTENERS),
    ),
    kinds: kinds
      .map((kind) => ({
        kind,
        resident: of('idle', kind, 'resident'),
        own: of('idle', kind, 'own'),
        asked: of('asked', kind, 'resident'),
      }))
      .sort((a, b) => b.resident - a.resident),
  };
}

async function measurePods() {
  const pods = Number(options.pods);
  const folder = mkdtempSync(join(tmpdir(), 'podns-memory-'));
  const missing = [];
  /** @type {Map<string, { seconds: number, mebibytes: number }[]>} */
  const taken = new Map(LOADED.map((name) => [name, []]));
  try {
    for (let n = 1; n <= rounds; n++) {
      for (const name of [...taken.keys()]) {
        const peer = PEERS.find((one) => one.name === name);
        if (peer === undefined) throw new Error(`there is no server ${name}`);
        const server = await start(peer, pods, folder).catch((error) => error);
        if (server instanceof Error) {
          if (name === 'podns') throw server;
          taken.delete(name);
          missing.push(whyMissing(peer, server));
          say(`${server.message}\n${name} is left out; to have it: ${peer.install}`);
          continue;
        }
        try {
          await pause(SETTLED);
          const mebibytes = residentOctets(server.pids) / 2 ** 20;
          taken.get(name)?.push({ seconds: server.loadSeconds, mebibytes });
          say(
            `${pods} pods ${n}/${rounds}  ${name} ${server.loadSeconds.toFixed(2)} s, ${mebibytes.toFixed(0)} MiB`,
          );
        } finally {
          await end(server);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const servers = [...taken].map(([name, all]) => ({
    name,
    seconds: summary(
      all.map(({ seconds }) => seconds),
      2,
    ),
    mebibytes: summary(
      all.map(({ mebibytes }) => mebibytes),
      1,
    ),
  }));
  return { pods, missing, servers };
}

enterNamespace();
pinSelf(CLIENT_CORE);
const only = new Set(options.only.split(','));
const data = {
  ...measuredOn(),
  ...(only.has('idle') && { idle: await measureIdle() }),
  ...(only.has('pods') && { loaded: await measurePods() }),
};
if (options.write) {
  writeFigures('benchmarks-memory.json', data);
  writePage();
} else process.stdout.write(memoryMarkdown(data));
