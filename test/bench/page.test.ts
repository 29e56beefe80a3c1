/** The page of the benchmarks is made of the figures that lie beside it, whichever there are, and of nothing else. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const PAGE = fileURLToPath(new URL('../../bench/page.mjs', import.meta.url));
const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const NAMES = [
  '-workers',
  '-forward',
  '-watch',
  '-changes',
  '-start',
  '-memory',
  '-commands',
  '-growth',
  '-docker',
];
const FIGURES = ['', ...NAMES].map((name) => `benchmarks${name}.json`);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-page-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function make(): { status: number | null; err: string; page: string | undefined } {
  const { status, stderr } = spawnSync(process.execPath, [PAGE, folder], { encoding: 'utf8' });
  const path = join(folder, 'benchmarks.md');
  return { status, err: stderr, page: existsSync(path) ? readFileSync(path, 'utf8') : undefined };
}

it('says what has not been measured', () => {
  const { status, page } = make();
  expect(status).toBe(0);
  const gaps = page!.split('\n').filter((line) => line.startsWith('Not measured yet: '));
  expect(gaps).toEqual([
    'Not measured yet: authoritative answers (`node bench/run.mjs`).',
    'Not measured yet: two workers (`node bench/workers.mjs`).',
    'Not measured yet: outside names (`node bench/forward.mjs`).',
    'Not measured yet: the watch (`node bench/watch.mjs`).',
    'Not measured yet: the cost of a change (`node bench/changes.mjs`).',
    'Not measured yet: starts (`node bench/start.mjs`).',
    'Not measured yet: memory (`node bench/memory.mjs`).',
    'Not measured yet: commands (`node bench/commands.mjs`).',
    'Not measured yet: growth (`node bench/growth.mjs`).',
    'Not measured yet: Docker and Podman (`node bench/docker.mjs`).',
  ]);
});

it('shows authoritative answers by their figures alone, and a server that is missing aloud', () => {
  const size = { pods: 1000, mebibytes: 86, loadSeconds: 0.6 };
  const figures = {
    ...{ date: '2026-01-02T03:04:05Z', kernel: '6.1', cpu: 'some CPU', node: 'v20', rounds: 3, seconds: 1 },
    ...{ versions: { podns: '1.2.3' }, missing: ['knot: not found; to have it: apt-get install knot'] },
    ...{ pods: 1000, servers: [{ name: 'podns', ...size }], updates: [], idlePercent: 0.01 },
    medians: {
      'udp6 1000': { podns: { cpu: 4.5, rate: 200_000 }, nsd: { cpu: 6, rate: 150_000 } },
      'latency6 1000': { podns: { share: 1, p50: 30, p99: 60 }, dns2: { share: 0.3, p50: 9e5, p99: 9e6 } },
    },
    ratiosOf: { 'udp6 1000': { nsd: 0.75 }, 'latency6 1000': {} },
  };
  writeFileSync(join(folder, 'benchmarks.json'), JSON.stringify(figures));
  const { page } = make();
  expect(page).toContain('Not measured: knot: not found; to have it: apt-get install knot.');
  expect(page).toContain('### UDP over IPv6, 1,000 pods');
  expect(page).toContain('| nsd | 6.00 | 150,000 | 0.750 |');
  expect(page).toContain('| dns2 | cannot keep up |  |');
});

it('says of each case of growth whether twice as much costs too much', () => {
  const points = (load: number[], change: number[]): object[] =>
    [1, 2, 4, 8].map((times, i) => ({ n: 10 * times, load: load[i], change: change[i] }));
  const figures = {
    ...{ date: '2026-01-02T03:04:05Z', kernel: '6.1', cpu: 'some CPU', node: 'v20', rounds: 3 },
    ...{ processors: 2, loadAverage: 9 },
    cases: [
      { name: 'lines', points: points([10, 20, 40, 80], [1, 1, 1, 1]) },
      // Hidden at first by what each load costs.
      { name: 'squares', points: points([101, 104, 116, 900], [1, 2, 4, 8]) },
      { name: 'giants', failed: 'not loaded', points: points([1, 2], []) },
    ],
  };
  writeFileSync(join(folder, 'benchmarks-growth.json'), JSON.stringify(figures));
  const { page } = make();
  expect(page).toContain('The machine was busy');
  expect(page).toContain('| lines | 10 | 10 | 20 | 40 | 80 | 2.00 | pass |');
  expect(page).toContain('| lines | 10 | 1.000 | 1.000 | 1.000 | 1.000 | 1.00 | pass |');
  expect(page).toContain('| squares | 10 | 101 | 104 | 116 | 900 | 2.94 | miss |');
  expect(page).toContain('| squares | 10 | 1.000 | 2.000 | 4.000 | 8.000 | 2.00 | miss |');
  expect(page).toContain('| giants | 10 | 1 | 2 | – | – | not loaded | miss |');
});

it('names the file that it cannot read', () => {
  writeFileSync(join(folder, 'benchmarks-watch.json'), '{');
  const { status, err, page } = make();
  expect([status, page]).toEqual([1, undefined]);
  expect(err).toContain(`${join(folder, 'benchmarks-watch.json')}: `);
});

it('is in docs as these figures make it', () => {
  for (const name of FIGURES) if (existsSync(DOCS + name)) copyFileSync(DOCS + name, join(folder, name));
  expect(make().page).toBe(readFileSync(`${DOCS}benchmarks.md`, 'utf8'));
});
