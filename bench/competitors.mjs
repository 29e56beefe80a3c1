/** The servers under test, started one after the other on the server core and kept while they are measured. */
import { createReadStream, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkAnswers, untilLoaded } from './check.mjs';
import * as dns2 from './competitors/dns2.mjs';
import * as dnsmasq from './competitors/dnsmasq.mjs';
import * as gdnsd from './competitors/gdnsd.mjs';
import * as knot from './competitors/knot.mjs';
import * as loop from './competitors/loop.mjs';
import * as nsd from './competitors/nsd.mjs';
import * as podns from './competitors/podns.mjs';
import { family, messageOf, residentOctets, SERVER_CORE, spawnPinned, stop } from './process.mjs';

const batch = { ...podns, name: 'podns', workers: 1 };
const dgram = { ...podns, name: 'podns-dgram', workers: 0, protocols: ['udp'] };

/** Another built checkout, to see what a change costs: `PODNS_BENCH_BEFORE=FOLDER node bench/run.mjs …`. */
const checkout = process.env['PODNS_BENCH_BEFORE'];
const before = { ...batch, name: 'podns-before', checkout };

export const PEERS = [batch, dgram, loop, nsd, knot, gdnsd, dnsmasq, dns2];
if (checkout !== undefined) PEERS.push(before);

const FIRST_PORT = 5300;
const LOAD_SECONDS = 300;

/**
 * Writes its data and configuration, starts it, waits until it answers rightly. Throws when it does not. `first`: as for
 * `spawnPinned`. `core`: one, or several with a comma between. `workers`: how many threads or processes answer.
 *
 * @param {{ first?: boolean, core?: number | string, workers?: number }} [options]
 */
export async function start(peer, pods, folder, options = {}) {
  const { first = false, core = SERVER_CORE, workers = peer.workers } = options;
  const own = join(folder, `${peer.name}-${pods}`);
  mkdirSync(own, { recursive: true });
  const port = FIRST_PORT + PEERS.indexOf(peer);
  const { command, parameters, feed } = await peer.prepare({
    folder: own,
    port,
    pods,
    workers,
    checkout: peer.checkout,
  });
  const log = openSync(join(own, 'log'), 'a');
  const input = feed === undefined ? 'ignore' : 'pipe';
  const started = performance.now();
  const child = spawnPinned(core, command, parameters, { log, input, first });
  if (feed !== undefined && child.stdin !== null) createReadStream(feed).pipe(child.stdin, { end: false });
  try {
    if (peer.checked === false) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    } else {
      await untilLoaded(child, 6, port, pods, LOAD_SECONDS);
    }
    const loadSeconds = (performance.now() - started) / 1000;
    if (peer.checked !== false) for (const six of [6, 4]) await checkAnswers(six, port, pods, peer.protocols);
    const pids = family(child.pid);
    return { peer, port, child, pids, loadSeconds, resident: residentOctets(pids), folder: own };
  } catch (error) {
    await stop(child, 'SIGKILL');
    const said = readFileSync(join(own, 'log'), 'utf8').trimEnd().split('\n').slice(-10).join('\n');
    throw new Error(`${peer.name} with ${pods} pods: ${messageOf(error)}; it said:\n${said}`, {
      cause: error,
    });
  }
}

export async function end(server) {
  await stop(server.child);
  rmSync(server.folder, { recursive: true, force: true });
}
