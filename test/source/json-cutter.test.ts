/** Cut in pieces, a JSON text says what it says whole, wherever its chunks end. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonCutter, outlineOf, type Piece } from '../../src/source/watch/json-cutter.ts';
import { keyOf } from '../../src/source/validate/json-outline.ts';

type Json = Record<string, unknown>;

function cut(text: string, cuts: number[], paths: string[][], most = 100_000, outline?: string[]) {
  const bytes = Buffer.from(text);
  const cutter = new JsonCutter({ paths, most, outline });
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const pieces = borders.slice(1).flatMap((end, i): Piece[] => cutter.push(bytes.subarray(borders[i], end)));
  return { pieces, ...cutter.end() };
}

const cuts = fc.array(fc.nat(5000), { maxLength: 12 });
const value = fc.oneof(
  fc.jsonValue(),
  fc.string().map((text) => `${text}"\\]}{[,: `),
  fc.constantFrom('\\', '"', '\\"', '', 'x'.repeat(200), `${'x'.repeat(100)}\\${'"'.repeat(60)}`),
);

test('lists and objects anywhere: the pieces in order, and the frame around them', () => {
  const pods = fc.dictionary(fc.string(), value, { maxKeys: 6 });
  const view = fc.record({ rest: value, pod: pods, srv: fc.array(value, { maxLength: 6 }), V: value });
  fc.assert(
    fc.property(view, cuts, fc.boolean(), (v, at, spaced) => {
      const text = JSON.stringify({ a: v.rest, V: v, b: [v.rest] }, undefined, spaced ? 2 : 0);
      const { pieces, frame, fault } = cut(text, at, [
        ['V', 'pod'],
        ['V', 'srv'],
      ]);
      expect(fault).toBeUndefined();
      const whole = JSON.parse(text) as { V: Json };
      expect(frame).toEqual({ ...whole, V: { ...whole.V, pod: {}, srv: [] } });
      const found = pieces.map(({ path, key, text }) => [
        path,
        path === 0 ? keyOf(key) : '',
        JSON.parse(text),
      ]);
      const expected = [
        ...Object.entries(whole.V.pod as Json).map(([key, entry]) => [0, key, entry]),
        ...(whole.V.srv as unknown[]).map((entry) => [1, '', entry]),
      ];
      expect(found).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('what is no JSON between or around the pieces is a fault, whatever the pieces are', () => {
  const wrong = [
    '{"a":[1 2]}',
    '{"a":[1,]}',
    '{"a":[,1]}',
    '{"a":[1}',
    '{"a":[1]',
    '{"a":[1]}}',
    '{"a":[1]} {}',
    '{"a":[1]x}',
    '{"a":{"k" 1}}',
    '{"a":{k:1}}',
    '{"a":{"k":}}',
    '{"a":{"k":1,}}',
    '"a',
    '[',
    '{"a":["x',
  ];
  for (const text of wrong) {
    const { frame, fault } = cut(text, [], [['a']]);
    expect([text, frame, typeof fault]).toEqual([text, undefined, 'string']);
  }
  expect(cut(' \r ', [], [['a']])).toEqual({ pieces: [], frame: undefined });
});

test('any octets at all are pieces or a fault, never an exception', () => {
  const soup = fc.array(fc.constantFrom(...'{}[],:"\\a1 \n'.split(''), '"a":', '{"a":[', 'é'), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(soup, cuts, (parts, at) => {
      const { pieces } = cut(`{"a":${parts.join('')}`, at, [['a'], []], 20, []);
      for (const { text, fault } of pieces) expect(text === '').toBe(fault !== undefined);
    }),
    { numRuns: 2000 },
  );
});

test('of a piece that is too long the short members are known, wherever its chunks end', () => {
  const kv = { key: 'a2V5', mod_revision: '7', value: 'x'.repeat(3000), more: [1, 2, 3] };
  const text = JSON.stringify({ result: { events: [{ type: 'PUT', kv }, { type: 'DELETE' }] } });
  fc.assert(
    fc.property(cuts, (at) => {
      const { pieces } = cut(text, at, [['result', 'events']], 500, ['kv']);
      expect(pieces[0]!.fault).toMatch(/^has \d+ octets, at most 500/);
      expect(pieces[0]!.outline!.frame).toEqual({ type: 'PUT', kv: {} });
      expect([...pieces[0]!.outline!.members]).toEqual([
        ['key', '"a2V5"'],
        ['mod_revision', '"7"'],
        ['more', '[1,2,3]'],
      ]);
      expect(pieces[1]).toMatchObject({ text: '{"type":"DELETE"}' });
    }),
  );
});

test('an outline costs no stack, however deep the text is, and keeps no more than it must', () => {
  const deep = `{"name":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)},"k":${'"v"'}}`;
  expect([...outlineOf(Buffer.from(deep), [])!.members.keys()]).toEqual(['name', 'k']);
  const wide = `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":1`).join()}}`;
  expect(outlineOf(Buffer.from(wide), [])!.members.size).toBe(64);
});
