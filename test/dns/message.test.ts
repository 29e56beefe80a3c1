import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { encodeName, foldInto } from '../../src/dns/name.ts';
import { decodeName } from './decode-name.ts';
import {
  PARSED,
  PARSED_BADVERS,
  PARSED_BAD_COOKIE,
  PARSED_COOKIE_ONLY,
  PARSED_DROP,
  PARSED_FORMERR,
  Query,
} from '../../src/dns/query.ts';
import type { Parsed } from '../../src/dns/query.ts';
import { QUESTION_DB, anyName, anyPacket, header, hex, join, opt, record } from './packets.ts';
import { ROWS } from './rows.ts';

function parse(packet: Uint8Array, query = new Query()): Parsed {
  return parseQuery(packet, 0, packet.length, query);
}

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
      // Only an OPT record that is sound itself is still known.
      if (!query.edns) expect([query.ednsVersion, query.udpSize, query.cookieLength]).toEqual([0, 0, 0]);
      else expect(query.udpSize).toBe(1232);
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
    expect([query.qnameLength, query.edns, query.udpSize]).toEqual([0, true, 1232]);
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
