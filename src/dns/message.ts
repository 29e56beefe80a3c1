/**
 * Parses a query packet into the reused Query: header, question, the records after it and EDNS, without allocation.
 */
import {
  HEADER_LENGTH,
  OPTION_COOKIE,
  OPTION_KEEPALIVE,
  OPTION_LOCAL_FIRST,
  OPTION_NSID,
  TYPE_OPT,
} from './constants.ts';
import { EDNS_DO, FLAG_QR, OPCODE_MASK } from './flags.ts';
import { fold, foldWord } from './name.ts';
import { LITTLE_ENDIAN } from './octets.ts';
import {
  PARSED,
  PARSED_BADVERS,
  PARSED_BAD_COOKIE,
  PARSED_COOKIE_ONLY,
  PARSED_DROP,
  PARSED_FORMERR,
  PARSED_NOTIMP,
} from './query.ts';
import type { Parsed, Query } from './query.ts';

/** TYPE, CLASS, TTL and RDLENGTH: what stands between a record's owner and its rdata. */
const RECORD_FIXED_LENGTH = 10;
/** QTYPE and QCLASS. */
const QUESTION_FIXED_LENGTH = 4;
/** Longest sum of length octets and label octets before the root octet. */
const LABELS_LENGTH_MAX = 254;

/**
 * Parses the message `packet[start … end)` into `query`, of which every field is set anew. Never throws and
 * never reads past `end`; works in time linear to the message.
 *
 * When it is not PARSED, the fields hold what the docstring of that outcome describes: after FORMERR there is no
 * question, and EDNS only where a sound OPT record was found; after DROP nothing counts.
 */
export function parseQuery(packet: Uint8Array, start: number, end: number, query: Query): Parsed {
  // Transports that receive into memory of their own use the same for every packet: then this allocates nothing.
  if (packet !== query.packet) {
    query.packet = packet;
    query.octets = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  }
  query.start = start;
  clearQuestion(query);
  clearEdns(query);
  if (end > packet.length) end = packet.length;
  if (end - start < HEADER_LENGTH) return PARSED_DROP;
  query.id = (packet[start] << 8) | packet[start + 1];
  const flags = (packet[start + 2] << 8) | packet[start + 3];
  query.flags = flags;
  // A response: answering it could go on for ever between two servers.
  if ((flags & FLAG_QR) !== 0) return PARSED_DROP;

  const parsed = parseBody(packet, start, end, query);
  if (parsed === PARSED_FORMERR) clearQuestion(query);
  return (flags & OPCODE_MASK) !== 0 ? PARSED_NOTIMP : parsed;
}

function clearQuestion(query: Query): void {
  query.qnameLength = 0;
  query.labelCount = 0;
  query.qtype = 0;
  query.qclass = 0;
}

function clearEdns(query: Query): void {
  query.edns = false;
  query.ednsVersion = 0;
  query.udpSize = 0;
  query.dnssecOk = false;
  query.wantsNsid = false;
  query.wantsKeepalive = false;
  query.hasLocalOption = false;
  query.cookieOffset = 0;
  query.cookieLength = 0;
}

/** Everything after the first four octets. */
function parseBody(packet: Uint8Array, start: number, end: number, query: Query): Parsed {
  const questions = (packet[start + 4] << 8) | packet[start + 5];
  const answers = (packet[start + 6] << 8) | packet[start + 7];
  const authorities = (packet[start + 8] << 8) | packet[start + 9];
  const additionals = (packet[start + 10] << 8) | packet[start + 11];
  let at = start + HEADER_LENGTH;
  if (questions === 1) {
    at = parseQuestion(packet, at, end, query);
    if (at < 0) return PARSED_FORMERR;
  } else {
    // The result is FORMERR, but an OPT record after the questions asks for one in the reply.
    for (let i = 0; i < questions; i++) {
      at = skipName(packet, start, at, end);
      if (at < 0 || end - at < QUESTION_FIXED_LENGTH) return PARSED_FORMERR;
      at += QUESTION_FIXED_LENGTH;
    }
  }

  let parsed: Parsed = PARSED;
  const behindQuestion = answers + authorities;
  const records = behindQuestion + additionals;
  // At most one round for the usual query; a message without room for the promised records ends the loop.
  for (let i = 0; i < records; i++) {
    const owner = at;
    at = skipName(packet, start, at, end);
    if (at < 0 || end - at < RECORD_FIXED_LENGTH) return PARSED_FORMERR;
    const rdata = at + RECORD_FIXED_LENGTH;
    const rdataEnd = rdata + ((packet[at + 8] << 8) | packet[at + 9]);
    if (rdataEnd > end) return PARSED_FORMERR;
    if (((packet[at] << 8) | packet[at + 1]) === TYPE_OPT) {
      // One OPT, in additional, owned by the root (RFC 6891 section 6.1.1); a pointer to a root is not one.
      if (i < behindQuestion || query.edns || packet[owner] !== 0) return unsoundOpt(query);
      query.edns = true;
      query.udpSize = (packet[at + 2] << 8) | packet[at + 3];
      query.ednsVersion = packet[at + 5];
      query.dnssecOk = ((packet[at + 6] << 8) & EDNS_DO) !== 0;
      // Options of a version that we do not know may have any form.
      parsed = query.ednsVersion === 0 ? parseOptions(packet, rdata, rdataEnd, query) : PARSED_BADVERS;
      if (parsed === PARSED_FORMERR) return unsoundOpt(query);
    }
    at = rdataEnd;
  }
  if (questions === 1) return parsed;
  const isCookie = questions === 0 && parsed === PARSED && query.cookieLength !== 0;
  return isCookie ? PARSED_COOKIE_ONLY : PARSED_FORMERR;
}

