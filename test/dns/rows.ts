/** What hostile, odd and old clients send, and what becomes of it: one row a packet. */
import {
  PARSED,
  PARSED_BADVERS,
  PARSED_BAD_COOKIE,
  PARSED_COOKIE_ONLY,
  PARSED_DROP,
  PARSED_FORMERR,
  PARSED_NOTIMP,
} from '../../src/dns/query.ts';
import type { Parsed } from '../../src/dns/query.ts';
import { QUESTION_DB, cookie, header, hex, join, opt, record } from './packets.ts';

const IXFR_DB = join(hex('02 6462 00'), hex('00fb 0001'));
const SOA = '00 00 00000001 00000002 00000003 00000004 00000005';
const TSIG = record('03 6b6579 00', 250, '00');

/** Title, outcome, packet; the id is 0x1234, and a question that parses is `db` or `db` IXFR. */
export const ROWS: [string, Parsed, Uint8Array][] = [
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
