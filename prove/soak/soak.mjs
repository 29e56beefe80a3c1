/**
 * Everything at once, for as long as one likes: records that change, queries over UDP and TCP, outside names, a watch
 * that breaks, an etcd that is killed, hostile packets, and takeovers; in a network namespace of its own.
 *
 *   npm run soak -- --minutes 60 --report soak.html
 *
 * Prints a table of verdicts; ends with 1 when one does not hold. Needs Linux, root, etcd and a build.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { enterNamespace } from '../../bench/namespace.mjs';
import { random } from '../../bench/wire.mjs';
import { EtcdWriter } from '../../dist/source/etcd/writer.js';
import { Succeeding } from '../takeover.mjs';
import { tableText } from '../table.mjs';
import { Account, GUESTS, TcpClient, UdpClient, Written } from './account.mjs';
import { Hostile } from './hostile.mjs';
import { Breaking, Etcd, Upstream, pause } from './parties.mjs';
import { NAMESPACE, VPC, guestName, guestResource, podResource, vpcResource } from './records.mjs';
import { report } from './report.mjs';
import { sample } from './sample.mjs';
import { verdicts } from './verdicts.mjs';

const USAGE = `npm run soak -- [--minutes N] [--rate N] [--changes N] [--pods N] [--seed N] [--report FILE] [--json FILE]

  --minutes   of load, 10 by default
  --rate      queries a second of each of the two servers, 300 by default
  --changes   of records a second, 50 by default
  --pods      1,000 by default
  --seed      of chance, 1 by default
  --report    an HTML page with plots
  --json      all figures`;

const PORTS = { direct: 5353, upstream: 5354, relay: 5363, admin: 9153, watch: 9154, relayAdmin: 9155 };
const CONNECTIONS = 20;
const HOSTILE = 200;
/** `--workers` of the successors. */
const CREWS = ['1', '2', '3', '2'];
/** How often something breaks, in milliseconds: a run has at least four of each. */
const FAULTS = { cut: 3000, etcd: 20_000, takeover: 15_000 };
const SHARE = 5;
/** Only bounds a hang. */
const SETTLE = 120_000;

