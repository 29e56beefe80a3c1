/** Gives clients what was found: an answer as received, from the cache or expired, or a failure. */
import { EDE_STALE, EDE_STALE_NXDOMAIN, RCODE_NXDOMAIN } from '../../dns/constants.ts';
import { ageOf } from '../../shared-cache/layout.ts';
import type { Entry } from '../cache/cache.ts';
import type { ForwardCounters } from '../counters.ts';
import { AS_RECEIVED, ReplyWriter } from '../cache/reply.ts';
import type { Ages, Failure, ReplyTo, WriteOpt } from '../cache/reply.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

/** Called once for each `ask`; the bytes are valid only during the call. */
export type Reply = (answer: Uint8Array) => void;

const NO_MOST = 0xffffffff;
/** Every TTL of an expired answer, in seconds (RFC 8767 section 5). */
const STALE_AGES: Ages = { age: 0, most: NO_MOST, fixed: 30 };

export class Replies<R extends ReplyTo> {
  private readonly writer: ReplyWriter<R>;
  private readonly counters: ForwardCounters;

  constructor(writeOpt: WriteOpt<R>, counters: ForwardCounters) {
    this.writer = new ReplyWriter(writeOpt);
    this.counters = counters;
  }

  received(request: R, reply: Reply, answer: UpstreamAnswer): void {
    this.send(reply, () => this.writer.answer(request, answer, AS_RECEIVED, answer.ede));
  }

  fresh(request: R, reply: Reply, entry: Entry, answer: UpstreamAnswer, now: number): void {
    const { seconds, negative, storedAt } = entry;
    const age = ageOf(now - storedAt);
    const ages: Ages = { age, most: negative ? seconds - age : NO_MOST, fixed: -1 };
    this.send(reply, () => this.writer.answer(request, answer, ages, answer.ede));
  }

  stale(request: R, reply: Reply, answer: UpstreamAnswer): void {
    const code = answer.rcode === RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE;
    const ede = { code, text: 'no upstream answers; this answer has expired' };
    this.send(reply, () => this.writer.answer(request, answer, STALE_AGES, ede));
  }

  failure(request: R, reply: Reply, failure: Failure): void {
    this.send(reply, () => this.writer.failure(request, failure));
  }

  /** One client's bad luck must not become that of all who wait for the same answer. */
  private send(reply: Reply, write: () => Uint8Array): void {
    try {
      reply(write());
    } catch {
      this.counters.errors++;
    }
  }
}
