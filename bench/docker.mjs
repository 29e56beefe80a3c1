/**
 * `node bench/docker.mjs`: how soon a container of a real engine is answered, what many containers cost, and how that
 * compares with the engine's own DNS. Writes docs/benchmarks-docker.json and the page of benchmarks. It needs root.
 *
 * Options: --starts 40 · --seconds 5 · --quiet 30 · --only TEXT (writes nothing) · --no-write
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeDockerReport } from './docker-report.mjs';
import { harness } from './engine.mjs';
import { writePage } from './page.mjs';
import { cpuMicroseconds, family, messageOf, residentOctets, stop } from './process.mjs';
import { median, round } from './statistics.mjs';
import { pause, quantiles } from './watch-asker.mjs';

const { values: options } = parseArgs({
  options: {
    starts: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '5' },
    quiet: { type: 'string', default: '30' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const ASKER = fileURLToPath(new URL('docker-asker.mjs', import.meta.url));
/** Docker's gateway of the default bridge, and Podman's of our network. */
const GATEWAYS = { docker: '172.17.0.1', podman: '10.70.0.1' };
const NAMES = 20;
const MANY = 1000;
const STORM_WIDE = 4;
const QUESTIONS = 2000;
const SETTLE_MS = 5000;
/** Of each server, interleaved; the medians count. */
const ROUNDS = 5;

const { Engine, engineReason } = await harness('engine.ts');
const { ScriptedEngine } = await harness('scripted-engine.ts');

/** podns in the network of an engine, or anywhere. Resolves when it is ready. */
async function serve(enter, folder, ...flags) {
  const admin = join(folder, 'admin.sock');
  const command = [MAIN, 'serve', '--forward', 'off', '--admin', `unix:${admin}`, ...flags];
  const child = spawn(enter === undefined ? process.execPath : 'nsenter', [...(enter ?? []), ...command], {
    cwd: folder,
    stdio: 'ignore',
  });
  while ((await status(admin)) !== 200) {
    if (child.exitCode !== null) throw new Error(`podns has ended with ${child.exitCode}`);
    await pause(20);
  }
  return child;
}

/** Of the admin listener's readiness; 0 while nobody listens. */
function status(socketPath) {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/readyz', agent: false });
    asked.on('error', () => resolve(0));
    asked.on('response', (response) => resolve(response.resume().statusCode));
    asked.end();
  });
}

function asker(enter, server, port) {
  const child = spawn('nsenter', [...enter, process.execPath, ASKER, server, String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ready = once(child, 'message');
  return {
    child,
    async order(order) {
      await ready;
      const answer = once(child, 'message');
      child.send(order);
      const [message] = await answer;
      return message;
    },
  };
}

/** The time of each container's start by the engine's own events, milliseconds since 1970. */
async function starts(engine) {
  const seen = new Map();
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['start'] }));
  const asked = request({ socketPath: engine.socket, path: `/events?filters=${filters}`, agent: false });
  asked.on('error', () => undefined);
  asked.end();
  const [response] = await once(asked, 'response');
  response.on('error', () => undefined);
  let rest = '';
  response.setEncoding('utf8').on('data', (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      const { Actor, timeNano } = JSON.parse(line);
      seen.set(Actor.Attributes.name, timeNano / 1e6);
    }
  });
  return { seen, close: () => asked.destroy() };
}

/** From the engine's event to the first answer with an address. Never below 0: addresses may be there before it. */
async function latency(engine, server, port, count, wide, gap) {
  const events = await starts(engine);
  const times = [];
  let early = 0;
  let next = 0;
  const worker = async () => {
    const { child, order } = asker(engine.enter('-n'), server, port);
    for (;;) {
      const n = next++;
      if (n >= count) break;
      const name = `lat${wide}-${n}`;
      const id = await engine.create(name);
      const answered = order({ until: `${name}.default.vpc.internal` });
      await engine.api('POST', `/containers/${id}/start`);
      const { at } = await answered;
      while (!events.seen.has(name)) await pause(1);
      const taken = at - events.seen.get(name);
      if (taken < 0) early++;
      times.push(Math.max(0, taken));
      await engine.remove(id);
      if (gap > 0) await pause(gap);
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: wide }, worker));
  events.close();
  return { ...quantiles(times), early };
}

