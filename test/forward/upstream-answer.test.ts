/** Messages of upstreams: what is taken, what is moved, what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildOpt, buildQuery } from '../../src/dns/build.ts';
import { encodeName } from '../../src/dns/name.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Question } from '../../src/forward/question.ts';
import { freshness, matchReply, readAnswer } from '../../src/forward/upstream/upstream-answer.ts';
import type { UpstreamAnswer } from '../../src/forward/upstream/upstream-answer.ts';
import { a, answerTo, makeWorld, questionEnd, requestOf, soa } from './world.ts';

const question: Question = {
  name: encodeName('www.example.com'),
  type: 1,
  class: 1,
  dnssecOk: false,
  checkingDisabled: false,
  marks: new Uint8Array(0),
};
const query = buildQuery({ name: 'www.example.com', type: 1, id: 7 });
const end = questionEnd(query);

/** Header and question of an answer, with these counts, and then these octets. */
function message(counts: [number, number, number], ...octets: Uint8Array[]): Uint8Array {
  const whole = Buffer.concat([answerTo(query), ...octets]);
  counts.forEach((count, i) => whole.writeUInt16BE(count, 6 + 2 * i));
  return new Uint8Array(whole);
}

function record(owner: number[], type: number, data: number[], ttl = 60): Uint8Array {
  return Uint8Array.from([...owner, 0, type, 0, 1, 0, 0, 0, ttl, 0, data.length, ...data]);
}

const OWNER = [0xc0, 0x0c];

describe('an OPT record', () => {
  it('in the midst of additional is taken out, and pointers behind it still lead to their names', () => {
    const ns = record(OWNER, 2, [2, 110, 115, 0xc0, 0x10]);
    const nsAt = end + 12;
    const opt = buildOpt({ size: 4096, options: [{ code: 10, data: new Uint8Array(24) }] });
    const afterOpt = end + ns.length + opt.length;
    const text = message(
      [0, 1, 4],
      ns,
      opt,
      record([3, 97, 98, 99, 0xc0, nsAt], 1, [192, 0, 2, 1]),
      record([0xc0, afterOpt], 1, [192, 0, 2, 2]),
      record([0xc0, nsAt], 15, [0, 5, 1, 120, 0xc0, afterOpt]),
    );
    const answer = readAnswer(text, question)!;
    expect(answer).toMatchObject({ answers: 0, authorities: 1, additionals: 3, edns: true });
    const header = answer.octets.slice();
    header[11] = 3;
    const read = parseMessage(header);
    expect(read.additional.map(({ name, data }) => `${name} ${data}`)).toEqual([
      'abc.ns.example.com. 192.0.2.1',
      'abc.ns.example.com. 192.0.2.2',
      'ns.example.com. 5 x.abc.ns.example.com.',
    ]);
    expect([...answer.ttlOffsets].map((at) => header[at + 3])).toEqual([60, 60, 60, 60]);
  });

  it.each([
    ['twice', message([0, 0, 2], buildOpt({}), buildOpt({}))],
    ['in answer', message([1, 0, 0], buildOpt({}))],
    ['of another owner', message([0, 0, 1], Uint8Array.from([0xc0, 0x0c, ...buildOpt({}).subarray(1)]))],
    [
      'with half an option',
      message([0, 0, 1], Uint8Array.from([...buildOpt({}).subarray(0, 10), 3, 0, 3, 0])),
    ],
  ])('%s is refused', (_, octets) => {
    expect(readAnswer(octets, question)).toBeUndefined();
  });

  it('carries the upper bits of the rcode', () => {
    const opt = buildOpt({});
    opt[5] = 1;
    expect(readAnswer(message([0, 0, 1], opt), question)!.rcode).toBe(16);
  });
});

