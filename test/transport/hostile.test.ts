/** Hostile packets at the served program over both UDP transports and TCP; `bench/hostile.mjs` throws them and keeps account. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { skipAloud } from '../harness/tools.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/hostile.mjs', import.meta.url));
const PACKETS = 100_000;
/** MiB that the process may grow by after its first fifth: garbage not yet collected, but no leak of 800 octets a packet. */
const GROWTH = 64;

interface Account {
  protocol: string;
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

function throwAt(protocol: string, workers: number): Promise<Account> {
  const corpus = process.env['PODNS_CORPUS'] ?? '';
  const args = ['--packets', String(PACKETS), '--protocols', protocol, '--workers', String(workers)];
  args.push('--growth', String(GROWTH), '--corpus', corpus);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, ...args], (error, stdout, stderr) => {
      if (stdout.startsWith('{')) resolve(JSON.parse(stdout) as Account);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

const unavailableReason = batchUnavailableReason();
const LANES: [string, string, number][] = [
  ['the dgram transport', 'udp', 0],
  ['TCP', 'tcp', 1],
];
if (unavailableReason === undefined) LANES.unshift(['the batch transport', 'udp', 1]);
else skipAloud('hostile packets at the batch transport', unavailableReason);

describe(`${PACKETS} hostile packets`, () => {
  test.each(LANES)(
    'at %s: every query is answered once, nothing else is, and nothing grows',
    async (_, protocol, workers) => {
      const account = await throwAt(protocol, workers);
      expect(account).toMatchObject({ protocol, unanswered: 0, unexpected: 0, code: 0, faults: [] });
      expect(account.packets).toBeGreaterThanOrEqual(PACKETS);
      expect(account.queries).toBeGreaterThan(PACKETS / 5);
      expect(account.answered).toBe(account.queries);
      expect(account.good).toBe(account.goodAsked);
      expect(account.endMiB - account.warmMiB).toBeLessThan(GROWTH);
    },
    60_000,
  );
});
