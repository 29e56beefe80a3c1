/** What is read in one pass is what `JSON.parse` reads: of lines of the usual form, and of whatever else may come. */
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { boundFault } from '../../src/source/validate/bounds.ts';
import { LineSplitter } from '../../src/source/watch/line-splitter.ts';
import { plainLine } from '../../src/source/watch/plain-line.ts';
import { eventOfLine } from '../../src/source/watch/protocol.ts';

const text = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom(
      ...['a', 'db', 'web-0.web', 'A.b', '', 'x'.repeat(300), 'tcp', 'udp', 'n/blue'],
      ...['fd00::1', 'fd00::g', '::ffff:10.0.0.1', '10.0.0.1', '10.0.0'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.constantFrom('a"b', 'a\\b', 'é', '\u0000', '\u007f', '🙂'), fc.string()),
  },
);
const odd = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double(), text, fc.jsonValue());
const orOdd = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: odd });

const attachment = fc.record(
  { overlay: orOdd(text), ip4: orOdd(text), ip6: orOdd(text), pinned: orOdd(fc.boolean()) },
  { requiredKeys: [] },
);
const port = fc.record(
  { name: orOdd(text), protocol: orOdd(text), port: orOdd(fc.integer({ min: -1, max: 70_000 })) },
  { requiredKeys: [] },
);
const object = fc.record(
  {
    kind: fc.constantFrom('pod', 'pod', 'pod', 'service', 'vpc', 'other'),
    vpc: orOdd(text),
    namespace: orOdd(text),
    name: orOdd(text),
    aid: orOdd(text),
    names: orOdd(fc.array(orOdd(text), { maxLength: 4 })),
    ip6: orOdd(text),
    overlays: orOdd(fc.array(orOdd(attachment), { maxLength: 3 })),
    ports: orOdd(fc.array(orOdd(port), { maxLength: 3 })),
    ready: orOdd(fc.boolean()),
  },
  { requiredKeys: ['kind'] },
);
const line = fc.record(
  {
    type: fc.constantFrom('put', 'put', 'delete', 'bookmark', 'other'),
    revision: orOdd(fc.nat().map(String)),
    more: orOdd(fc.boolean()),
    at: orOdd(fc.constantFrom('2026-11-22T10:00:00Z', 'x')),
    stamp: orOdd(fc.oneof(fc.nat(), fc.constantFrom('7', '01', 2 ** 53, 1e21))),
    object: orOdd(object),
  },
  { requiredKeys: ['type', 'revision', 'object'] },
);

/** Members that are not there, and those that are undefined, are the same. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? 'null') as unknown;

/** Whether the line was read in one pass; if so, it was read as it is. */
function check(octets: Buffer): boolean {
  // Something before and behind, as in a chunk.
  const around = Buffer.concat([Buffer.from('}"\n'), octets, Buffer.from('\n{"')]);
  const said = plainLine(around, 3, 3 + octets.length);
  if (said === undefined) return false;
  const whole = octets.toString();
  expect(boundFault(whole, 1)).toBeUndefined();
  const parsed = JSON.parse(whole) as { object: { names?: unknown } };
  const { octets: length, ...rest } = said;
  expect(length).toBe(octets.length);
  expect(plain(rest)).toEqual(parsed);
  const number = 3;
  expect(eventOfLine({ number, text: '', read: said }, undefined)).toEqual(
    eventOfLine({ number, text: whole }, undefined),
  );
  return true;
}

