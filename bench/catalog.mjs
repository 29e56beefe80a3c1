/**
 * What the catalog costs: octets a pod and microseconds a put, with a million pods of one overlay address each.
 * Run it from a build: `npx tsc -p tsconfig.build.json --outDir DIR && node bench/catalog.mjs DIR [PODS]`.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const dist = resolve(process.argv[2] ?? 'dist');
const pods = Number(process.argv[3] ?? 1_000_000);
const { Catalog } = await import(pathToFileURL(`${dist}/catalog/catalog.js`).href);

/** Made a thousand at a time, so that the objects that a source would hold are not counted. */
function makePods(from, count, revision) {
  const list = [];
  for (let i = from; i < from + count; i++) {
    const namespace = `ns-${i % 1000}`;
    const name = `app-${100000 + i}`;
    const aid = 'p' + createHash('sha1').update(`aep/${namespace}/${name}`).digest('hex').slice(0, 10);
    const ip6 = `fdfd:1a8::${(i >> 16).toString(16)}:${(i & 0xffff || 1).toString(16)}`;
    const ip4 = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    const overlays = [{ overlay: 'default', ip4, pinned: true }];
    const names = revision % 2 === 0 ? [] : ['web'];
    list.push({
      kind: 'pod',
      vpc: 'aep',
      namespace,
      name,
      aid,
      names,
      ip6,
      overlays,
      ports: [],
      ready: true,
    });
  }
  return list;
}

/** Microseconds of processor time spent in `work`. */
function spent(work) {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function settle() {
  if (globalThis.gc) globalThis.gc();
  const { rss, arrayBuffers, heapUsed } = process.memoryUsage();
  return { rss, arrayBuffers, heapUsed };
}

const rows = [];
function row(what, microseconds, count) {
  rows.push({ what, 'µs each': Number((microseconds / count).toFixed(3)), count });
}

const catalog = new Catalog({ sources: ['bench'] });
const before = settle();

function load(revision) {
  const transaction = catalog.begin('bench', true, String(revision));
  let puts = 0;
  for (let i = 0; i < pods; i += 1000) {
    const list = makePods(i, Math.min(1000, pods - i), revision);
    puts += spent(() => {
      for (const pod of list) transaction.put(pod);
    });
  }
  let changes = 0;
  const commit = spent(() => {
    for (const change of transaction.commit()) if (change.type === 'put') changes++;
  });
  return { puts, commit, changes };
}

const first = load(2);
row('put, first list', first.puts, pods);
row('commit, first list', first.commit, pods);
const after = settle();
const memory = catalog.memory();
const again = load(4);
row('put, same list again', again.puts, pods);
row('commit, same list again', again.commit, pods);
const other = load(5);
row('put, list with every pod changed', other.puts, pods);
row('commit, list with every pod changed', other.commit, pods);
row(
  'tidy after it',
  spent(() => {
    while (catalog.tidy());
  }),
  pods,
);
const singles = makePods(0, Math.min(pods, 100_000), 6);
let revision = 6;
const single = spent(() => {
  for (const pod of singles) {
    const transaction = catalog.begin('bench', false, String(revision++));
    transaction.put(pod);
    for (const _ of transaction.commit()) void _;
  }
});
row('change of one pod: begin, put, commit', single, singles.length);
row(
  'list, parsed',
  spent(() => {
    for (const _ of catalog.list('pod')) void _;
  }),
  pods,
);

console.table(rows);
console.log(`changes ${first.changes} + ${again.changes} + ${other.changes}`);
console.log(
  `octets a pod: records ${(memory.records / pods).toFixed(1)}, index ${(memory.index / pods).toFixed(1)}`,
);
for (const key of Object.keys(before))
  console.log(`${key} a pod: ${((after[key] - before[key]) / pods).toFixed(1)}`);
console.log('at the end', catalog.memory());
