/**
 * A fleet of nodes behind two tiers of relays: etcd, relays that watch it, relays that watch those, and nodes. etcd and
 * some relays of each tier are real, and so are the connections of their nodes; the rest is counted from these.
 *
 *   node bench/fleet.mjs [--nodes 10000] [--pods 1000000] [--vpcs 1000] [--json FILE]
 *
 * docs/scale.md explains what it prints. Needs Linux, etcd and a build; it runs in a network namespace of its own.
 */
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EtcdWriter } from '../dist/source/etcd/writer.js';
import { Etcd, pause } from '../prove/soak/parties.mjs';
import { podResource, vpcName, vpcResource, vpcsOfNode } from './fleet-records.mjs';
import { peakRate, print } from './fleet-report.mjs';
import { enterNamespace } from './namespace.mjs';
import { cpuMicroseconds, peakOctets, residentOctets, stop } from './process.mjs';
import { quantiles } from './watch-asker.mjs';

const USAGE = `node bench/fleet.mjs [--nodes 10000] [--pods 1000000] [--vpcs 1000] [--vpcs-per-node 10]
    [--relays 3] [--middle 100] [--real-relays 3] [--real-middle 2] [--middle-sockets 8] [--changes 300] [--json FILE]

  --real-relays, --real-middle   how many of the two tiers are processes
  --middle-sockets               relays of the middle that are connections which count octets`;

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const WATCHERS = fileURLToPath(new URL('fleet-watchers.mjs', import.meta.url));
const FIRST_PORT = 20_000;
const WRITERS = 4;
const BATCH = 128;
/** Only bounds a hang, milliseconds. */
const PATIENCE = 1_800_000;
/** Milliseconds between the death of a relay and its start: what systemd waits at least (RestartSec), and more. */
const RESTART = 1000;
const REST = 1000;
const TURNS = 2;
const MIB = 2 ** 20;

/** @returns {never} */
function usage(message) {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

const USUAL = {
  nodes: 10_000,
  pods: 1_000_000,
  vpcs: 1000,
  'vpcs-per-node': 10,
  relays: 3,
  middle: 100,
  'real-relays': 3,
  'real-middle': 2,
  'middle-sockets': 8,
  changes: 300,
};

function readOptions() {
  const text = { type: /** @type {const} */ ('string') };
  try {
    const names = [...Object.keys(USUAL), 'json'];
    const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, text])) });
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const [name, usual] of Object.entries(USUAL)) {
      const value = Number(values[name] ?? usual);
      if (!Number.isInteger(value) || value < 1 || value > 10_000_000) usage(`--${name}: a whole number`);
      numbers[name] = value;
    }
    if (numbers.vpcs < 3 || numbers.vpcs > 65_000) usage('--vpcs: from 3 to 65,000');
    return { numbers, json: String(values.json ?? '') };
  } catch (error) {
    return usage(/** @type {Error} */ (error).message);
  }
}

const { numbers: options, json } = readOptions();
enterNamespace();
const folder = mkdtempSync(join(tmpdir(), 'podns-fleet-'));
const etcd = new Etcd(folder);
const writer = new EtcdWriter({ endpoints: [etcd.url] });
const perVpc = Math.ceil(options.pods / options.vpcs);
const perRelay = Math.ceil(options.nodes / options.middle);
const running = new Set();
let nextPort = FIRST_PORT;
let generation = 0;
const say = (text) => console.error(text);

/** Starts a relay; resolves when it has the whole view, with how long that took and what it cost. */
async function relay(source, port = nextPort++, dns = nextPort++) {
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...[MAIN, 'serve', ...source, '--listen', `127.0.0.1:${dns}@${vpcName(0)}`, '--workers', '1'],
      ...['--admin', `127.0.0.1:${port}`, '--forward', 'off', '--log-level', 'error'],
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  running.add(child);
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    const text = await ready?.text();
    if (ready?.ok && text !== undefined) break;
    if (child.exitCode !== null || performance.now() - began > PATIENCE)
      throw new Error('a relay does not start');
    await pause(20);
  }
  const seconds = (performance.now() - began) / 1000;
  const pid = /** @type {number} */ (child.pid);
  return {
    child,
    pid,
    port,
    dns,
    source,
    seconds,
    cpu: cpuMicroseconds([pid]) / 1e6,
    octets: residentOctets([pid]),
  };
}

