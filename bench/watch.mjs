/**
 * `node bench/watch.mjs`: how soon changes are answered, next to what one would do without podns; and what a new list
 * or a restart costs the answering. Writes docs/benchmarks-watch.json and the page.
 *
 * The server is `podns serve` on a core of its own, fed over HTTP by this process on the other, which also asks.
 *
 * Options: --pods 100000 · --rounds 9 · --seconds 3 (a round) · --only propagation,flood,relist,start,put,others · --no-write
 */
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { enterNamespace } from './namespace.mjs';
import { writePage } from './page.mjs';
import { version } from './competitors/podns.mjs';
import { CLIENT_CORE, messageOf, pinSelf, stop } from './process.mjs';
import { Upstream } from './upstream.mjs';
import { Asker, pause } from './watch-asker.mjs';
import { flood, propagation } from './watch-changes.mjs';
import { etcdVersion, put } from './watch-etcd.mjs';
import { compare } from './watch-peers.mjs';
import { relist } from './watch-relist.mjs';
import { watchMarkdown } from './watch-report.mjs';
import { freePort, serve } from './watch-server.mjs';
import { startFromSaved } from './watch-start.mjs';

const ALL = 'propagation,flood,relist,start,put,others';
const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: ALL },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

enterNamespace();
pinSelf(CLIENT_CORE);

const pods = Number(options.pods);
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];
const only = new Set(options.only.split(','));
const say = (text) => process.stderr.write(`${text}\n`);
const folder = mkdtempSync(join(tmpdir(), 'podns-watch-bench-'));
const place = { folder, log: openSync(join(folder, 'log'), 'a') };
/** @type {Record<string, any>} */
const data = {
  ...measuredOn(),
  version: version(),
  etcd: etcdVersion(),
  pods,
};

async function part(name, measure) {
  if (!only.has(name)) return;
  data[name] = await measure();
  say(`${name} ${JSON.stringify(data[name])}`);
}

async function fromStream() {
  const upstream = await Upstream.listen(pods);
  const [port, admin] = [await freePort(), await freePort()];
  const server = serve(place, port, admin, '--watch', upstream.url);
  const asker = new Asker(port);
  try {
    await asker.until(pods - 1, 0);
    await pause(2000);
    await part('propagation', () => propagation(upstream, asker, admin, pods, rounds, seconds));
    await part('flood', () => flood(upstream, asker, server, pods));
    await pause(2000);
    await part('relist', () => relist(upstream, asker, port, pods));
    // A stop that is asked for saves what is not saved yet.
    await stop(server);
    const { url } = upstream;
    upstream.close();
    await part('start', () => startFromSaved(place, port, admin, url, pods));
  } finally {
    asker.close();
    upstream.close();
    await stop(server, 'SIGKILL');
    rmSync(join(folder, 'state'), { recursive: true, force: true });
  }
}

try {
  await fromStream();
  if (data.etcd === undefined) {
    data.put = { missing: 'apt-get install etcd-server' };
    say(`etcd is left out; to have it: ${data.put.missing}`);
  } else await part('put', () => put(place));
  await part('others', () => compare(place, pods, say));
} catch (error) {
  const said = readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n').slice(-10).join('\n');
  throw new Error(`${messageOf(error)}; the servers said:\n${said}`, { cause: error });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const whole = ALL.split(',').every((name) => only.has(name));
if (!whole) process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
else if (!options.write) process.stdout.write(watchMarkdown(data));
else {
  writeFigures('benchmarks-watch.json', data);
  writePage();
}
process.exit(0);
