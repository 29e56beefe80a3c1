/** Reads an upstream's message into what the cache keeps and every client's answer is made of. */
import {
  CLASS_IN,
  HEADER_LENGTH,
  OPTION_EDE,
  RCODE_NXDOMAIN,
  TYPE_ANY,
  TYPE_OPT,
  TYPE_SOA,
} from '../dns/constants.ts';
import { MessageNames } from './message-names.ts';
import { get16, get32, put16 } from '../dns/octets.ts';
import { questionEnd } from './question.ts';
import type { Question } from './question.ts';
import { checkRdata } from './rdata-layout.ts';

/** What a person should know of an answer (RFC 8914). */
export interface ExtendedError {
  code: number;
  text: string;
}

export interface UpstreamAnswer {
  /** The message without its OPT record and what stood behind the last record; of its own, not part of a packet. */
  octets: Uint8Array;
  /** With the upper bits of the OPT record. */
  rcode: number;
  authenticData: boolean;
  /** The upstream had more to say than fitted. */
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
}

/** Longest text of an upstream's extended error that is passed on, in octets. */
const EDE_TEXT_MAX = 160;

const names = new MessageNames();
const offsets = new Uint16Array(65536 / 11 + 1);

const NO_REPLY = 0;
/** Id, direction and question are those of our query. */
export const REPLY = 1;
/** As REPLY, but a header alone, which some servers send for what they cannot or will not read. */
export const REPLY_BARE = 2;

/** Whether `message` replies to our query, octet by octet; anything else is forged, late or confused. */
export function matchReply(message: Uint8Array, query: Uint8Array, end: number): 0 | 1 | 2 {
  if (message.length < HEADER_LENGTH || message[0] !== query[0] || message[1] !== query[1]) return NO_REPLY;
  // QR, and opcode QUERY.
  if ((message[2] & 0xf8) !== 0x80) return NO_REPLY;
  const questions = get16(message, 4);
  if (questions === 0) {
    return message.length === HEADER_LENGTH && (message[3] & 0x0f) !== 0 && get32(message, 6) === 0
      ? REPLY_BARE
      : NO_REPLY;
  }
  if (questions !== 1 || message.length < end) return NO_REPLY;
  for (let i = HEADER_LENGTH; i < end; i++) if (message[i] !== query[i]) return NO_REPLY;
  return REPLY;
}

/**
 * Reads what `matchReply` calls a reply. Undefined when the message breaks the format; of a truncated one the
 * whole records before the break count. Never throws.
 */
export function readAnswer(message: Uint8Array, question: Question): UpstreamAnswer | undefined {
  const recordsAt = questionEnd(question);
  const end = message.length;
  const bare = get16(message, 4) === 0;
  const truncated = (message[2] & 0x02) !== 0;
  const counts = bare ? [0, 0, 0] : [get16(message, 6), get16(message, 8), get16(message, 10)];
  let optAt = -1;
  let optEnd = -1;
  let records = 0;
  let at = bare ? HEADER_LENGTH : recordsAt;
  names.begin(message);
  if (!bare) names.read(HEADER_LENGTH, recordsAt);
  sections: for (let section = 0; section < 3; section++) {
    for (let i = 0; i < counts[section]; i++) {
      const next = readRecord(message, at, end);
      const isOpt = next >= 0 && get16(message, fixedAt) === TYPE_OPT;
      if (next < 0 || (isOpt && (section !== 2 || optAt >= 0 || message[at] !== 0))) {
        if (!truncated) return undefined;
        counts[section] = i;
        counts.fill(0, section + 1);
        break sections;
      }
      if (isOpt) {
        optAt = at;
        optEnd = next;
        names.moveFrom(next);
      } else offsets[records++] = fixedAt + 4 - (optAt >= 0 ? optEnd - optAt : 0);
      at = next;
    }
  }
  const ede = optAt < 0 ? undefined : readEde(message, optAt + 11, optEnd);
  if (ede === null) return undefined;
  const upperRcode = optAt < 0 ? 0 : message[optAt + 5] << 4;
  return {
    octets: bare ? new Uint8Array(0) : withoutOpt(message, at, optAt, optEnd),
    rcode: (message[3] & 0x0f) | upperRcode,
    authenticData: (message[3] & 0x20) !== 0,
    truncated,
    answers: counts[0],
    authorities: counts[1],
    additionals: records - counts[0] - counts[1],
    recordsAt,
    ttlOffsets: offsets.slice(0, records),
    edns: optAt >= 0,
    ede,
  };
}

/** Behind the owner of the record read last. */
let fixedAt = 0;

/** Returns the offset behind the record at `at`, -1 when it is broken. */
function readRecord(message: Uint8Array, at: number, end: number): number {
  fixedAt = names.read(at, end);
  if (fixedAt < 0 || end - fixedAt < 10) return -1;
  const rdata = fixedAt + 10;
  const rdataEnd = rdata + get16(message, fixedAt + 8);
  if (rdataEnd > end) return -1;
  const type = get16(message, fixedAt);
  const sound =
    type === TYPE_OPT || checkRdata(message, names, type, get16(message, fixedAt + 2), rdata, rdataEnd);
  return sound ? rdataEnd : -1;
}

/** A copy up to `end`. Where records follow the OPT record, they move up, and the pointers among them with them. */
function withoutOpt(message: Uint8Array, end: number, optAt: number, optEnd: number): Uint8Array {
  if (optAt < 0) return new Uint8Array(message.subarray(0, end));
  const length = optEnd - optAt;
  const octets = new Uint8Array(end - length);
  octets.set(message.subarray(0, optAt));
  octets.set(message.subarray(optEnd, end), optAt);
  for (const at of names.moved) put16(octets, at - length, get16(message, at) - length);
  return octets;
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
export function freshness(answer: UpstreamAnswer, question: Question): Freshness {
  const { octets, ttlOffsets } = answer;
  let seconds = POSITIVE_MAX;
  let found = false;
  let soa = -1;
  for (let i = 0; i < ttlOffsets.length; i++) {
    const at = ttlOffsets[i];
    const type = get16(octets, at - 4);
    const ttl = get32(octets, at);
    // With its top bit set a TTL counts as 0 (RFC 2181 section 8).
    seconds = Math.min(seconds, ttl > 0x7fffffff ? 0 : ttl);
    if (i < answer.answers) found ||= type === question.type || question.type === TYPE_ANY;
    else if (
      i < answer.answers + answer.authorities &&
      type === TYPE_SOA &&
      get16(octets, at - 2) === CLASS_IN
    ) {
      soa = get32(octets, at + 6 + get16(octets, at + 4) - 4);
    }
  }
  const negative = answer.rcode === RCODE_NXDOMAIN || !found;
  if (!negative) return { seconds, negative };
  return { seconds: soa < 0 ? 0 : Math.min(seconds, soa, NEGATIVE_MAX), negative };
}
