/** The process that asks: takes orders from the bench, runs them on its own core, reports what it counted. */
import { Blaster, Pool } from './blast.mjs';
import { podDomain } from './pods.mjs';
import { cpuMicroseconds } from './process.mjs';
import { runStream } from './stream.mjs';
import { A, AAAA, buildQuery, random } from './wire.mjs';

/** Distinct queries in memory: enough that the names asked do not all stay in the server's cache. */
const POOL = 1 << 17;
const WINDOW = 384;
const TCP_WINDOW = 256;

const pools = new Map();
const blasters = { 4: new Blaster(4), 6: new Blaster(6) };

/**
 * Eight of ten ask the AAAA of a pod, one an A, one a name that does not exist; half of all offer EDNS.
 * `bare`: by the pod's name alone, asked by a pod of the same namespace.
 */
function queriesFor(pods, bare) {
  const below = random(0x9e3779b9);
  const queries = [];
  const sources = [];
  for (let i = 0; i < POOL; i++) {
    const pod = below(pods);
    const kind = below(10);
    let name = bare ? `p${pod}` : podDomain(pod);
    if (kind === 9) name = 'x' + name;
    queries.push(buildQuery(i & 0xffff, name, kind === 8 ? A : AAAA, below(2) === 0));
    sources.push(bare ? pod : below(pods));
  }
  return { queries, sources };
}

function poolFor({ family, pods, bare = false }) {
  const key = `${family} ${pods} ${bare}`;
  if (!pools.has(key)) {
    const { queries, sources } = queriesFor(pods, bare);
    pools.set(key, { pool: new Pool(family, queries, sources), queries });
  }
  return pools.get(key);
}

function quantile(sorted, q) {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

const orders = {
  /** Full load over UDP: queries a second, and CPU microseconds per query of the processes `pids`. */
  udp(order) {
    const { pool } = poolFor(order);
    const blaster = blasters[order.family];
    pool.aim(order.port);
    blaster.drain();
    blaster.run(pool, order.warmup, order.window ?? WINDOW);
    const before = cpuMicroseconds(order.pids);
    const done = blaster.run(pool, order.seconds, order.window ?? WINDOW);
    const cpu = cpuMicroseconds(order.pids) - before;
    return {
      ...done,
      rate: done.answers / done.seconds,
      cpu: cpu / done.answers,
      load: cpu / 1e6 / done.seconds,
    };
  },
  latency(order) {
    const { pool } = poolFor(order);
    pool.aim(order.port);
    blasters[order.family].drain();
    blasters[order.family].pace(pool, order.warmup, order.rate);
    blasters[order.family].drain();
    const { sent, took } = blasters[order.family].pace(pool, order.seconds, order.rate);
    return { share: took.length / sent, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
  },
  tcp(order) {
    const queries = poolFor(order).queries.slice(0, 4096);
    runStream(order.family, order.port, queries, order.warmup, TCP_WINDOW);
    const before = cpuMicroseconds(order.pids);
    const done = runStream(order.family, order.port, queries, order.seconds, TCP_WINDOW);
    const cpu = cpuMicroseconds(order.pids) - before;
    return { ...done, rate: done.answers / done.seconds, cpu: cpu / done.answers };
  },
};

process.on('message', (order) => {
  let result;
  try {
    result = orders[order.kind](order);
  } catch (error) {
    result = { error: error.stack };
  }
  process.send(result);
});
process.on('disconnect', () => process.exit());
