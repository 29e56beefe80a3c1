/** One look at the servers of a soak: memory, descriptors, and how long answers took since the last look. */
import { readFileSync, readdirSync } from 'node:fs';

/** Resident MiB, descriptors and threads of a process; undefined once it has ended. */
function look(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return {
      pid,
      mib: Math.round(of('VmRSS') / 102.4) / 10,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: of('Threads'),
    };
  } catch {
    return undefined;
  }
}

export function sample(at, direct, relay, accounts) {
  const lost = accounts.reduce((sum, { counts }) => sum + counts.lost, 0);
  const asked = accounts.reduce((sum, { counts }) => sum + counts.asked, 0);
  const [first, second] = accounts.map((account) => account.quantiles());
  return {
    at,
    direct: look(direct.serving.pid),
    relay: look(relay.serving.pid),
    p99: { direct: first.own, relay: second.own, outside: Math.max(first.outside, second.outside) },
    lost,
    asked,
  };
}
