/**
 * `node bench/growth.mjs`: what a load and a single change cost in CPU time where there is 1, 2, 4 and 8 times as
 * much of something. Writes docs/benchmarks-growth.json and the page of benchmarks.
 *
 * Options: --rounds 3 · --only TEXT (cases whose name has it; writes nothing) · --no-write
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ServerCore } from '../dist/server.js';
import { CASES } from './growth-cases.mjs';
import { TIMES, writeGrowthReport } from './growth-report.mjs';
import { writePage } from './page.mjs';
import { messageOf } from './process.mjs';
import { median, round } from './statistics.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const rounds = Number(options.rounds);
/** Single changes; the median counts: collections of garbage are not due to one of them. */
const CHANGES = 200;
/** Of a zone file, until it is given up. */
const WAIT_MS = 60_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/** Milliseconds of CPU, of all threads. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function timed(work) {
  // What the last measurement has left behind is not this one's.
  collect();
  const before = cpu();
  await work();
  await turn();
  return cpu() - before;
}

async function measure(one, n) {
  if (one.files !== undefined) return measureFiles(one, n);
  let sink;
  const source = { name: 'lost', start: (to) => void (sink = to), close: async () => undefined };
  const config = { admin: 'off', workers: 0, zones: [], ...one.config };
  const server = new ServerCore({ config, sources: one.lost === undefined ? [] : [source] });
  try {
    if (one.lost !== undefined) {
      await server.start();
      sink.state('live');
      sink.begin(true, '1');
      for (const resource of one.lost(n)) sink.put(resource);
      await sink.commit();
      sink.state('lost', 'bench');
      await pause(20);
    }
    const load = await timed(() => one.load(server, n));
    collect();
    const changes = [];
    for (let k = 0; k < CHANGES; k++) {
      const before = cpu();
      await one.change(server, k, n);
      changes.push(cpu() - before);
    }
    return { load: one.lost === undefined ? load : undefined, change: median(changes) };
  } finally {
    await server.close(0);
  }
}

async function measureFiles(one, n) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-growth-'));
  writeFileSync(join(folder, 'a.yaml'), one.files(n));
  const server = new ServerCore({ config: { admin: 'off', workers: 0, zones: [folder] } });
  try {
    const until = performance.now() + WAIT_MS;
    const load = await timed(async () => {
      await server.start();
      while (!server.readiness().ready || server.catalog.count('pod') < n) {
        if (performance.now() > until) throw new Error(`not loaded after ${WAIT_MS / 1000} s`);
        await pause(5);
      }
    });
    return { load, change: undefined };
  } finally {
    await server.close(0);
    rmSync(folder, { recursive: true });
  }
}

const results = [];
for (const one of CASES.filter(({ name }) => name.includes(options.only))) {
  process.stderr.write(`${one.name}\n`);
  const points = TIMES.map((times) => ({ n: one.size * times, load: Infinity, change: Infinity }));
  const shown = (milliseconds) => (milliseconds === Infinity ? undefined : round(milliseconds, 3));
  let failed;
  try {
    // Compiled code and grown heaps are not what is measured.
    await measure(one, one.size);
    // The least of several rounds: what disturbs adds.
    for (let i = 0; i < rounds; i++) {
      for (const point of points) {
        const { load, change } = await measure(one, point.n);
        point.load = Math.min(point.load, load ?? Infinity);
        point.change = Math.min(point.change, change ?? Infinity);
      }
    }
  } catch (error) {
    // A miss, and no reason not to measure the others.
    failed = messageOf(error);
  }
  results.push({
    name: one.name,
    failed,
    points: points.map(({ n, load, change }) => ({ n, load: shown(load), change: shown(change) })),
  });
}
const write = options.write && options.only === '';
writeGrowthReport({ results, rounds, write });
if (write) writePage();
