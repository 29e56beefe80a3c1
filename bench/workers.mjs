/**
 * `node bench/workers.mjs`: two workers on two cores, and the generator on the same two: what is left of a server's
 * speed where it has no core for itself. Next to nsd and knot with as many. Writes docs/benchmarks-workers.json and the
 * page.
 *
 * Options: --pods 100000 · --rounds 9 · --seconds 1 · --no-write
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { end, PEERS, start } from './competitors.mjs';
import { workersMarkdown } from './costs-report.mjs';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { whyMissing } from './missing.mjs';
import { enterNamespace } from './namespace.mjs';
import { writePage } from './page.mjs';
import { CLIENT_CORE, messageOf, SERVER_CORE, spawnPinned, stop } from './process.mjs';
import { summary } from './statistics.mjs';

const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

enterNamespace();

const WORKERS = 2;
const WARM_SECONDS = 3;
const CORES = `${SERVER_CORE},${CLIENT_CORE}`;
const pods = Number(options.pods);
const seconds = Number(options.seconds);
const folder = mkdtempSync(join(tmpdir(), 'podns-workers-'));
const script = fileURLToPath(new URL('generator.mjs', import.meta.url));
const generator = spawnPinned(CORES, process.execPath, [script], { log: 'inherit', ipc: true });
const say = (text) => process.stderr.write(`${text}\n`);

async function load({ port, pids }, seconds) {
  generator.send({ kind: 'udp', family: 6, port, pids, pods, seconds, warmup: seconds / 4 });
  const [result] = await once(generator, 'message');
  if (result.error !== undefined) throw new Error(result.error);
  return result;
}

const servers = [];
const missing = [];
try {
  for (const name of ['podns', 'nsd', 'knot']) {
    const peer = PEERS.find((one) => one.name === name);
    if (peer === undefined) throw new Error(`there is no server ${name}`);
    try {
      servers.push(await start(peer, pods, folder, { core: CORES, workers: WORKERS }));
    } catch (error) {
      if (name === 'podns') throw error;
      missing.push(whyMissing(peer, error));
      say(`${messageOf(error)}\n${name} is left out; to have it: ${peer.install}`);
    }
  }
  // What a server compiles as it is asked for the first time is compiled before any is measured.
  for (const server of servers) await load(server, WARM_SECONDS);
  /** @type {Record<string, { cpu: number, rate: number }[]>} */
  const results = {};
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const server of servers) (results[server.peer.name] ??= []).push(await load(server, seconds));
    const line = Object.entries(results).map(([name, all]) => `${name} ${all[round - 1].cpu.toFixed(2)}`);
    say(`workers ${round}/${options.rounds}  ${line.join('  ')}`);
  }
  const ours = results['podns'];
  const over = (key, all) => summary(all.map((theirs, i) => ours[i][key] / theirs[key]));
  const data = {
    ...measuredOn(),
    workers: WORKERS,
    pods,
    seconds,
    missing,
    servers: Object.entries(results).map(([name, all]) => ({
      name,
      cpu: summary(all.map(({ cpu }) => cpu)),
      rate: summary(
        all.map(({ rate }) => rate),
        0,
      ),
      // Round by round: what slows a round slows all.
      podnsOverIt: { cpu: over('cpu', all), rate: over('rate', all) },
    })),
  };
  if (options.write) {
    writeFigures('benchmarks-workers.json', data);
    writePage();
  } else process.stdout.write(workersMarkdown(data));
} finally {
  for (const server of servers) await end(server);
  await stop(generator);
  rmSync(folder, { recursive: true, force: true });
}
