/**
 * `node bench/forward.mjs`: what an outside name costs out of the cache, next to dnsmasq and unbound with the same
 * upstream; what a dead upstream does to local names; what 10,000 cached answers weigh. Writes
 * docs/benchmarks-forward.json and the page of benchmarks.
 *
 * Options: --rounds 9 · --seconds 1 · --no-write · --only hits|dead|peak (writes nothing)
 */
import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Asker, untilLoaded } from './check.mjs';
import { bindSocket } from '../dist/transport/udp-batch/socket.js';
import { authoritative, PEERS } from './forward-peers.mjs';
import { writeForwardReport } from './forward-report.mjs';
import { cannotRun } from './missing.mjs';
import { enterNamespace } from './namespace.mjs';
import { system } from './system.mjs';
import { outsideName, pod6Octets } from './pods.mjs';
import {
  CLIENT_CORE,
  family,
  pinSelf,
  peakOctets,
  residentOctets,
  SERVER_CORE,
  spawnPinned,
  stop,
} from './process.mjs';
import { AAAA } from './wire.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    write: { type: 'boolean', default: true },
    only: { type: 'string', default: '' },
  },
  allowNegative: true,
});

enterNamespace();
pinSelf(CLIENT_CORE);
if (versionOf(authoritative) === undefined)
  cannotRun(`knot is needed, as the upstream of all: ${authoritative.install}`);

const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const NAMES = 10_000;
/**
 * In the cache before it is filled: enough to have compiled and allocated what has nothing to do with how many
 * answers are kept, and to be followed by the same clean-up as a whole filling.
 */
const FEW_NAMES = 2500;
/** Milliseconds after which a server that is asked nothing is at rest. */
const REST = 3000;
const PODS = 1000;
const UPSTREAM_PORT = 5390;
const FIRST_PORT = 5300;
const FIRST_PEAK_PORT = 5400;
/** Of local names. */
const RATE = 5000;
/** Milliseconds after which a query to a dead upstream has been answered. */
const DEAD_BUDGET = 4100;
/** In flight while a cache is filled: fewer than any of them lets wait for upstreams. */
const FILL_WINDOW = 32;

const folder = mkdtempSync(join(tmpdir(), 'podns-bench-'));
const script = fileURLToPath(new URL('generator.mjs', import.meta.url));
const generator = spawnPinned(CLIENT_CORE, process.execPath, [script], {
  ...{ log: 'inherit', ipc: true, first: true },
});
const only = (part) => ['', part].includes(options.only);
const say = (text) => process.stderr.write(`${text}\n`);
const running = [];

async function order(command) {
  generator.send({ family: 6, pods: PODS, seconds, warmup: seconds / 4, ...command });
  const [result] = await once(generator, 'message');
  if (result.error !== undefined) throw new Error(result.error);
  return result;
}

async function start(peer, core, port, upstream) {
  const own = join(folder, `${peer.name}-${port}`);
  mkdirSync(own);
  const made = await peer.prepare({ folder: own, port, upstream, pods: PODS, names: NAMES + FEW_NAMES });
  const log = openSync(join(own, 'log'), 'a');
  const { command, parameters, feed } = made;
  const child = spawnPinned(core, command, parameters, {
    log,
    first: true,
    input: feed === undefined ? 'ignore' : 'pipe',
  });
  if (feed !== undefined && child.stdin !== null) createReadStream(feed).pipe(child.stdin, { end: false });
  const server = { peer, child, port, log: join(own, 'log') };
  running.push(server);
  return server;
}

