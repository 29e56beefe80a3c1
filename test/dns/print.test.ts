import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { frame } from '../../src/dns/frames.ts';
import { encodeName } from '../../src/dns/name.ts';
import { optionData, parseMessage, type ResourceRecord } from '../../src/dns/print.ts';
import { classText, typeText } from '../../src/dns/text.ts';

/** One line as in a zone file. */
function recordText({ name, ttl, class: of, type, data }: ResourceRecord): string {
  return `${name} ${ttl} ${classText(of)} ${typeText(type)} ${data}`;
}
import { MessageError } from '../../src/dns/rdata.ts';
import { QUESTION_DB, anyName, anyPacket, header, hex, join, opt, record } from './packets.ts';

/** The rdata's text in an answer to `db`; names may point to octet 12. */
function rdataOf(type: number, rdata: string): string {
  return parseMessage(join(header(0x8500, [1, 1, 0, 0]), QUESTION_DB, record('c00c', type, rdata))).answer[0]
    .data;
}

describe('parseMessage', () => {
  test('an answer with everything', () => {
    const whole = join(
      header(0x85b3, [1, 1, 1, 2]),
      hex('02 4462 00 001c 0001'),
      record('c00c', 28, 'fdfd01a8 00000000 00000000 00020001'),
      record('00', 6, '026e73c00c c00c 00000007 00000001 00000002 00000003 00000004'),
      record('c00c', 1, '0a000001'),
      opt('000f 0007 000e 6e6f7420 1b 0003 0002 6e31', 0),
    );
    const message = parseMessage(join(whole, hex('ffff')));
    expect(message).toMatchObject({
      id: 0x1234,
      qr: true,
      opcode: 0,
      aa: true,
      tc: false,
      rd: true,
      ra: true,
      ad: true,
      cd: true,
      rcode: 3,
      question: { name: 'Db.', type: 28, class: 1 },
    });
    expect(message.answer.map(recordText)).toEqual(['Db. 5 IN AAAA fdfd:1a8::2:1']);
    expect(message.authority.map(recordText)).toEqual(['. 5 IN SOA ns.Db. Db. 7 1 2 3 4']);
    expect(message.additional.map(recordText)).toEqual(['Db. 5 IN A 10.0.0.1']);
    expect(message.edns).toMatchObject({ version: 0, size: 1232, do: false });
    expect(message.edns?.errors).toEqual([{ code: 14, text: 'not \\027' }]);
    expect(optionData(message.edns, 3)).toEqual(hex('6e31'));
    expect(optionData(message.edns, 10)).toBeUndefined();
    expect(message.answer[0].rdata).toEqual(hex('fdfd01a8 00000000 00000000 00020001'));
    expect(message.length).toBe(whole.length);
  });

  test('an extended rcode', () => {
    const message = parseMessage(
      join(header(0x8000, [1, 0, 0, 1]), QUESTION_DB, hex('00 0029 04d0 01 00 8000 0000')),
    );
    expect(message.rcode).toBe(16);
    expect(message.edns).toMatchObject({ version: 0, do: true, options: [] });
  });

  test('a header alone', () => {
    expect(parseMessage(header(0x8001, [0, 0, 0, 0]))).toMatchObject({
      rcode: 1,
      question: undefined,
      length: 12,
    });
  });

  test('a query that was built', () => {
    fc.assert(
      fc.property(anyName, fc.nat(0xffff), fc.boolean(), (name, type, rd) => {
        const packet = buildQuery({ name, type, id: 7, rd, ad: true, cd: true, edns: { do: true } });
        const message = parseMessage(packet);
        expect(encodeName(message.question?.name ?? '')).toEqual(name);
        expect(message).toMatchObject({ id: 7, qr: false, rd, ad: true, cd: true, length: packet.length });
        expect([message.question?.type, message.edns?.do, message.edns?.size]).toEqual([type, true, 1232]);
      }),
    );
  });
});

