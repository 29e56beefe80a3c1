/** Whatever comes in, nothing is thrown, responses are never answered, and what goes out is well formed. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeOpt, encodeQuery } from '../harness/build.ts';
import { askArbitrary, changeArbitrary, tenantResources, TENANTS } from '../harness/random.ts';
import { openSubject, type Subject } from '../harness/subject.ts';
import { parseWire } from '../harness/wire.ts';

const dns2 = createRequire(import.meta.url)('dns2') as {
  Packet: { parse(bytes: Buffer): { answers: unknown[] } };
};
const red = TENANTS[0]!;
const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);
let subject: Subject;

beforeAll(async () => {
  const pods = fc.sample(changeArbitrary(red), { numRuns: 60, seed: 7 });
  subject = await openSubject({
    config: { forward: 'off' },
    resources: [
      ...TENANTS.flatMap(tenantResources),
      ...pods.flatMap((change) => ('put' in change ? [change.put] : [])),
    ],
    scopes: ['', '@red/alpha'],
    listen: false,
    workers: 0,
    upstreamPort: undefined,
  });
});

afterAll(async () => {
  await subject.close();
});

async function check(packet: Buffer, tcp: boolean): Promise<void> {
  const before = packet.toString('hex');
  const client = { address: '127.0.0.1', port: 4000, scope: '@red/alpha', local: '127.0.0.9', tcp };
  const bytes = await subject.answer(packet, client);
  expect(packet.toString('hex'), 'the query was written to').toBe(before);
  if (packet.length < 12 || (packet[2]! & 0x80) !== 0) {
    expect(bytes).toBeUndefined();
    return;
  }
  expect(bytes, `no answer to ${before}`).toBeDefined();
  const message = parseWire(bytes!);
  expect(message.id).toBe(packet.readUInt16BE(0));
  expect(message.flags.qr).toBe(true);
  expect(message.flags.z || message.flags.ad).toBe(false);
  if (!tcp) expect(bytes!.length).toBeLessThanOrEqual(1232);
  else expect(message.flags.tc).toBe(false);
  // A name with a dot in a label is read otherwise by dns2, but it is read.
  expect(dns2.Packet.parse(Buffer.from(bytes!)).answers.length).toBe(message.answer.length);
}

const options = fc.array(
  fc.record({
    code: fc.integer({ min: 0, max: 16 }),
    hex: fc.uint8Array({ maxLength: 44 }).map((data) => Buffer.from(data).toString('hex')),
  }),
  { maxLength: 4 },
);
const edns = fc.option(
  fc.record({
    size: fc.integer({ min: 0, max: 65_535 }),
    do: fc.boolean(),
    version: fc.constantFrom(0, 0, 0, 1, 255),
    z: fc.integer({ min: 0, max: 0x7fff }),
    extended: fc.integer({ min: 0, max: 255 }),
    options,
  }),
  { nil: undefined },
);
const query = fc
  .record({
    id: fc.integer({ min: 0, max: 65_535 }),
    ask: askArbitrary(red),
    klass: fc.constantFrom('IN', 'IN', 'IN', 'CH', 'HS', 'ANY', 'CLASS0'),
    flags: fc.subarray(['rd', 'cd', 'ad', 'aa', 'tc', 'ra', 'z']),
    opcode: fc.constantFrom(0, 0, 0, 0, 1, 2, 4, 5, 15),
    edns,
  })
  .map((parts) =>
    encodeQuery({
      id: parts.id,
      name: parts.ask.name,
      type: parts.ask.type,
      class: parts.klass,
      flags: parts.flags.join(' '),
      opcode: parts.opcode,
      edns: parts.edns,
    }),
  );

test('sound queries of every kind', async () => {
  await fc.assert(fc.asyncProperty(query, fc.boolean(), check), { numRuns: RUNS * 30 });
}, 120_000);

test('random octets', async () => {
  const octets = fc.uint8Array({ maxLength: 600 }).map((data) => Buffer.from(data));
  await fc.assert(fc.asyncProperty(octets, fc.boolean(), check), { numRuns: RUNS * 30 });
}, 120_000);

test('random octets behind a header that promises a question', async () => {
  const octets = fc
    .tuple(
      fc.integer({ min: 0, max: 65_535 }),
      fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
      fc.uint8Array({ maxLength: 300 }),
    )
    .map(([id, [answers, authorities, additionals], data]) => {
      const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, answers, 0, authorities, 0, additionals]);
      return Buffer.concat([header, data]);
    });
  await fc.assert(fc.asyncProperty(octets, fc.boolean(), check), { numRuns: RUNS * 30 });
}, 120_000);

test('sound queries with a few octets changed, cut off, or added', async () => {
  const edit = fc.record({ at: fc.nat(400), to: fc.integer({ min: 0, max: 255 }) });
  const mutated = fc
    .tuple(
      query,
      fc.array(edit, { maxLength: 4 }),
      fc.nat(400),
      fc.boolean(),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([packet, edits, cut, cuts, tail]) => {
      const copy = Buffer.concat([packet, tail]);
      for (const { at, to } of edits) copy[at % copy.length] = to;
      return cuts ? copy.subarray(0, cut % (copy.length + 1)) : copy;
    });
  await fc.assert(fc.asyncProperty(mutated, fc.boolean(), check), { numRuns: RUNS * 60 });
}, 180_000);

test('many records, pointers and OPTs behind the question', async () => {
  const piece = fc.oneof(
    fc.constant(Buffer.from('c00c00010001000000010004', 'hex')),
    fc.constant(Buffer.from('c000001c0001000000010000', 'hex')),
    edns.map((one) => encodeOpt(one ?? {})),
    fc.uint8Array({ maxLength: 30 }).map((data) => Buffer.from(data)),
  );
  const packet = fc
    .tuple(fc.array(piece, { maxLength: 12 }), fc.nat(6), fc.nat(6))
    .map(([pieces, authorities, additionals]) => {
      const head = encodeQuery({ name: 'p0', type: 'AAAA' });
      head.writeUInt16BE(authorities, 8);
      head.writeUInt16BE(additionals, 10);
      return Buffer.concat([head, ...pieces]);
    });
  await fc.assert(fc.asyncProperty(packet, fc.boolean(), check), { numRuns: RUNS * 30 });
}, 120_000);
