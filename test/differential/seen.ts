/** An answer as a record of short texts, one a property that must agree between servers. */
import { nameText, typeText } from '../harness/wire-text.ts';
import { parseWire, WireError } from '../harness/wire.ts';
import type { WireMessage, WireRecord } from '../harness/wire.ts';

export const PROPERTIES = [
  'silence',
  'form',
  'rcode',
  'opcode',
  'aa',
  'tc',
  'rd',
  'ra',
  'ad',
  'cd',
  'z',
  'question',
  'answer',
  'soa',
  'authority',
  'additional',
  'opt',
  'nsid',
  'cookie',
  'ede',
  'options',
] as const;
export type Property = (typeof PROPERTIES)[number];
export type Seen = Partial<Record<Property, string>>;

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', '6', '7', '8', 'NOTAUTH'];
const NSID = 3;
const COOKIE = 10;
const EDE = 15;

const TXT = 16;

/** Names folded: which letter case they have depends on what a server compresses against. */
function line({ name, type, class: klass, ttl, text }: WireRecord): string {
  const rdata = type === TXT ? text : text.toLowerCase();
  return `${nameText(name).toLowerCase()} ${ttl} ${klass} ${typeText(type)} ${rdata}`;
}

function lines(records: WireRecord[]): string {
  return records.map(line).sort().join('\n');
}

function edns({ edns }: WireMessage): Seen {
  if (edns === undefined) return { opt: 'none' };
  const of = (code: number): Uint8Array[] =>
    edns.options.filter((option) => option.code === code).map(({ data }) => data);
  const known = [NSID, COOKIE, EDE];
  return {
    opt: `${edns.size} v${edns.version}${edns.do ? ' do' : ''}`,
    nsid: of(NSID).map(String).join(),
    // Secrets differ: the client's half and the whole length can be compared.
    cookie: of(COOKIE)
      .map((data) => `${Buffer.from(data.subarray(0, 8)).toString('hex')} ${data.length}`)
      .join(),
    ede: of(EDE)
      .map((data) => String(data[0]! * 256 + data[1]!))
      .join(),
    options: edns.options
      .filter(({ code }) => !known.includes(code))
      .map(({ code }) => code)
      .join(),
  };
}

/** `question`: the octets of the question section that was sent; undefined where there was none to echo. */
export function see(answer: Buffer | undefined, question: Buffer | undefined): Seen {
  if (answer === undefined) return { silence: 'silent' };
  let message: WireMessage;
  try {
    message = parseWire(answer);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { silence: 'answered', form: error.message };
  }
  const { flags } = message;
  const echoed = question !== undefined && answer.subarray(12, 12 + question.length).equals(question);
  const bit = (name: 'aa' | 'tc' | 'rd' | 'ra' | 'ad' | 'cd' | 'z'): string => (flags[name] ? name : '-');
  return {
    silence: 'answered',
    form: flags.qr ? 'sound' : 'QR=0',
    rcode: RCODES[message.rcode] ?? String(message.rcode),
    opcode: String(flags.opcode),
    aa: bit('aa'),
    tc: bit('tc'),
    rd: bit('rd'),
    ra: bit('ra'),
    ad: bit('ad'),
    cd: bit('cd'),
    z: bit('z'),
    question: message.question.length === 0 ? 'none' : echoed ? 'echoed' : 'altered',
    answer: lines(message.answer),
    soa: lines(message.authority.filter((record) => record.type === 6)),
    authority: lines(message.authority.filter((record) => record.type !== 6)),
    additional: lines(message.additional),
    ...edns(message),
  };
}
