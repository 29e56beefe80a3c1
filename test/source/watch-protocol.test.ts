/** Whatever stands in a line becomes an event, and never an exception. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventOfLine } from '../../src/source/watch-protocol.ts';

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
