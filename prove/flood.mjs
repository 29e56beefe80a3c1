/**
 * One client asks as fast as it can, others ask now and then: do these lose a query, and how much longer do they wait?
 *
 * `node prove/flood.mjs [--long]` needs Linux, a build, and loopback addresses (all of 127.0.0.0/8).
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { buildQuery } from '../dist/dns/build.js';
import { metric, startServer } from './server.mjs';

export const name = 'flood';
export const reach = 'one flooding client, 99 quiet ones: their loss 0, p99 at most 2 × quiet';
export const short = { seconds: 2, quiet: 99, rate: 10, flooders: 1 };
export const long = { seconds: 30, quiet: 99, rate: 20, flooders: 1 };

/** Milliseconds after which an answer is lost: what glibc waits. */
const LOST_AFTER = 5000;
const PORT = 5399;
const ZONE = 'vpc: v\nnamespaces:\n  n:\n    pods:\n      db: { ip6: "fdfd:1::5" }\n';

/** A client with an address of its own that asks `rate` times a second. */
class Quiet {
  times = [];
  lost = 0;
  #sentAt = new Map();
  #id = 0;
  #socket = createSocket({ type: 'udp4' });

  async open(address) {
    this.#socket.bind(0, address);
    await once(this.#socket, 'listening');
    this.#socket.on('message', (answer) => {
      const id = answer.readUInt16BE(0);
      const sentAt = this.#sentAt.get(id);
      if (sentAt === undefined) return;
      this.#sentAt.delete(id);
      this.times.push(performance.now() - sentAt);
    });
  }

  ask() {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    this.#sentAt.set(id, performance.now());
    this.#socket.send(buildQuery({ name: 'db.n.vpc.internal', type: 28, id, rd: true }), PORT, '127.0.0.1');
  }

  /** Waits for what is still to come; returns what there was, and begins anew. */
  async take() {
    const end = performance.now() + LOST_AFTER;
    while (this.#sentAt.size > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const taken = { times: this.times, lost: this.#sentAt.size };
    this.times = [];
    this.#sentAt.clear();
    return taken;
  }

  close() {
    this.#socket.close();
  }
}

async function load(clients, { seconds, rate }) {
  const end = performance.now() + seconds * 1000;
  const gap = 1000 / rate / clients.length;
  let next = performance.now();
  let turn = 0;
  while (performance.now() < end) {
    for (; next <= performance.now(); next += gap) clients[turn++ % clients.length].ask();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const taken = await Promise.all(clients.map((client) => client.take()));
  const times = taken.flatMap((each) => each.times).sort((a, b) => a - b);
  return {
    asked: turn,
    lost: taken.reduce((sum, each) => sum + each.lost, 0),
    p50: times[Math.floor(times.length / 2)],
    p99: times[Math.floor(times.length * 0.99)],
  };
}

export async function run({ seconds, quiet, rate, flooders, prefix = [] }) {
  const server = await startServer({
    zones: { 'v.yaml': ZONE },
    flags: ['--listen', `127.0.0.1:${PORT}@v/n`, '--workers', '1', '--forward', 'off'],
    prefix,
  });
  const clients = Array.from({ length: quiet }, () => new Quiet());
  const floods = [];
  try {
    await Promise.all(clients.map((client, i) => client.open(`127.0.1.${i + 1}`)));
    await load(clients, { seconds: 1, rate });
    const calm = await load(clients, { seconds, rate });
    const flooder = fileURLToPath(new URL('flooder.mjs', import.meta.url));
    for (let i = 0; i < flooders; i++) {
      const parameters = [flooder, `127.0.2.${i + 1}`, String(PORT), 'db.n.vpc.internal'];
      // What floods a real server is another machine, or has the share of another pod: it must not take our core.
      const child = spawn('nice', ['-n', '15', process.execPath, ...parameters], {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      floods.push(child);
      await once(child, 'message');
    }
    const flooded = await load(clients, { seconds, rate });
    const text = await server.metrics();
    const limits = (await server.problems()).problems
      .filter(({ kind }) => kind === 'limit')
      .map((problem) => problem.text);
    let sent = 0;
    for (const child of floods) {
      child.stdout.on('data', (part) => (sent += Number(part)));
      child.kill('SIGTERM');
      await once(child, 'close');
    }
    return {
      calm,
      flooded,
      sent,
      shed: metric(text, 'podns_shed_total'),
      received: metric(text, 'podns_worker_received_total'),
      batches: metric(text, 'podns_worker_batches_total'),
      limits,
      ratio: flooded.p99 / calm.p99,
    };
  } finally {
    for (const client of clients) client.close();
    for (const child of floods) child.kill('SIGKILL');
    await server.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await run(process.argv.includes('--long') ? long : short);
  console.log(JSON.stringify(result, undefined, 1));
  process.exitCode = result.flooded.lost === 0 ? 0 : 1;
}
