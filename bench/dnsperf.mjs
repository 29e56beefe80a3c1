/** A second opinion on queries a second: dnsperf, which tops out before the fastest do. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER6 } from './namespace.mjs';
import { pod6, podDomain } from './pods.mjs';
import { CLIENT_CORE } from './process.mjs';
import { random } from './wire.mjs';

const QUERIES = 50_000;
export const install = 'apt-get install dnsperf';

export function isInstalled() {
  return spawnSync('dnsperf', ['-h'], { stdio: 'ignore' }).error === undefined;
}

export function writeQueries(folder, pods) {
  const below = random(11);
  const path = join(folder, `dnsperf-${pods}`);
  const lines = Array.from({ length: QUERIES }, () => `${podDomain(below(pods))} AAAA\n`);
  writeFileSync(path, lines.join(''));
  return path;
}

/** All queries come from pod 0. Throws when dnsperf failed. */
export function runDnsperf(queries, port, seconds) {
  const parameters = [
    '-s',
    SERVER6,
    '-p',
    port,
    '-a',
    pod6(0),
    '-d',
    queries,
    '-l',
    Math.ceil(seconds),
    '-c',
    4,
    '-q',
    300,
  ];
  const done = spawnSync('taskset', ['-c', CLIENT_CORE, 'dnsperf', ...parameters].map(String), {
    encoding: 'utf8',
  });
  const rate = Number(/Queries per second:\s+([\d.]+)/.exec(done.stdout ?? '')?.[1]);
  if (!(rate > 0)) throw new Error(`dnsperf: ${done.stderr ?? done.error?.message}`);
  return { rate };
}