/** @returns {never} */
function usage(message) {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    const text = (value) => ({ type: /** @type {const} */ ('string'), default: value });
    const { values } = parseArgs({
      options: {
        minutes: text('10'),
        rate: text('300'),
        changes: text('50'),
        pods: text('1000'),
        seed: text('1'),
        report: text(''),
        json: text(''),
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const number = (name, most) => {
      const value = Number(values[name]);
      if (!(value > 0 && value <= most)) usage(`--${name} ${values[name]}: a number up to ${most}`);
      return value;
    };
    return {
      seconds: number('minutes', 100_000) * 60,
      rate: number('rate', 50_000),
      changes: number('changes', 1000),
      pods: Math.round(number('pods', 60_000)),
      seed: Math.round(number('seed', 2 ** 31 - 1)),
      report: String(values.report),
      json: String(values.json),
    };
  } catch (error) {
    return usage(/** @type {Error} */ (error).message);
  }
}

const options = readOptions();
const missing = ['etcd', 'ip', 'unshare'].filter((tool) => spawnSync('which', [tool]).status !== 0);
if (missing.length > 0) {
  console.error(`missing ${missing.join(', ')}: apt-get install etcd-server iproute2 util-linux`);
  process.exit(2);
}
enterNamespace();

const below = random(options.seed);
const folder = mkdtempSync(join(tmpdir(), 'podns-soak-'));
const relayFolder = join(folder, 'relay');
mkdirSync(relayFolder);
const etcd = new Etcd(folder);
const upstream = new Upstream();
const watch = new Breaking(PORTS.admin);
const direct = new Succeeding(folder);
const relay = new Succeeding(relayFolder);
const written = new Written(options.pods);
const accounts = [new Account('direct', written, below), new Account('relay', written, below)];
const hostile = new Hostile(options.seed, below);
const writer = new EtcdWriter({ endpoints: [etcd.url] });
const happened = { etcd: 0, takeovers: 0, givenUp: 0, changes: 0, refusedChanges: 0 };
/** @type {{ at: number, what: string }[]} */
const events = [];
/** @type {string[]} */
const failures = [];
const samples = [];
let began = 0;
let running = true;
const seconds = () => (performance.now() - began) / 1000;

const common = (port, admin) => [
  ...[
    '--listen',
    `127.0.0.1:${port}@${VPC}/${NAMESPACE}`,
    '--admin',
    `127.0.0.1:${admin}`,
    '--state',
    'state',
  ],
  ...['--upstreams', `127.0.0.1:${PORTS.upstream}`, '--tcp-client', '1000', '--takeover-drain', '30s'],
];
const directFlags = [...common(PORTS.direct, PORTS.admin), '--etcd', etcd.url];
const relayFlags = [
  ...common(PORTS.relay, PORTS.relayAdmin),
  ...['--watch', `http://127.0.0.1:${PORTS.watch}/v1/watch`],
];

/** Does `work` about every so often until the end; `most`: milliseconds between two. */
async function again(most, work) {
  const gap = Math.min(most, (options.seconds * 1000) / SHARE);
  while (running) {
    await pause(gap / 2 + below(gap));
    if (!running) return;
    try {
      await work();
    } catch (error) {
      failures.push(/** @type {Error} */ (error).message);
    }
  }
}

async function writeAll() {
  await writer.put([vpcResource()]);
  for (let i = 0; i < options.pods; i += 100) {
    const resources = [];
    for (let k = i; k < Math.min(options.pods, i + 100); k++) resources.push(podResource(k, written.pods[k]));
    await writer.put(resources);
  }
}

async function churn() {
  const guests = new Array(GUESTS).fill(0);
  while (running) {
    const next = performance.now() + 1000 / options.changes;
    try {
      if (below(10) === 0) {
        const i = below(GUESTS);
        guests[i]++;
        if (guests[i] % 2 === 1) await writer.put([guestResource(i, guests[i])]);
        else await writer.delete({ kind: 'pod', vpc: VPC, namespace: NAMESPACE, name: guestName(i) });
      } else {
        const several = [...new Set(Array.from({ length: 1 + below(3) }, () => below(options.pods)))];
        await writer.put(several.map((i) => podResource(i, ++written.pods[i])));
      }
      happened.changes++;
    } catch {
      // etcd is away; whether it has written the change shows later.
      happened.refusedChanges++;
      await pause(100);
    }
    await pause(Math.max(0, next - performance.now()));
  }
}

async function takeOver() {
  const [account] = accounts;
  account.epoch++;
  const before = direct.serving;
  const from = direct.text.length;
  const workers = CREWS[happened.takeovers % CREWS.length];
  const failed = await direct.takeover([...directFlags, '--workers', workers]);
  if (failed !== undefined) {
    const why =
      direct.text
        .slice(from)
        .match(/^podns: .*$/gm)
        ?.join('; ') ?? JSON.stringify(failed);
    // It gives up where the other one does not answer it in time, and that one goes on: no harm is done.
    if (failed.code === 1) happened.givenUp++;
    else failures.push(`a takeover failed: ${why}`);
    events.push({ at: seconds(), what: `takeover given up: ${why}` });
  } else {
    happened.takeovers++;
    events.push({ at: seconds(), what: 'takeover' });
    // It still answers on TCP connections that it has, and may learn of a change later than its successor.
    if (before.exitCode === null && before.signalCode === null) await once(before, 'exit');
  }
  account.epoch++;
}

async function killEtcd() {
  events.push({ at: seconds(), what: 'etcd' });
  await etcd.kill();
  await pause(below(Math.min(3000, options.seconds * 50)));
  await etcd.start();
  happened.etcd++;
}

/** @returns {Promise<{ digest: string }>} */
async function status(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/status?digest=1`);
  return /** @type {any} */ (await answer.json());
}

/** How many pods do not have their last generation, of both servers. */
async function countStale() {
  let wrong = 0;
  for (const port of [PORTS.admin, PORTS.relayAdmin]) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/pods`);
    const list = /** @type {{ name: string, ip6: string }[]} */ (await answer.json());
    const held = new Map(list.map(({ name, ip6 }) => [name, ip6]));
    for (let i = 0; i < options.pods; i++) {
      const pod = /** @type {any} */ (podResource(i, written.pods[i]));
      if (held.get(pod.name) !== pod.ip6) wrong++;
    }
  }
  return wrong;
}