/** A process of watchers. */
function watchers() {
  const child = fork(WATCHERS, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  running.add(child);
  const waiting = new Map();
  let id = 0;
  child.on('message', (/** @type {any} */ message) => {
    waiting.get(message.id)?.(message.result);
    waiting.delete(message.id);
  });
  const ask = (task, more = {}) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      child.send({ id, task, ...more });
    });
  const allLive = async () => {
    const until = performance.now() + PATIENCE;
    for (;;) {
      const counts = await ask('counts');
      if (counts.live === counts.watchers) return counts;
      if (performance.now() > until)
        throw new Error(`${counts.live} of ${counts.watchers} watchers are live`);
      await pause(10);
    }
  };
  return { ask, allLive };
}

async function fill() {
  const batches = [];
  for (let k = 0; k < options.vpcs; k++) {
    const resources = [vpcResource(k)];
    for (let i = 0; i < perVpc; i++) resources.push(podResource(k, i));
    for (let at = 0; at < resources.length; at += BATCH) batches.push(resources.slice(at, at + BATCH));
    // Not all at once: resources are larger than their text.
    if (batches.length >= 1000 || k === options.vpcs - 1) {
      await Promise.all(
        Array.from({ length: WRITERS }, async () => {
          for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) await writer.put(batch);
        }),
      );
    }
  }
}

/** One change, and when the last of `count` watchers has it; milliseconds. */
async function timed(node, k, count) {
  const pod = podResource(k, 0, (generation = (generation % 60_000) + 1));
  await node.ask('expect', { text: `"${pod.ip6}"` });
  const began = performance.timeOrigin + performance.now();
  await writer.put([pod]);
  for (;;) {
    const { seen, lastSeen } = await node.ask('seen');
    if (seen >= count) return lastSeen - began;
    if (performance.timeOrigin + performance.now() - began > 60_000)
      throw new Error(`${seen} of ${count} watchers have a change after a minute`);
    await pause(1);
  }
}

/**
 * Changes of VPC `k` one after the other, and one that all `count` watchers get, so that everything before it has
 * arrived. What they cost these processes beyond what they need without changes, in microseconds a change, and octets
 * for all watchers.
 */
async function costOf(k, pids, node, count) {
  const readCpu = () => pids.map((pid) => cpuMicroseconds([pid]));
  const atRest = readCpu();
  let began = performance.now();
  await pause(REST);
  const idle = readCpu().map((cpu, i) => (cpu - atRest[i]) / (performance.now() - began));
  const before = readCpu();
  began = performance.now();
  const { octets } = await node.ask('counts');
  for (let n = 0; n < options.changes; n++)
    await writer.put([podResource(k, n % perVpc, (generation = (generation % 60_000) + 1))]);
  await timed(node, 0, count);
  const after = await node.ask('counts');
  const rest = performance.now() - began;
  return {
    cpu: readCpu().map((cpu, i) => (cpu - before[i] - idle[i] * rest) / (options.changes + 1)),
    octets: after.octets - octets,
  };
}

const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

