/**
 * Many keys and many changes: 100,000 pods in etcd are one view, and 2,000 changes a second all arrive, each once
 * and in order. With PODNS_TEST_WHOLE=1 they last a minute, else three seconds.
 */
import http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { skipAloud } from '../harness/tools.ts';
import { base64, etcdMissing, newMember, podValue, type EtcdMember } from '../source/etcd-harness.ts';
import { eventually, RESERVE } from './nodes.ts';
import { expectContent, pair, watching, Witness } from './outage.ts';

const KEYS = 100_000;
/** Of one transaction: etcd takes no more. */
const KEYS_A_CHANGE = 100;
const RATE = 2000;
const SECONDS = process.env['PODNS_TEST_WHOLE'] === '1' ? 60 : 3;
const TURN = 5;
const PODS = 5000;

const undo: (() => unknown)[] = [];

async function started(): Promise<EtcdMember> {
  const etcd = await newMember();
  undo.push(() => etcd.close());
  await etcd.start();
  return etcd;
}

const key = (i: number): string => `/podns/v${i % 7}/pod/n${i % 100}/p${i}`;

if (etcdMissing !== undefined) skipAloud('a server over a large and busy etcd', etcdMissing);

describe.skipIf(etcdMissing !== undefined)('a server over a large and busy etcd', () => {
  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one();
  });

  it('has all of 100,000 keys, and what changes while it reads them', { timeout: 120_000 }, async () => {
    const etcd = await started();
    for (let from = 0; from < KEYS; from += KEYS_A_CHANGE) {
      const values: Record<string, object> = {};
      for (let i = from; i < from + KEYS_A_CHANGE; i++) values[key(i)] = podValue(i);
      await etcd.change(values);
    }
    const { node, lost } = await watching([etcd.url], {
      reserve: { arena: 1 << 28, names: 1 << 26, addresses: 1 << 26 },
    });
    undo.push(() => node.close());
    for (let i = 0; i < 300; i++)
      await etcd.change({ [key(i * 331)]: podValue(KEYS + i), [key(i * 97)]: undefined });
    await eventually(
      () => node.server.status()[0]!.state,
      (state) => state === 'live',
    );
    await expectContent(etcd, node);
    expect(lost).toEqual([]);
  });

  it(`applies ${RATE} changes a second, all of them`, { timeout: SECONDS * 4000 + 60_000 }, async () => {
    const etcd = await started();
    await etcd.change(pair(0));
    const { node, lost } = await watching([etcd.url], { reserve: { ...RESERVE, arena: 1 << 26 } });
    undo.push(() => node.close());
    await eventually(
      () => node.server.readiness().ready,
      (ready) => ready,
    );
    const written = { tried: 0 };
    const witness = new Witness(node, written);
    undo.push(() => witness.end());

    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    undo.push(() => agent.destroy());
    const flying = new Set<Promise<void>>();
    const began = performance.now();
    for (let n = 0; n < RATE * SECONDS;) {
      const due = Math.min(RATE * SECONDS, Math.ceil(((performance.now() - began) * RATE) / 1000));
      for (; n < due; n++) {
        const writing = putSoon(etcd, agent, `/podns/v/pod/n/p${n % PODS}`, podValue(n)).finally(() =>
          flying.delete(writing),
        );
        flying.add(writing);
      }
      // In order among themselves, for both must be of one version.
      await etcd.change(pair(++written.tried));
      await new Promise((resolve) => setTimeout(resolve, TURN));
    }
    await Promise.all(flying);
    await expectContent(etcd, node);
    await eventually(
      () => witness.version,
      (version) => version === written.tried,
    );
    await witness.stop();
    expect(lost).toEqual([]);
    const { changes } = node.server.status()[0]!;
    // Each write once: two pods at the start and with each further version, and one with each change.
    expect(changes).toBe(2 + 2 * written.tried + RATE * SECONDS);
  });
});

/** One key, over one of a few connections. */
function putSoon(etcd: EtcdMember, agent: http.Agent, path: string, value: object): Promise<void> {
  const body = JSON.stringify({ key: base64(path), value: base64(JSON.stringify(value)) });
  return new Promise((resolve, reject) => {
    const request = http.request(`${etcd.url}/v3/kv/put`, { method: 'POST', agent }, (response) => {
      response.resume();
      if (response.statusCode === 200) response.on('end', resolve);
      else reject(new Error(`HTTP ${response.statusCode}`));
    });
    request.on('error', reject);
    request.end(body);
  });
}
