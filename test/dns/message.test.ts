import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { decodeName, encodeName, foldInto } from '../../src/dns/name.ts';
import {
  PARSED,
  PARSED_BADVERS,
  PARSED_BAD_COOKIE,
  PARSED_COOKIE_ONLY,
  PARSED_DROP,
  PARSED_FORMERR,
  PARSED_NOTIMP,
  Query,
} from '../../src/dns/query.ts';
import type { Parsed } from '../../src/dns/query.ts';
import { QUESTION_DB, anyName, anyPacket, cookie, header, hex, join, opt, record } from './packets.ts';

function parse(packet: Uint8Array, query = new Query()): Parsed {
  return parseQuery(packet, 0, packet.length, query);
}

const IXFR_DB = join(hex('02 6462 00'), hex('00fb 0001'));
const SOA = '00 00 00000001 00000002 00000003 00000004 00000005';
const TSIG = record('03 6b6579 00', 250, '00');

/** One row of what hostile, odd and old clients send, and what becomes of it. */
const ROWS: [string, Parsed, Uint8Array][] = [
  ['nothing', PARSED_DROP, hex('')],
  ['11 octets', PARSED_DROP, header(0x0100, [1, 0, 0, 0]).subarray(0, 11)],
  ['a response', PARSED_DROP, join(header(0x8100, [1, 0, 0, 0]), QUESTION_DB)],
  ['a response with an unknown opcode', PARSED_DROP, join(header(0xf900, [1, 0, 0, 0]), QUESTION_DB)],

  ['the usual question', PARSED, join(header(0x0100, [1, 0, 0, 0]), QUESTION_DB)],
  ['the usual question with OPT', PARSED, join(header(0x0100, [1, 0, 0, 1]), QUESTION_DB, opt(''))],
  ['TC, RA, AA, Z, AD, CD and an rcode set', PARSED, join(header(0x07ff, [1, 0, 0, 0]), QUESTION_DB)],
  ['the root', PARSED, join(header(0, [1, 0, 0, 0]), hex('00 0002 0001'))],
  ['type 0, class 0', PARSED, join(header(0, [1, 0, 0, 0]), hex('00 0000 0000'))],
  ['trailing octets', PARSED, join(header(0, [1, 0, 0, 0]), QUESTION_DB, hex('c0ffee'))],
  ['trailing octets behind OPT', PARSED, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(''), opt(''))],

  ['IQUERY', PARSED_NOTIMP, join(header(0x0900, [1, 0, 0, 0]), QUESTION_DB)],
  [
    'NOTIFY with a SOA',
    PARSED_NOTIMP,
    join(header(0x2400, [1, 1, 0, 0]), QUESTION_DB, record('c00c', 6, SOA)),
  ],
  ['UPDATE', PARSED_NOTIMP, join(header(0x2800, [1, 0, 1, 0]), QUESTION_DB, record('c00c', 1, '01020304'))],
  ['opcode 15, EDNS version 1', PARSED_NOTIMP, join(header(0x7800, [1, 0, 0, 1]), QUESTION_DB, opt('', 1))],
  ['opcode 3 and nothing behind the header', PARSED_NOTIMP, header(0x1800, [1, 0, 0, 0])],

  ['no question', PARSED_FORMERR, header(0x0100, [0, 0, 0, 0])],
  ['no question, OPT without cookie', PARSED_FORMERR, join(header(0, [0, 0, 0, 1]), opt('0003 0000'))],
  ['no question, client cookie', PARSED_COOKIE_ONLY, join(header(0, [0, 0, 0, 1]), opt(cookie(8)))],
  ['no question, both cookies', PARSED_COOKIE_ONLY, join(header(0, [0, 0, 0, 1]), opt(cookie(24)))],
  ['no question, bad cookie', PARSED_FORMERR, join(header(0, [0, 0, 0, 1]), opt(cookie(9)))],
  ['no question, EDNS version 1', PARSED_FORMERR, join(header(0, [0, 0, 0, 1]), opt(cookie(8), 1))],
  ['two questions', PARSED_FORMERR, join(header(0, [2, 0, 0, 0]), QUESTION_DB, QUESTION_DB)],
  ['two questions promised', PARSED_FORMERR, join(header(0, [2, 0, 0, 0]), QUESTION_DB)],

  ['a name that is cut', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('05 6462'))],
  ['a name without its root', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('02 6462'))],
  ['nothing behind the name', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('02 6462 00'))],
  ['half a class', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('02 6462 00 001c 00'))],
  ['a pointer to itself', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('c00c 001c 0001'))],
  ['a pointer into the header', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('c000 001c 0001'))],
  ['a pointer behind a label', PARSED_FORMERR, join(header(0, [1, 0, 0, 0]), hex('02 6462 c00c 001c 0001'))],
  [
    'label type 0x40',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 0]), hex('41 00 00 001c 0001'), hex('00'.repeat(80))),
  ],
  [
    'label type 0x80',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 0]), hex('81 00 00 001c 0001'), hex('00'.repeat(160))),
  ],

  ['counts without records', PARSED_FORMERR, join(header(0, [1, 0, 0, 1]), QUESTION_DB)],
  ['an answer that is not there', PARSED_FORMERR, join(header(0, [1, 1, 0, 0]), QUESTION_DB)],
  ['65,535 of everything', PARSED_FORMERR, join(header(0, [1, 65535, 65535, 65535]), QUESTION_DB, opt(''))],
  [
    'a record cut in its fixed part',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('').subarray(0, 10)),
  ],
  [
    'RDLENGTH past the end',
    PARSED_FORMERR,
    join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c00c', 1, '0102', 4)),
  ],
  ['extra records', PARSED, join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c00c', 1, '01020304'))],
  [
    'an owner that points to itself',
    PARSED_FORMERR,
    join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c014', 1, '')),
  ],
  [
    'an owner that points forward',
    PARSED_FORMERR,
    join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c015', 1, '')),
  ],
  [
    'an owner that points into the header',
    PARSED_FORMERR,
    join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c00b', 1, '')),
  ],
  [
    'an owner of label type 0x40',
    PARSED_FORMERR,
    join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('41 00 00', 1, '')),
  ],
  ['an owner that is cut', PARSED_FORMERR, join(header(0, [1, 1, 0, 0]), QUESTION_DB, hex('05 61'))],
  ['an owner cut in its pointer', PARSED_FORMERR, join(header(0, [1, 1, 0, 0]), QUESTION_DB, hex('c0'))],

  ['IXFR with its SOA', PARSED, join(header(0, [1, 0, 1, 0]), IXFR_DB, record('c00c', 6, SOA))],
  ['TSIG', PARSED, join(header(0, [1, 0, 0, 1]), QUESTION_DB, TSIG)],
  ['OPT and TSIG', PARSED, join(header(0, [1, 0, 0, 2]), QUESTION_DB, opt(''), TSIG)],

  ['two OPT', PARSED_FORMERR, join(header(0, [1, 0, 0, 2]), QUESTION_DB, opt(''), opt(''))],
  [
    'two OPT, the first of version 1',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 2]), QUESTION_DB, opt('', 1), opt('')),
  ],
  ['OPT in answer', PARSED_FORMERR, join(header(0, [1, 1, 0, 0]), QUESTION_DB, opt(''))],
  ['OPT in authority', PARSED_FORMERR, join(header(0, [1, 0, 1, 0]), QUESTION_DB, opt(''))],
  ['OPT of a name', PARSED_FORMERR, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 0, '0161 00'))],
  [
    'OPT of a pointer to the name',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 0, 'c00c')),
  ],
  [
    'OPT of a pointer to the root octet',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 0, 'c00f')),
  ],
  [
    'OPT longer than the message',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 0, '00', 1)),
  ],
  ['an option longer than OPT', PARSED_FORMERR, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('0003 0001'))],
  ['an option cut in its header', PARSED_FORMERR, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('000300'))],
  ['unknown options', PARSED, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('ffff 0002 beef'.repeat(20)))],
  [
    'padding and client subnet',
    PARSED,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('000c 0003 000000 0008 0004 00010000')),
  ],

  ['EDNS version 1', PARSED_BADVERS, join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 1))],
  [
    'EDNS version 255, bad cookie',
    PARSED_BADVERS,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(7), 255)),
  ],
  [
    'EDNS version 1, broken options',
    PARSED_BADVERS,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('0003 0001', 1)),
  ],
  [
    'EDNS version 1 and a record cut off',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 2]), QUESTION_DB, opt('', 1), hex('00')),
  ],
  [
    'two cookies, the first good',
    PARSED,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(8) + cookie(7))),
  ],
  [
    'two cookies, the first bad',
    PARSED_BAD_COOKIE,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(7) + cookie(8))),
  ],
  [
    'a bad cookie and a broken option',
    PARSED_FORMERR,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(7) + '00')),
  ],
  ...[0, 1, 7, 9, 15, 41].map((length): [string, Parsed, Uint8Array] => [
    `a cookie of ${length}`,
    PARSED_BAD_COOKIE,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(length))),
  ]),
  ...[8, 16, 24, 40].map((length): [string, Parsed, Uint8Array] => [
    `a cookie of ${length}`,
    PARSED,
    join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt(cookie(length))),
  ]),
];

