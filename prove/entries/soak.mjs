/** All at once, by `npm run soak`: changes, queries, outside names, breaking watches, kills of etcd, hostile packets, takeovers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, count, runChild } from '../child.mjs';

const TOOLS = { etcd: 'etcd-server', ip: 'iproute2', unshare: 'util-linux' };

function missing() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a network namespace of its own needs Linux and root';
  const absent = Object.keys(TOOLS).filter((tool) => spawnSync('which', [tool]).status !== 0);
  if (absent.length === 0) return undefined;
  return `missing ${absent.join(', ')}: apt-get install ${absent.map((tool) => TOOLS[tool]).join(' ')}`;
}

async function run({ seconds, pods }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-soaked-'));
  const file = join(folder, 'soak.json');
  try {
    const parameters = ['--minutes', String(seconds / 60), '--pods', String(pods), '--json', file];
    const { code, stderr } = await runChild(process.execPath, [
      `${ROOT}prove/soak/soak.mjs`,
      ...parameters,
      ...['--report', process.env.PODNS_SOAK_REPORT ?? join(folder, 'soak.html')],
    ]);
    if (code !== 0 && code !== 1) throw new Error(stderr.trim().split('\n').at(-1));
    const { accounts, happened, verdicts } = JSON.parse(readFileSync(file, 'utf8'));
    const asked = accounts.reduce((sum, { counts }) => sum + counts.asked, 0);
    const lost = accounts.reduce((sum, { counts }) => sum + counts.lost, 0);
    return {
      got:
        `${count(asked)} queries, ${lost} lost, ${count(happened.changes)} changes, ${happened.takeovers} takeovers, ` +
        `${happened.etcd} kills of etcd, ${happened.cuts} cuts of the watch`,
      faults: verdicts.filter(({ holds }) => !holds).map(({ what, got }) => `${what}: ${got}`),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const soak = {
  name: 'soak',
  about:
    'changes, queries, outside names, breaking watches, kills of etcd, hostile packets and takeovers together: nothing lost, wrong, older or growing',
  short: { seconds: 20, pods: 200 },
  long: { seconds: 3600, pods: 1000 },
  reach: ({ seconds }) => (seconds < 120 ? `${seconds} s` : `${seconds / 60} minutes`),
  missing,
  run,
};
