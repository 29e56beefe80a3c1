/** SIGTERM and a start, under load: what comes meanwhile finds no socket, and every answer is a right one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UdpLoad } from '../../prove/load.mjs';
import { Succeeding } from '../../prove/takeover.mjs';
import { freePort } from '../harness/free-port.ts';

let folder = '';
let servers: Succeeding;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-restart-'));
  servers = new Succeeding(folder);
});
afterEach(() => {
  servers.kill();
  rmSync(folder, { recursive: true });
});

/** Enough that reading them takes longer than opening sockets. */
const PODS = 1000;

it.each([
  ['with a saved view', ['--state', 'state']],
  ['without one', []],
])('%s nobody gets SERVFAIL', { timeout: 60_000 }, async (_, state) => {
  const pods = Array.from({ length: PODS }, (_, n) => `      p${n}: { ip6: "fdfd::1:${n.toString(16)}" }\n`);
  const text = `vpc: aep\nnamespaces:\n  shop:\n    pods:\n      db: { ip6: "fdfd::7" }\n${pods.join('')}`;
  writeFileSync(join(folder, 'aep.yaml'), text);
  const port = await freePort('127.0.0.1');
  const flags = ['--zones', '.', '--admin', 'off', '--listen', `127.0.0.1:${port}@aep/shop`, ...state];
  await servers.start(flags);
  // One client asks more in the time of a start than it may have waiting.
  const load = new UdpLoad('db');
  await load.start(port, 500, 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await servers.end()).toEqual([{ code: 0, signal: null }]);
  await servers.start(flags);
  const before = load.counts.answered;
  await expect.poll(() => load.counts.answered, { timeout: 20_000 }).toBeGreaterThan(before + 200);
  const counts = await load.stop();
  expect(counts).toMatchObject({ servfail: 0, other: 0 });
  expect(counts.answered + counts.lost).toBe(counts.sent);
});
