/** Reads an upstream's message into what the cache keeps and every client's answer is made of. */
import {
  CLASS_IN,
  HEADER_LENGTH,
  OPTION_EDE,
  RCODE_NXDOMAIN,
  TYPE_OPT,
  TYPE_SOA,
} from '../../dns/constants.ts';
import { get16, get32 } from '../../dns/octets.ts';
import { questionEnd } from '../question.ts';
import type { Question } from '../question.ts';
import { Records } from '../cache/records.ts';
import { FLAG_AD, FLAG_QR, FLAG_TC, OPCODE_MASK, RCODE_MASK, flagsOf } from '../../dns/flags.ts';

/** What a person should know of an answer (RFC 8914). */
export interface ExtendedError {
  code: number;
  text: string;
}

export interface UpstreamAnswer {
  /** The message without its OPT record and the octets after the last record. */
  octets: Uint8Array;
  /** With the upper bits of the OPT record. */
  rcode: number;
  authenticData: boolean;
  /** The upstream's answer did not fit. */
  truncated: boolean;
  answers: number;
  authorities: number;
  /** Without OPT. */
  additionals: number;
  /** Behind the question. */
  recordsAt: number;
  /** Where each record's TTL stands, in order. */
  ttlOffsets: Uint16Array;
  /** The upstream had an OPT record. */
  edns: boolean;
  /** The first extended error it gave. */
  ede: ExtendedError | undefined;
  /** Its answers hold what was asked for, at the name asked or where that is an alias of. */
  found: boolean;
}

/** Longest text of an upstream's extended error that is passed on, in octets. */
const EDE_TEXT_MAX = 160;

const records = new Records();

const NO_REPLY = 0;
/** Id, direction and question are those of our query. */
const REPLY = 1;
/**
 * As REPLY, but without the question and with an error: some servers send no more than a header, and maybe an OPT
 * record, for what they cannot or will not read.
 */
const REPLY_BARE = 2;

/** Whether `message` replies to our query, octet by octet; anything else is forged, late or confused. */
export function matchReply(message: Uint8Array, query: Uint8Array, end: number): 0 | 1 | 2 {
  if (message.length < HEADER_LENGTH || message[0] !== query[0] || message[1] !== query[1]) return NO_REPLY;
  // The opcode is QUERY.
  if ((flagsOf(message) & (FLAG_QR | OPCODE_MASK)) !== FLAG_QR) return NO_REPLY;
  const questions = get16(message, 4);
  if (questions === 0) {
    return (message[3] & RCODE_MASK) !== 0 && get32(message, 6) === 0 ? REPLY_BARE : NO_REPLY;
  }
  if (questions !== 1 || message.length < end) return NO_REPLY;
  for (let i = HEADER_LENGTH; i < end; i++) if (message[i] !== query[i]) return NO_REPLY;
  return REPLY;
}

/**
 * Reads what `matchReply` calls a reply. Records that are broken, or there twice, are left out. Undefined when the
 * message breaks the format, or nothing of what was asked for is left; of a truncated one the whole records before
 * the break count. Keeps `message`, and may change it. Never throws.
 */
export function readAnswer(message: Uint8Array, question: Question): UpstreamAnswer | undefined {
  const bare = get16(message, 4) === 0;
  const recordsAt = questionEnd(question);
  const truncated = (flagsOf(message) & FLAG_TC) !== 0;
  const counts = bare ? [0, 0, get16(message, 10)] : [6, 8, 10].map((at) => get16(message, at));
  const kept = [0, 0, 0];
  let optAt = -1;
  let optEnd = -1;
  let isBroken = false;
  let at = bare ? HEADER_LENGTH : recordsAt;
  records.begin(message, bare ? 0 : recordsAt);
  sections: for (let section = 0; section < 3; section++) {
    records.beginSection();
    for (let i = 0; i < counts[section]; i++) {
      const next = records.read(at);
      const isOpt = next >= 0 && records.type === TYPE_OPT;
      if (next < 0 || (isOpt && (section !== 2 || optAt >= 0 || message[at] !== 0))) {
        if (!truncated) return undefined;
        break sections;
      }
      if (isOpt) {
        optAt = at;
        optEnd = next;
      } else {
        const { dropped } = records;
        if (!records.add(at, next, section === 0 ? question : undefined) && section === 0) isBroken = true;
        kept[section] += dropped === records.dropped ? 1 : 0;
      }
      at = next;
    }
  }
  const ede = optAt < 0 ? undefined : readEde(message, optAt + 11, optEnd);
  const { found } = records;
  if (ede === null || (isBroken && !found && !truncated)) return undefined;
  const whole = bare ? NOTHING : octetsOf(message, recordsAt, at, optAt, optEnd);
  if (whole === undefined) return undefined;
  clearTopBits(whole);
  const upperRcode = optAt < 0 ? 0 : message[optAt + 5] << 4;
  return {
    ...whole,
    rcode: (message[3] & RCODE_MASK) | upperRcode,
    authenticData: (flagsOf(message) & FLAG_AD) !== 0,
    truncated,
    answers: bare ? 0 : kept[0],
    authorities: bare ? 0 : kept[1],
    additionals: bare ? 0 : kept[2],
    recordsAt,
    edns: optAt >= 0,
    ede,
    found,
  };
}

