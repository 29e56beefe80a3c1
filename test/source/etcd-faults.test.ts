/** The etcd source and one real etcd to which bad things happen; each ends in equality. */

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtcdHistory } from '../../src/source/etcd/history.ts';
import { etcdSources, type EtcdOptions } from '../../src/source/etcd/etcd.ts';
import { EtcdWriter } from '../../src/source/etcd/writer.ts';
import { skipAloud } from '../harness/tools.ts';
import { expectEqual } from './etcd-equal.ts';
import { base64, etcdMissing, newMember, podValue, type EtcdMember } from './etcd-harness.ts';
import { ManualClock } from './manual-clock.ts';
import { MapSink } from './map-sink.ts';
import type { Pod, Source } from '../../src/model.ts';

if (etcdMissing !== undefined) skipAloud('the etcd source under faults', etcdMissing);

describe.skipIf(etcdMissing !== undefined)('etcd', () => {
  const members: EtcdMember[] = [];
  let etcd: EtcdMember;
  let source: Source | undefined;
  let ticking: NodeJS.Timeout | undefined;

  beforeEach(async () => {
    etcd = await newMember();
    members.push(etcd);
    await etcd.start();
  });
  afterEach(async () => {
    clearInterval(ticking);
    await source?.close();
    await etcd.close();
  });
  afterAll(() => Promise.all(members.map((member) => member.close())));

  function follow(options: Partial<EtcdOptions> = {}): MapSink {
    const sink = new MapSink();
    [source] = etcdSources({ endpoints: [etcd.url], ...options });
    source!.start(sink);
    return sink;
  }

  /** Follows with a clock that stands still, so that after a loss nothing is tried before `tick`. */
  function followStill(): { sink: MapSink; tick: () => void } {
    const clock = new ManualClock();
    const sink = follow({ clock });
    return { sink, tick: () => (ticking = setInterval(() => clock.advance(1000), 20)) };
  }

  async function fill(count: number, version: number): Promise<string> {
    let revision = '';
    for (let i = 0; i < count; i++) {
      revision = await etcd.change({ [`/podns/aep/pod/shop/p${i % 5}`]: podValue(version + i) });
    }
    return revision;
  }

  function reasons(sink: MapSink): string {
    return sink.states.map(({ reason }) => reason).join('\n');
  }

  test('an outage is resumed where it was, without a second list', async () => {
    await fill(10, 100);
    const sink = follow();
    await sink.until(() => sink.lastState === 'live');
    await etcd.kill();
    await sink.until(() => sink.lastState === 'lost');
    await etcd.start();
    const last = await etcd.change({
      '/podns/aep/pod/shop/b': podValue(2),
      '/podns/aep/pod/shop/p1': undefined,
    });
    await sink.until(() => sink.revision === last);
    await etcd.kill();
    await sink.until(() => sink.lastState === 'lost');
    await etcd.start();
    const later = await fill(3, 200);
    await sink.until(() => sink.revision === later);
    expect(sink.log.filter((line) => line.startsWith('begin full')).length).toBe(1);
    await expectEqual(etcd, sink);
  });

  test('history that was compacted during an outage is listed anew', async () => {
    await fill(10, 100);
    const { sink, tick } = followStill();
    await sink.until(() => sink.lastState === 'live');
    await etcd.kill();
    await sink.until(() => sink.lastState === 'lost');
    await etcd.start();
    await etcd.change({ '/podns/aep/pod/shop/p1': undefined });
    await etcd.compact(await fill(3, 200));
    const last = await etcd.change({ '/podns/aep/pod/shop/d': podValue(4) });
    tick();
    await sink.until(() => sink.revision === last);
    expect(reasons(sink)).toContain('compacted');
    await expectEqual(etcd, sink);
  });

  test('a wiped etcd at a lower revision is listed anew', async () => {
    const old = await fill(20, 100);
    const { sink, tick } = followStill();
    await sink.until(() => sink.revision === old && sink.lastState === 'live');
    await etcd.kill();
    etcd.wipe();
    await etcd.start();
    const lower = await fill(3, 200);
    tick();
    await sink.until(() => sink.revision === lower);
    expect(reasons(sink)).toMatch(/future revision|went back to revision/);
    await expectEqual(etcd, sink);
  });

  test('a wiped etcd with the same cluster id and more revisions is told by what it says', async () => {
    const old = await fill(20, 100);
    const { sink, tick } = followStill();
    await sink.until(() => sink.revision === old && sink.lastState === 'live');
    await etcd.kill();
    etcd.wipe();
    await etcd.start();
    const higher = await fill(29, 500);
    tick();
    await sink.until(() => sink.revision === higher);
    expect(reasons(sink)).toContain('another history');
    await expectEqual(etcd, sink);
  });

  test('an etcd that hangs with its connections open is found by the probe, and resumed', async () => {
    await fill(5, 100);
    const sink = follow({ probeAfter: 100, connectTimeout: 300 });
    await sink.until(() => sink.lastState === 'live');
    await sink.until(() => sink.log.at(-1)!.startsWith('bookmark'));
    etcd.signal('SIGSTOP');
    await sink.until(() => sink.lastState === 'lost');
    expect(reasons(sink)).toContain('no answer within 0.3 s');
    etcd.signal('SIGCONT');
    const last = await etcd.change({ '/podns/aep/pod/shop/p1': undefined });
    await sink.until(() => sink.revision === last);
    expect(sink.log.filter((line) => line.startsWith('begin full')).length).toBe(1);
    await expectEqual(etcd, sink);
  });

  test('users and tokens: a role for one VPC, a token that etcd forgot, a wrong password', async () => {
    await etcd.change({ '/podns/aep/pod/shop/a': podValue(1), '/podns/globex/pod/shop/a': podValue(2) });
    const range = { key: base64('/podns/aep/'), range_end: base64('/podns/aep0') };
    await etcd.call('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await etcd.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await etcd.call('/v3/auth/role/add', { name: 'aep' });
    await etcd.call('/v3/auth/role/grant', { name: 'aep', perm: { permType: 'READ', ...range } });
    await etcd.call('/v3/auth/user/add', { name: 'node', password: 'pass' });
    await etcd.call('/v3/auth/user/grant', { user: 'node', role: 'aep' });
    await etcd.call('/v3/auth/enable', {});

    const anonymous = follow();
    await anonymous.until(() => anonymous.lastState === 'failed');
    await source!.close();
    const wrong = follow({ user: 'node', password: 'wrong' });
    await wrong.until(() => wrong.lastState === 'failed');
    await source!.close();
    const tooMuch = follow({ user: 'node', password: 'pass' });
    await tooMuch.until(() => tooMuch.lastState === 'failed');
    expect(reasons(tooMuch)).toContain('permission denied');
    await source!.close();

    const sink = follow({ user: 'node', password: 'pass', vpcs: ['aep'] });
    await sink.until(() => sink.lastState === 'live');
    expect([...sink.visible.keys()]).toEqual(['pod aep/shop/a']);
    // Simple tokens live in the memory of the server.
    await etcd.kill();
    await sink.until(() => sink.lastState === 'lost');
    await etcd.start([etcd], false);
    const writer = new EtcdWriter({ endpoints: [etcd.url], user: 'root', password: 'secret' });
    const pod: Pod = {
      kind: 'pod',
      vpc: 'aep',
      namespace: 'shop',
      name: 'b',
      aid: 'pb',
      names: [],
      overlays: [],
      ports: [],
      ready: true,
    };
    let last: string | undefined;
    while (last === undefined) last = await writer.put([pod]).catch(() => undefined);
    await sink.until(() => sink.revision === last);
    expect([...sink.visible.keys()]).toEqual(['pod aep/shop/a', 'pod aep/shop/b']);
  });
});

test('the history knows a stranger by cluster, revision, term and content', () => {
  const header = { cluster_id: 'c', member_id: 'm', revision: '10', raft_term: '3' };
  const history = new EtcdHistory();
  history.begin(header);
  expect(() => history.checkHeader({ ...header, member_id: 'other', revision: '11' }, '10')).not.toThrow();
  expect(() => history.checkHeader({ ...header, cluster_id: 'd' }, '10')).toThrow('another etcd cluster');
  expect(() => history.checkHeader({ ...header, revision: '9' }, '10')).toThrow('went back to revision 9');
  expect(() => history.checkHeader({ ...header, raft_term: '2' }, '10')).toThrow('went back to term 2');
  history.saw('k', 'new', '8');
  history.saw('j', 'old', '7');
  expect(history.witnessKey).toBe('k');
  const kv = { key: 'k', value: 'new', mod_revision: '8' };
  expect(() => history.checkWitness({ header, kvs: [kv] })).not.toThrow();
  expect(() => history.checkWitness({ header, kvs: [{ ...kv, value: 'other' }] })).toThrow('another history');
  expect(() => history.checkWitness({ header, kvs: [{ ...kv, mod_revision: '7' }] })).toThrow(
    'another history',
  );
  expect(() => history.checkWitness({ header })).toThrow('another history');
  history.saw('k', undefined, '9');
  expect(() => history.checkWitness({ header })).not.toThrow();
  expect(() => history.checkWitness({ header, kvs: [kv] })).toThrow('another history');
});