/** Nothing breaks any more: do both servers come to what etcd has? Both may be behind it, and then are equal too. */
async function settle() {
  const until = performance.now() + SETTLE;
  for (;;) {
    const isWritten = await writeAll().then(
      () => true,
      () => false,
    );
    const [one, other] = await Promise.all([status(PORTS.admin), status(PORTS.relayAdmin)]);
    const equal = isWritten && one.digest === other.digest;
    const stale = equal ? await countStale() : 2 * options.pods;
    if (stale === 0 || performance.now() > until)
      return { equal, stale, digest: equal ? one.digest : `${one.digest}, ${other.digest}` };
    await pause(500);
  }
}

let failed = false;
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.on('exit', () => {
  direct.kill();
  relay.kill();
  rmSync(folder, { recursive: true, force: true });
});
try {
  await etcd.start();
  await upstream.listen(PORTS.upstream);
  await watch.listen(PORTS.watch);
  await writeAll();
  await direct.start(directFlags);
  await relay.start(relayFlags);
  await settle();
  const udp = accounts.map((account) => new UdpClient(account));
  const tcp = accounts.map((account) => new TcpClient(account, below));
  began = performance.now();
  await Promise.all(
    [PORTS.direct, PORTS.relay].map((port, i) => {
      tcp[i].start(port, CONNECTIONS);
      return udp[i].start(port, options.rate);
    }),
  );
  await hostile.start(PORTS.direct, HOSTILE);
  const sampling = setInterval(() => samples.push(sample(seconds(), direct, relay, accounts)), 1000);
  const work = [
    churn(),
    again(FAULTS.cut, () => watch.break(below)),
    again(FAULTS.takeover, takeOver),
    again(FAULTS.etcd, killEtcd),
  ];
  await pause(options.seconds * 1000);
  running = false;
  await Promise.all(work);
  clearInterval(sampling);
  await hostile.stop();
  await Promise.all([...udp, ...tcp].map((client) => client.stop()));
  const settled = await settle();
  const endings = [...(await direct.end()), ...(await relay.end())];
  const run = {
    options: { ...options, connections: CONNECTIONS },
    accounts: accounts.map(({ name, counts, stories, slow, unforwarded }) => ({
      name,
      counts,
      stories,
      slow: [...slow],
      unforwarded,
    })),
    hostile: { sent: hostile.sent, connections: hostile.connections, ...hostile.ledger },
    happened: { ...happened, cuts: watch.cuts, outside: upstream.asked },
    settled,
    endings,
    failures,
    events,
    samples,
  };
  const rows = verdicts(run);
  failed = rows.some(({ holds }) => !holds);
  console.log(
    tableText(
      ['what', 'got', 'verdict'],
      rows.map(({ what, got, holds }) => [what, got, holds ? 'holds' : 'FAILED']),
    ),
  );
  if (options.json !== '') writeFileSync(options.json, `${JSON.stringify({ ...run, verdicts: rows })}\n`);
  if (options.report !== '') writeFileSync(options.report, report(run, rows));
  if (failed) console.error([...accounts.flatMap(({ stories }) => stories), ...failures].join('\n'));
  if (failed) console.error(direct.text.slice(-4000));
} finally {
  running = false;
  await etcd.kill().catch(() => undefined);
  upstream.close();
  watch.close();
}
process.exit(failed ? 1 : 0);
