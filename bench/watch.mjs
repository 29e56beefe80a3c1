/**
 * `node bench/watch.mjs`: how fast changes become answerable, and what a new list or a restart costs the answering.
 * Writes docs/benchmarks-watch.json and docs/benchmarks-watch.md.
 *
 * The server is `podns serve` on a core of its own, fed over HTTP by this process on the other, which also asks
 * for the pods that it has changed until it sees the change: times are upper bounds, with a round trip in them.
 *
 * Options: --pods 100000 · --seconds 10 · --no-write
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NET6, pod6Octets, podDomain, podObject, VPC } from './pods.mjs';
import { CLIENT_CORE, cpuMicroseconds, family, pinSelf, SERVER_CORE, spawnPinned, stop } from './process.mjs';
import { Upstream } from './upstream.mjs';
import { AAAA, buildQuery, parseAnswer, random } from './wire.mjs';

const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '10' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const pods = Number(options.pods);
const seconds = Number(options.seconds);
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const RATE = 1000;
/** Changes of the flood that measures how many a second one core applies. */
const FLOOD = 100_000;
/** Pods that only the timed changes touch. */
const MARKED = 16;
const PUTS = 300;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (text) => process.stderr.write(`${text}\n`);
const folder = mkdtempSync(join(tmpdir(), 'podns-watch-bench-'));
const log = openSync(join(folder, 'log'), 'a');
pinSelf(CLIENT_CORE);

function quantiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q) => Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))].toFixed(3));
  return { p50: at(0.5), p99: at(0.99), most: at(1), timed: times.length };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks over UDP, one question at a time. */
class Asker {
  #socket = createSocket('udp4');
  #port;
  #id = 0;
  #waiting;

  constructor(port) {
    this.#port = port;
    this.#socket.on('message', (message) => this.#waiting?.(message));
    this.#socket.on('error', () => {});
  }

  /** The address of a pod, hexadecimal; undefined without an answer in time. */
  ask(i, milliseconds = 20) {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    return new Promise((resolve) => {
      const end = (value) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(value);
      };
      const timer = setTimeout(() => end(undefined), milliseconds);
      this.#waiting = (message) => {
        if (message.readUInt16BE(0) === id) end(parseAnswer(message).rdata[0] ?? '');
      };
      this.#socket.send(buildQuery(id, podDomain(i), AAAA), this.#port, '127.0.0.1');
    });
  }

  /** Milliseconds until the pod has this address; throws after half a minute. */
  async until(i, generation) {
    const expected = pod6Octets(i, generation).toString('hex');
    const began = performance.now();
    while (performance.now() - began < 30_000) {
      if ((await this.ask(i)) === expected) return performance.now() - began;
    }
    throw new Error(
      `pod ${i} has not come to generation ${generation}:\n${readFileSync(join(folder, 'log'))}`,
    );
  }

  close() {
    this.#socket.close();
  }
}

function serve(port, admin, ...sources) {
  const parameters = [
    ...[MAIN, 'serve', ...sources, '--listen', `127.0.0.1:${port}@${VPC}`, '--workers', '1'],
    ...['--admin', `127.0.0.1:${admin}`, '--state', join(folder, 'state'), '--log-level', 'error'],
  ];
  return spawnPinned(SERVER_CORE, process.execPath, parameters, { log });
}

/** Changes at a steady rate, with timed ones among them. */
async function propagation(upstream, asker, admin) {
  const below = random(7);
  let generation = 0;
  let written = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    let due = Math.floor(((performance.now() - began) * RATE) / 1000) - written;
    let lines = '';
    for (; due > 0; due--, written++) {
      generation = (generation % 0xfffe) + 1;
      lines += upstream.line(MARKED + below(pods - MARKED), generation);
    }
    if (lines !== '') upstream.say(lines);
  }, 1);
  const times = [];
  for (let n = 1; performance.now() - began < seconds * 1000; n++) {
    const line = upstream.line(n % MARKED, n);
    const start = performance.now();
    upstream.say(line);
    await asker.until(n % MARKED, n);
    times.push(performance.now() - start);
    await pause(3);
  }
  clearInterval(timer);
  const status = await (await fetch(`http://127.0.0.1:${admin}/v1/status`)).json();
  const { received } = status.propagation;
  return {
    ...quantiles(times),
    inside: received,
    written: Math.round((written * 1000) / (performance.now() - began)),
  };
}

