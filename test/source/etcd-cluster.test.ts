/** The etcd source and several endpoints: a dead one, a silent one, a leader that is killed; and etcd over TLS. */

import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { etcdSources, type EtcdOptions } from '../../src/source/etcd/etcd.ts';
import { EtcdWriter } from '../../src/source/etcd/writer.ts';
import { skipAloud } from '../harness/tools.ts';
import { makeCertificates, opensslMissing } from './certificates.ts';
import { expectEqual } from './etcd-equal.ts';
import { etcdMissing, newMember, podValue, type EtcdMember } from './etcd-harness.ts';
import { MapSink } from './map-sink.ts';
import type { Pod, Source } from '../../src/model.ts';

if (etcdMissing !== undefined) skipAloud('the etcd source with several endpoints', etcdMissing);
if (opensslMissing !== undefined) skipAloud('the etcd source over TLS', opensslMissing);

describe.skipIf(etcdMissing !== undefined)('etcd', () => {
  const undo: (() => unknown)[] = [];

  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one();
  });

  async function newCluster(count: number): Promise<EtcdMember[]> {
    const members: EtcdMember[] = [];
    for (let i = 0; i < count; i++) members.push(await newMember(`m${i}`));
    for (const member of members) undo.push(() => member.close());
    await Promise.all(members.map((member) => member.start(members, false)));
    await Promise.all(members.map((member) => member.ready()));
    return members;
  }

  function follow(options: EtcdOptions): { sink: MapSink; source: Source } {
    const sink = new MapSink();
    const [source] = etcdSources(options);
    source!.start(sink);
    undo.push(() => source!.close());
    return { sink, source: source! };
  }

  /** Accepts connections and never says a word. */
  async function blackHole(): Promise<{ url: string; asked: () => number }> {
    let asked = 0;
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      asked++;
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return { url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`, asked: () => asked };
  }

  test('endpoints that are closed or silent are passed over, for the list, the watch and writing', async () => {
    const [etcd] = await newCluster(1);
    const silent = await blackHole();
    const endpoints = ['127.0.0.1:1', silent.url, etcd!.url];
    const writer = new EtcdWriter({ endpoints, connectTimeout: 300 });
    const pod: Pod = {
      ...{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'a', aid: 'pa', names: [] },
      ...{ ip6: 'fd00::1:1', overlays: [], ports: [], ready: true },
    };
    await writer.put([pod]);
    expect(silent.asked()).toBe(1);
    const { sink } = follow({ endpoints, connectTimeout: 300 });
    await sink.until(() => sink.lastState === 'live');
    expect(silent.asked()).toBe(2);
    expect(sink.states.map(({ reason }) => reason).join('\n')).toContain('no answer within 0.3 s');
    const last = await etcd!.change({ '/podns/aep/pod/shop/b': podValue(1) });
    await sink.until(() => sink.revision === last);
    await expectEqual(etcd!, sink);
  });

  test('a member that falls silent in the middle of a watch is left for the next, without a second list', async () => {
    const members = (await leaderFirst(await newCluster(3))).reverse();
    const { sink } = follow({
      endpoints: members.map((member) => member.url),
      probeAfter: 100,
      connectTimeout: 500,
    });
    await sink.until(() => sink.lastState === 'live');
    members[0]!.signal('SIGSTOP');
    undo.push(() => members[0]!.signal('SIGCONT'));
    let last = '';
    while (last === '')
      last = await members[1]!.change({ '/podns/aep/pod/shop/b': podValue(1) }).catch(() => '');
    await sink.until(() => sink.revision === last);
    expect(sink.log.filter((line) => line.startsWith('begin full')).length).toBe(1);
    await expectEqual(members[1]!, sink);
  });

  test('the leader is killed under writes, then each other member in turn: nothing is lost', async () => {
    const members = await newCluster(3);
    const endpoints = members.map((member) => member.url);
    const { sink } = follow({ endpoints, probeAfter: 300, connectTimeout: 500 });
    await sink.until(() => sink.lastState === 'live');
    let version = 0;
    let writing = true;
    const writers = [0, 1, 2].map(async (lane) => {
      const writer = new EtcdWriter({ endpoints, connectTimeout: 500 });
      while (writing) {
        const pods = [0, 1, 2].map((i): Pod => ({
          ...{
            kind: 'pod',
            vpc: 'aep',
            namespace: 'shop',
            name: `p-${lane}-${(version + i) % 40}`,
            aid: 'p',
          },
          ...{ names: [], ip6: `fd00::1:${(++version).toString(16)}`, overlays: [], ports: [], ready: true },
        }));
        await writer.put(pods).catch(() => undefined);
      }
    });
    for (const member of await leaderFirst(members)) {
      const reached = version;
      await sink.until(() => version > reached + 150 || !writing);
      await member.kill();
      const during = version;
      await sink.until(() => version > during + 150);
      await member.start(members, false);
      await member.ready();
    }
    writing = false;
    await Promise.all(writers);
    const last = await members[0]!.change({ '/podns/aep/pod/shop/last': podValue(1) });
    await sink.until(() => sink.revision === last);
    expect(sink.log.filter((line) => line.startsWith('begin full')).length).toBe(1);
    await expectEqual(members[0]!, sink);
  });

  test.skipIf(opensslMissing !== undefined)(
    'TLS with certificates on both sides; without ours, not',
    async () => {
      const certificates = makeCertificates();
      undo.push(() => certificates.remove());
      const { caFile, server, client } = certificates;
      const [etcd] = await newCluster(1);
      await etcd!.change({ '/podns/aep/pod/shop/a': podValue(1) });
      await etcd!.kill();
      const port = await newMember();
      undo.push(() => port.close());
      const url = `https://127.0.0.1:${port.clientPort}`;
      // The plain port stays for the harness; etcd serves both.
      etcd!.extra = [
        ['--listen-client-urls', `${etcd!.url},${url}`, '--trusted-ca-file', caFile, '--client-cert-auth'],
        ['--cert-file', server.certFile, '--key-file', server.keyFile],
      ].flat();
      await etcd!.start();
      const { sink } = follow({ endpoints: [url], caFile, ...client });
      await sink.until(() => sink.lastState === 'live');
      const last = await etcd!.change({ '/podns/aep/pod/shop/b': podValue(2) });
      await sink.until(() => sink.revision === last);
      await expectEqual(etcd!, sink);

      const stranger = follow({ endpoints: [url], caFile }).sink;
      await stranger.until(() => stranger.states.length > 1);
      const unsigned = follow({ endpoints: [url], ...client }).sink;
      await unsigned.until(() => unsigned.states.length > 1);
      const missing = follow({ endpoints: [url], caFile: '/nonexistent/ca.pem' }).sink;
      await missing.until(() => missing.states.length > 1);
      for (const sink of [stranger, unsigned, missing]) expect(sink.commits).toBe(0);
      expect(missing.states[1]!.reason).toContain('/nonexistent/ca.pem cannot be read');
    },
  );
});

async function leaderFirst(members: EtcdMember[]): Promise<EtcdMember[]> {
  const status = await members[0]!.call<{ leader: string }>('/v3/maintenance/status', {});
  const ids = await Promise.all(
    members.map((member) => member.call<{ header: { member_id: string } }>('/v3/maintenance/status', {})),
  );
  const leader = ids.findIndex(({ header }) => header.member_id === status.leader);
  return [members[leader]!, ...members.filter((_, i) => i !== leader)];
}