describe('rdata', () => {
  test.each([
    [1, 'c0000201', '192.0.2.1'],
    [28, '00000000 00000000 0000ffff c0000201', '::ffff:192.0.2.1'],
    [2, 'c00c', 'db.'],
    [5, '00', '.'],
    [12, '0161 c00c', 'a.db.'],
    [15, '000a 0161 00', '10 a.'],
    [16, '03 612062 00', '"a b" ""'],
    [16, '04 225c00ff', '"\\"\\\\\\000\\255"'],
    [33, '0000 0000 1f90 0161 c00c', '0 0 8080 a.db.'],
    [65, '0001 00 0001 0006 02 6832 02 6833 0003 0002 01bb', '1 . alpn=h2,h3 port=443'],
    [64, '0001 c00c 0002 0000 0004 0008 01020304 05060708', '1 db. no-default-alpn ipv4hint=1.2.3.4,5.6.7.8'],
    [65, '0001 00 0000 0002 0001 0006 0010' + '00'.repeat(15) + '01', '1 . mandatory=alpn ipv6hint=::1'],
    [65, '0001 00 0001 0006 05 612c625c63', '1 . alpn=a\\\\,b\\\\\\\\c'],
    [65, '0001 00 029b 0003 22 00 61', '1 . key667="\\"\\000a"'],
    [65280, '', '\\# 0'],
    [65280, '0a0b', '\\# 2 0a0b'],
    [43, '0001 08 02 ff', '\\# 5 00010802ff'],
  ])('type %i %s', (type, rdata, text) => {
    expect(rdataOf(type, rdata)).toBe(text);
  });

  test('an address in another class is unknown rdata', () => {
    const chaos = record('c00c', 1, '0102');
    chaos[5] = 3;
    expect(parseMessage(join(header(0x8000, [1, 1, 0, 0]), QUESTION_DB, chaos)).answer[0].data).toBe(
      '\\# 2 0102',
    );
  });

  test.each([
    [1, ''],
    [1, '010203'],
    [1, '0102030405'],
    [28, '00'],
    [2, ''],
    [2, 'c00c 00'],
    [2, '0161'],
    [6, 'c00c c00c 00000001'],
    [16, ''],
    [16, '0261'],
    [33, '0000 0000 1f90'],
    [65, '0001 00 0003 0003 01bb00'],
    [65, '0001 00 0004 0003 010203'],
    [65, '0001 00 0001 0009 02'],
  ])('type %i %j is refused', (type, rdata) => {
    expect(() => rdataOf(type, rdata)).toThrow(MessageError);
  });
});

describe('what breaks the format', () => {
  test.each([
    ['11 octets', hex('00'.repeat(11)), 'less than a header'],
    ['two questions', join(header(0, [2, 0, 0, 0]), QUESTION_DB, QUESTION_DB), '2 questions'],
    ['no question behind its count', header(0, [1, 0, 0, 0]), 'cut off'],
    ['a pointer to itself', join(header(0, [1, 0, 0, 0]), hex('c00c 0001 0001')), 'does not lead back'],
    ['a pointer forward', join(header(0, [1, 0, 0, 0]), hex('c010 0001 0001 00')), 'does not lead back'],
    ['a pointer into the header', join(header(0, [1, 0, 0, 0]), hex('c000 0001 0001')), 'does not lead back'],
    ['a loop of labels', join(header(0, [1, 0, 0, 0]), hex('0161 c00c 0001 0001')), 'does not lead back'],
    ['label type 0x40', join(header(0, [1, 0, 0, 0]), hex('41 00')), 'unknown label type 0x41'],
    [
      'a long name',
      join(header(0, [1, 0, 0, 0]), hex('01 61'.repeat(200) + '00 0001 0001')),
      'longer than 255',
    ],
    ['a cut record', join(header(0, [1, 1, 0, 0]), QUESTION_DB, hex('c00c 0001')), 'cut off'],
    ['two OPT', join(header(0, [1, 0, 0, 2]), QUESTION_DB, opt(''), opt('')), 'OPT record out of its place'],
    ['OPT in answer', join(header(0, [1, 1, 0, 0]), QUESTION_DB, opt('')), 'OPT record out of its place'],
    ['OPT of a name', join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('', 0, '0161 00')), 'out of its place'],
    ['a cut option', join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('0003 0001')), 'cut off'],
    [
      'half an extended error',
      join(header(0, [1, 0, 0, 1]), QUESTION_DB, opt('000f 0001 00')),
      'extended error',
    ],
  ])('%s', (_what, packet, reason) => {
    expect(() => parseMessage(packet)).toThrow(MessageError);
    expect(() => parseMessage(packet)).toThrow(reason);
  });

  test('any octets are read or refused with a MessageError', () => {
    fc.assert(
      fc.property(fc.oneof(anyPacket, fc.uint8Array({ maxLength: 300 })), (packet) => {
        try {
          expect(parseMessage(packet).length).toBeLessThanOrEqual(packet.length);
        } catch (error) {
          expect(error).toBeInstanceOf(MessageError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a chain of pointers through 64 KiB is only as long as a name may be', () => {
    // Each record's owner is a pointer to the one before it: followed for ever it would be quadratic.
    const owners = Array.from({ length: 1000 }, (_, i) => {
      const target = i === 0 ? 12 : 20 + 12 * (i - 1);
      return record((0xc000 | target).toString(16), 1, '').slice();
    });
    const packet = join(header(0x8000, [1, 1000, 0, 0]), QUESTION_DB, ...owners);
    for (let i = 0; i < 1000; i++) packet[20 + 12 * i + 5] = 255;
    const message = parseMessage(packet);
    expect(new Set(message.answer.map((answer) => answer.name))).toEqual(new Set(['db.']));
  });
});

test('frame puts the length first', () => {
  expect(frame(new Uint8Array(258)).subarray(0, 4)).toEqual(hex('0102 0000'));
});
