/** The straight run for one AAAA writes what the long way writes. */
import { expect, test } from 'vitest';
import type { Peer } from '../../src/answer/peer.ts';
import { Responder } from '../../src/answer/responder.ts';
import type { AnswerSettings } from '../../src/answer/settings.ts';
import { buildQuery } from '../../src/dns/build.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { View } from '../../src/trie/read/view.ts';
import { OwnWriter } from '../harness/own-writer.ts';

const MIB = 1 << 20;
const settings: AnswerSettings = {
  ttl: 70_000,
  negativeTtl: 1,
  zone: 'vpc.internal',
  suffixes: [],
  aRecords: 'pinned',
  nodeName: 'node',
  version: 'podns',
  chaos: true,
  cookieSecret: new Uint8Array(16),
  tcpIdle: 10,
  forward: 'off',
  clients: [],
};

test('with and without recursion, letter case and flags, the octets are the same', () => {
  const memory = reserveMemory({ names: MIB, addresses: MIB, arena: MIB });
  const writer = new OwnWriter(memory, { ...settings, canForward: true, now: () => 1 });
  writer.begin();
  writer.put({ kind: 'vpc', name: 'v', net6: ['fdfd::/64'], services6: [], forward: 'on' }, 1n);
  const pod = {
    kind: 'pod',
    vpc: 'v',
    namespace: 'n',
    names: [],
    overlays: [],
    ports: [],
    ready: true,
  } as const;
  writer.put(
    { ...pod, name: 'a', aid: 'p0000000001', ip6: 'fdfd::1', names: [], overlays: [], ports: [] },
    1n,
  );
  writer.commit();
  writer.setSync(1);
  const responder = new Responder(new View(memory), settings, () => 1);
  const address = new Uint8Array(16);
  address.set([0xfd, 0xfd]);
  address[15] = 1;
  const listener = { id: 0, text: '', address: '::1', port: 53, vpc: '', namespace: '' };
  const peer: Peer = { address, port: 5353, local: new Uint8Array(16), listener, tcp: false };
  const ask = (packet: Uint8Array): string => {
    const out = new Uint8Array(1300);
    responder.view.refresh();
    const length = responder.answer(packet, 0, packet.length, peer, out, 0);
    return Buffer.from(out.subarray(0, length)).toString('hex');
  };
  for (const name of ['a', 'A', 'a.n', 'a.N.vpc.INTERNAL']) {
    for (const flags of [{}, { rd: true }, { cd: true, ad: true }]) {
      const packet = buildQuery({ name, type: 28, id: 0xbeef, ...flags });
      const straight = ask(packet);
      // Stale answers take the long way; without EDNS they say nothing of it.
      writer.setStale('v', true);
      expect(ask(packet)).toBe(straight);
      writer.setStale('v', false);
      expect(straight).toHaveLength((packet.length + 28) * 2);
      const asked = buildQuery({ name, type: 28, id: 0xbeef, ...flags, edns: { size: 1232, do: true } });
      expect(ask(asked).slice(24)).toBe(`${straight.slice(24)}00002904d0000080000000`);
    }
  }
});