describe('names and rdata', () => {
  const ok = record(OWNER, 1, [192, 0, 2, 1]);
  it.each([
    ['a pointer to itself', record([0xc0, end], 1, [192, 0, 2, 1])],
    ['a pointer ahead', record([0xc0, end + 2], 1, [192, 0, 2, 1])],
    ['a pointer into the header', record([0xc0, 4], 1, [192, 0, 2, 1])],
    ['a pointer into the midst of a label', record([0xc0, 0x0e], 1, [192, 0, 2, 1])],
    ['a pointer to the TTL of a record', Buffer.concat([ok, record([0xc0, end + 6], 1, [192, 0, 2, 1])])],
    ['a label type that does not exist', record([0x40, 0], 1, [192, 0, 2, 1])],
    ['an A of three octets', record(OWNER, 1, [192, 0, 2])],
    ['an AAAA of four octets', record(OWNER, 28, [192, 0, 2, 1])],
    ['an alias with something behind', record(OWNER, 5, [0xc0, 0x0c, 0])],
    ['a text longer than its rdata', record(OWNER, 16, [5, 97])],
    ['half a service parameter', record(OWNER, 65, [0, 1, 0, 0, 3, 0, 2, 1])],
    ['rdata past the end', Uint8Array.from([...ok.subarray(0, 11), 200, 1, 2])],
  ])('%s breaks the message', (name, octets) => {
    const records = name.includes('TTL of a record') ? 2 : 1;
    expect(readAnswer(message([records, 0, 0], octets), question)).toBeUndefined();
  });

  it('a name of 255 octets is one, one of 256 is none', () => {
    const labels = (last: number): number[] => [
      ...[63, 63, 63].flatMap((length) => [length, ...new Array<number>(length).fill(97)]),
      last,
      ...new Array<number>(last).fill(97),
    ];
    // Behind it `com.`, five octets, by a pointer.
    const com = 12 + 4 + 8;
    expect(
      readAnswer(message([1, 0, 0], record([...labels(57), 0xc0, com], 1, [1, 2, 3, 4])), question),
    ).toBeDefined();
    expect(
      readAnswer(message([1, 0, 0], record([...labels(58), 0xc0, com], 1, [1, 2, 3, 4])), question),
    ).toBeUndefined();
  });

  it('a pointer may lead to a pointer, and a long chain of them is followed once', () => {
    // As far as 14 bits reach.
    const records = Array.from({ length: 1100 }, (_, i) => {
      const before = end + 14 * (i - 1);
      return record(i === 0 ? OWNER : [0xc0 | (before >> 8), before & 255], 10, [i >> 8, i & 255]);
    });
    const answer = readAnswer(message([1100, 0, 0], ...records), question);
    expect(answer!.answers).toBe(1100);
  });

  it('trailing octets are left out', () => {
    const answer = readAnswer(message([1, 0, 0], ok, new Uint8Array(100)), question)!;
    expect(answer.octets).toHaveLength(end + ok.length);
  });

  it('an empty text alone is no data, and not kept', () => {
    const answer = readAnswer(message([1, 0, 0], record(OWNER, 16, [])), { ...question, type: 16 })!;
    expect(answer).toMatchObject({ answers: 0, rcode: 0, found: false });
    expect(freshness(answer).seconds).toBe(0);
  });

  it.each([
    ['an empty text', record(OWNER, 16, []), 1],
    ['a text longer than its rdata', record(OWNER, 16, [5, 97]), 1],
    ['an alias with something behind', record([3, 97, 98, 99, 0], 5, [0xc0, 0x0c, 0]), 1],
    ['an A of three octets', record(OWNER, 1, [192, 0, 2]), 1],
    ['unknown rdata', record(OWNER, 200, [0xff, 0xff, 0xff]), 2],
  ])('%s costs the answer no other record', (_, odd, answers) => {
    const answer = readAnswer(message([2, 0, 0], odd, ok), question)!;
    expect(answer).toMatchObject({ answers, found: true });
    const [last] = parseMessage(withCounts(answer)).answer.slice(-1);
    expect(last).toMatchObject({ name: 'www.example.com.', data: '192.0.2.1' });
  });

  it('a TTL with its top bit set counts as 0, one without it as it is', () => {
    const ttls = [
      [0x80, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff],
      [0x7f, 0xff, 0xff, 0xff],
      [0, 0, 1, 44],
    ];
    const records = ttls.map((ttl, i) => Uint8Array.from([...OWNER, 0, 1, 0, 1, ...ttl, 0, 4, 1, 2, 3, i]));
    const answer = readAnswer(message([4, 0, 0], ...records), question)!;
    expect(parseMessage(withCounts(answer)).answer.map(({ ttl }) => ttl)).toEqual([0, 0, 0x7fffffff, 300]);
    expect(freshness(answer).seconds).toBe(0);
  });
});

