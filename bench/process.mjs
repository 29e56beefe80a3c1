/** Starts servers on a core of their own, and reads what a process with all its children and threads has used. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, setPriority } from 'node:os';
import { requestShortSlice } from '../dist/transport/scheduler-slice.js';
import { loadSystem } from '../dist/transport/syscalls.js';
import { cannotRun } from './missing.mjs';

export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

/**
 * Keeps this process off the server's core, and lets it run soon where it shares one with the generator, which never
 * sleeps.
 */
export function pinSelf(core) {
  if (cpus().length < 2) cannotRun('it needs two processors, one for the server and one for who asks');
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)]);
  const { system } = loadSystem();
  if (system !== undefined) requestShortSlice(system);
}

/**
 * Starts a command on one core, or on several that a comma separates. `log`: where its output goes, a file descriptor. `first`: before whatever else
 * wants that core, where we may say so (root).
 *
 * @param {number | string} core
 * @param {string} command
 * @param {string[]} parameters
 * @param {{ log?: 'ignore' | 'inherit' | number, input?: 'ignore' | 'pipe', ipc?: boolean, first?: boolean,
 *   env?: Record<string, string> }} [options]
 */
export function spawnPinned(
  core,
  command,
  parameters,
  { log = 'ignore', input = 'ignore', ipc = false, env, first = false } = {},
) {
  const child = spawn('taskset', ['-c', String(core), command, ...parameters], {
    detached: first,
    stdio: ipc ? [input, log, log, 'ipc'] : [input, log, log],
    env: { ...process.env, ...env },
    serialization: 'advanced',
  });
  child.on('error', (error) => {
    throw error;
  });
  if (first) putFirst(child);
  return child;
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** The most that has been resident of each of these processes, octets. */
export function peakOctets(pids) {
  let kilobytes = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    kilobytes += Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/** Sessions share a core by their own niceness where the system groups by them, and there a process's counts for nothing. */
function putFirst(child) {
  // In a session of its own it would outlive us.
  process.on('exit', () => child.kill('SIGKILL'));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  try {
    writeFileSync(`/proc/${child.pid}/autogroup`, '-20');
    setPriority(child.pid, -20);
  } catch {
    // Not for everyone, and not everywhere: what else the machine does is measured along.
  }
}

export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

/** `pid` and all its descendants. */
export function family(pid) {
  const children = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found = [pid];
  for (const one of found) found.push(...(children.get(one) ?? []));
  return found;
}

/** CPU time of all threads of these processes, microseconds: the scheduler's own nanosecond account. */
export function cpuMicroseconds(pids) {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      try {
        const text = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1');
        nanoseconds += Number(text.slice(0, text.indexOf(' ')));
      } catch {
        // The thread ended meanwhile.
      }
    }
  }
  return nanoseconds / 1000;
}

/** Resident memory of these processes, octets; pages that they share (fork) are counted once. */
export function residentOctets(pids) {
  let kilobytes = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}