/** A broken OPT record gets no OPT record in the reply. */
function unsoundOpt(query: Query): Parsed {
  clearEdns(query);
  return PARSED_FORMERR;
}

/** Folds QNAME into the query, reads QTYPE and QCLASS. Returns the offset after it, -1 when the question is broken. */
function parseQuestion(packet: Uint8Array, at: number, end: number, query: Query): number {
  const name = query.name;
  const labelOffsets = query.labelOffsets;
  let length = 0;
  let labels = 0;
  for (;;) {
    // Four octets of type and class must follow the root octet, so this bound serves the whole question.
    if (end - at < 5) return -1;
    const label = packet[at];
    labelOffsets[labels] = length;
    if (label === 0) break;
    // Longer: a pointer, which has nothing to point to here, or a label type that does not exist.
    if (label > 63 || length + label + 1 > LABELS_LENGTH_MAX || end - at <= label) return -1;
    labels++;
    length += label + 1;
    at += label + 1;
  }
  const from = at - length;
  let folded = 0;
  // Length octets are below `A` and so fold to themselves.
  for (const { octets, nameWords } = query; folded + 4 <= length; folded += 4) {
    nameWords[folded >> 2] = foldWord(octets.getInt32(from + folded, LITTLE_ENDIAN));
  }
  for (; folded < length; folded++) name[folded] = fold(packet[from + folded]);
  name[length] = 0;
  query.qnameLength = length + 1;
  query.labelCount = labels;
  query.qtype = (packet[at + 1] << 8) | packet[at + 2];
  query.qclass = (packet[at + 3] << 8) | packet[at + 4];
  return at + 5;
}

/**
 * Returns the offset after a record's owner, -1 when it is broken. A pointer must lead backwards, but not into the
 * header; it is not followed: nothing here needs the name, so no chain of pointers costs time.
 */
function skipName(packet: Uint8Array, start: number, at: number, end: number): number {
  const from = at;
  while (at < end) {
    const label = packet[at];
    if (label === 0) return at + 1;
    if (label >= 0xc0) {
      if (at + 1 >= end) return -1;
      const target = ((label & 0x3f) << 8) | packet[at + 1];
      return target < HEADER_LENGTH || target >= at - start ? -1 : at + 2;
    }
    if (label > 63) return -1;
    at += label + 1;
    if (at - from > LABELS_LENGTH_MAX) return -1;
  }
  return -1;
}

/** Walks the options of a version 0 OPT; unknown ones are ignored (RFC 6891 section 6.1.2). */
function parseOptions(packet: Uint8Array, at: number, end: number, query: Query): Parsed {
  let parsed: Parsed = PARSED;
  let cookieSeen = false;
  while (at < end) {
    if (end - at < 4) return PARSED_FORMERR;
    const code = (packet[at] << 8) | packet[at + 1];
    const length = (packet[at + 2] << 8) | packet[at + 3];
    at += 4;
    if (length > end - at) return PARSED_FORMERR;
    if (code === OPTION_COOKIE) {
      // Only the first counts (RFC 7873 section 5.2).
      if (!cookieSeen) {
        cookieSeen = true;
        if (length === 8 || (length >= 16 && length <= 40)) {
          query.cookieOffset = at;
          query.cookieLength = length;
        } else {
          parsed = PARSED_BAD_COOKIE;
        }
      }
    } else if (code === OPTION_NSID) {
      query.wantsNsid = true;
    } else if (code === OPTION_KEEPALIVE) {
      query.wantsKeepalive = true;
    } else if (code >= OPTION_LOCAL_FIRST) {
      query.hasLocalOption = true;
    }
    at += length;
  }
  return parsed;
}
