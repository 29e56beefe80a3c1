/** `npm run soak` in its short form: its verdicts hold, and its page has the plots. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { verdicts } from '../../prove/soak/verdicts.mjs';
import { namespaceReason, skipAloud } from '../harness/tools.ts';
import { etcdMissing } from '../source/etcd-harness.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const missing = etcdMissing ?? namespaceReason();

function run(
  args: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...environment } };
    const child = execFile(process.execPath, args, options, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out: out + err }),
    );
  });
}

if (missing === undefined)
  it('a short soak loses nothing, answers nothing wrong, and ends as the source is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-soak-test-'));
    const page = join(folder, 'soak.html');
    try {
      const args = [join(ROOT, 'prove/prove.mjs'), '--short', '--only', 'soak'];
      const { code, out } = await run(args, { PODNS_SOAK_REPORT: page });
      expect(out).toContain('| holds');
      expect(code, out).toBe(0);
      const text = readFileSync(page, 'utf8');
      expect(text.match(/<svg /g)).toHaveLength(4);
      expect(text.match(/<polyline points="[\d.]+,/g)!.length).toBeGreaterThan(6);
      expect(text).not.toContain('FAILED');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 500_000);
else skipAloud('a short soak', missing);

it('says how it is called', async () => {
  const { code, out } = await run([join(ROOT, 'prove/soak/soak.mjs'), '--minutes', 'many']);
  expect(code).toBe(2);
  expect(out).toMatch(/--minutes many: a number/);
}, 60_000);

const counts = {
  asked: 9,
  answered: 9,
  lost: 0,
  late: 0,
  servfail: 0,
  wrong: 0,
  backwards: 0,
  resets: 0,
  closed: 0,
};
const account = { name: 'direct', counts, slow: [] as number[], unforwarded: [] as number[] };
const process_ = (mib: number, pid = 1): object => ({ pid, mib, descriptors: 30, threads: 9 });
const samples = (relay: (i: number) => number): object[] =>
  Array.from({ length: 600 }, (_, i) => ({
    at: i,
    direct: process_(100, Math.floor(i / 20)),
    relay: process_(relay(i)),
    p99: { direct: 1, relay: 1, outside: 1 },
    lost: 0,
  }));
const good = {
  options: { seconds: 600 },
  accounts: [account],
  hostile: { sent: 1, connections: 1, answered: 1, unexpected: 0, malformed: '' },
  happened: { takeovers: 1, givenUp: 0, etcd: 1, cuts: 1, changes: 1 },
  settled: { equal: true, digest: 'x', stale: 0 },
  endings: [{ code: 0, signal: null }],
  failures: [] as string[],
  samples: samples(() => 100),
};
const failed = (run: object): string[] =>
  verdicts(run)
    .filter(({ holds }) => !holds)
    .map(({ what }) => what);

it('a verdict fails for each thing that may go wrong, and for that alone', () => {
  expect(failed(good)).toEqual([]);
  for (const key of ['lost', 'servfail', 'wrong', 'backwards', 'resets'] as const)
    expect(failed({ ...good, accounts: [{ ...account, counts: { ...counts, [key]: 1 } }] })).toHaveLength(1);
  expect(failed({ ...good, accounts: [{ ...account, counts: { ...counts, answered: 8 } }] })).toHaveLength(1);
  expect(failed({ ...good, accounts: [{ ...account, unforwarded: [100], slow: [50] }] })).toHaveLength(1);
  expect(failed({ ...good, accounts: [{ ...account, unforwarded: [100], slow: [95] }] })).toEqual([]);
  expect(failed({ ...good, hostile: { ...good.hostile, unexpected: 1 } })).toHaveLength(1);
  expect(failed({ ...good, hostile: { ...good.hostile, malformed: 'cut' } })).toHaveLength(1);
  expect(failed({ ...good, happened: { ...good.happened, takeovers: 0 } })).toHaveLength(1);
  expect(failed({ ...good, failures: ['a takeover failed'] })).toHaveLength(1);
  expect(failed({ ...good, endings: [{ code: null, signal: 'SIGSEGV' }] })).toHaveLength(1);
  expect(failed({ ...good, endings: [{ code: 1, signal: null }] })).toHaveLength(1);
  expect(failed({ ...good, happened: { ...good.happened, givenUp: 1 } })).toHaveLength(1);
  expect(failed({ ...good, settled: { equal: true, digest: 'x', stale: 1 } })).toHaveLength(1);
  // A tenth of a mebibyte a second: 20 MiB from third to third, in ten minutes.
  expect(failed({ ...good, samples: samples((i) => 60 + i / 5) })).toEqual([
    'memory of the relay does not grow (second third, last third)',
  ]);
});
