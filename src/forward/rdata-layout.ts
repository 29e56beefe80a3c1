/** Checks rdata of the types whose form is known, so that what is passed on can be read, and finds the names in it. */
import * as dns from '../dns/constants.ts';
import type { MessageNames } from './message-names.ts';
import { get16 } from '../dns/octets.ts';

/** Fields of rdata: a number of octets, or one of these. */
const NAME = -1;
const STRING = -2;
/** Strings up to the end, one at least. */
const STRINGS = -3;
/** Anything up to the end. */
const REST = -4;
/** Service parameters up to the end (RFC 9460 section 2.2). */
const PARAMETERS = -5;

/** Rdata that does not fit makes the message broken. */
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

/** False when rdata from `at` to `end` breaks its type's form. */
export function checkRdata(
  message: Uint8Array,
  names: MessageNames,
  type: number,
  recordClass: number,
  at: number,
  end: number,
): boolean {
  const strict = STRICT.get(type) ?? (recordClass === dns.CLASS_IN ? STRICT_IN.get(type) : undefined);
  if (strict !== undefined) return fits(message, names, strict, at, end);
  const lenient = LENIENT.get(type);
  if (lenient !== undefined) fits(message, names, lenient, at, end);
  return true;
}

function fits(message: Uint8Array, names: MessageNames, fields: number[], at: number, end: number): boolean {
  for (const field of fields) {
    if (field === NAME) {
      at = names.read(at, end);
      if (at < 0) return false;
    } else if (field === STRING) {
      if (at >= end) return false;
      at += message[at] + 1;
    } else if (field === STRINGS) {
      if (at >= end) return false;
      while (at < end) at += message[at] + 1;
    } else if (field === REST) {
      return true;
    } else if (field === PARAMETERS) {
      return fitParameters(message, at, end);
    } else at += field;
    if (at > end) return false;
  }
  return at === end;
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
