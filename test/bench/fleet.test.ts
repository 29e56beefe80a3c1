/** The bench of a fleet in its small form: what it counts is so, whatever the machine; no time is judged. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { namespaceReason, skipAloud } from '../harness/tools.ts';
import { etcdMissing } from '../source/etcd-harness.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/fleet.mjs', import.meta.url));
const [NODES, PODS, MIDDLE] = [40, 1000, 4];
const missing = etcdMissing ?? namespaceReason();

interface Result {
  realNodes: number;
  fromRelay: { octets: number };
  cold: { octetsEach: number };
  change: { timed: number; octets: number; octetsUnwatched: number };
  death: { gone: number; refused: number; octets: number };
  reconnects: { away: number; refused: number; lists: number; seconds: number }[];
}

function fleet(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [SCRIPT, ...args], (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

if (missing === undefined)
  it('brings each change to each node that has its VPC, and to no other, also after a relay has died', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-fleet-test-'));
    const json = join(folder, 'fleet.json');
    const sizes = ['--nodes', String(NODES), '--pods', String(PODS), '--vpcs', '20', '--vpcs-per-node', '4'];
    const tiers = [
      '--relays',
      '1',
      '--middle',
      String(MIDDLE),
      '--real-middle',
      '1',
      '--middle-sockets',
      '2',
    ];
    try {
      const { code, out, err } = await fleet(...sizes, ...tiers, '--changes', '10', '--json', json);
      expect(code, err).toBe(0);
      expect(out).toContain(`counted for ${NODES} nodes`);
      const result = JSON.parse(readFileSync(json, 'utf8')) as Result;
      const perNode = NODES / MIDDLE;
      expect(result.realNodes).toBe(perNode);
      expect(result.change.timed).toBe(10);
      // A whole list has every pod; a node's has 4 of 20 VPCs.
      expect(result.fromRelay.octets / PODS).toBeGreaterThan(150);
      expect(result.fromRelay.octets / PODS).toBeLessThan(400);
      expect(result.cold.octetsEach / result.fromRelay.octets).toBeCloseTo(4 / 20, 1);
      // One line for each watcher of the VPC; bookmarks only for the others.
      expect(result.change.octets).toBeGreaterThan(150);
      expect(result.change.octets).toBeLessThan(600);
      expect(result.change.octetsUnwatched).toBeLessThan(100);
      // The revisions of a dead relay mean nothing to the next one: each node is told so, and lists.
      expect(result.death.gone).toBe(perNode);
      expect(result.death.refused).toBeGreaterThan(0);
      expect(result.death.octets / perNode / result.cold.octetsEach).toBeGreaterThan(0.9);
      expect(result.death.octets / perNode / result.cold.octetsEach).toBeLessThan(1.5);
      for (const { lists, seconds } of result.reconnects) {
        expect(lists).toBeLessThanOrEqual(NODES);
        expect(seconds).toBeLessThan(10);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 300_000);
else skipAloud('the bench of a fleet', missing);

it('says how it is called', async () => {
  expect(await fleet('--pods', 'many')).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('--pods: a whole number') as string,
  });
}, 60_000);