/** As many as it takes, in one go: each a revision of its own. */
async function flood(upstream, asker, server) {
  const below = random(9);
  let lines = '';
  for (let n = 0; n < FLOOD; n++) lines += upstream.line(MARKED + below(pods - MARKED), (n % 0xfffe) + 1);
  lines += upstream.line(1, 0xfffe);
  const pids = family(server.pid);
  const cpu = cpuMicroseconds(pids);
  const began = performance.now();
  upstream.say(lines);
  const expected = pod6Octets(1, 0xfffe).toString('hex');
  // Seldom, for asking takes from the same core.
  while ((await asker.ask(1, 200)) !== expected) await pause(20);
  const elapsed = performance.now() - began;
  return {
    changes: FLOOD,
    perSecond: Math.round((FLOOD * 1000) / elapsed),
    cpuMicrosecondsEach: Number(((cpuMicroseconds(pids) - cpu) / FLOOD).toFixed(1)),
  };
}

/** Asks without end over UDP, which a worker answers, and over TCP, which the main thread does. */
function hammer(port) {
  const state = { udp: [], tcp: [], run: true };
  const asker = new Asker(port);
  const udp = (async () => {
    while (state.run) {
      const began = performance.now();
      while (state.run && (await asker.ask(0, 2000)) === undefined);
      state.udp.push(performance.now() - began);
      await pause(1);
    }
    asker.close();
  })();
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  const query = buildQuery(1, podDomain(0), AAAA);
  const framed = Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]);
  const tcp = (async () => {
    await once(socket, 'connect');
    while (state.run) {
      const began = performance.now();
      socket.write(framed);
      await once(socket, 'data');
      state.tcp.push(performance.now() - began);
      await pause(1);
    }
    socket.destroy();
  })();
  return async () => {
    state.run = false;
    await Promise.all([udp, tcp]);
    return { udp: quantiles(state.udp), tcp: quantiles(state.tcp) };
  };
}

async function relist(upstream, asker, port) {
  const text = upstream.relist(0xffff);
  // What this process does itself must not count as the server's pause.
  await pause(200);
  const stopHammer = hammer(port);
  await pause(100);
  const began = performance.now();
  upstream.say(text);
  const expected = pod6Octets(pods - 1, 0xffff).toString('hex');
  while ((await asker.ask(pods - 1, 200)) !== expected) await pause(5);
  const took = performance.now() - began;
  await pause(200);
  return { pods, milliseconds: Math.round(took), answers: await stopHammer() };
}

async function coldStart(port, admin, url) {
  const times = [];
  for (let n = 0; n < 5; n++) {
    const began = performance.now();
    const server = serve(port, admin, '--watch', url);
    const asker = new Asker(port);
    const last = pods - 1;
    let answer;
    while ((answer = await asker.ask(last, 5)) === undefined || answer === '');
    times.push(performance.now() - began);
    if (answer !== pod6Octets(last, 0xffff).toString('hex')) throw new Error('the saved view is another');
    asker.close();
    await stop(server, 'SIGKILL');
  }
  return { pods, ...quantiles(times) };
}

