/** A reader in a thread of its own, on compiled code: checks the tenant and the sum of everything it is given. */
import { parentPort, workerData } from 'node:worker_threads';

const { memory, reader: number, flags, tenants, names, dist, sums } = workerData;
const { SharedCacheReader } = await import(new URL('shared-cache/cache-reader.js', dist).href);
const { Query } = await import(new URL('dns/query.js', dist).href);
const { parseQuery } = await import(new URL('dns/message.js', dist).href);
const { buildQuery } = await import(new URL('dns/build.js', dist).href);
const { checksum } = await import(sums);

const STOP = 0;
const READS = 8;
const BATCH = 16;

const reader = new SharedCacheReader(memory, number);
const packets = Array.from({ length: names }, (_, i) =>
  buildQuery({ name: `n${i}.example`, type: 1, id: i }),
);
const query = new Query();
const out = new Uint8Array(4096);
const faults = [];
let reads = 0;
let given = 0;
let state = 12345 + number;

function below(n) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

function look(dawdles) {
  const tenant = 1 + below(tenants);
  const name = below(names);
  parseQuery(packets[name], 0, packets[name].length, query);
  reads++;
  const found = reader.find(tenant, query);
  if (found === 0) return;
  // Time for the writer to take it off and to put others up.
  if (dawdles) for (let i = 0; i < 2000; i++) state ^= i;
  const end = reader.write(found, query, out, 7);
  given++;
  const at = 7 + 12 + query.qnameLength + 4 + 12;
  const view = new DataView(out.buffer, at, end - at);
  if (view.getUint32(0) !== tenant || view.getUint32(4) !== name) {
    faults.push(`tenant ${tenant} asked n${name} and got n${view.getUint32(4)} of ${view.getUint32(0)}`);
  } else if (view.getUint32(8) !== checksum(out, at + 12, end)) faults.push(`n${name} of ${tenant} is torn`);
}

while (Atomics.load(flags, STOP) === 0 && faults.length === 0) {
  reader.enter();
  const dawdles = below(8) === 0;
  for (let i = 0; i < BATCH; i++) look(dawdles);
  reader.leave();
  Atomics.store(flags, READS + number, reads);
}
parentPort.postMessage({ reads, given, faults });
