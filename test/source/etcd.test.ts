/** The etcd source against one real etcd that is well: lists and changes, each ending in equality. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { etcdSources, type EtcdOptions } from '../../src/source/etcd/etcd.ts';
import { EtcdWriter } from '../../src/source/etcd/writer.ts';
import { skipAloud } from '../harness/tools.ts';
import { expectEqual } from './etcd-equal.ts';
import { etcdMissing, newMember, podValue, type EtcdMember } from './etcd-harness.ts';
import { MapSink } from './map-sink.ts';
import { keyOf, type Pod, type Source } from '../../src/model.ts';

if (etcdMissing !== undefined) skipAloud('the etcd source', etcdMissing);

describe.skipIf(etcdMissing !== undefined)('etcd', () => {
  let etcd: EtcdMember;
  let source: Source | undefined;

  beforeAll(async () => {
    etcd = await newMember();
    await etcd.start();
  });
  afterEach(async () => {
    await source?.close();
    await etcd.call('/v3/kv/deleterange', { key: 'AA==', range_end: 'AA==' });
  });
  afterAll(() => etcd.close());

  function follow(options: Partial<EtcdOptions> = {}): MapSink {
    const sink = new MapSink();
    [source] = etcdSources({ endpoints: [etcd.url], ...options });
    source!.start(sink);
    return sink;
  }

  test('an empty etcd is a whole, empty view', async () => {
    const sink = follow();
    await sink.until(() => sink.lastState === 'live');
    expect(sink.visible.size).toBe(0);
  });

  test('list, then changes; a transaction of etcd is one transaction here', async () => {
    await etcd.change({
      '/podns/aep/vpc': { net6: ['fdfd:1a8::/48'] },
      '/podns/aep/namespace/shop': {},
      '/podns/aep/overlay/shop/default': { net4: '10.1.0.0/16' },
      '/podns/aep/pod/shop/a': podValue(1),
      '/podns/aep/service/shop/front': podValue(2),
    });
    const sink = follow();
    await sink.until(() => sink.lastState === 'live');
    expect([...sink.visible.keys()]).toEqual([
      'namespace aep/shop',
      'overlay aep/shop/default',
      'pod aep/shop/a',
      'service aep/shop/front',
      'vpc aep',
    ]);
    const revision = await etcd.change({
      '/podns/aep/pod/shop/b': podValue(3),
      '/podns/aep/pod/shop/a': undefined,
    });
    await sink.until(() => sink.revision === revision);
    const tail = sink.log.slice(-4);
    expect([tail[0], ...tail.slice(1, 3).sort(), tail[3]]).toEqual([
      `begin delta ${revision}`,
      'delete pod aep/shop/a',
      'put pod aep/shop/b',
      'commit',
    ]);
    await expectEqual(etcd, sink);
  });

  test('invalid keys and values are refused with their key, and the last good version stays', async () => {
    await etcd.change({ '/podns/aep/pod/shop/a': podValue(1) });
    const sink = follow();
    await sink.until(() => sink.lastState === 'live');
    await etcd.change({
      '/podns/aep/pod/shop/a': { ip6: 'nonsense' },
      '/podns/aep/pod/shop/b': 'not json',
      '/podns/aep/pod/shop/c': { vpc: 'globex' },
      '/podns/aep/pod/shop/Big': podValue(2),
      '/podns/whatever': 'x',
    });
    const revision = await etcd.change({ '/podns/aep/pod/shop/d': podValue(4) });
    await sink.until(() => sink.revision === revision);
    expect([...sink.visible.keys()]).toEqual(['pod aep/shop/a', 'pod aep/shop/d']);
    expect(sink.reasons.length).toBe(5);
    expect(sink.reasons).toContain('vpc: is "globex", but the key has "aep"');
    expect(sink.reasons).toContain('name: "Big" must be lower case in a key');
    const places = [...sink.standing.values()].flat().map((problem) => problem.place?.text);
    expect(places).toContain('etcd /podns/aep/pod/shop/b');

    // Also when everything is listed anew.
    const before = sink.commits;
    await etcd.kill();
    await etcd.start();
    await etcd.change({
      '/podns/whatever': undefined,
      '/podns/aep/pod/shop/Big': undefined,
      '/podns/aep/pod/shop/c': podValue(5),
    });
    await sink.until(() => sink.commits > before && sink.standing.size === 2);
    expect([...sink.visible.keys()]).toContain('pod aep/shop/a');
  });

  test('12,000 keys in pages, with changes under way, are one state', async () => {
    const writer = new EtcdWriter({ endpoints: [etcd.url] });
    const pods = Array.from({ length: 12_000 }, (_, i): Pod => ({
      ...{ kind: 'pod', vpc: `v${i % 7}`, namespace: `n${i % 11}`, name: `pod-${i}`, aid: `p${i}` },
      ...{ names: ['app'], ip6: `fd00::1:${i.toString(16)}`, overlays: [], ports: [], ready: true },
    }));
    await writer.put(pods);
    const sink = follow({ pageSize: 700 });
    let changing = true;
    const changes = (async () => {
      for (let i = 0; changing; i++)
        await etcd.change({
          [`/podns/v0/pod/n0/new-${i % 50}`]: podValue(i),
          [`/podns/v1/pod/n0/gone-${i % 50}`]: i % 2 ? undefined : podValue(i),
        });
    })();
    await sink.until(() => sink.lastState === 'live' && sink.commits > 10);
    changing = false;
    await changes;
    const { deleted } = await writer.delete(keyOf(pods[5]!));
    expect(deleted).toBe(true);
    const again = await writer.delete(keyOf(pods[5]!));
    expect(again.deleted).toBe(false);
    const last = await writer.put([pods[7]!]);
    await sink.until(() => sink.revision === last);
    expect(sink.visible.size).toBeGreaterThan(11_999);
    await expectEqual(etcd, sink);
  });

  test('10,000 changes as fast as etcd takes them, none lost', async () => {
    const sink = follow();
    await sink.until(() => sink.lastState === 'live');
    let version = 0;
    const write = async (lane: number): Promise<void> => {
      while (version < 10_000) {
        const changes: Record<string, object | undefined> = {};
        for (let i = 0; i < 20; i++) {
          changes[`/podns/aep/pod/shop/pod-${lane}-${(version * 7 + i) % 300}`] =
            version % 5 === 0 && i === 0 ? undefined : podValue(++version);
        }
        version++;
        await etcd.change(changes);
      }
    };
    await Promise.all([0, 1, 2, 3].map(write));
    const last = await etcd.change({ '/podns/aep/pod/shop/last': podValue(1) });
    await sink.until(() => sink.revision === last);
    expect(sink.states.map(({ state }) => state)).toEqual(['starting', 'live']);
    await expectEqual(etcd, sink);
  });
});
