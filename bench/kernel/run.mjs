/**
 * `node bench/kernel/run.mjs`, as root: all CPU time that a query costs, of the client, both network stacks and the
 * server together, with and without answers from the kernel. Asker and servers share one core, nobody spins, and what
 * a core's network thread does is counted along; so nothing of a query is missed and nothing of the machine's other work
 * is counted.
 *
 * Options: --pods 10000 · --queries 65536 (and entries) · --rounds 9 · --seconds 0.3 · --wires veth,bridge,port ·
 * --families 6,4 · --windows 384,1 · --json FILE
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Responder } from '../../dist/answer/responder.js';
import { ServerCore } from '../../dist/server.js';
import { View } from '../../dist/trie/read/view.js';
import { end, PEERS, start } from '../competitors.mjs';
import { enterNamespace, SERVER4 } from '../namespace.mjs';
import { NET4, NET6, pod4, pod4Octets, pod6, pod6Octets, watchLines } from '../pods.mjs';
import { CLIENT_CORE, pinSelf, SERVER_CORE, spawnPinned, stop } from '../process.mjs';
import { valid } from '../valid.mjs';
import { KernelAnswers } from './answers.mjs';
import { bpfReason } from './bpf.mjs';
import { queriesOf } from './questions.mjs';
import { BRIDGE_NAME, interfaceIndex, ip, join, PORT_NAME, softThread } from './wires.mjs';

const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    queries: { type: 'string', default: '65536' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '0.3' },
    wires: { type: 'string', default: 'veth,bridge,port' },
    families: { type: 'string', default: '6,4' },
    windows: { type: 'string', default: '384,1' },
    json: { type: 'string' },
  },
});

enterNamespace();
const reason = bpfReason();
if (reason !== undefined) {
  console.error(reason);
  process.exit(77);
}
pinSelf(CLIENT_CORE);

const pods = Number(options.pods);
const count = Number(options.queries);
const mapped = (octets) => Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), octets]);
const SERVER_OCTETS = {
  6: Buffer.from('20010db8000000000000000000000053', 'hex'),
  4: mapped(Buffer.from(SERVER4.split('.').map(Number))),
};
const say = (text) => process.stderr.write(`${text}\n`);
/** Longer than the pause between two heartbeats below by far. */
const LEASE = 5_000_000_000n;
const HEARTBEAT = 200;

/** Every query with the answer that the server's own code gives it, for both families. */
async function* answered() {
  const server = new ServerCore({ config: { zones: [], admin: 'off' } });
  const sink = server.feed.sink('bench');
  sink.state('live');
  sink.begin(true, '1');
  for (const line of watchLines(pods)) {
    const { type, object } = JSON.parse(line);
    if (type === 'put') sink.put(valid(object));
  }
  await sink.commit();
  const view = new View(server.memory);
  const responder = new Responder(view, server.settings, () => 1);
  view.refresh();
  const listener = { id: 1, text: '', address: '::', port: 53, vpc: '', namespace: '' };
  const out = new Uint8Array(2048);
  const { queries, sources } = queriesOf(pods, count);
  for (let i = 0; i < count; i++) {
    for (const family of [6, 4]) {
      const client = family === 6 ? pod6Octets(sources[i]) : mapped(pod4Octets(sources[i]));
      const peer = { address: client, port: 5353, local: SERVER_OCTETS[family], listener, tcp: false };
      const length = responder.answer(queries[i], 0, queries[i].length, peer, out, 0);
      yield { answer: out.subarray(0, length), client };
    }
  }
  await server.close();
}

const servers = [];
const folder = mkdtempSync(joinPath(tmpdir(), 'podns-kernel-'));
const script = fileURLToPath(new URL('asker.mjs', import.meta.url));
const asker = spawnPinned(SERVER_CORE, 'unshare', ['--net', process.execPath, script], {
  log: 'inherit',
  ipc: true,
  first: true,
});

async function order(command) {
  asker.send(command);
  const [result] = await once(asker, 'message');
  if (result.error !== undefined) throw new Error(result.error);
  return result;
}

