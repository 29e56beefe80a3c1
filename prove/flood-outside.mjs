/**
 * One tenant floods names outside to a resolver that is silent; others ask for names outside now and then, of a resolver
 * that answers. Do these lose a query?
 *
 * `node prove/flood-outside.mjs [--long]` needs Linux, a build, and loopback addresses (all of 127.0.0.0/8).
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { buildQuery } from '../dist/dns/build.js';
import { metric, startServer } from './server.mjs';

export const name = 'flood-outside';
export const reach =
  "one flooding tenant of outside names, dead upstream: other tenants' outside names lose 0";
export const short = { seconds: 2, tenants: 9, rate: 5, flood: 2000 };
export const long = { seconds: 60, tenants: 20, rate: 10, flood: 5000 };

/** Milliseconds after which an answer is lost: what glibc waits. */
const LOST_AFTER = 5000;
const PORT = 5398;
const SILENT = '127.0.3.1:5301';
const ALIVE = '127.0.3.2:5302';

/** A socket of the upstream's; it answers each question with one address, or nothing. */
async function upstream(text, answers) {
  const [address, port] = text.split(':');
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (query, from) => {
    asked++;
    if (!answers) return;
    let end = 12;
    while (query[end] !== 0) end += query[end] + 1;
    const head = Buffer.from(query.subarray(0, end + 5));
    Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]).copy(head, 2);
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    socket.send(Buffer.concat([head, record]), from.port, from.address);
  });
  socket.bind(Number(port), address);
  await once(socket, 'listening');
  return { asked: () => asked, close: () => socket.close() };
}

const zone = (vpc, address) =>
  `vpc: ${vpc}\nupstreams: [${address}]\nnamespaces:\n  n:\n    pods:\n      db: { ip6: "fdfd:1::5" }\n`;

export async function run({ seconds, tenants, rate, flood }) {
  const silent = await upstream(SILENT, false);
  const alive = await upstream(ALIVE, true);
  const zones = { 'flood.yaml': zone('flood', SILENT) };
  const flags = ['--listen', `127.0.4.1:${PORT}@flood/n`, '--workers', '1'];
  for (let i = 0; i < tenants; i++) {
    zones[`t${i}.yaml`] = zone(`t${i}`, ALIVE);
    flags.push('--listen', `127.0.5.${i + 1}:${PORT}@t${i}/n`);
  }
  const server = await startServer({ zones, flags });
  const flooder = createSocket('udp4');
  const quiet = createSocket('udp4');
  const sentAt = new Map();
  const times = [];
  let failed = 0;
  quiet.on('message', (answer) => {
    const id = answer.readUInt16BE(0);
    const since = sentAt.get(id);
    if (since === undefined) return;
    sentAt.delete(id);
    times.push(performance.now() - since);
    if ((answer[3] & 15) !== 0 || answer.readUInt16BE(6) === 0) failed++;
  });
  let floods = 0;
  let asked = 0;
  try {
    for (const socket of [flooder, quiet]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const start = performance.now();
    const end = start + seconds * 1000;
    while (performance.now() < end) {
      const passed = (performance.now() - start) / 1000;
      for (; floods < passed * flood; floods++) {
        const query = buildQuery({ name: `f${floods}.example.com`, type: 1, id: floods & 0xffff, rd: true });
        flooder.send(query, PORT, '127.0.4.1');
      }
      for (; asked < passed * rate * tenants; asked++) {
        const id = asked & 0xffff;
        sentAt.set(id, performance.now());
        const query = buildQuery({ name: `q${asked}.example.com`, type: 1, id, rd: true, edns: {} });
        quiet.send(query, PORT, `127.0.5.${(asked % tenants) + 1}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const last = performance.now() + LOST_AFTER;
    while (sentAt.size > 0 && performance.now() < last)
      await new Promise((resolve) => setTimeout(resolve, 20));
    times.sort((a, b) => a - b);
    const text = await server.metrics();
    return {
      floods,
      asked,
      lost: sentAt.size,
      failed,
      p99: times[Math.floor(times.length * 0.99)],
      upstreams: { silent: silent.asked(), alive: alive.asked() },
      overflows: metric(text, 'podns_outside_queries_total{result="overflow"}'),
    };
  } finally {
    flooder.close();
    quiet.close();
    silent.close();
    alive.close();
    await server.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await run(process.argv.includes('--long') ? long : short);
  console.log(JSON.stringify(result, undefined, 1));
  process.exitCode = result.lost === 0 && result.failed === 0 ? 0 : 1;
}
