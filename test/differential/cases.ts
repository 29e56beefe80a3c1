/** Every question of the differential run, as data: names by types, EDNS, flags, opcodes, classes, and broken messages. */
import { encodeName, encodeOpt, encodeQuery, encodeRecord, splitName, u16 } from '../harness/build.ts';
import type { QueryOptions, QueryParts } from '../harness/build.ts';

export interface Case {
  /** Unique; what the list of differences matches: `group: …`. */
  title: string;
  packet: Buffer;
  /** The question section as sent, which an answer must repeat octet by octet. */
  question: Buffer | undefined;
  /** Only for UDP: over TCP servers close the connection, or the question is about UDP. */
  udpOnly: boolean;
}

const ZONE = 'vpc.internal';

/** Types beside the ones that the zone has. */
const TYPES = ['AAAA', 'A', 'SRV', 'TXT', 'MX', 'NS', 'SOA', 'CNAME', 'PTR', 'HTTPS', 'SVCB', 'DS', 'DNSKEY'];
const RARE_TYPES = ['ANY', 'NAPTR', 'CAA', 'TLSA', 'HINFO', 'TYPE0', 'TYPE3', 'TYPE99', 'TYPE65535'];
const META_TYPES = ['MAILB', 'MAILA', 'TKEY', 'TSIG', 'OPT', 'AXFR', 'IXFR'];

/** Names that the zone does not have, and those that it has without records. */
const BESIDE = [
  '@',
  'ns',
  'web',
  'shop',
  'nope',
  'bare',
  'x.bare',
  'half',
  'declared.half',
  'nope.half',
  'hostmaster',
  'nope.web',
  'db.nope',
  'x.ns',
  'x.nope.web',
  'x.db.web',
  'x.y.db.web',
  'nope.app.web',
  'app-0.db.web',
  'dotted.name.web',
  'name.web',
  'x.name.web',
  'com.web',
  'example.com.web',
  'x.a.dotted.name.web',
  'web.web',
  '_tcp.db.web',
  '_udp.db.web',
  '_sctp.db.web',
  '_tcp.four.web',
  'x._tcp.db.web',
  '_nope._tcp.db.web',
  '_sql._udp.db.web',
  '_http._tcp.nope.web',
  '_tcp.nope.web',
  'x._http._tcp.front.web',
  '_tcp.web',
  '_tcp',
  'sql._tcp.db.web',
  '*.web',
  '*',
  '*.db.web',
  '\\000.web',
  'db\\000.web',
  '\\255\\254.web',
  'a\\.dotted.name.web',
  'a\\.dotted\\.name.web',
  'db\\.web',
  'x\\032y.web',
  '\\\\.web',
  `${'l'.repeat(62)}.web`,
  `${'m'.repeat(63)}.web`,
  `${'a.'.repeat(115)}web`,
];
const OUTSIDE = ['.', 'internal.', 'example.com.', 'vpc.internal.example.com.', 'xvpc.internal.', 'com.'];

function full(name: string): string {
  if (name === '@') return `${ZONE}.`;
  return name.endsWith('.') && !name.endsWith('\\.') ? name : `${name}.${ZONE}.`;
}

/** Alternating letter case, another one for each name. */
function mixed(name: string): string {
  return [...name].map((char, i) => ((i * 7 + name.length) % 3 === 0 ? char.toUpperCase() : char)).join('');
}

function sound(title: string, parts: QueryParts, udpOnly = false): Case {
  const packet = encodeQuery({ ...parts, name: full(parts.name) });
  const length = splitName(full(parts.name)).reduce((sum, label) => sum + label.length + 1, 1) + 4;
  return { title, packet, question: packet.subarray(12, 12 + length), udpOnly };
}

const PLAIN: QueryOptions = { size: 1232 };
const cookie = (length: number): QueryOptions => ({
  ...PLAIN,
  options: [
    {
      code: 10,
      hex: '0123456789abcdef'
        .repeat(3)
        .slice(0, 2 * Math.min(length, 24))
        .padEnd(2 * length, '0'),
    },
  ],
});