const kernel = new KernelAnswers({ entries: count * 4, lease: LEASE });
const empty = new KernelAnswers({ entries: 1024, lease: LEASE });
const beat = setInterval(() => {
  kernel.beat();
  empty.beat();
}, HEARTBEAT);

const figures = {};
try {
  for (const name of ['podns', 'nsd', 'knot']) {
    const peer = PEERS.find((one) => one.name === name);
    if (peer === undefined) throw new Error(`there is no server ${name}`);
    const server = await start(peer, pods, folder, { first: true }).catch((error) => error);
    if (server instanceof Error) {
      if (name === 'podns') throw server;
      say(`${server.message}\n${name} is left out; to have it: ${peer.install}`);
    } else servers.push(server);
  }
  let known = 0;
  for await (const { answer, client } of answered()) if (kernel.learn(answer, client, 1)) known++;
  say(`${known} answers of ${count * 2} queries are in the kernel`);
  // The servers have been checked from addresses of this namespace; from now on they are the client's.
  ip(`route del local ${NET4} dev lo`);
  ip(`-6 route del local ${NET6} dev lo`);
  ip(`addr del ${pod4(0)}/32 dev lo`);
  ip(`addr del ${pod6(0)}/128 dev lo`);
  const soft = softThread(SERVER_CORE);

  const podns = servers.find(({ peer }) => peer.name === 'podns');
  const subjects = [
    ...servers.map((server) => ({ name: server.peer.name, server, program: undefined })),
    { name: 'podns, kernel knows nothing', server: podns, program: empty },
    { name: 'podns, kernel knows all', server: podns, program: kernel },
  ];
  for (const wire of options.wires.split(',')) {
    join(asker.pid, wire !== 'veth');
    await order({ kind: 'join' });
    const index = interfaceIndex(wire === 'bridge' ? BRIDGE_NAME : PORT_NAME);
    for (const family of [6, 4])
      for (const program of [kernel, empty]) program.listen(index, SERVER_OCTETS[family], podns.port, 1);
    for (const family of options.families.split(',').map(Number)) {
      for (const window of options.windows.split(',').map(Number)) {
        const label = `${wire} IPv${family} ${window === 1 ? 'one by one' : `${window} in flight`}`;
        for (let round = 0; round < Number(options.rounds); round++) {
          for (const { name, server, program } of subjects) {
            const detach = program?.attach(index);
            const counted = kernel.counters().answered;
            const result = await order({
              kind: 'measure',
              ...{ family, pods, count, window, port: server.port },
              pids: [...server.pids, ...soft],
              seconds: Number(options.seconds),
            });
            detach?.();
            const fromKernel = kernel.counters().answered - counted;
            if (result.rcodes[0] !== result.answers)
              throw new Error(`${label} ${name}: rcodes ${result.rcodes}`);
            if (program === kernel && fromKernel < result.answers)
              throw new Error(`${label}: ${fromKernel} of ${result.answers} answers came from the kernel`);
            ((figures[label] ??= {})[name] ??= []).push(result);
          }
        }
        report(label);
      }
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(figures));
} finally {
  clearInterval(beat);
  for (const server of servers) await end(server);
  await stop(asker);
  kernel.close();
  empty.close();
  rmSync(folder, { recursive: true, force: true });
}

function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * q)];
}

/** A table of medians; the spread is that of the middle half of the rounds. */
function report(label) {
  const lines = Object.entries(figures[label]).map(([name, results]) => {
    const of = (key, q) =>
      quantile(
        results.map((result) => result[key]),
        q,
      ).toFixed(2);
    const lost = results.reduce((sum, result) => sum + result.lost, 0);
    return `| ${name} | ${of('cpu', 0.5)} | ${of('cpu', 0.25)} to ${of('cpu', 0.75)} | ${of('own', 0.5)} | ${of('latency', 0.5)} | ${lost} |`;
  });
  const head = '| who | CPU µs a query | middle half | of that, asker | µs a query by the clock | lost |';
  console.log([`\n### ${label}\n`, head, '|---|---|---|---|---|---|', ...lines].join('\n'));
}