describe('what becomes of a packet', () => {
  test.each(ROWS)('%s: %i', (_what, expected, packet) => {
    const query = new Query();
    // What an earlier packet left must not show.
    parse(
      buildQuery({ name: 'old.name', type: 1, edns: { do: true, options: [{ code: 3, data: hex('') }] } }),
      query,
    );
    expect(parse(packet, query)).toBe(expected);
    if (expected === PARSED_DROP) return;
    expect(query.id).toBe(0x1234);
    expect(query.flags).toBe((packet[2] << 8) | packet[3]);
    if (expected === PARSED_FORMERR || expected === PARSED_COOKIE_ONLY) {
      expect([query.qnameLength, query.labelCount, query.qtype === 28]).toEqual([0, 0, false]);
    }
    if (expected === PARSED_FORMERR) {
      expect([query.edns, query.ednsVersion, query.udpSize, query.cookieLength]).toEqual([false, 0, 0, 0]);
    }
    if (expected === PARSED_BADVERS || expected === PARSED_BAD_COOKIE) {
      expect([query.qnameLength, query.edns, query.cookieLength]).toEqual([4, true, 0]);
    }
    expect([query.dnssecOk, query.wantsKeepalive]).toEqual([false, false]);
  });

  test('a question is echoed with NOTIMP where it parses', () => {
    const query = new Query();
    parse(join(header(0x2000, [1, 0, 0, 1]), QUESTION_DB, opt('')), query);
    expect([query.qnameLength, query.edns, query.udpSize]).toEqual([4, true, 1232]);
    parse(join(header(0x2000, [1, 0, 0, 2]), QUESTION_DB, opt('')), query);
    expect([query.qnameLength, query.edns, query.udpSize]).toEqual([0, false, 0]);
  });
});

