/** Writes a client's answer: from an upstream's answer, or from a failure with a text for people. */
import { HEADER_LENGTH, RCODE_SERVFAIL } from '../../dns/constants.ts';
import { parseQuery } from '../../dns/message.ts';
import { PARSED, Query } from '../../dns/query.ts';
import { get16, put16, put32, get32 } from '../../dns/octets.ts';
import type { ExtendedError, UpstreamAnswer } from '../upstream/upstream-answer.ts';
import { FLAGS_ECHOED, FLAG_AD, FLAG_QR, FLAG_RA, FLAG_TC } from '../../dns/flags.ts';

/**
 * Writes the client's OPT record into `out` at `at` and returns the offset after it; called only for queries
 * that have one. `request` is what was given to `ask`, so that what a cookie is made of can travel in it.
 */
export type WriteOpt<R> = (
  query: Query,
  tcp: boolean,
  ede: ExtendedError | undefined,
  out: Uint8Array,
  at: number,
  request: R,
) => number;

/** What of a request the answer depends on. */
export interface ReplyTo {
  packet: Uint8Array;
  limit: number;
  tcp: boolean;
}

/** How the TTLs of an answer are written. */
export interface Ages {
  /** Seconds since the upstream answered; taken off every TTL. */
  age: number;
  /** No TTL above this; negative answers must not outlive their entry. */
  most: number;
  /** Every TTL is this; -1: they count down. */
  fixed: number;
}

export const AS_RECEIVED: Ages = { age: 0, most: 0xffffffff, fixed: -1 };

export interface Failure {
  rcode: number;
  ede: ExtendedError;
}

const MESSAGE_MAX = 65535;
const OPT_MAX = 4096;
/** QR and RA. */
const ANSWER_FLAGS = FLAG_QR | FLAG_RA;

export class ReplyWriter<R extends ReplyTo> {
  private readonly out = new Uint8Array(MESSAGE_MAX);
  private readonly opt = new Uint8Array(OPT_MAX);
  private readonly query = new Query();
  private readonly writeOpt: WriteOpt<R>;

  constructor(writeOpt: WriteOpt<R>) {
    this.writeOpt = writeOpt;
  }

  /** The complete message, valid until the next one is written. */
  answer(request: R, answer: UpstreamAnswer, ages: Ages, ede: ExtendedError | undefined): Uint8Array {
    const { query } = this;
    const end = this.begin(request);
    // Only an OPT record can carry an extended rcode; a resolution ends before such an answer comes here.
    const rcode = answer.rcode > 15 ? RCODE_SERVFAIL : answer.rcode;
    const optLength = this.prepareOpt(request, ede, end);
    const cut = this.copyRecords(answer, request.limit - optLength, ages);
    const wantsAd = query.dnssecOk || (query.flags & FLAG_AD) !== 0;
    let flags = ANSWER_FLAGS | (query.flags & FLAGS_ECHOED) | rcode;
    if (wantsAd && answer.authenticData) flags |= FLAG_AD;
    if (this.dropped || answer.truncated) flags |= FLAG_TC;
    return this.finish(flags, cut, optLength);
  }

  failure(request: R, failure: Failure): Uint8Array {
    const end = this.begin(request);
    const optLength = this.prepareOpt(request, failure.ede, end);
    const flags = ANSWER_FLAGS | (this.query.flags & FLAGS_ECHOED) | failure.rcode;
    return this.finish(flags, end, optLength);
  }

  /** Id, zeroed counts and the question in the client's letters. Returns the offset after it. */
  private begin(request: R): number {
    const { out, query } = this;
    const { packet } = request;
    // Its fields are read anew, because queries come and go between question and answer.
    if (parseQuery(packet, 0, packet.length, query) !== PARSED) throw new Error('not a query that parses');
    const end = HEADER_LENGTH + query.qnameLength + 4;
    out.fill(0, 0, HEADER_LENGTH);
    put16(out, 0, query.id);
    out[5] = 1;
    out.set(packet.subarray(HEADER_LENGTH, end), HEADER_LENGTH);
    return end;
  }

  /** Writes the OPT record aside; where it does not fit after the question, its text goes first, then its error. */
  private prepareOpt(request: R, ede: ExtendedError | undefined, end: number): number {
    if (!this.query.edns) return 0;
    const room = request.limit - end;
    const tries = ede === undefined ? [undefined] : [ede, { code: ede.code, text: '' }, undefined];
    for (const attempt of tries) {
      const length = this.writeOpt(this.query, request.tcp, attempt, this.opt, 0, request);
      if (length <= room) return length;
    }
    return 0;
  }

  /** Records were left out whose absence the client must be told. */
  private dropped = false;

  /** Copies whole records while they fit and ages them. Returns the offset after the last. */
  private copyRecords(answer: UpstreamAnswer, limit: number, ages: Ages): number {
    const { out } = this;
    const { octets, ttlOffsets, recordsAt } = answer;
    let end = octets.length;
    let kept = ttlOffsets.length;
    this.dropped = false;
    while (end > limit && kept > 0) {
      kept--;
      end = kept === 0 ? recordsAt : recordEnd(octets, ttlOffsets[kept - 1]);
    }
    if (end < recordsAt) end = recordsAt;
    out.set(octets.subarray(recordsAt, end), recordsAt);
    const answers = Math.min(kept, answer.answers);
    const authorities = Math.min(kept - answers, answer.authorities);
    // Additional records are an extra: without them the answer is still whole (RFC 2181 section 9).
    this.dropped = answers < answer.answers || authorities < answer.authorities;
    put16(out, 6, answers);
    put16(out, 8, authorities);
    put16(out, 10, kept - answers - authorities);
    if (ages.age > 0 || ages.fixed >= 0 || ages.most < 0x80000000) {
      for (let i = 0; i < kept; i++) put32(out, ttlOffsets[i], agedTtl(get32(octets, ttlOffsets[i]), ages));
    }
    return end;
  }

  private finish(flags: number, end: number, optLength: number): Uint8Array {
    const { out } = this;
    put16(out, 2, flags);
    if (optLength > 0) {
      out.set(this.opt.subarray(0, optLength), end);
      put16(out, 10, get16(out, 10) + 1);
    }
    return out.subarray(0, end + optLength);
  }
}

function agedTtl(ttl: number, { age, most, fixed }: Ages): number {
  if (fixed >= 0) return fixed;
  return Math.min(Math.max(0, ttl - age), most);
}

function recordEnd(octets: Uint8Array, ttlAt: number): number {
  return ttlAt + 6 + get16(octets, ttlAt + 4);
}