const EDNS: Record<string, QueryOptions | undefined> = {
  none: undefined,
  'size 0': { size: 0 },
  'size 100': { size: 100 },
  'size 511': { size: 511 },
  'size 512': { size: 512 },
  'size 513': { size: 513 },
  'size 1231': { size: 1231 },
  'size 1232': { size: 1232 },
  'size 4096': { size: 4096 },
  'size 65535': { size: 65535 },
  DO: { ...PLAIN, do: true },
  'Z bits': { ...PLAIN, z: 0x7fff },
  'DO and Z bits': { ...PLAIN, do: true, z: 0x7fff },
  'extended rcode': { ...PLAIN, extended: 255 },
  'version 1': { ...PLAIN, version: 1 },
  'version 255': { ...PLAIN, version: 255 },
  'version 1 with DO': { ...PLAIN, version: 1, do: true },
  'version 1 with options': { ...PLAIN, version: 1, options: [{ code: 65001, hex: 'ff' }] },
  'version 1 with NSID': { ...PLAIN, version: 1, options: [{ code: 3 }] },
  'unknown option': { ...PLAIN, options: [{ code: 65001, hex: '0102' }] },
  'empty unknown option': { ...PLAIN, options: [{ code: 65001 }] },
  'option 0': { ...PLAIN, options: [{ code: 0, hex: '00' }] },
  '20 options': {
    ...PLAIN,
    options: Array.from({ length: 20 }, (_, i) => ({ code: 65001 + i, hex: '00'.repeat(i) })),
  },
  NSID: { ...PLAIN, options: [{ code: 3 }] },
  'NSID with data': { ...PLAIN, options: [{ code: 3, hex: '0102' }] },
  'NSID twice': { ...PLAIN, options: [{ code: 3 }, { code: 3 }] },
  'client subnet': { ...PLAIN, options: [{ code: 8, hex: '000118000a0000' }] },
  padding: { ...PLAIN, options: [{ code: 12, hex: '00'.repeat(64) }] },
  keepalive: { ...PLAIN, options: [{ code: 11 }] },
  expire: { ...PLAIN, options: [{ code: 9 }] },
  'key tag': { ...PLAIN, options: [{ code: 14, hex: '4f66' }] },
  'error in a query': { ...PLAIN, options: [{ code: 15, hex: '0012' }] },
  'client cookie': cookie(8),
  'wrong server cookie': cookie(24),
  'short server cookie': cookie(16),
  'long server cookie': cookie(40),
  'cookie twice': { ...PLAIN, options: [...cookie(8).options!, ...cookie(8).options!] },
  'cookie of 0': cookie(0),
  'cookie of 7': cookie(7),
  'cookie of 9': cookie(9),
  'cookie of 15': cookie(15),
  'cookie of 41': cookie(41),
  'cookie of 7 and then of 8': { ...PLAIN, options: [...cookie(7).options!, ...cookie(8).options!] },
};

/** A positive answer, a negative one, no data, more than fits into 512, and into 1232. */
const TARGETS: [string, string][] = [
  ['db.web', 'AAAA'],
  ['nope.web', 'AAAA'],
  ['db.web', 'MX'],
  ['_sql._tcp.db.web', 'SRV'],
  ['fifteen.web', 'AAAA'],
  ['sixty.web', 'AAAA'],
  ['hundreds.web', 'AAAA'],
  ['_http._tcp.sixty.web', 'SRV'],
];

const question = Buffer.concat([encodeName(full('db.web')), u16(28), u16(1)]);

/** A message of these counts over these octets. */
function raw(counts: [number, number, number, number], ...parts: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 1, 0]), ...counts.map(u16), ...parts]);
}