describe('what a question holds', () => {
  test('name, labels, type and class', () => {
    const query = new Query();
    const packet = buildQuery({ name: 'App-0.SHOP.vpc.internal', type: 28, class: 3, id: 0xfedc });
    expect(parse(packet, query)).toBe(PARSED);
    expect(decodeName(query.name, 0)).toBe('app-0.shop.vpc.internal.');
    expect([query.id, query.flags, query.qtype, query.qclass]).toEqual([0xfedc, 0x0100, 28, 3]);
    expect([query.qnameLength, query.labelCount]).toEqual([25, 4]);
    expect([...query.labelOffsets.subarray(0, 5)]).toEqual([0, 6, 11, 15, 24]);
    expect(query.packet).toBe(packet);
    expect(query.edns).toBe(false);
  });

  test('EDNS fields and options', () => {
    const query = new Query();
    const options = [
      { code: 3, data: hex('') },
      { code: 11, data: hex('') },
      { code: 10, data: hex('0102030405060708') },
    ];
    const packet = buildQuery({ name: '.', type: 2, rd: false, edns: { size: 4096, do: true, options } });
    expect(parse(packet, query)).toBe(PARSED);
    expect([query.qnameLength, query.labelCount, query.flags]).toEqual([1, 0, 0]);
    expect([query.edns, query.ednsVersion, query.udpSize, query.dnssecOk]).toEqual([true, 0, 4096, true]);
    expect([query.wantsNsid, query.wantsKeepalive, query.cookieLength]).toEqual([true, true, 8]);
    expect([...packet.subarray(query.cookieOffset, query.cookieOffset + 8)]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  test('a message in the middle of a buffer', () => {
    const packet = buildQuery({
      name: 'db.shop',
      type: 1,
      edns: { options: [{ code: 10, data: hex('aa'.repeat(8)) }] },
    });
    const buffer = join(hex('ff'.repeat(7)), packet, opt(''));
    const query = new Query();
    expect(parseQuery(buffer, 7, 7 + packet.length, query)).toBe(PARSED);
    expect(decodeName(query.name, 0)).toBe('db.shop.');
    expect(query.start).toBe(7);
    expect(buffer[query.cookieOffset - 1]).toBe(8);
    expect(buffer[query.cookieOffset]).toBe(0xaa);
    expect(parseQuery(buffer, 7, 7 + packet.length - 1, query)).toBe(PARSED_FORMERR);
    // An end behind the buffer is the buffer's own.
    expect(parseQuery(buffer.subarray(0, 7 + packet.length), 7, 9999, query)).toBe(PARSED);
  });

  test('owners count from the start of the message', () => {
    const packet = join(header(0, [1, 1, 0, 0]), QUESTION_DB, record('c00c', 1, '01020304'));
    const query = new Query();
    expect(parseQuery(join(hex('00'.repeat(300)), packet), 300, 300 + packet.length, query)).toBe(PARSED);
  });

  test('the longest names', () => {
    const query = new Query();
    const labels = Array.from({ length: 127 }, () => 'x').join('.');
    expect(parse(buildQuery({ name: labels, type: 1 }), query)).toBe(PARSED);
    expect([query.labelCount, query.qnameLength, query.labelOffsets[127]]).toEqual([127, 255, 254]);

    const longest = encodeName(
      [...Array.from({ length: 3 }, () => 'a'.repeat(63)), 'b'.repeat(61)].join('.'),
    );
    expect(parse(buildQuery({ name: longest, type: 1 }), query)).toBe(PARSED);
    expect([query.labelCount, query.qnameLength]).toEqual([4, 255]);

    const tooLong = join(longest.subarray(0, 254), hex('01 61 00'));
    expect(parse(buildQuery({ name: tooLong, type: 1 }), query)).toBe(PARSED_FORMERR);
    const oneMore = join(
      hex('3f' + '61'.repeat(63)),
      hex('3f' + '61'.repeat(63)),
      hex('3f' + '61'.repeat(63)),
      hex('3e' + '62'.repeat(62) + '00'),
    );
    expect(oneMore.length).toBe(256);
    expect(parse(buildQuery({ name: oneMore, type: 1 }), query)).toBe(PARSED_FORMERR);
    expect(parse(buildQuery({ name: hex('01 61'.repeat(5000) + '00'), type: 1 }), query)).toBe(
      PARSED_FORMERR,
    );
  });
});

describe('for any octets', () => {
  /** What must hold of a query after any packet whatever. */
  function checkInvariants(packet: Uint8Array, start: number, parsed: Parsed, query: Query): void {
    if (query.qnameLength > 0 && parsed !== PARSED_DROP) {
      expect(query.qnameLength).toBeLessThanOrEqual(255);
      expect(query.labelOffsets[query.labelCount]).toBe(query.qnameLength - 1);
      const echo = new Uint8Array(query.qnameLength);
      foldInto(packet, start + 12, query.qnameLength, echo, 0);
      expect(echo).toEqual(query.name.slice(0, query.qnameLength));
      expect(encodeName(decodeName(query.name, 0))).toEqual(echo);
    }
    if (parsed === PARSED || parsed === PARSED_BAD_COOKIE || parsed === PARSED_BADVERS) {
      expect(query.qnameLength).toBeGreaterThan(0);
    }
    if (query.cookieLength > 0) {
      expect(query.cookieOffset + query.cookieLength).toBeLessThanOrEqual(packet.length);
    }
  }

  test('the parser ends, never throws, and never sees past the end', () => {
    const query = new Query();
    fc.assert(
      fc.property(
        fc.oneof(anyPacket, fc.uint8Array({ maxLength: 300 })),
        fc.uint8Array({ maxLength: 20 }),
        (packet, tail) => {
          const parsed = parse(packet, query);
          checkInvariants(packet, 0, parsed, query);
          const seen = [parsed, query.qnameLength, query.edns, query.cookieLength, query.labelCount];
          const longer = join(hex('eeee'), packet, tail);
          expect(parseQuery(longer, 2, 2 + packet.length, query)).toBe(parsed);
          expect([parsed, query.qnameLength, query.edns, query.cookieLength, query.labelCount]).toEqual(seen);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('every prefix of a query, and every octet of it changed', () => {
    const packet = join(
      buildQuery({
        name: 'a.bc.shop',
        type: 28,
        edns: { options: [{ code: 10, data: hex('11'.repeat(24)) }] },
      }),
    );
    const query = new Query();
    for (let end = 0; end < packet.length; end++) {
      expect(parse(packet.subarray(0, end), query)).toBe(end < 12 ? PARSED_DROP : PARSED_FORMERR);
    }
    for (let at = 0; at < packet.length; at++) {
      for (let octet = 0; octet < 256; octet++) {
        const changed = packet.slice();
        changed[at] = octet;
        checkInvariants(changed, 0, parse(changed, query), query);
      }
    }
  });

  test('a built query is read back', () => {
    const edns = fc.option(
      fc.record({
        size: fc.nat(0xffff),
        do: fc.boolean(),
        options: fc.array(
          fc.record({ code: fc.integer({ min: 12, max: 0xffff }), data: fc.uint8Array({ maxLength: 30 }) }),
        ),
      }),
      { nil: undefined },
    );
    const sixteen = fc.nat(0xffff);
    const query = new Query();
    fc.assert(
      fc.property(
        anyName,
        sixteen,
        sixteen,
        sixteen,
        fc.boolean(),
        edns,
        (name, type, recordClass, id, rd, parts) => {
          const packet = buildQuery({ name, type, class: recordClass, id, rd, edns: parts });
          expect(parse(packet, query)).toBe(PARSED);
          const folded = name.slice();
          foldInto(name, 0, name.length, folded, 0);
          expect(query.name.slice(0, query.qnameLength)).toEqual(folded);
          expect([query.qtype, query.qclass, query.id, query.flags]).toEqual([
            type,
            recordClass,
            id,
            rd ? 0x0100 : 0,
          ]);
          expect(query.edns).toBe(parts !== undefined);
          expect(query.udpSize).toBe(parts?.size ?? 0);
          expect(query.dnssecOk).toBe(parts?.do ?? false);
        },
      ),
    );
  });
});