/** The octets with the counts in their header: those are for who writes an answer of them. */
function withCounts({ octets, answers, authorities, additionals }: UpstreamAnswer): Uint8Array {
  const whole = Buffer.from(octets);
  [answers, authorities, additionals].forEach((count, i) => whole.writeUInt16BE(count, 6 + 2 * i));
  return new Uint8Array(whole);
}

describe('an RRset is a set', () => {
  const mx = (...exchange: number[]): number[] => [0, 5, ...exchange];
  it('each record once, however its names are written, and names that led into what is gone stay whole', () => {
    const first = record(OWNER, 15, mx(4, 109, 97, 105, 108, 0xc0, 0x10));
    // MAIL.example.com in full, and a name that is a part of this record.
    const twiceAt = end + first.length;
    const inFull = mx(4, 77, 65, 73, 76, ...encodeName('example.com'));
    const twice = record([...encodeName('WWW.example.com')], 15, inFull);
    const mailAt = twiceAt + 17 + 10 + 2;
    const octets = message(
      [4, 0, 1],
      first,
      twice,
      record(OWNER, 15, mx(0xc0, mailAt)),
      record(OWNER, 15, mx(1, 120, 0xc0, mailAt)),
      record([0xc0, mailAt], 1, [192, 0, 2, 9]),
    );
    const answer = readAnswer(octets, { ...question, type: 15 })!;
    expect(answer).toMatchObject({ answers: 2, authorities: 0, additionals: 1, found: true });
    const read = parseMessage(withCounts(answer));
    expect(read.answer.map(({ name, data, ttl }) => `${name} ${ttl} ${data}`)).toEqual([
      'www.example.com. 60 5 mail.example.com.',
      'www.example.com. 60 5 x.MAIL.example.com.',
    ]);
    expect(read.additional.map(({ name, data }) => `${name} ${data}`)).toEqual([
      'MAIL.example.com. 192.0.2.9',
    ]);
    expect(answer.ttlOffsets).toHaveLength(3);
  });

  it('the same record in two sections, and records that differ in case only of their texts, stay', () => {
    const one = record(OWNER, 1, [192, 0, 2, 1]);
    const texts = [record(OWNER, 16, [1, 97]), record(OWNER, 16, [1, 65]), record(OWNER, 16, [1, 97])];
    const answer = readAnswer(message([4, 0, 1], one, ...texts, one), question)!;
    expect(answer).toMatchObject({ answers: 3, additionals: 1 });
  });

  it('five thousand of one record, and as many that differ, are read in one go', () => {
    const many = (of: (i: number) => number[]) =>
      readAnswer(message([4000, 0, 0], ...Array.from({ length: 4000 }, (_, i) => record(OWNER, 10, of(i)))), {
        ...question,
        type: 10,
      })!;
    expect(many(() => [1, 1]).answers).toBe(1);
    expect(many((i) => [i >> 8, i & 255]).answers).toBe(4000);
  });
});

describe('whether an answer holds what was asked for', () => {
  const alias = (owner: number[], target: string): Uint8Array => record(owner, 5, [...encodeName(target)]);
  const address = (name: string): Uint8Array => record([...encodeName(name)], 1, [192, 0, 2, 1]);
  it.each([
    ['an address', [address('WWW.example.COM')], true],
    ['an alias and its address', [alias(OWNER, 'x.test'), address('X.test')], true],
    ['the same the other way round', [address('x.test'), alias(OWNER, 'x.test')], true],
    ['an alias and an address of another', [alias(OWNER, 'x.test'), address('y.test')], false],
    ['an address of another', [address('y.test')], false],
    ['an alias alone', [alias(OWNER, 'x.test')], false],
    ['an alias of itself', [alias(OWNER, 'www.example.com')], false],
    [
      'two aliases of each other',
      [alias(OWNER, 'x.test'), alias([...encodeName('x.test')], 'www.example.com')],
      false,
    ],
  ])('%s: RFC 2308 section 5', (_, records, found) => {
    const answer = readAnswer(message([records.length, 0, 0], ...records), question)!;
    expect(answer.found).toBe(found);
    // Without it, and without an SOA, there is nothing to keep.
    expect(freshness(answer).seconds).toBe(found ? 60 : 0);
  });
});

