/** `a_records` of a VPC: decided when it changes, for all pods that are there, and in no answer before. */
import { afterEach, expect, test } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { openSubject, type Subject } from '../harness/subject.ts';
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';

let subject: Subject | undefined;
afterEach(async () => {
  await subject?.close();
  subject = undefined;
});

const VPC: Resource = { kind: 'vpc', name: 'v', net6: ['fd01::/16'], services6: [] };
const CLIENT = { address: '127.0.0.1', port: 4000, scope: '@v/n', local: '127.0.0.9', tcp: true };

function pod(name: string, ip4: string, more: object = {}): Resource {
  return {
    ...{
      kind: 'pod',
      vpc: 'v',
      namespace: 'n',
      name,
      aid: `p${name}`,
      names: ['all'],
      ports: [],
      ready: true,
    },
    overlays: [{ overlay: 'o', ip4, pinned: false }],
    ip6: `fd01::${ip4.split('.')[3]}`,
    ...more,
  } as Resource;
}

async function addresses(name: string): Promise<string[]> {
  const octets = await subject!.answer(encodeQuery({ name, type: 'A' }), CLIENT);
  return parseWire(octets!)
    .answer.map(({ text }) => text)
    .toSorted();
}

test('changes what pods answer that are already there, back and forth', async () => {
  const resources = [VPC, pod('a', '10.0.0.1'), pod('b', '10.0.0.2')];
  subject = await openSubject({
    config: {},
    resources,
    scopes: ['@v/n'],
    listen: false,
    workers: 0,
    upstreamPort: undefined,
  });
  expect(await addresses('a')).toEqual([]);
  await subject.change([{ ...VPC, a_records: 'all' } as Resource], []);
  expect(await addresses('a')).toEqual(['10.0.0.1']);
  expect(await addresses('all')).toEqual(['10.0.0.1', '10.0.0.2']);
  await subject.change([{ ...VPC, a_records: 'none' } as Resource], []);
  expect(await addresses('all')).toEqual([]);
  await subject.change([{ ...VPC, a_records: 'all' } as Resource], []);
  await subject.change([], [{ kind: 'vpc', vpc: 'v', namespace: '', name: '' }]);
  expect(await addresses('all')).toEqual([]);
});
