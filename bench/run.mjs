/**
 * `node bench/run.mjs`: starts every server with the same names and data, checks their answers, measures them round
 * robin, each alone on one core with the generator on the other, and writes docs/benchmarks.json and the page.
 *
 * Options: --pods 1000,100000,1000000 · --peers podns,nsd,… · --rounds 9 · --seconds 1 · --only udp,tcp,latency,single,
 * idle,update,dnsperf · --no-write
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as dnsperf from './dnsperf.mjs';
import { enterNamespace } from './namespace.mjs';
import { writePage } from './page.mjs';
import { end, PEERS, start } from './competitors.mjs';
import { CLIENT_CORE, cpuMicroseconds, pinSelf, spawnPinned, stop } from './process.mjs';
import { Report } from './report.mjs';
import { measureUpdates } from './updates.mjs';

const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '1000,100000,1000000' },
    peers: { type: 'string', default: PEERS.map(({ name }) => name).join() },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string', default: 'udp,tcp,latency,single,idle,update,dnsperf' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

enterNamespace();
pinSelf(CLIENT_CORE);

const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const only = new Set(options.only.split(','));
const sizes = options.pods.split(',').map(Number);
const wanted = options.peers.split(',');
const peers = PEERS.filter(({ name }) => wanted.includes(name));
/** All ratios of the summary are taken at this size. */
const YARDSTICK = 100_000;
const LATENCY_RATE = 20_000;
const WARM_SECONDS = 2;

const folder = mkdtempSync(join(tmpdir(), 'podns-bench-'));
const script = fileURLToPath(new URL('generator.mjs', import.meta.url));
const generator = spawnPinned(CLIENT_CORE, process.execPath, [script], { log: 'inherit', ipc: true });

async function order(command) {
  generator.send(command);
  const [result] = await once(generator, 'message');
  if (result.error !== undefined) throw new Error(result.error);
  return result;
}

const report = new Report(options);
const say = (text) => process.stderr.write(`${text}\n`);

/** One measurement of each server in turn, `rounds` times; so a slow minute of the machine hits all of them. */
async function roundRobin(servers, label, measure) {
  for (let round = 1; round <= rounds; round++) {
    const line = [];
    for (const server of servers) {
      const result = await measure(server);
      report.add(label, server.peer.name, result);
      line.push(`${server.peer.name} ${(result.cpu ?? result.p50 ?? result.rate).toFixed(2)}`);
    }
    say(`${label} ${round}/${rounds}  ${line.join('  ')}`);
  }
}

async function measureSize(pods) {
  const servers = [];
  try {
    for (const peer of peers) {
      const server = await start(peer, pods, folder).catch((error) => error);
      if (server instanceof Error) {
        if (peer.name === 'podns') throw server;
        report.missing(peer, server);
        say(`${server.message}\n${peer.name} is left out; to have it: ${peer.install}`);
        continue;
      }
      servers.push(server);
      report.server(pods, peer, server);
      say(
        `${peer.name}: ${pods} pods in ${server.loadSeconds.toFixed(1)} s, ${(server.resident / 2 ** 20).toFixed(0)} MiB`,
      );
    }
    await warmUp(servers, pods);
    const common = ({ port, pids }, family) => ({ port, pids, family, pods, seconds, warmup: seconds / 4 });
    for (const family of [6, 4]) {
      if (!only.has('udp')) break;
      const measure = (server) => order({ kind: 'udp', ...common(server, family) });
      await roundRobin(servers, `udp${family} ${pods}`, measure);
    }
    const ours = servers.filter(({ peer }) => peer.name.startsWith('podns'));
    if (only.has('udp') && ours.length > 0) {
      await roundRobin(ours, `bare6 ${pods}`, (server) =>
        order({ kind: 'udp', ...common(server, 6), bare: true }),
      );
    }
    if (pods !== YARDSTICK && sizes.length > 1) return;
    const streaming = servers.filter(({ peer }) => peer.protocols.includes('tcp'));
    if (only.has('tcp'))
      await roundRobin(streaming, `tcp6 ${pods}`, (server) => order({ kind: 'tcp', ...common(server, 6) }));
    if (only.has('latency')) {
      const measure = (server) => order({ kind: 'latency', ...common(server, 6), rate: LATENCY_RATE });
      await roundRobin(servers, `latency6 ${pods}`, measure);
    }
    if (only.has('single')) {
      const measure = (server) => order({ kind: 'udp', ...common(server, 6), window: 1 });
      await roundRobin(servers, `single6 ${pods}`, measure);
    }
    if (only.has('dnsperf')) await secondOpinion(servers, pods);
    if (only.has('idle')) await measureIdle(servers, pods);
    const server = ours.find(({ peer }) => peer.name === 'podns');
    if (only.has('update') && server !== undefined)
      await measureUpdates({ server, pods, seconds, rounds, order, report, say });
  } finally {
    for (const server of servers) await end(server);
  }
}

/** What a server compiles as it is asked for the first time is compiled before any is measured. */
async function warmUp(servers, pods) {
  for (const { port, pids } of servers)
    await order({ kind: 'udp', port, pids, family: 6, pods, seconds: WARM_SECONDS, warmup: 0 });
}

async function secondOpinion(servers, pods) {
  if (!dnsperf.isInstalled()) {
    report.missing(dnsperf, new Error('dnsperf: not found'));
    say(`dnsperf is left out; to have it: ${dnsperf.install}`);
    return;
  }
  const queries = dnsperf.writeQueries(folder, pods);
  const named = servers.filter(({ peer }) => peer.checked !== false);
  await roundRobin(named, `dnsperf6 ${pods}`, ({ port }) => dnsperf.runDnsperf(queries, port, seconds));
}

/** All at once, while nobody asks. */
async function measureIdle(servers, pods) {
  const pause = 10_000;
  const before = servers.map(({ pids }) => cpuMicroseconds(pids));
  await new Promise((resolve) => setTimeout(resolve, pause));
  servers.forEach(({ peer, pids }, i) => {
    const percent = (cpuMicroseconds(pids) - before[i]) / (pause * 10);
    report.add(`idle ${pods}`, peer.name, { percent });
    say(`idle ${peer.name} ${percent.toFixed(4)} %`);
  });
}

try {
  for (const pods of sizes) await measureSize(pods);
  report.finish(YARDSTICK);
  if (options.write) writePage();
} finally {
  await stop(generator);
  rmSync(folder, { recursive: true, force: true });
}