async function put() {
  if (!existsSync('/usr/bin/etcd') && !existsSync('/usr/local/bin/etcd'))
    return { missing: 'etcd: apt-get install etcd-server' };
  const { EtcdWriter } = await import('../dist/source/etcd-writer.js');
  const { validateResource } = await import('../dist/source/validate.js');
  const [client, peer, port, admin] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const url = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${peer}`;
  const etcd = spawn(
    'etcd',
    [
      ...['--name', 'bench', '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...['--initial-cluster', `bench=${peers}`],
    ],
    { stdio: ['ignore', 'ignore', log] },
  );
  const server = serve(port, admin, '--etcd', url);
  const asker = new Asker(port);
  try {
    const writer = new EtcdWriter({ endpoints: [url] });
    const resource = (raw) => validateResource(raw, { unknownKeys: 'error' }).resource;
    const vpc = resource({ kind: 'vpc', name: VPC, net6: [NET6] });
    for (let tries = 0; ; tries++) {
      try {
        await writer.put([vpc, resource(podObject(0))]);
        break;
      } catch (error) {
        if (tries > 50) throw error;
        await pause(200);
      }
    }
    await asker.until(0, 0);
    const times = [];
    for (let n = 1; n <= PUTS; n++) {
      const object = resource(podObject(0, n));
      const began = performance.now();
      const writing = writer.put([object]);
      await asker.until(0, n);
      times.push(performance.now() - began);
      await writing;
      await pause(5);
    }
    return quantiles(times);
  } finally {
    asker.close();
    await stop(server);
    await stop(etcd);
  }
}

function markdown(data) {
  const { propagation: change, flood: load, relist: list, start, put: etcd } = data;
  const number = (value) => value.toLocaleString('en');
  const rows = [
    [
      `a line written → answered over UDP, ${number(change.written)} changes a second`,
      `${change.p50} ms`,
      `${change.p99} ms`,
    ],
    [
      'the same inside of the server: octets received → answerable, ends of buckets',
      `${change.inside.p50Ms} ms`,
      `${change.inside.p99Ms} ms`,
    ],
    [
      `podns put: etcd asked → answered over UDP`,
      etcd.missing ?? `${etcd.p50} ms`,
      etcd.missing ? '' : `${etcd.p99} ms`,
    ],
    [
      `an answer over UDP while ${number(list.pods)} pods are listed anew`,
      `${list.answers.udp.p50} ms`,
      `${list.answers.udp.p99} ms, longest ${list.answers.udp.most} ms`,
    ],
    [
      `an answer over TCP meanwhile`,
      `${list.answers.tcp.p50} ms`,
      `${list.answers.tcp.p99} ms, longest ${list.answers.tcp.most} ms`,
    ],
    [
      `start from a saved view of ${number(start.pods)} pods → first answer`,
      `${Math.round(start.p50)} ms`,
      `longest ${Math.round(start.most)} ms`,
    ],
  ];
  return [
    '## Watch',
    `\`node bench/watch.mjs\`, ${data.date.slice(0, 10)}, ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ${number(pods)} pods, the server with all its threads on one core.`,
    ['| | p50 | p99 |', '| --- | --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n'),
    `Changes of one pod each, applied a second on that core: ${number(load.perSecond)} (${load.cpuMicrosecondsEach} µs of CPU each, reading and answering included). A whole new list in which every pod has moved is visible ${number(list.milliseconds)} ms after its first line.`,
    'Times include the round trip of the question and the scheduling of the process that asks: they are upper bounds.',
  ].join('\n\n');
}

const upstream = await Upstream.listen(pods);
const [port, admin] = [await freePort(), await freePort()];
const server = serve(port, admin, '--watch', upstream.url);
const asker = new Asker(port);
const data = {
  date: new Date().toISOString(),
  kernel: release(),
  cpu: cpus()[0].model,
  node: process.version,
};
try {
  await asker.until(pods - 1, 0);
  await pause(2000);
  data.propagation = await propagation(upstream, asker, admin);
  say(`propagation ${JSON.stringify(data.propagation)}`);
  data.flood = await flood(upstream, asker, server);
  say(`flood ${JSON.stringify(data.flood)}`);
  await pause(2000);
  data.relist = await relist(upstream, asker, port);
  say(`relist ${JSON.stringify(data.relist)}`);
  // A stop that is asked for saves what is not saved yet.
  const { url } = upstream;
  await stop(server);
  upstream.close();
  data.start = await coldStart(port, admin, url);
  say(`start ${JSON.stringify(data.start)}`);
  rmSync(join(folder, 'state'), { recursive: true });
  data.put = await put();
  say(`put ${JSON.stringify(data.put)}`);
} finally {
  asker.close();
  upstream.close();
  await stop(server, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
if (options.write) {
  writeFileSync(
    new URL('../docs/benchmarks-watch.json', import.meta.url),
    JSON.stringify(data, null, 2) + '\n',
  );
  writeFileSync(new URL('../docs/benchmarks-watch.md', import.meta.url), markdown(data) + '\n');
}
process.exit(0);