const opt = encodeOpt(PLAIN);
const address = encodeRecord('db.web.vpc.internal.', 1, 1, 0, Buffer.from([192, 0, 2, 1]));
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const BROKEN: Record<string, Buffer> = {
  'nothing at all': Buffer.alloc(0),
  'one octet': Buffer.from([1]),
  'eleven octets': raw([1, 0, 0, 0]).subarray(0, 11),
  'a response': (() => {
    const packet = raw([1, 0, 0, 0], question);
    packet[2] = 0x81;
    return packet;
  })(),
  'a header alone that promises a question': raw([1, 0, 0, 0]),
  'a question without its class': raw([1, 0, 0, 0], question.subarray(0, -2)),
  'a question without type and class': raw([1, 0, 0, 0], question.subarray(0, -4)),
  'a cut name': raw([1, 0, 0, 0], hex('04 6162')),
  'a name without its end': raw([1, 0, 0, 0], hex('0161 0162')),
  'a pointer to itself': raw([1, 0, 0, 0], hex('c00c 001c 0001')),
  'a pointer into the header': raw([1, 0, 0, 0], hex('c004 001c 0001')),
  'a pointer forward': raw([1, 0, 0, 0], hex('c010 001c 0001 00')),
  'a label and then a pointer': raw([1, 0, 0, 0], hex('026462 c00c 001c 0001')),
  'half a pointer': raw([1, 0, 0, 0], hex('c0')),
  'label type 0x40': raw([1, 0, 0, 0], hex('4161 00 001c 0001'), Buffer.alloc(80)),
  'label type 0x80': raw([1, 0, 0, 0], hex('8161 00 001c 0001'), Buffer.alloc(160)),
  'a name of 256 octets': raw(
    [1, 0, 0, 0],
    encodeName(`${`${'a'.repeat(63)}.`.repeat(3)}${'b'.repeat(62)}.`),
    hex('001c 0001'),
  ),
  'a name of 300 octets': raw([1, 0, 0, 0], encodeName(`${'a'.repeat(49)}.`.repeat(6)), hex('001c 0001')),
  'no question': raw([0, 0, 0, 0]),
  'no question, with OPT': raw([0, 0, 0, 1], opt),
  'no question, with a cookie': raw([0, 0, 0, 1], encodeOpt(cookie(8))),
  'two questions': raw([2, 0, 0, 0], question, question),
  'two promised, one question': raw([2, 0, 0, 0], question),
  '65535 questions': raw([65535, 0, 0, 0], question),
  'an answer promised': raw([1, 1, 0, 0], question),
  'an authority promised': raw([1, 0, 1, 0], question),
  'an additional promised': raw([1, 0, 0, 1], question),
  'all promised': raw([1, 65535, 65535, 65535], question),
  'an answer in a query': raw([1, 1, 0, 0], question, address),
  'an authority in a query': raw([1, 0, 1, 0], question, address),
  'an additional in a query': raw([1, 0, 0, 1], question, address),
  'an additional before OPT': raw([1, 0, 0, 2], question, address, opt),
  'an additional behind OPT': raw([1, 0, 0, 2], question, opt, address),
  'trailing octets': raw([1, 0, 0, 0], question, hex('0102030405')),
  'trailing octets behind OPT': raw([1, 0, 0, 1], question, opt, hex('00')),
  'an OPT that no count promises': raw([1, 0, 0, 0], question, opt),
  'two OPT': raw([1, 0, 0, 2], question, opt, opt),
  'OPT owned by a name': raw([1, 0, 0, 1], question, hex('0161 00'), opt.subarray(1)),
  'OPT owned by a pointer to the root': raw([1, 0, 0, 1], question, hex('c01d'), opt.subarray(1)),
  'OPT in answer': raw([1, 1, 0, 0], question, opt),
  'OPT in authority': raw([1, 0, 1, 0], question, opt),
  'an option past the OPT': raw([1, 0, 0, 1], question, hex('00 0029 04d0 00000000 0005 0003 0009 00')),
  'half an option': raw([1, 0, 0, 1], question, hex('00 0029 04d0 00000000 0003 0003 00')),
  'OPT past the message': raw([1, 0, 0, 1], question, hex('00 0029 04d0 00000000 0100 0003 0000')),
  'a cut OPT': raw([1, 0, 0, 1], question, opt.subarray(0, 8)),
  'a record past the message': raw([1, 0, 0, 1], question, address.subarray(0, -1)),
  'a record owned by a pointer to itself': raw([1, 0, 0, 1], question, hex('c026 0001 0001 00000000 0000')),
};