it('reads any line as it is, or not at all', () => {
  let read = 0;
  // Whole members at places that are not theirs, too.
  const pieces = fc.constantFrom(
    '',
    ',',
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    '\\',
    ' ',
    '1',
    'true',
    'null',
    '\u0000',
    '"kind":"pod",',
    ',"more":true',
    'é',
  );
  fc.assert(
    fc.property(line, fc.option(fc.tuple(fc.nat(), fc.nat(3), pieces), { freq: 3 }), (value, change) => {
      let octets = Buffer.from(JSON.stringify(value));
      if (change !== null) {
        const [at, gone, put] = change;
        const from = at % octets.length;
        octets = Buffer.concat([octets.subarray(0, from), Buffer.from(put), octets.subarray(from + gone)]);
      }
      if (check(octets)) read++;
    }),
    { numRuns: 20_000 },
  );
  expect(read).toBeGreaterThan(1000);
});

test('any octets', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => void check(Buffer.from(octets))));
});

const POD = {
  kind: 'pod',
  vpc: 'v',
  namespace: 'n',
  name: 'a.b',
  aid: 'p0123456789',
  names: ['c', 'd'],
  ip6: 'fd00::1',
  overlays: [
    { overlay: 'default', ip4: '10.0.0.1', pinned: false },
    { overlay: 'x', ip6: 'fd00::2' },
  ],
  ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
  ready: true,
};

test.each([
  ['a put with all members', { type: 'put', revision: '7', more: true, at: 'x', stamp: 12, object: POD }],
  [
    'a delete',
    { type: 'delete', revision: '7', object: { kind: 'pod', vpc: 'v', namespace: 'n', name: 'a' } },
  ],
  [
    'empty lists',
    { type: 'put', revision: '7', stamp: '12', object: { ...POD, names: [], ports: [], overlays: [] } },
  ],
])('reads %s', (_, value) => {
  expect(check(Buffer.from(JSON.stringify(value)))).toBe(true);
});

test.each([
  [
    'a member twice',
    '{"type":"put","type":"delete","revision":"7","object":{"kind":"pod","vpc":"a","vpc":"b"}}',
  ],
  ['a member with the letters of another', '{"type":"put","rxvision":"7","object":{"kind":"pod"}}'],
  ['nothing in an object', '{"type":"put","revision":"7","object":{}}'],
  ['a comma at the end', '{"type":"put","revision":"7","object":{"kind":"pod",}}'],
  ['a list without an end', '{"type":"put","revision":"7","object":{"kind":"pod","names":["a"}}'],
  ['a number with a zero before it', '{"type":"put","revision":"7","stamp":01,"object":{"kind":"pod"}}'],
  [
    'a number of many digits',
    '{"type":"put","revision":"7","stamp":1234567890123456,"object":{"kind":"pod"}}',
  ],
  ['an end that is missing', '{"type":"put","revision":"7","object":{"kind":"pod"}'],
  ['something behind it', '{"type":"put","revision":"7","object":{"kind":"pod"}}}'],
  ['a prototype', '{"type":"put","revision":"7","object":{"kind":"pod","__proto__":{"name":"a"}}}'],
  [
    'more than any bound',
    `{"type":"put","revision":"7","object":{"kind":"pod","names":["${'a","'.repeat(2000)}"]}}`,
  ],
])('reads %s as JSON does, or not', (_, text) => {
  check(Buffer.from(text));
});

test('what was read before does not show in what is read', () => {
  const splitter = new LineSplitter(5000, ['object'], plainLine);
  const lines = [POD, { ...POD, vpc: 'w', namespace: 'm' }, POD].map(
    (pod, i) => `${JSON.stringify({ type: 'put', revision: String(i), object: pod })}\n`,
  );
  const octets = Buffer.from(`${lines[0]}{"type":"bookmark","revision":"0"}\r\n${lines[1]}${lines[2]}`);
  for (const size of [1, 7, 100, octets.length]) {
    const found = [];
    for (let from = 0; from < octets.length; from += size)
      found.push(...splitter.push(octets.subarray(from, from + size)));
    expect(found.map(({ text, read }) => (read === undefined ? text : plain(read.object)))).toEqual([
      POD,
      '{"type":"bookmark","revision":"0"}',
      { ...POD, vpc: 'w', namespace: 'm' },
      POD,
    ]);
  }
});