/** The cost of changes that every node has, and of those that none has, in turns: code grows faster as it runs. */
async function costs(pids, node, count) {
  const all = [];
  const none = [];
  for (let turn = 0; turn < TURNS; turn++) {
    none.push(await costOf(options.vpcs - 1, pids, node, count));
    all.push(await costOf(0, pids, node, count));
  }
  const cpu = (list, i) => mean(list.map((one) => one.cpu[i]));
  const own = mean(all.map((one) => one.octets)) / (options.changes + 1) / count;
  return {
    octets: own,
    octetsUnwatched: Math.max(0, mean(none.map((one) => one.octets)) / count - own) / options.changes,
    cpuRelay: cpu(none, 0),
    cpuMiddle: cpu(none, 1),
    cpuWatcher: (cpu(all, 1) - cpu(none, 1)) / perRelay,
  };
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
try {
  await etcd.start();
  let began = performance.now();
  await fill();
  const filled = (performance.now() - began) / 1000;
  say(`etcd has ${options.pods} pods after ${filled.toFixed(1)} s`);

  const first = [await relay(['--etcd', etcd.url])];
  say(`a relay has listed etcd after ${first[0].seconds.toFixed(1)} s`);
  while (first.length < Math.min(options.relays, options['real-relays']))
    first.push(await relay(['--etcd', etcd.url]));
  const middle = [];
  for (let i = 0; i < options['real-middle']; i++)
    middle.push(await relay(['--watch', `http://127.0.0.1:${first[i % first.length].port}/v1/watch`]));
  say(`a relay of the middle has listed after ${middle[0].seconds.toFixed(1)} s`);

  // Relays of the middle that only count.
  const stand = watchers();
  const whole = await stand.ask('counts');
  await stand.ask('open', { port: first[0].port, lists: new Array(options['middle-sockets']).fill([]) });
  const listed = await stand.allLive();
  const listOctets = (listed.octets - whole.octets) / options['middle-sockets'];

  // Every node starts at the same moment.
  const nodes = watchers();
  const victim = middle[0];
  const resident = residentOctets([victim.pid]);
  const lists = (relayIndex) =>
    Array.from({ length: perRelay }, (_, i) =>
      vpcsOfNode(relayIndex * perRelay + i, options.vpcs, options['vpcs-per-node']),
    );
  const storm = async () => {
    await nodes.ask('reset');
    const cpu = cpuMicroseconds([victim.pid]);
    const start = performance.now();
    for (const [i, { port }] of middle.entries()) await nodes.ask('open', { port, lists: lists(i) });
    const counts = await nodes.allLive();
    return {
      seconds: (performance.now() - start) / 1000,
      octetsEach: counts.octets / counts.watchers,
      cpuEach: (cpuMicroseconds([victim.pid]) - cpu) / perRelay,
      peakMiB: peakOctets([victim.pid]) / MIB,
    };
  };
  const cold = await storm();
  await pause(2000);
  const watcherOctets = (residentOctets([victim.pid]) - resident) / perRelay;
  say(`${perRelay * middle.length} nodes have their lists after ${cold.seconds.toFixed(2)} s`);

  // Changes one at a time, of the VPC that every node has.
  const times = [];
  for (let n = 0; n < options.changes; n++) times.push(await timed(nodes, 0, perRelay * middle.length));
  const pids = [first[0].pid, victim.pid];
  const cost = await costs(pids, nodes, perRelay * middle.length);
  say(`the last node has a change after ${quantiles(times).p50} ms`);

  // All nodes again, of a relay that has sent the same lists before.
  await nodes.ask('close');
  await pause(500);
  const warm = await storm();

  // A relay dies, and is started again on its address.
  await nodes.ask('reset');
  began = performance.now();
  running.delete(victim.child);
  await stop(victim.child, 'SIGKILL');
  await pause(RESTART);
  const reborn = await relay(victim.source, victim.port, victim.dns);
  const after = await nodes.allLive();
  const death = {
    seconds: (performance.now() - began) / 1000,
    startSeconds: reborn.seconds,
    gone: after.gone,
    unready: after.unready,
    refused: after.refused,
    attemptsMost: Math.max(...after.attempts.map((n) => n ?? 0)),
    listsMost: Math.max(0, ...after.lists.map((n) => n ?? 0)),
    octets: after.octets,
    peakMiB: peakOctets([reborn.pid]) / MIB,
    restMiB: residentOctets([reborn.pid]) / MIB,
  };
  const result = {
    options,
    perRelay,
    realNodes: perRelay * middle.length,
    filled,
    fromEtcd: { seconds: first[0].seconds, cpu: first[0].cpu, mib: first[0].octets / MIB },
    fromRelay: {
      seconds: middle[0].seconds,
      cpu: middle[0].cpu,
      mib: middle[0].octets / MIB,
      octets: listOctets,
    },
    watcherKiB: watcherOctets / 1024,
    cold,
    warm,
    change: {
      ...quantiles(times),
      ...cost,
    },
    death,
    reconnects: peakRate(options.nodes),
  };
  console.log(print(result));
  if (json !== '') writeFileSync(json, `${JSON.stringify(result, undefined, 1)}\n`);
} finally {
  await etcd.kill().catch(() => undefined);
}
process.exit(0);
