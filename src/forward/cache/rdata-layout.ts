/**
 * Rdata of the types whose form is known: checked, so that what is passed on can be read, and copied with whole names.
 */
import * as dns from '../../dns/constants.ts';
import { hashOctets, mix } from './message-names.ts';
import type { MessageNames } from './message-names.ts';
import { get16 } from '../../dns/octets.ts';

/** Fields of rdata: a number of octets, or one of these. */
const NAME = -1;
const STRING = -2;
/** Strings up to the end, one at least (RFC 1035 section 3.3.14); some servers give none. */
const STRINGS = -3;
/** Anything up to the end. */
const REST = -4;
/** Service parameters up to the end (RFC 9460 section 2.2). */
const PARAMETERS = -5;

/** A record whose rdata does not fit its type is dropped. */
const STRICT = new Map<number, number[]>([
  [dns.TYPE_NS, [NAME]],
  [3, [NAME]],
  [4, [NAME]],
  [dns.TYPE_CNAME, [NAME]],
  [dns.TYPE_SOA, [NAME, NAME, 20]],
  [7, [NAME]],
  [8, [NAME]],
  [9, [NAME]],
  [dns.TYPE_PTR, [NAME]],
  [13, [STRINGS]],
  [14, [NAME, NAME]],
  [dns.TYPE_MX, [2, NAME]],
  [dns.TYPE_TXT, [STRINGS]],
  [39, [NAME]],
  [99, [STRINGS]],
]);

/** As STRICT, in class IN. */
const STRICT_IN = new Map<number, number[]>([
  [dns.TYPE_A, [4]],
  [dns.TYPE_AAAA, [16]],
  [dns.TYPE_SRV, [6, NAME]],
  [dns.TYPE_SVCB, [2, NAME, PARAMETERS]],
  [dns.TYPE_HTTPS, [2, NAME, PARAMETERS]],
]);

/** Their names may be what later pointers lead to; rdata that does not fit is passed on as it is (RFC 3597). */
const LENIENT = new Map<number, number[]>([
  [17, [NAME, NAME]],
  [18, [2, NAME]],
  [21, [2, NAME]],
  [24, [18, NAME, REST]],
  [26, [2, NAME, NAME]],
  [30, [NAME, REST]],
  [35, [4, STRING, STRING, STRING, NAME]],
  [36, [2, NAME]],
  [46, [18, NAME, REST]],
  [47, [NAME, REST]],
  [58, [NAME, NAME]],
  [107, [2, NAME]],
]);

/** The hash of the rdata read last, however its names are compressed. */
export let rdataHash = 0;

/** False when rdata from `at` to `end` breaks its type's form. */
export function readRdata(
  message: Uint8Array,
  names: MessageNames,
  type: number,
  recordClass: number,
  at: number,
  end: number,
): boolean {
  const strict = STRICT.get(type) ?? (recordClass === dns.CLASS_IN ? STRICT_IN.get(type) : undefined);
  const fields = strict ?? LENIENT.get(type);
  if (fields !== undefined && fits(message, names, fields, at, end)) return true;
  rdataHash = hashOctets(end - at, message, at, end, false);
  return strict === undefined;
}

/** Leaves the hash in `rdataHash`. */
function fits(message: Uint8Array, names: MessageNames, fields: number[], at: number, end: number): boolean {
  let hash = 0;
  for (const field of fields) {
    const from = at;
    if (field === NAME) {
      at = names.read(at, end);
      if (at < 0) return false;
      hash = mix(hash, names.hash);
      continue;
    }
    at = fieldEnd(message, field, at, end);
    if (at < 0) return false;
    hash = hashOctets(hash, message, from, at, false);
  }
  rdataHash = hash;
  return at === end;
}

/** Behind a field that is no name, -1 when it breaks the form. */
function fieldEnd(message: Uint8Array, field: number, at: number, end: number): number {
  if (field === REST) return end;
  if (field === PARAMETERS) return fitParameters(message, at, end) ? end : -1;
  if (field === STRING) at += at < end ? message[at] + 1 : 1;
  else if (field === STRINGS) {
    if (at >= end) return -1;
    while (at < end) at += message[at] + 1;
  } else at += field;
  return at > end ? -1 : at;
}

/**
 * Copies rdata that was read, its names expanded; `fold`: the names in small letters, to compare. Returns the
 * offset after the copy.
 */
export function copyRdata(
  message: Uint8Array,
  names: MessageNames,
  record: { type: number; recordClass: number; at: number; end: number },
  out: Uint8Array,
  to: number,
  fold: boolean,
): number {
  const { type, recordClass, end } = record;
  let { at } = record;
  const strict = STRICT.get(type) ?? (recordClass === dns.CLASS_IN ? STRICT_IN.get(type) : undefined);
  const fields = strict ?? LENIENT.get(type) ?? [];
  // What does not fit is passed on as it is.
  const sound = fields.length > 0 && fits(message, names, fields, at, end);
  for (const field of sound ? fields : []) {
    const from = at;
    if (field === NAME) {
      at = names.read(at, end);
      to = names.copy(from, out, to, fold);
      continue;
    }
    at = fieldEnd(message, field, at, end);
    out.set(message.subarray(from, at), to);
    to += at - from;
  }
  out.set(message.subarray(at, end), to);
  return to + end - at;
}

/** Values of the first seven keys have a form (RFC 9460 section 7); a list of addresses has whole ones. */
function fitParameters(message: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    if (end - at < 4) return false;
    const key = get16(message, at);
    const length = get16(message, at + 2);
    at += 4;
    if (length > end - at) return false;
    if (key === 0 && length % 2 !== 0) return false;
    if (key === 1 && length > 0 && !fitStrings(message, at, at + length)) return false;
    if (key === 3 && length !== 2) return false;
    if (key === 4 && length % 4 !== 0) return false;
    if (key === 6 && length % 16 !== 0) return false;
    at += length;
  }
  return true;
}

function fitStrings(message: Uint8Array, at: number, end: number): boolean {
  while (at < end) at += message[at] + 1;
  return at === end;
}
