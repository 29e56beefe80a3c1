/**
 * What an idle process is resident with, by kind of mapping: `node bench/memory.mjs`. Starts the
 * demonstration zones with one listener and with eleven, asked for nothing, and then for the metrics once; prints a table.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './watch-server.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The zone thread, which is idle for a minute after a large file, does not start for the demonstration's. */
const SETTLED = 6000;
const MORE_LISTENERS = 10;
const MIB = 1024;

/** The kind of a mapping, by its line in smaps. */
function kindOf(start, permissions, path) {
  if (path === process.execPath) return permissions.includes('w') ? 'Node, data' : 'Node, program';
  if (path.includes('koffi')) return 'koffi';
  if (path.startsWith('/')) return 'C libraries';
  if (path === '[heap]') return 'malloc';
  if (path.startsWith('[')) return 'stack of the main thread, kernel';
  if (permissions.includes('x')) return 'machine code';
  // V8 chooses addresses for its pages; the C library takes what the kernel gives, below the libraries.
  return parseInt(start, 16) < 0x7f0000000000
    ? 'V8 heaps of main and workers'
    : 'malloc, shared memory, stacks';
}

/** KiB by kind: resident, and what only this process has. */
function mappings(pid) {
  /** @type {Map<string, { resident: number, own: number }>} */
  const kinds = new Map();
  let of;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const head = /^([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head !== null) {
      const kind = kindOf(head[1], head[2], head[3]);
      of = kinds.get(kind) ?? { resident: 0, own: 0 };
      kinds.set(kind, of);
      continue;
    }
    const figure = /^(Rss|Anonymous):\s+(\d+) kB/.exec(line);
    if (figure === null || of === undefined) continue;
    if (figure[1] === 'Rss') of.resident += Number(figure[2]);
    else of.own += Number(figure[2]);
  }
  return kinds;
}

async function measure(listeners, isAsked) {
  const admin = await freePort();
  const listen = Array.from({ length: listeners }, () => ['--listen', '127.0.0.1:0@aep/nextcloud']).flat();
  const parameters = ['serve', '--zones', 'zones', ...listen, '--admin', `127.0.0.1:${admin}`];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...parameters], { cwd: ROOT, stdio: 'ignore' });
  try {
    await pause(SETTLED);
    if (isAsked) {
      const answer = await fetch(`http://127.0.0.1:${admin}/metrics`);
      await answer.text();
      if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
      await pause(SETTLED);
    }
    if (child.exitCode !== null) throw new Error(`podns ended with ${child.exitCode}`);
    return mappings(child.pid);
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

const total = (kinds, key) => [...kinds.values()].reduce((sum, each) => sum + each[key], 0);
const mib = (kibibytes) => (kibibytes / MIB).toFixed(1);

const idle = await measure(1, false);
const many = await measure(1 + MORE_LISTENERS, false);
const asked = await measure(1, true);

console.log('| MiB resident of an idle process | one listener | own | after /metrics |');
console.log('| --- | --- | --- | --- |');
const kinds = [...new Set([...idle.keys(), ...asked.keys()])];
kinds.sort((a, b) => (idle.get(b)?.resident ?? 0) - (idle.get(a)?.resident ?? 0));
for (const kind of kinds) {
  const { resident, own } = idle.get(kind) ?? { resident: 0, own: 0 };
  console.log(`| ${kind} | ${mib(resident)} | ${mib(own)} | ${mib(asked.get(kind)?.resident ?? 0)} |`);
}
const all = total(idle, 'resident');
console.log(`| all | ${mib(all)} | ${mib(total(idle, 'own'))} | ${mib(total(asked, 'resident'))} |`);
// How much of Node's program is back from its file differs from run to run.
const further = (total(many, 'own') - total(idle, 'own')) / MORE_LISTENERS / MIB;
console.log(`\nA further listener: ${further.toFixed(2)} MiB, of ${MORE_LISTENERS}.`);
