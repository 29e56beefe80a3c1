/** One member of three behind a network that goes away without a word: the server finds it out, and misses nothing. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { enterNamespace } from '../harness/netns.ts';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { etcdMissing, newMember, type EtcdMember } from '../source/etcd-harness.ts';
import { eventually } from './nodes.ts';
import { expectContent, pair, PairWriter, watching, Witness } from './outage.ts';

/** Of the two members that stay together, and of the server. */
const HERE = '10.9.9.9';
const NEAR_END = '10.9.0.1';
const FAR_END = '10.9.0.2';

const undo: (() => unknown)[] = [];

function ip(...args: string[]): void {
  execFileSync('ip', args);
}

/** A namespace of its own behind a pair of links: `via` starts a program in it, `link` plugs it in or out. */
async function farNamespace(): Promise<{ via: string[]; link: (state: 'up' | 'down') => void }> {
  const holder: ChildProcess = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' });
  undo.push(() => holder.kill());
  const own = readlinkSync('/proc/self/ns/net');
  await eventually(
    () => readlinkSync(`/proc/${holder.pid}/ns/net`),
    (link) => link !== own,
  );
  const via = ['nsenter', '-t', String(holder.pid), '-n'];
  const far = (...args: string[]): void => void execFileSync(via[0]!, [...via.slice(1), 'ip', ...args]);
  ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far', 'netns', String(holder.pid));
  ip('addr', 'add', `${NEAR_END}/30`, 'dev', 'near');
  ip('link', 'set', 'near', 'up');
  far('link', 'set', 'lo', 'up');
  far('addr', 'add', `${FAR_END}/30`, 'dev', 'far');
  const link = (state: 'up' | 'down'): void => {
    far('link', 'set', 'far', state);
    if (state === 'up') far('route', 'add', 'default', 'via', NEAR_END);
  };
  link('up');
  return { via, link };
}

const reason = etcdMissing ?? missingTools(['nsenter']) ?? namespaceReason();
if (reason !== undefined) skipAloud('a member of etcd behind a network that breaks', reason);

describe.skipIf(reason !== undefined)('a member of etcd behind a network that breaks', () => {
  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one();
  });

  it('is left for the others, and taken up again afterwards', { timeout: 60_000 }, async () => {
    expect(await enterNamespace([HERE])).toBeUndefined();
    const { via, link } = await farNamespace();
    const members: EtcdMember[] = [await newMember('m0'), await newMember('m1'), await newMember('m2')];
    for (const member of members) undo.push(() => member.close());
    const [far, ...near] = members as [EtcdMember, EtcdMember, EtcdMember];
    Object.assign(far, { host: FAR_END, via });
    for (const member of near) member.host = HERE;
    await Promise.all(members.map((member) => member.start(members, false)));
    await Promise.all(members.map((member) => member.ready()));
    await far.change(pair(0));

    const { node, lost } = await watching(members.map(({ url }) => url));
    undo.push(() => node.close());
    await eventually(
      () => node.server.readiness().ready,
      (ready) => ready,
    );
    const writer = new PairWriter(near);
    undo.push(() => writer.stop());
    const witness = new Witness(node, writer);
    undo.push(() => witness.end());
    const until = (more: number): Promise<number> => {
      const from = witness.version;
      return eventually(
        () => witness.version,
        (version) => version >= from + more,
      );
    };
    await until(20);
    expect(lost).toEqual([]);

    link('down');
    await eventually(
      () => lost.length,
      (count) => count > 0,
    );
    await until(50);
    link('up');
    // The member that was cut off catches up; then the others fail, but for one that makes a majority with it.
    await eventually(
      () =>
        far.call('/v3/kv/range', { key: 'AA==' }).then(
          () => true,
          () => false,
        ),
      (fine) => fine,
    );
    await near[0].kill();
    await until(50);
    await writer.stop();
    await expectContent(far, node);
    await eventually(
      () => witness.version,
      (version) => version >= writer.taken,
    );
    await witness.stop();
    expect([...witness.others]).toEqual([]);
    // It was asked whether it lived, and did not answer.
    expect(lost[0]).toContain('no answer within');
  });
});
