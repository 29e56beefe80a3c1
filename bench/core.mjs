// The core without sockets: loading N pods, octets a pod, and parse + identify + decide + encode, nanoseconds a query.
// node bench/core.mjs [pods] [4]   with 4: each pod has an overlay IPv4 too. Run it on a quiet machine.
import { parseArgs } from 'node:util';
import { Responder } from '../dist/answer/responder.js';
import { buildQuery } from '../dist/dns/build.js';
import { ServerCore } from '../dist/server.js';
import { View } from '../dist/trie/read/view.js';
import { NAMESPACE_PODS, NET6, VPC, pod6Octets, podName, podObject } from './pods.mjs';
import { valid } from './valid.mjs';

const { positionals } = parseArgs({ allowPositionals: true });
const pods = Number(positionals[0] ?? 1_000_000);
const withIp4 = positionals[1] === '4';
const BATCH = 64;
const ROUNDS = 15;
const BATCHES = 3000;

const resident = () => process.memoryUsage.rss();
const cpu = () => Number(process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const server = new ServerCore({ config: { zones: [], admin: 'off' } });
const empty = resident();
const from = cpu();
const sink = server.feed.sink('bench');
sink.state('live');
sink.begin(true, '1');
sink.put(valid({ kind: 'vpc', name: VPC, net6: [NET6] }));
for (let i = 0; i < pods; i++) {
  // As a stream brings it: one line of JSON, parsed and validated.
  const object = JSON.parse(JSON.stringify(podObject(i)));
  if (!withIp4) delete object.overlays;
  sink.put(valid(object));
  if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await sink.commit();
const load = cpu() - from;
await new Promise((resolve) => setTimeout(resolve, 500));
const perPod = (resident() - empty) / pods;

const view = new View(server.memory);
const responder = new Responder(view, server.settings, () => 1);
const listener = { id: 63, text: '', address: '::', port: 53, vpc: '', namespace: '' };
const packets = new Uint8Array(BATCH * 512);
const lengths = new Int32Array(BATCH);
const peers = Array.from({ length: BATCH }, () => ({
  address: new Uint8Array(16),
  port: 5353,
  local: new Uint8Array(16),
  listener,
  tcp: false,
}));
const out = new Uint8Array(BATCH * 1500);
const fill = () => {
  for (let k = 0; k < BATCH; k++) {
    const client = Math.floor(Math.random() * pods);
    const first = client - (client % NAMESPACE_PODS);
    const asked = first + Math.floor(Math.random() * Math.min(NAMESPACE_PODS, pods - first));
    peers[k].address.set(pod6Octets(client));
    const packet = buildQuery({ name: podName(asked), type: 28, id: k, rd: true, edns: { size: 1232 } });
    packets.set(packet, k * 512);
    lengths[k] = packet.length;
  }
};
const rounds = [];
for (let round = 0; round < ROUNDS; round++) {
  let spent = 0n;
  for (let batch = 0; batch < BATCHES; batch++) {
    fill();
    const began = process.hrtime.bigint();
    view.refresh();
    for (let k = 0; k < BATCH; k++) {
      const length = responder.answer(packets, k * 512, k * 512 + lengths[k], peers[k], out, k * 1500);
      if (length !== lengths[k] + 28) throw new Error(`query ${k}: ${length} octets`);
    }
    spent += process.hrtime.bigint() - began;
  }
  rounds.push(Number(spent) / (BATCHES * BATCH));
}
console.log(
  JSON.stringify({
    pods,
    withIp4,
    loadSeconds: Number(load.toFixed(2)),
    octetsPerPod: Math.round(perPod),
    residentMB: Math.round(resident() / 1e6),
    nanosecondsPerQuery: { median: Math.round(median(rounds)), least: Math.round(Math.min(...rounds)) },
  }),
);
await server.close();
