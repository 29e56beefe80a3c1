/**
 * What is counted of answers: numbers in one array that may lie in shared memory, each with one writer, so that plain
 * stores do. The same places are used by worker threads and by the main thread.
 */
import * as dns from '../dns/constants.ts';

/** Answers by rcode, 16 places for those that are not authoritative, then 16 for those that are. */
export const RCODES = 0;
/** Queries by type; see `typePlace`. */
export const TYPES = 32;
export const TYPE_NAMES = [
  'other',
  'A',
  'AAAA',
  'PTR',
  'SRV',
  'TXT',
  'SOA',
  'NS',
  'CNAME',
  'MX',
  'DS',
  'DNSKEY',
  'HTTPS',
  'SVCB',
  'ANY',
  'AXFR',
] as const;
/** Octets of queries and of answers: the sum, then messages by size; see `sizePlace`. */
export const QUERY_OCTETS = 48;
export const QUERY_SIZES = 49;
export const ANSWER_OCTETS = 61;
export const ANSWER_SIZES = 62;
/** Upper ends of the sizes, octets. */
export const SIZE_BOUNDS = [63, 127, 255, 511, 1023, 2047, 4095, 8191, 16383, 32767, 65535] as const;
/** Seconds until the answer: the sum, then answers by time; see `durationPlace`. */
export const DURATION_SUM = 74;
export const DURATIONS = 75;
/** Upper ends of the times, seconds; the upper eleven and more are those of CoreDNS. Beyond the last: the next place. */
export const DURATION_BOUNDS: readonly number[] = Array.from({ length: 19 }, (_, i) => 2 ** i / 32_000);
export const ANSWER_COUNTS = 96;

/** Bits of the third octet of a header. */
const AA_BIT = 4;
/** Types that lie below this have a place of their own in a table. */
const TYPES_MAX = 256;

const typePlaces = new Uint8Array(TYPES_MAX);
[
  dns.TYPE_A,
  dns.TYPE_AAAA,
  dns.TYPE_PTR,
  dns.TYPE_SRV,
  dns.TYPE_TXT,
  dns.TYPE_SOA,
  dns.TYPE_NS,
  dns.TYPE_CNAME,
  dns.TYPE_MX,
  dns.TYPE_DS,
  dns.TYPE_DNSKEY,
  dns.TYPE_HTTPS,
  dns.TYPE_SVCB,
  dns.TYPE_ANY,
  dns.TYPE_AXFR,
].forEach((type, i) => (typePlaces[type] = i + 1));

/** The place of a query's type, 0 to 15. */
export function typePlace(type: number): number {
  return type < TYPES_MAX ? typePlaces[type] : 0;
}

/** The place of an answer among `RCODES`, from the third and fourth octet of its header. */
export function rcodePlace(flags: number, rcode: number): number {
  return ((flags & AA_BIT) << 2) | (rcode & 15);
}

/** 0 to 10, by powers of two. */
export function sizePlace(octets: number): number {
  return 32 - Math.clz32(octets >>> 6);
}

/** 0 to 19, by powers of two of 1/32 ms. */
export function durationPlace(milliseconds: number): number {
  const units = Math.ceil(milliseconds * 32) - 1;
  return units <= 0 ? 0 : Math.min(DURATION_BOUNDS.length, 32 - Math.clz32(units));
}

/** One answer, as the main thread counts it. */
export function countAnswer(
  counts: Float64Array,
  answer: Uint8Array,
  length: number,
  milliseconds: number,
): void {
  counts[RCODES + rcodePlace(answer[2], answer[3])] += 1;
  counts[ANSWER_OCTETS] += length;
  counts[ANSWER_SIZES + sizePlace(length)] += 1;
  counts[DURATION_SUM] += milliseconds / 1000;
  counts[DURATIONS + durationPlace(milliseconds)] += 1;
}
