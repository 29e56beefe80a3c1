/**
 * The process that asks, in a namespace of its own. It sleeps while it waits, so that it and the servers can share one
 * core and all CPU time of a query is spent there.
 */
import * as sys from '../../dist/transport/syscalls.js';
import { openSocket, Pool, receiver } from '../blast.mjs';
import { cpuMicroseconds } from '../process.mjs';
import { system } from '../system.mjs';
import { queriesOf } from './questions.mjs';
import { joinClient } from './wires.mjs';

const BATCH = 64;
const HEADER = 64;

const pools = new Map();
/** Microseconds: servers share the core with us and may have to wait for it. */
const PATIENCE = 200_000;
const sockets = { 4: openSocket(4, PATIENCE), 6: openSocket(6, PATIENCE) };
const inbox = receiver();

function poolFor(family, pods, count) {
  const key = `${family} ${pods} ${count}`;
  if (!pools.has(key)) {
    const { queries, sources } = queriesOf(pods, count);
    pools.set(key, new Pool(family, queries, sources));
  }
  return pools.get(key);
}

let position = 0;

/** Keeps up to `window` queries in flight for some seconds. */
function run(fd, pool, seconds, window) {
  const rcodes = new Array(16).fill(0);
  const start = performance.now();
  const end = start + seconds * 1000;
  let now = start;
  let answers = 0;
  let lost = 0;
  let flying = 0;
  while (now < end) {
    for (let turn = 0; turn < 16; turn++) {
      while (flying < window) {
        const batch = Math.min(window - flying, BATCH, pool.count - position);
        const sent = system.sendmmsg(fd, pool.address + position * HEADER, batch, 0);
        if (sent <= 0) break;
        position = (position + sent) % pool.count;
        flying += sent;
      }
      const received = system.recvmmsg(fd, inbox.address, BATCH, sys.MSG_WAITFORONE, 0);
      if (received <= 0) {
        lost += flying;
        flying = 0;
        continue;
      }
      for (let i = 0; i < received; i++) rcodes[inbox.bytes[inbox.at(i) + 3] & 15]++;
      flying = Math.max(0, flying - received);
      answers += received;
    }
    now = performance.now();
  }
  return { answers, lost, seconds: (now - start) / 1000, rcodes };
}

function measure({ family, pods, count, port, pids, seconds, window }) {
  const pool = poolFor(family, pods, count);
  pool.aim(port);
  const fd = sockets[family];
  while (system.recvmmsg(fd, inbox.address, BATCH, sys.MSG_WAITFORONE, 0) > 0);
  run(fd, pool, seconds / 4, window);
  const all = [process.pid, ...pids];
  const before = cpuMicroseconds(all);
  const own = cpuMicroseconds([process.pid]);
  const done = run(fd, pool, seconds, window);
  const cpu = cpuMicroseconds(all) - before;
  return {
    ...done,
    cpu: cpu / done.answers,
    own: (cpuMicroseconds([process.pid]) - own) / done.answers,
    latency: (done.seconds * 1e6) / done.answers,
  };
}

process.on('message', (/** @type {any} */ order) => {
  let result;
  try {
    result = order.kind === 'join' ? (joinClient(), {}) : measure(order);
  } catch (error) {
    result = { error: error instanceof Error ? error.stack : String(error) };
  }
  process.send?.(result);
});
process.on('disconnect', () => process.exit());