/** Until an outside name is answered rightly, by whatever way it takes. */
async function answering(server) {
  const asker = await Asker.open(6, server.port);
  try {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (server.child.exitCode !== null) break;
      const answer = await asker.ask(outsideName(NAMES - 1), AAAA, 100);
      if (answer?.rdata[0] === pod6Octets(NAMES - 1).toString('hex')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const said = readFileSync(server.log, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
    throw new Error(`${server.peer.name} does not forward; it said:\n${said}`);
  } finally {
    asker.close();
  }
}

/** All names into its cache; returns its resident memory at rest, what that has added to it, and the most it had. */
async function fill(server) {
  const { port } = server;
  const pids = (server.pids = family(server.child.pid));
  const rest = () => new Promise((resolve) => setTimeout(resolve, REST));
  const few = { kind: 'udp', port, pids, outside: FEW_NAMES, window: FILL_WINDOW, seconds: 2, warmup: 0 };
  await order(few);
  await rest();
  const before = residentOctets(pids);
  const all = { ...few, outside: NAMES + FEW_NAMES };
  await order(all);
  await rest();
  const { answers, rcodes } = await order({ ...all, seconds: 0.5 });
  if (answers === 0 || rcodes[0] !== answers)
    throw new Error(`${server.peer.name}: ${answers - rcodes[0]} of ${answers} failed with a full cache`);
  const resident = residentOctets(pids);
  return { gained: resident - before, peak: peakOctets(pids), resident };
}

async function cacheHits(servers) {
  const hits = new Map(servers.map(({ peer }) => [peer.name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { peer, port, pids } of servers) {
      const result = await order({ kind: 'udp', port, pids, outside: NAMES });
      const { cpu, rate, answers, lost, rcodes } = result;
      if (rcodes[0] !== answers) throw new Error(`${peer.name}: ${answers - rcodes[0]} of ${answers} failed`);
      hits.get(peer.name).push({ cpu, rate, lost: lost / (answers + lost) });
    }
    say(
      `hits ${round}/${rounds}  ${[...hits].map(([name, all]) => `${name} ${all.at(-1).cpu.toFixed(2)}`).join('  ')}`,
    );
  }
  return hits;
}

/** The most that podns has been resident with while all names came into its cache, of a process of its own each time; MiB. */
async function peaks() {
  const found = [];
  for (let round = 1; round <= rounds; round++) {
    const server = await start(PEERS[0], SERVER_CORE, FIRST_PEAK_PORT + round, UPSTREAM_PORT);
    const { port, child } = server;
    await untilLoaded(child, 6, port, PODS, 60);
    await answering(server);
    const pids = family(child.pid);
    const outside = NAMES + FEW_NAMES;
    await order({ kind: 'udp', port, pids, outside, window: FILL_WINDOW, seconds: 2, warmup: 0 });
    found.push(peakOctets(pids) / 2 ** 20);
    await stop(child);
    say(`peak ${round}/${rounds}  ${found.at(-1).toFixed(1)} MiB`);
  }
  return found;
}

async function deadUpstream() {
  // Nobody reads it: a process that woke up for each query would take the generator's core from it.
  const silent = bindSocket(system, '127.0.0.1', 0, false);
  const server = await start(PEERS[0], SERVER_CORE, FIRST_PORT + PEERS.length, silent.port);
  const { port } = server;
  await untilLoaded(server.child, 6, port, PODS, 60);
  const alone = [];
  const beside = [];
  // Compiles what the first questions to a dead upstream run through.
  await order({ kind: 'beside', dead: true, port, rate: RATE, seconds: 2 });
  for (let round = 1; round <= rounds; round++) {
    // By turns first: what a round leaves behind falls on both.
    for (const dead of round % 2 === 1 ? [false, true] : [true, false]) {
      // What was in flight has ended, its timers too.
      if (!dead) await new Promise((resolve) => setTimeout(resolve, DEAD_BUDGET));
      const result = await order({ kind: 'beside', dead, port, rate: RATE, seconds: 4 * seconds });
      (dead ? beside : alone).push(result);
    }
    say(
      `dead upstream ${round}/${rounds}  p99 ${alone.at(-1).p99.toFixed(0)} → ${beside.at(-1).p99.toFixed(0)} µs`,
    );
  }
  system.close(silent.fd);
  return { alone, beside };
}

try {
  await start(authoritative, CLIENT_CORE, UPSTREAM_PORT);
  const servers = [];
  const memory = {};
  const missing = [];
  for (const [index, peer] of only('hits') ? PEERS.entries() : []) {
    if (peer.name !== 'podns' && versionOf(peer) === undefined) {
      missing.push(`${peer.name}, to have it: ${peer.install}`);
      continue;
    }
    const server = await start(peer, SERVER_CORE, FIRST_PORT + index, UPSTREAM_PORT);
    if (peer.name === 'podns') await untilLoaded(server.child, 6, server.port, PODS, 60);
    await answering(server);
    memory[peer.name] = await fill(server);
    say(`${peer.name}: ${NAMES} answers in ${(memory[peer.name].gained / 2 ** 20).toFixed(1)} MiB`);
    servers.push(server);
  }
  const hits = only('hits') ? await cacheHits(servers) : new Map();
  for (const { child } of running.splice(1)) await stop(child);
  const peak = only('peak') ? await peaks() : [];
  for (const { child } of running.splice(0)) await stop(child);
  const { alone, beside } = only('dead') ? await deadUpstream() : { alone: [], beside: [] };
  const versions = Object.fromEntries([...PEERS, authoritative].map((peer) => [peer.name, versionOf(peer)]));
  const write = options.write;
  if (options.only === '')
    writeForwardReport({
      rounds,
      seconds,
      names: NAMES,
      rate: RATE,
      versions,
      missing,
      memory,
      peak,
      hits,
      alone,
      beside,
      write,
    });
} finally {
  await stop(generator);
  for (const { child } of running) await stop(child);
  rmSync(folder, { recursive: true, force: true });
}

/** Undefined where the program is not installed. */
function versionOf(peer) {
  try {
    return peer.version();
  } catch {
    return undefined;
  }
}