type Octets = Pick<UpstreamAnswer, 'octets' | 'ttlOffsets'>;

const NOTHING: Octets = { octets: new Uint8Array(0), ttlOffsets: new Uint16Array(0) };

/**
 * What was read up to `end`, without the OPT record; written anew where anything before its end is left out.
 */
function octetsOf(
  message: Uint8Array,
  recordsAt: number,
  end: number,
  optAt: number,
  optEnd: number,
): Octets | undefined {
  if (records.dropped > 0 || (optAt >= 0 && optEnd !== end)) return records.rewritten(recordsAt);
  return { octets: message.subarray(0, optAt < 0 ? end : optAt), ttlOffsets: records.ttlOffsets() };
}

/** With its top bit set a TTL counts as 0 (RFC 2181 section 8). */
function clearTopBits({ octets, ttlOffsets }: Octets): void {
  for (const at of ttlOffsets) if (octets[at] > 0x7f) octets.fill(0, at, at + 4);
}

const decoder = new TextDecoder();

/** The first extended error among the options; null when they break the format. */
function readEde(message: Uint8Array, at: number, end: number): ExtendedError | undefined | null {
  let ede: ExtendedError | undefined;
  while (at < end) {
    if (end - at < 4) return null;
    const code = get16(message, at);
    const length = get16(message, at + 2);
    at += 4;
    if (length > end - at) return null;
    if (code === OPTION_EDE && length >= 2 && ede === undefined) {
      const text = decoder.decode(message.subarray(at + 2, Math.min(at + length, at + 2 + EDE_TEXT_MAX)));
      // What an upstream writes is shown on a person's terminal.
      ede = { code: get16(message, at), text: text.replace(/[^\x20-\x7e]/g, '') };
    }
    at += length;
  }
  return ede;
}

/** Longest time that an answer is kept: positive, and negative (RFC 2308 section 5). Seconds. */
const POSITIVE_MAX = 86_400;
const NEGATIVE_MAX = 10_800;

export interface Freshness {
  /** Seconds for which the answer is fresh; 0: it must not be kept. */
  seconds: number;
  /** There is no such name, or it has no data of that type. */
  negative: boolean;
}

/** How long an answer may be kept: its shortest TTL, and for a negative one its SOA (RFC 2308 sections 3 and 5). */
export function freshness(answer: UpstreamAnswer): Freshness {
  const { octets, ttlOffsets } = answer;
  let seconds = POSITIVE_MAX;
  let soa = -1;
  for (let i = 0; i < ttlOffsets.length; i++) {
    const at = ttlOffsets[i];
    const type = get16(octets, at - 4);
    seconds = Math.min(seconds, get32(octets, at));
    if (
      i >= answer.answers &&
      i < answer.answers + answer.authorities &&
      type === TYPE_SOA &&
      get16(octets, at - 2) === CLASS_IN
    ) {
      soa = get32(octets, at + 6 + get16(octets, at + 4) - 4);
    }
  }
  const negative = answer.rcode === RCODE_NXDOMAIN || !answer.found;
  if (!negative) return { seconds, negative };
  return { seconds: soa < 0 ? 0 : Math.min(seconds, soa, NEGATIVE_MAX), negative };
}
