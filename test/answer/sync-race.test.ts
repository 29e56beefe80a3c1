/** A reader that is inside while the first whole view becomes visible: it may not take its old copy for that view. */
import { expect, test } from 'vitest';
import { DEFERRED, Responder } from '../../src/answer/responder.ts';
import { SYNC_LIVE, SYNC_SNAPSHOT } from '../../src/trie/layout.ts';
import { View } from '../../src/trie/read/view.ts';
import { encodeQuery } from '../harness/build.ts';
import { World } from './world.ts';

const VPC = { kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] } as const;
const POD = {
  ...{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db', aid: 'p0000000001', names: [], ports: [] },
  ...{ ip6: 'fdfd::1', overlays: [{ overlay: 'o', ip4: '10.0.0.1', pinned: true }], ready: true },
} as const;

function asked(view: View, world: World, from: string, scope: string): number {
  const responder = new Responder(view, world.settings, () => 1);
  const packet = encodeQuery({ name: 'db', edns: {} });
  const out = new Uint8Array(1232);
  const length = responder.answer(packet, 0, packet.length, world.peer({ from, scope }), out, 0);
  return length === DEFERRED ? DEFERRED : out[3]! & 15;
}

test('holds what it is asked on its old copy, and answers from the next', () => {
  const world = new World();
  const view = new View(world.memory, 0);
  view.enter();
  world.put({ ...VPC, net6: [...VPC.net6], services6: [] }, POD as never);
  world.writer.setSync(SYNC_LIVE);
  expect(asked(view, world, 'fdfd::1', 'aep/shop')).toBe(DEFERRED);
  expect(asked(view, world, 'fdfd::1', '')).toBe(DEFERRED);
  view.leave();
  view.enter();
  expect(asked(view, world, 'fdfd::1', 'aep/shop')).toBe(0);
  view.leave();
});

test('identifies nobody by IPv4 on the copy of a saved view that is too old', () => {
  const world = new World();
  const view = new View(world.memory, 0);
  world.put({ ...VPC, net6: [...VPC.net6], services6: [] }, POD as never);
  world.writer.setIpv4Blind(true);
  world.writer.setSync(SYNC_SNAPSHOT);
  view.enter();
  // A whole list takes its place while the reader is inside.
  world.put({ ...VPC, net6: [...VPC.net6], services6: [], forward: 'off' });
  world.writer.setIpv4Blind(false);
  world.writer.setSync(SYNC_LIVE);
  expect(asked(view, world, '10.0.0.1', 'aep')).toBe(DEFERRED);
  view.leave();
  view.enter();
  expect(asked(view, world, '10.0.0.1', 'aep')).toBe(0);
  view.leave();
});
