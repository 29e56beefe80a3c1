/** The last word of every etcd test: etcd and the sink hold the same pods at the same addresses. */

import { expect } from 'vitest';
import type { EtcdMember } from './etcd-harness.ts';
import type { MapSink } from './map-sink.ts';
import type { Pod } from '../../src/model.ts';

export async function expectEqual(etcd: EtcdMember, sink: MapSink, token?: string): Promise<void> {
  const there = await etcd.content('/podns/', token);
  const wanted = [...there].map(([key, value]) => `${key} ${(JSON.parse(value) as Pod).ip6}`);
  const got = [...sink.visible].map(([key, resource]) => `${key} ${(resource as Pod).ip6}`);
  expect(got.sort()).toEqual(wanted.sort());
  expect(sink.violations).toEqual([]);
}
