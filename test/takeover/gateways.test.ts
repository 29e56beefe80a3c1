/** Takeovers of the listeners on gateways of container networks: their sockets change hands like all others. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UdpLoad } from '../../prove/load.mjs';
import { Succeeding } from '../../prove/takeover.mjs';
import { loadSystem } from '../../src/transport/syscalls.ts';
import { enterNamespace } from '../harness/netns.ts';
import { ScriptedEngine } from '../harness/scripted-engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { podns } from '../cli/harness.ts';

const GATEWAY = '10.70.0.1';
const OTHER = '10.71.0.1';
const why = loadSystem().reason ?? (await enterNamespace([GATEWAY, OTHER]));
if (why !== undefined) skipAloud('takeovers of gateways', why);

let folder = '';
let servers: Succeeding;
let engine: ScriptedEngine;
let flags: string[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podns-gate-'));
  servers = new Succeeding(folder);
  engine = new ScriptedEngine();
  engine.network('front', { net4: '10.70.0.0/24', gateways: [GATEWAY] });
  engine.run({ name: 'db', networks: { front: {} } });
  await engine.start();
  const socket = `unix:${engine.socket}`;
  flags = ['--docker', socket, '--docker-listen', '--state', 'state', '--admin', 'off', '--forward', 'off'];
  flags.push('--listen', '127.0.0.1:5300@docker');
});
afterEach(async () => {
  servers.kill();
  await engine.end();
  rmSync(folder, { recursive: true });
});

async function answer(server: string): Promise<string> {
  return (await podns(['query', 'db.default', 'A', '--short', '--server', server])).out;
}

async function underLoad(work: () => Promise<void>): Promise<UdpLoad['counts']> {
  const load = new UdpLoad('db.default');
  await load.start(53, 500, 8, GATEWAY);
  await work();
  return load.stop();
}

const nothing = { lost: 0, servfail: 0, other: 0, resets: 0 };

describe.skipIf(why !== undefined)('gateways', { timeout: 120_000 }, () => {
  it('lose no query, takeover after takeover', async () => {
    await servers.start(flags);
    await expect.poll(() => answer(`${GATEWAY}:53`), { timeout: 20_000 }).toBe('10.70.0.2\n');
    const counts = await underLoad(async () => {
      for (let n = 0; n < 3; n++) expect(await servers.takeover(flags), servers.text).toBeUndefined();
    });
    expect(counts).toMatchObject(nothing);
    expect(counts.answered).toBe(counts.sent);
    expect(counts.sent).toBeGreaterThan(200);
    expect(servers.text).not.toMatch(/in use|no --listen names|does not listen/);
    // Networks come and go as before.
    engine.network('side', { net4: '10.71.0.0/24', gateways: [OTHER] });
    await expect.poll(() => answer(`${OTHER}:53`), { timeout: 20_000 }).toBe('10.70.0.2\n');
    expect(await servers.end()).toEqual(Array.from({ length: 4 }, () => ({ code: 0, signal: null })));
  });

  it('lose none while the engine is away', async () => {
    await servers.start(flags);
    await expect.poll(() => answer(`${GATEWAY}:53`), { timeout: 20_000 }).toBe('10.70.0.2\n');
    await engine.stop();
    const counts = await underLoad(async () => {
      expect(await servers.takeover(flags), servers.text).toBeUndefined();
    });
    expect(counts).toMatchObject(nothing);
    expect(counts.answered).toBe(counts.sent);
    await engine.start();
    engine.network('side', { net4: '10.71.0.0/24', gateways: [OTHER] });
    await expect.poll(() => answer(`${OTHER}:53`), { timeout: 60_000 }).toBe('10.70.0.2\n');
  });

  it('a successor that fails leaves them, and networks come and go as before', async () => {
    await servers.start(flags);
    await expect.poll(() => answer(`${GATEWAY}:53`), { timeout: 20_000 }).toBe('10.70.0.2\n');
    const broken = flags.map((flag) => (flag === '127.0.0.1:5300@docker' ? '192.0.2.1:1@docker' : flag));
    const counts = await underLoad(async () => {
      for (const step of ['received', 'alone']) {
        const environment = {
          NODE_OPTIONS: `--import ${join(import.meta.dirname, 'at-step.mjs')}`,
          AT_STEP: step,
          SIGNAL: 'SIGKILL',
        };
        const ended = await servers.takeover(step === 'alone' ? broken : flags, environment);
        expect(ended, servers.text).toEqual({ code: null, signal: 'SIGKILL' });
      }
    });
    // As much as a worker has at hand, at most.
    expect(counts.lost).toBeLessThanOrEqual(8);
    engine.network('side', { net4: '10.71.0.0/24', gateways: [OTHER] });
    await expect.poll(() => answer(`${OTHER}:53`), { timeout: 20_000 }).toBe('10.70.0.2\n');
  });
});
