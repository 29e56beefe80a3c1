/** The process that asks: takes orders from the bench, runs them on its own core, reports what it counted. */
import { Blaster, Pool } from './blast.mjs';
import { OUTSIDE, outsideName, podDomain } from './pods.mjs';
import { cpuMicroseconds } from './process.mjs';
import { quantile } from './statistics.mjs';
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

/** The AAAA of names outside, `outside` different ones, asked by all pods. */
function outsideQueries(pods, outside) {
  const below = random(0x85ebca6b);
  const queries = [];
  const sources = [];
  for (let i = 0; i < POOL; i++) {
    queries.push(buildQuery(i & 0xffff, outsideName(below(outside)), AAAA, below(2) === 0));
    sources.push(below(pods));
  }
  return { queries, sources };
}

/** One in this many is about an outside name, each a new one. */
const MIXED = 4;
const isLocal = (id) => id % MIXED !== 0;

function mixedQueries(pods) {
  const { queries, sources } = queriesFor(pods, false);
  for (let i = 0; i < POOL; i += MIXED)
    queries[i] = buildQuery(i & 0xffff, `d${i}.dead.${OUTSIDE}`, AAAA, true);
  return { queries, sources };
}

function poolFor({ family, pods, bare = false, outside = 0, mixed = false }) {
  const key = `${family} ${pods} ${bare} ${outside} ${mixed}`;
  if (!pools.has(key)) {
    const { queries, sources } =
      outside > 0 ? outsideQueries(pods, outside) : mixed ? mixedQueries(pods) : queriesFor(pods, bare);
    pools.set(key, { pool: new Pool(family, queries, sources), queries });
  }
  return pools.get(key);
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
  /** `rate` queries a second: how long they take, and CPU microseconds per query of the processes `pids`. */
  latency(order) {
    const { pool } = poolFor(order);
    pool.aim(order.port);
    blasters[order.family].drain();
    blasters[order.family].pace(pool, order.warmup, order.rate);
    blasters[order.family].drain();
    const before = cpuMicroseconds(order.pids);
    const { sent, took } = blasters[order.family].pace(pool, order.seconds, order.rate);
    const cpu = (cpuMicroseconds(order.pids) - before) / took.length;
    return { share: took.length / sent, p50: quantile(took, 0.5), p99: quantile(took, 0.99), cpu };
  },
  /**
   * Of `rate` local names a second, with `dead` also outside names between them. Those are answered up to 4 s
   * later, under their own message ids, and so these ids are timed in neither case.
   */
  beside(order) {
    const { pool } = poolFor({ ...order, mixed: order.dead });
    const blaster = blasters[order.family];
    const rate = order.dead ? (order.rate * MIXED) / (MIXED - 1) : order.rate;
    pool.aim(order.port);
    blaster.drain();
    blaster.pace(pool, order.warmup, rate, isLocal);
    const { sent, took, windows } = blaster.pace(pool, order.seconds, rate, isLocal);
    const timed = (sent * (MIXED - 1)) / MIXED;
    // The median of the windows' own: a pause of the machine spoils one of them, what the server does spoils all.
    const p99s = windows.map((times) => quantile(times, 0.99));
    return { share: Math.min(1, took.length / timed), p50: quantile(took, 0.5), p99: quantile(p99s, 0.5) };
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

/** Rates, windows and who is asked: `order` of the benches. */
process.on('message', (/** @type {any} */ order) => {
  let result;
  try {
    result = orders[order.kind](order);
  } catch (error) {
    result = { error: error instanceof Error ? error.stack : String(error) };
  }
  process.send?.(result);
});
process.on('disconnect', () => process.exit());