async function dnsperf(enter, folder, server, port, names, seconds) {
  const file = join(folder, 'queries');
  writeFileSync(file, names.map((name) => `${name} A\n`).join(''));
  const command = ['dnsperf', '-s', server, '-p', port, '-d', file, '-l', seconds, '-c', 4, '-q', 100];
  const child = spawn('nsenter', [...enter, ...command.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
  await once(child, 'close');
  const rate = Number(/Queries per second:\s+([\d.]+)/.exec(text)?.[1]);
  const lost = Number(/Queries lost:\s+(\d+)/.exec(text)?.[1]);
  const good = Number(/NOERROR (\d+)/.exec(text)?.[1] ?? 0);
  if (!(rate > 0) || good === 0) throw new Error(`dnsperf: ${text}`);
  return { rate: round(rate, 0), lost };
}

/** The same names of one network, asked from one container, of the engine's own server and of podns. */
async function compare(engine, own, gateway, port, ids) {
  const pid = await engine.pid(ids[0]);
  const enter = [...engine.enter('-p', '-m'), 'nsenter', '-t', String(pid), '-n', '--'];
  const servers = [
    { title: own.title, server: own.server, at: 53, suffix: own.suffix },
    { title: 'podns', server: gateway, at: port, suffix: '' },
  ];
  /** @type {Record<string, number>[][]} */
  const rounds = servers.map(() => []);
  for (let n = 0; n < ROUNDS; n++)
    for (const [index, { server, at, suffix }] of servers.entries()) {
      const names = Array.from({ length: NAMES }, (_, k) => `n${k}${suffix}`);
      const { rate, lost } = await dnsperf(enter, engine.folder, server, at, names, Number(options.seconds));
      const one = asker(enter, server, at);
      const { taken, lost: missed } = await one.order({ names, count: QUESTIONS });
      one.child.disconnect();
      rounds[index].push({ rate, lost: lost + missed, ...quantiles(taken) });
    }
  const rows = servers.map(({ title }, index) => {
    const of = (key) => median(rounds[index].map((result) => result[key]));
    return { server: title, rate: of('rate'), lost: of('lost'), p50: of('p50'), p99: of('p99') };
  });
  process.stderr.write(`${engine.kind}: ${JSON.stringify(rows)}\n`);
  return rows;
}

async function realEngine(kind) {
  const reason = engineReason(kind);
  if (reason !== undefined) return { missing: reason };
  const engine = new Engine(kind);
  let child;
  try {
    await engine.start();
    await engine.projectNetwork('one', 'default', { IPAM: { Config: [{ Subnet: '10.70.0.0/24' }] } });
    const ids = [];
    for (let n = 0; n < NAMES; n++) ids.push(await engine.service('one', `n${n}`));
    const gateway = GATEWAYS[kind];
    // Podman's own server has port 53 there.
    const port = kind === 'docker' ? 53 : 5300;
    const flags = [
      '--docker',
      `unix:${engine.socket}`,
      '--listen',
      `${gateway}:${port}@docker`,
      '--workers',
      '1',
    ];
    child = await serve([...engine.enter('-n'), process.execPath], engine.folder, ...flags);
    const own =
      kind === 'docker'
        ? { title: "Docker's 127.0.0.11", server: '127.0.0.11', suffix: '' }
        : { title: 'aardvark-dns', server: gateway, suffix: '.dns.podman' };
    /** @type {Record<string, any>} */
    const result = {};
    // The start leaves work behind, and a load of questions would as well.
    await pause(SETTLE_MS);
    const before = cpuMicroseconds(family(child.pid));
    await pause(Number(options.quiet) * 1000);
    const used = cpuMicroseconds(family(child.pid)) - before;
    result.idlePercent = round(used / 1e4 / Number(options.quiet), 3);
    result.peers = await compare(engine, own, gateway, port, ids);
    const count = Number(options.starts);
    result.calm = await latency(engine, gateway, port, count, 1, 1000);
    process.stderr.write(`${kind}, one start a second: ${JSON.stringify(result.calm)}\n`);
    result.storm = await latency(engine, gateway, port, count * 2, STORM_WIDE, 0);
    process.stderr.write(`${kind}, storm: ${JSON.stringify(result.storm)}\n`);
    return result;
  } finally {
    if (child !== undefined) await stop(child);
    await engine.close();
  }
}

/** What a whole list costs over an engine that has nothing. */
async function many() {
  const costs = [];
  for (const count of [0, MANY]) {
    const engine = new ScriptedEngine();
    for (let p = 0; p < 10; p++) engine.projectNetwork(`p${p}`, 'default', { net4: `10.${p}.0.0/16` });
    for (let n = 0; n < count; n++) {
      const [project, host] = [n % 10, Math.floor(n / 10) + 2];
      engine.run({
        name: `p${project}-s${host}-1`,
        labels: {
          'com.docker.compose.project': `p${project}`,
          'com.docker.compose.service': `s${host}`,
          'com.docker.compose.container-number': '1',
        },
        networks: { [`p${project}_default`]: { ip4: `10.${project}.0.${host}`, aliases: [`s${host}`] } },
      });
    }
    await engine.start();
    const listen = ['--docker', `unix:${engine.socket}`, '--listen', '127.0.0.1:0@docker', '--workers', '1'];
    const child = await serve(undefined, engine.directory, ...listen);
    try {
      // What a start leaves to be done when it is idle is part of it.
      await pause(3000);
      costs.push({
        containers: count,
        cpu: cpuMicroseconds(family(child.pid)) / 1000,
        resident: residentOctets(family(child.pid)),
      });
    } finally {
      await stop(child);
      await engine.end();
    }
  }
  const [none, all] = costs;
  return {
    containers: MANY,
    cpuMilliseconds: round(all.cpu - none.cpu, 0),
    wholeMilliseconds: round(all.cpu, 0),
    mebibytes: round((all.resident - none.resident) / 2 ** 20, 1),
  };
}

/** @type {Record<string, object>} */
const results = {};
/** @type {[string, () => Promise<object>][]} */
const PARTS = [
  ['many', many],
  ['docker', () => realEngine('docker')],
  ['podman', () => realEngine('podman')],
];
for (const [name, measure] of PARTS) {
  if (!name.includes(options.only)) continue;
  try {
    results[name] = await measure();
    process.stderr.write(`${name}: ${JSON.stringify(results[name])}\n`);
  } catch (error) {
    results[name] = { missing: messageOf(error) };
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
const write = options.write && options.only === '';
writeDockerReport({ results, options, write });
if (write) writePage();
process.exit();
