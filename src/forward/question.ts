/** What is asked of an upstream: our own query, written anew, with the marks that reveal a loop. */
import { HEADER_LENGTH, OPTION_LOCAL_FIRST, TYPE_OPT, UDP_PAYLOAD_MAX } from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import { put16 } from '../dns/octets.ts';
import { EDNS_DO, FLAG_AD, FLAG_CD, FLAG_RD } from '../dns/flags.ts';

export interface Question {
  /** Wire form, folded, root octet included. */
  name: Uint8Array;
  type: number;
  class: number;
  dnssecOk: boolean;
  checkingDisabled: boolean;
  /** Marks of the servers that forwarded this question before us, MARK_LENGTH octets each. */
  marks: Uint8Array;
}

/** An option code of the range for local use (RFC 6891 section 9): its data are marks. */
const OPTION_MARKS = OPTION_LOCAL_FIRST;
export const MARK_LENGTH = 8;
/** A question that has come through this many servers like us is taken for a loop. */
const MARKS_MAX = 8;

export const NO_MARKS = new Uint8Array(0);

/** Octets of header and question. */
export function questionEnd(question: Question): number {
  return HEADER_LENGTH + question.name.length + 4;
}

/**
 * Header, question, and our OPT record with `mark` after the marks received. Without `edns` no OPT record: for
 * upstreams that know nothing of it.
 */
export function buildUpstreamQuery(
  question: Question,
  id: number,
  mark: Uint8Array,
  edns: boolean,
): Uint8Array {
  const end = questionEnd(question);
  const marksLength = question.marks.length + mark.length;
  const packet = new Uint8Array(end + (edns ? 11 + 4 + marksLength : 0));
  put16(packet, 0, id);
  put16(packet, 2, FLAG_RD | FLAG_AD | (question.checkingDisabled ? FLAG_CD : 0));
  packet[5] = 1;
  packet.set(question.name, HEADER_LENGTH);
  put16(packet, end - 4, question.type);
  put16(packet, end - 2, question.class);
  if (!edns) return packet;
  packet[11] = 1;
  put16(packet, end + 1, TYPE_OPT);
  put16(packet, end + 3, UDP_PAYLOAD_MAX);
  put16(packet, end + 7, question.dnssecOk ? EDNS_DO : 0);
  put16(packet, end + 9, 4 + marksLength);
  put16(packet, end + 11, OPTION_MARKS);
  put16(packet, end + 13, marksLength);
  packet.set(question.marks, end + 15);
  packet.set(mark, end + 15 + question.marks.length);
  return packet;
}

/**
 * The marks in a query's OPT record, a part of `packet`. `at`: after the question. Octets that are not marks
 * count as none, and nothing is thrown.
 */
export function marksOf(packet: Uint8Array, at: number): Uint8Array {
  const end = packet.length;
  const records =
    ((packet[6] << 8) | packet[7]) + ((packet[8] << 8) | packet[9]) + ((packet[10] << 8) | packet[11]);
  for (let i = 0; i < records; i++) {
    while (at < end && packet[at] !== 0 && packet[at] < 0xc0) at += packet[at] + 1;
    at += at < end && packet[at] >= 0xc0 ? 2 : 1;
    if (end - at < 10) return NO_MARKS;
    const type = (packet[at] << 8) | packet[at + 1];
    const rdata = at + 10;
    at = rdata + ((packet[at + 8] << 8) | packet[at + 9]);
    if (at > end) return NO_MARKS;
    if (type === TYPE_OPT) return marksInOptions(packet, rdata, at);
  }
  return NO_MARKS;
}

function marksInOptions(packet: Uint8Array, at: number, end: number): Uint8Array {
  while (end - at >= 4) {
    const code = (packet[at] << 8) | packet[at + 1];
    const length = (packet[at + 2] << 8) | packet[at + 3];
    at += 4;
    if (length > end - at) return NO_MARKS;
    if (code === OPTION_MARKS) {
      return length % MARK_LENGTH === 0 ? packet.subarray(at, at + length) : NO_MARKS;
    }
    at += length;
  }
  return NO_MARKS;
}

/** Offset after the question of a message that was parsed from its first octet on. */
export function endOf(query: Query): number {
  return HEADER_LENGTH + query.qnameLength + 4;
}

/**
 * True when `packet`, from which `query` was parsed, was written by the forwarder with this mark, or came through so
 * many of its kind that it must be a loop.
 */
export function hasLoopMark(packet: Uint8Array, query: Query, mark: Uint8Array): boolean {
  return query.hasLocalOption && showsLoop(marksOf(packet, endOf(query)), mark);
}

/** True when the question has been here before, or has come through so many servers that it must be a loop. */
function showsLoop(marks: Uint8Array, mark: Uint8Array): boolean {
  if (marks.length >= MARKS_MAX * MARK_LENGTH) return true;
  for (let at = 0; at < marks.length; at += MARK_LENGTH) {
    let i = 0;
    while (i < MARK_LENGTH && marks[at + i] === mark[i]) i++;
    if (i === MARK_LENGTH) return true;
  }
  return false;
}
