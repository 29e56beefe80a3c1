/** Whatever stands in a line becomes an event, and never an exception. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RECORD_MAX } from '../../src/source/validate/bounds.ts';
import { putEvent } from '../../src/source/etcd/events.ts';
import { eventOfLine } from '../../src/source/watch/protocol.ts';

const type = fc.constantFrom('snapshot', 'put', 'delete', 'synced', 'bookmark', 'other');
const object = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      kind: fc.oneof(fc.constantFrom('vpc', 'namespace', 'overlay', 'pod', 'service'), fc.jsonValue()),
      vpc: fc.oneof(fc.constantFrom('v', 'V', ''), fc.jsonValue()),
      namespace: fc.oneof(fc.constantFrom('n', 'arpa'), fc.jsonValue()),
      name: fc.oneof(fc.constantFrom('a', 'a.b'), fc.jsonValue()),
      ip6: fc.oneof(fc.constantFrom('fd00::1', 'fd00::g'), fc.jsonValue()),
      overlays: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);
const line = fc.record(
  {
    type,
    revision: fc.oneof(fc.constantFrom('7', '07', ''), fc.jsonValue()),
    object,
    at: fc.oneof(fc.constantFrom('2026-11-22T10:00:00Z', 'x'), fc.jsonValue()),
    more: fc.jsonValue(),
  },
  { requiredKeys: ['type'] },
);

test('any line of any shape', () => {
  const text = fc.oneof(
    line.map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (text) => {
      const event = eventOfLine({ number: 3, text }, undefined);
      if (event.type === 'put') expect(event.resource.kind).toBeDefined();
      if (event.type === 'refused') {
        expect(event.problems.length).toBeGreaterThan(0);
        expect(event.problems[0]!.place).toEqual({ text: 'line 3' });
      }
      if (event.type === 'malformed') expect(event.reason).not.toBe('');
      else if (event.type !== 'connected') expect(event.revision).toMatch(/^(0|[1-9]\d*)$/);
    }),
    { numRuns: 3000 },
  );
});

test('nesting without end is one bad line', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  const text = `{"type":"put","revision":"7","object":{"kind":"pod","overlays":${deep}}}`;
  expect(['refused', 'malformed']).toContain(eventOfLine({ number: 1, text }, undefined).type);
});

test('a date that is none is left out, and the change counts', () => {
  const object = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'a' };
  const text = JSON.stringify({ type: 'delete', revision: '7', at: 'yesterday', object });
  expect(eventOfLine({ number: 1, text }, undefined)).toEqual({
    type: 'delete',
    revision: '7',
    key: object,
    more: false,
    at: undefined,
  });
});

const POD = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'a' };

test.each([
  [5, '5'],
  ['5', '5'],
  [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ['9223372036854775808', '9223372036854775808'],
  ['18446744073709551615', '18446744073709551615'],
])('the stamp %j is exact', (stamp, text) => {
  const line = JSON.stringify({ type: 'put', revision: '7', stamp, object: POD });
  expect(eventOfLine({ number: 1, text: line }, undefined)).toMatchObject({ type: 'put', stamp: text });
});

test.each(['1763900000000000123', '-1', '1.5', '"07"', '"x"', '"18446744073709551616"', 'null'])(
  'an object whose stamp is %s is refused, and why is said',
  (stamp) => {
    const text = `{"type":"put","revision":"7","stamp":${stamp},"object":${JSON.stringify(POD)}}`;
    const event = eventOfLine({ number: 1, text }, undefined);
    const key = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'a' };
    expect(event).toMatchObject({ type: 'refused', key, scope: 'pod v/n/a' });
    const reason = /^stamp: must be a whole number below 2\^64; above 2\^53 - 1 as text/;
    expect(event.type === 'refused' && event.problems).toMatchObject([
      { reason: expect.stringMatching(reason) as string },
    ]);
  },
);

test('of a refused VPC the stamp is told, for what stays of it is as old', () => {
  const object = { kind: 'vpc', name: 'v', net6: ['x'] };
  const refused = { type: 'refused', key: { kind: 'vpc', vpc: 'v' }, stamp: '3' };
  for (const more of [{}, { description: 'x'.repeat(RECORD_MAX.octets) }]) {
    const said = { ...object, ...more };
    const text = JSON.stringify({ type: 'put', revision: '7', stamp: '3', object: said });
    expect(eventOfLine({ number: 1, text }, undefined)).toMatchObject(refused);
  }
  const kv = { key: Buffer.from('/podns/v/vpc').toString('base64'), create_revision: '3', mod_revision: '7' };
  for (const more of [{ value: Buffer.from('{"net6":1}').toString('base64') }, { fault: 'is too long' }])
    expect(putEvent({ ...kv, ...more }, { prefix: '/podns/', zone: undefined }, false)).toMatchObject(
      refused,
    );
});
