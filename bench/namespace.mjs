/**
 * A network namespace for the bench alone: the server's addresses, and every pod's address as our own, so that
 * each query can come from another pod. Nothing outside is reachable, and nothing outside notices.
 */
import { spawnSync } from 'node:child_process';
import { cannotRun } from './missing.mjs';
import { NET4, NET6, pod4, pod6 } from './pods.mjs';

export const SERVER6 = '2001:db8::53';
export const SERVER4 = '192.0.2.53';

function ip(...parameters) {
  const done = spawnSync('ip', parameters, { encoding: 'utf8' });
  if (done.error !== undefined)
    throw new Error(`ip is needed: apt-get install iproute2 (${done.error.message})`);
  if (done.status !== 0) throw new Error(`ip ${parameters.join(' ')}: ${done.stderr}`);
}

/** Ends the process with a reason where this machine cannot have what a bench needs. */
function mustHave(isolation) {
  const tried = spawnSync('unshare', [...isolation, 'ip', 'link'], { encoding: 'utf8' });
  const reasons = [];
  if (process.platform !== 'linux') reasons.push('it needs Linux');
  else if (tried.error !== undefined) reasons.push('unshare is needed: apt-get install util-linux');
  else if (/failed to execute ip|No such file/.test(tried.stderr))
    reasons.push('ip is needed: apt-get install iproute2');
  else if (tried.status !== 0)
    reasons.push(
      `no network namespace of its own: ${tried.stderr.trim()}; run it as root, or allow user namespaces`,
    );
  if (reasons.length > 0) cannotRun(reasons[0]);
}

/** Runs this script again inside a namespace; returns only there. Elsewhere it ends the process with its code. */
export function enterNamespace() {
  if (process.env.PODNS_BENCH_NAMESPACE === undefined) {
    // Root needs no user namespace, and some servers do not start inside one.
    const isolation = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
    mustHave(isolation);
    const done = spawnSync('unshare', [...isolation, process.execPath, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env: { ...process.env, PODNS_BENCH_NAMESPACE: '1' },
    });
    if (done.error !== undefined) throw done.error;
    process.exit(done.status ?? 1);
  }
  ip('link', 'set', 'lo', 'up');
  ip('addr', 'add', `${SERVER4}/32`, 'dev', 'lo');
  ip('addr', 'add', `${SERVER6}/128`, 'dev', 'lo');
  // Pod 0 asks by ordinary sockets too, which can only bind addresses of an interface.
  ip('addr', 'add', `${pod4(0)}/32`, 'dev', 'lo');
  ip('addr', 'add', `${pod6(0)}/128`, 'dev', 'lo', 'nodad');
  ip('route', 'add', 'local', NET4, 'dev', 'lo');
  ip('-6', 'route', 'add', 'local', NET6, 'dev', 'lo');
}