function titled(): Case[] {
  const all: Case[] = [];
  for (const type of ['AAAA', 'MX', 'ANY', 'SOA']) {
    for (const name of OUTSIDE) all.push(sound(`outside: ${name} ${type}`, { name, type, edns: PLAIN }));
  }
  for (const type of META_TYPES) {
    for (const [name, edns] of [
      ['db.web', PLAIN],
      ['nope.web', undefined],
      ['@', PLAIN],
    ] as const) {
      all.push(
        sound(
          `meta: ${name} ${type}${edns === undefined ? ' without EDNS' : ''}`,
          { name, type, edns },
          true,
        ),
      );
    }
  }
  for (const [what, edns] of Object.entries(EDNS)) {
    for (const [name, type] of TARGETS) {
      all.push(sound(`edns: ${what}, ${name} ${type}`, { name, type, edns }));
    }
    all.push(sound(`edns: ${what}, example.com AAAA`, { name: 'example.com.', type: 'AAAA', edns }));
  }
  for (const flags of [
    '',
    'rd',
    'cd',
    'ad',
    'rd cd',
    'rd ad',
    'aa',
    'tc',
    'ra',
    'z',
    'rd cd ad aa tc ra z',
  ]) {
    for (const name of ['db.web', 'nope.web']) {
      for (const edns of [undefined, PLAIN]) {
        all.push(
          sound(`flags: "${flags}" ${name}${edns === undefined ? '' : ' with EDNS'}`, { name, flags, edns }),
        );
      }
    }
  }
  for (const rcode of [1, 3, 15])
    all.push(sound(`rcode: ${rcode} in the query`, { name: 'db.web', rcode, edns: PLAIN }));
  for (let opcode = 1; opcode < 16; opcode++) {
    for (const edns of [undefined, PLAIN]) {
      const title = `opcode: ${opcode}${edns === undefined ? '' : ' with EDNS'}`;
      all.push(sound(title, { name: 'db.web', flags: 'rd cd', opcode, edns }));
    }
    all.push({
      ...sound('', { name: 'db.web', opcode, edns: { version: 1 } }),
      title: `opcode: ${opcode} with EDNS version 1`,
    });
  }
  for (const klass of ['CLASS0', 'CLASS2', 'HS', 'NONE', 'CLASS1000', 'ANY', 'CLASS65535']) {
    for (const edns of [undefined, PLAIN]) {
      const title = `class: ${klass}${edns === undefined ? '' : ' with EDNS'}`;
      all.push(sound(title, { name: 'db.web', class: klass, edns }));
    }
  }
  for (const name of [
    'version.bind.',
    'version.server.',
    'id.server.',
    'hostname.bind.',
    'authors.bind.',
    'db.web',
  ]) {
    for (const type of ['TXT', 'AAAA', 'ANY']) {
      all.push(sound(`chaos: ${name} ${type}`, { name, type, class: 'CH', edns: PLAIN }));
    }
  }
  for (const [what, packet] of Object.entries(BROKEN)) {
    const echo = packet.length >= 12 + question.length ? question : undefined;
    all.push({ title: `broken: ${what}`, packet, question: echo, udpOnly: true });
  }
  return all;
}

/** True where some server may say that the message itself is wrong. */
export function mayBeError({ title }: Case): boolean {
  return /^(broken|opcode|class|rcode|meta|chaos|edns: (cookie of|version|NSID twice))/.test(title);
}

/** `owners`: of the zone's records, below Z. */
export function cases(owners: string[]): Case[] {
  const all: Case[] = [];
  // Many pods of one name are many alike: the first and the last of them stand for all.
  const few = owners.filter(
    (owner) => !/(^|\.)[fsh][0-9a-f]+\./.test(owner) || /(^|\.)[fsh](1|3c|64)\./.test(owner),
  );
  for (const owner of few.filter((owner) => !/^p[0-9a-f]{10}\./.test(owner) || /^p[01]/.test(owner))) {
    for (const type of [...TYPES, ...RARE_TYPES]) {
      const udpOnly = RARE_TYPES.includes(type);
      all.push(sound(`name: ${owner} ${type}`, { name: owner, type, edns: PLAIN }, udpOnly));
    }
    for (const type of ['AAAA', 'SRV', 'MX']) {
      all.push(sound(`name: ${owner} ${type} without EDNS`, { name: owner, type }));
      all.push(sound(`case: ${owner} ${type}`, { name: mixed(owner), type, edns: PLAIN }, true));
    }
    for (const label of ['x', '_tcp']) {
      if (full(`${label}.${owner}`).length > 254) continue;
      all.push(sound(`below: ${label}.${owner}`, { name: `${label}.${owner}`, edns: PLAIN }));
    }
  }
  for (const owner of owners) {
    for (const type of ['AAAA', 'A', 'SRV'])
      all.push(sound(`every: ${owner} ${type}`, { name: owner, type, edns: PLAIN }, true));
  }
  for (const name of BESIDE) {
    for (const type of [...TYPES, ...RARE_TYPES]) {
      all.push(sound(`beside: ${name} ${type}`, { name, type, edns: PLAIN }));
    }
    all.push(sound(`beside: ${name} in mixed case`, { name: mixed(name), edns: PLAIN }));
    all.push(sound(`beside: ${name} without EDNS`, { name }));
  }
  all.push(...titled());
  const distinct = new Map(all.filter(({ packet }) => packet.length < 600).map((one) => [one.title, one]));
  return [...distinct.values()];
}
