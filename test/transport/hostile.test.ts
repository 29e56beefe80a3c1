/** Hostile packets at the served program over both UDP lanes and TCP; `bench/hostile.mjs` throws them and keeps account. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { batchLaneHindrance } from '../../src/transport/udp-batch/udp-batch.ts';
import { skipAloud } from '../harness/tools.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/hostile.mjs', import.meta.url));
const PACKETS = 100_000;
/** MiB that the process may grow by after its first fifth: garbage not yet collected, but no leak of 800 octets a packet. */
const GROWTH = 64;

interface Account {
  transport: string;
  packets: number;
  queries: number;
  answered: number;
  unanswered: number;
  unexpected: number;
  goodAsked: number;
  good: number;
  warmMiB: number;
  endMiB: number;
  code: number;
  faults: string[];
}

function throwAt(transport: string, workers: number): Promise<Account> {
  const corpus = process.env['PODNS_CORPUS'] ?? '';
  const args = ['--packets', String(PACKETS), '--transports', transport, '--workers', String(workers)];
  args.push('--growth', String(GROWTH), '--corpus', corpus);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, ...args], (error, stdout, stderr) => {
      if (stdout.startsWith('{')) resolve(JSON.parse(stdout) as Account);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

const hindrance = batchLaneHindrance();
const LANES: [string, string, number][] = [
  ['the dgram lane', 'udp', 0],
  ['TCP', 'tcp', 1],
];
if (hindrance === undefined) LANES.unshift(['the batch lane', 'udp', 1]);
else skipAloud('hostile packets at the batch lane', hindrance);

describe(`${PACKETS} hostile packets`, () => {
  test.each(LANES)(
    'at %s: every query is answered once, nothing else is, and nothing grows',
    async (_, transport, workers) => {
      const account = await throwAt(transport, workers);
      expect(account).toMatchObject({ transport, unanswered: 0, unexpected: 0, code: 0, faults: [] });
      expect(account.packets).toBeGreaterThanOrEqual(PACKETS);
      expect(account.queries).toBeGreaterThan(PACKETS / 5);
      expect(account.answered).toBe(account.queries);
      expect(account.good).toBe(account.goodAsked);
      expect(account.endMiB - account.warmMiB).toBeLessThan(GROWTH);
    },
    60_000,
  );
});