describe('hostile upstreams', () => {
  const seeds = [
    answerTo(query, { answer: [a(300), a(20, 9)], authority: [soa(60, 60)], edns: {} }),
    answerTo(query, {
      answer: [
        { type: 5, ttl: 30, data: Uint8Array.from([3, 102, 111, 111, 0xc0, 0x10]) },
        { name: 'foo.example.com', type: 1, ttl: 30, data: Uint8Array.of(1, 2, 3, 4) },
        { type: 15, ttl: 30, data: Uint8Array.from([0, 1, 0xc0, 0x0c]) },
        { type: 16, ttl: 30, data: Uint8Array.from([2, 104, 105, 1, 33]) },
        {
          type: 65,
          ttl: 30,
          data: Uint8Array.from([0, 1, 0, 0, 1, 0, 3, 2, 104, 50, 0, 4, 0, 4, 1, 2, 3, 4]),
        },
        { type: 33, ttl: 30, data: Uint8Array.from([0, 1, 0, 2, 0, 3, 1, 97, 0]) },
        { type: 46, ttl: 30, data: new Uint8Array(30) },
      ],
      additional: [a(1, 1, 'a.b.c')],
      edns: { options: [{ code: 15, data: Uint8Array.from([0, 3, 104, 105]) }] },
    }),
    message(
      [0, 0, 2],
      buildOpt({ options: [{ code: 15, data: Uint8Array.from([0, 3]) }] }),
      record([1, 97, 0xc0, 0x10], 2, [1, 98, 0xc0, end + 17]),
    ),
  ];
  const mutation = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom('set', 'cut', 'insert', 'pointer'),
    value: fc.nat(255),
  });

  it('never make the forwarder throw, and what a client gets can always be read', () => {
    let relayed = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(mutation, { maxLength: 6 }),
        fc.constantFrom(512, 600, 1232, 65535),
        fc.nat(40_000),
        (seed, mutations, limit, age) => {
          let octets = Buffer.from(seed);
          for (const { at, kind, value } of mutations) {
            // Id and question stay, or nothing of it would be read.
            const place = at < 10 ? 2 + (at % 10) : Math.min(octets.length - 1, end + at - 10);
            if (place < 2 || (place >= 4 && place < 6)) continue;
            if (kind === 'set') octets[place] = value;
            else if (kind === 'pointer' && place > end) octets[place - 1] = 0xc0 | (value & 1);
            else if (kind === 'cut' && place > end) octets = octets.subarray(0, place);
            else if (kind === 'insert' && place > end) {
              octets = Buffer.concat([
                octets.subarray(0, place),
                Buffer.from([value]),
                octets.subarray(place),
              ]);
            }
          }
          const world = makeWorld({ upstreams: ['192.0.2.1'], random16: () => 7 });
          const parts = { id: 7, limit, tcp: limit === 65535, edns: age % 2 === 0 ? {} : undefined };
          const got = world.ask(parts);
          world.sockets.last.reply(octets);
          if (world.sockets.last.tcp) world.sockets.last.reply(octets);
          world.clock.advance(4000);
          // Once more from the cache, aged.
          const before = world.sockets.order.length;
          world.clock.advance(age);
          got.push(...world.ask(parts));
          world.clock.advance(4000);
          expect(got.length).toBeGreaterThan(0);
          if (got[0]!.rcode !== 2 && before < 2) relayed++;
          expect(world.forwarder.counters.errors).toBe(0);
          expect(world.clock.pending).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 600 },
    );
    // Most mutations hit what is passed on as it is: the test would be blind if all were refused.
    expect(relayed).toBeGreaterThan(90);
  });

  it('never make the matcher or the reader throw, whatever they send', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        matchReply(octets, query, end);
        const message = new Uint8Array([...query.subarray(0, end), ...octets]);
        message.set(octets.subarray(0, 8), 4);
        message.set(query.subarray(4, 6), 4);
        readAnswer(message, question);
      }),
      { numRuns: 2000 },
    );
  });

  it('cannot steer a terminal by what their extended errors say', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'] });
    let octets = new Uint8Array(0);
    world.forwarder.ask(requestOf(), (answer) => (octets = answer.slice()));
    const data = Buffer.concat([Buffer.from([0, 0]), Buffer.from('\u001b[2J\u009b0m red')]);
    world.sockets.last.reply(
      answerTo(world.sockets.last.query, { rcode: 2, edns: { options: [{ code: 15, data }] } }),
    );
    expect(parseMessage(octets).edns!.errors[0]!.text).toBe('192.0.2.1:53: [2J0m red');
  });
});
