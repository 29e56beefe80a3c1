/**
 * A cluster of three etcd members to which bad things happen, and a server that is asked all the while: no answer
 * shows a state that never was, the outage is told, and in the end the view is etcd's content.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { skipAloud } from '../harness/tools.ts';
import { etcdMissing, newMember, type EtcdMember } from '../source/etcd-harness.ts';
import { eventually, type Node } from './nodes.ts';
import { expectContent, pair, PairWriter, Proxy, watching, Witness } from './outage.ts';

const START = Date.UTC(2026, 10, 22);
const NET6 = { '/podns/v/vpc': { net6: ['fd00::/16'] } };
const undo: (() => unknown)[] = [];
let now = START;
let members: EtcdMember[] = [];
let proxies: Proxy[] = [];
let node: Node;
let lost: string[];
let writer: PairWriter;
let witness: Witness;

/** Until so many further versions have been answered. */
async function until(more: number): Promise<void> {
  const from = witness.version;
  await eventually(
    () => witness.version,
    (version) => version >= from + more,
  );
}

async function startAll(): Promise<void> {
  await Promise.all(members.map((member) => member.start(members, false)));
  await Promise.all(members.map((member) => member.ready()));
}

async function untilLost(): Promise<void> {
  await eventually(
    () => node.server.status()[0]!.state,
    (state) => state === 'lost',
  );
}

/** Half a minute of being lost, as the server's clock has it; then every answer says so. */
async function untilMarked(): Promise<void> {
  now += 30_000;
  await eventually(
    () => witness.others.has('NOERROR 3'),
    (marked) => marked,
  );
  expect(await node.ask('nosuch.n.vpc.internal', 'fd00::1')).toBe('NXDOMAIN 19');
  expect(node.server.readiness()).toMatchObject({ ready: true });
  expect(node.server.readiness().reasons.join()).toMatch(/^degraded: etcd:.*: lost: /);
}

/** Ends writing and asking; then the view must be etcd's content, and no answer marked any more. */
async function settle(): Promise<void> {
  await writer.stop();
  await expectContent(members[0]!, node);
  witness.others.clear();
  await eventually(
    () => witness.version,
    (version) => version >= writer.taken,
  );
  await witness.stop();
  expect([...witness.others]).toEqual([]);
}

const suite = etcdMissing === undefined ? describe : undefined;
if (suite === undefined) skipAloud('a server over a cluster of etcd', etcdMissing!);

suite?.('a server over a cluster of etcd', () => {
  beforeEach(async () => {
    now = START;
    members = [await newMember('m0'), await newMember('m1'), await newMember('m2')];
    for (const member of members) undo.push(() => member.close());
    await startAll();
    await members[0]!.change({ ...NET6, ...pair(0) });
    proxies = members.map((member) => new Proxy(member));
    for (const proxy of proxies) undo.push(() => proxy.close());
    const endpoints = await Promise.all(proxies.map((proxy) => proxy.listen()));
    ({ node, lost } = await watching(endpoints, { wallClock: () => now }));
    undo.push(() => node.close());
    await eventually(
      () => node.server.readiness().ready,
      (ready) => ready,
    );
    writer = new PairWriter(members);
    undo.push(() => writer.stop());
    witness = new Witness(node, writer);
    undo.push(() => witness.end());
    await until(20);
  });
  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one();
  });

  it('sees its leader killed, and each other member after it', async () => {
    for (const member of members) {
      await member.kill();
      await until(50);
      await member.start(members, false);
      await member.ready();
    }
    await settle();
    expect(lost.length).toBeGreaterThan(0);
  });

  it('loses all of it: the last view is served and marked, and clean again when etcd is back', async () => {
    await Promise.all(members.map((member) => member.kill()));
    await untilLost();
    expect([...witness.others]).toEqual([]);
    await untilMarked();
    await startAll();
    await until(50);
    await settle();
  });

  it('is cut off in silence while changes go on and the history is compacted', async () => {
    for (const proxy of proxies) proxy.mode = 'hold';
    const before = witness.version;
    await untilLost();
    await untilMarked();
    await eventually(
      () => writer.taken,
      (taken) => taken > before + 50,
    );
    await members[0]!.compact(await members[0]!.change({ '/podns/v/pod/n/other': { ip6: 'fd00::c:1' } }));
    expect(witness.version).toBeLessThanOrEqual(before + 20);
    for (const proxy of proxies) {
      proxy.cut();
      proxy.mode = 'pass';
    }
    await until(50);
    await settle();
    expect(lost.join()).toContain('compacted');
  });

  it('finds etcd wiped and restored, at a lower revision', async () => {
    await until(100);
    for (const proxy of proxies) {
      proxy.mode = 'refuse';
      proxy.cut();
    }
    await writer.stop();
    await Promise.all(members.map((member) => member.kill()));
    for (const member of members) member.wipe();
    await startAll();
    await untilLost();
    await untilMarked();
    // Another content, whose pods go on from where they were.
    writer.taken = ++writer.tried;
    await members[1]!.change({
      ...NET6,
      ...pair(writer.tried),
      '/podns/v/pod/n/restored': { ip6: 'fd00::c:1' },
    });
    for (const proxy of proxies) proxy.mode = 'pass';
    await eventually(
      () => witness.version,
      (version) => version === writer.tried,
    );
    expect(await node.ask('restored.n.vpc.internal', 'fd00::1')).toBe('NOERROR fd00::c:1');
    await settle();
    expect(lost.join()).toMatch(/another history|another etcd cluster|future revision|went back/);
  });
});
