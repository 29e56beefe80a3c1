/** Counts what the main thread answers: at once for its own transports, and later for them and for the workers. */
import {
  ANSWER_COUNTS,
  QUERY_OCTETS,
  QUERY_SIZES,
  TYPES,
  countAnswer,
  sizePlace,
  typePlace,
} from '../answer/counts.ts';
import { OUTCOME_OUTSIDE } from '../answer/decide/decision.ts';
import type { Listener, Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import { VpcCounts } from '../answer/vpc-counts.ts';
import * as layout from '../trie/layout.ts';
import type { Answering } from '../transport/transport.ts';

/** The global of this name is an accessor: with each use it takes half as long again to be found as to tell the time. */
const { performance } = globalThis;

/** Of one listener. */
export interface ListenerCounts {
  /** Of the main thread's own transports. */
  udp: Float64Array;
  tcp: Float64Array;
  /** What had to wait, of all transports; workers have counted the queries among them. */
  deferredUdp: Float64Array;
  deferredTcp: Float64Array;
  /** Of those, what upstreams were asked for. */
  forwardedUdp: Float64Array;
  forwardedTcp: Float64Array;
}

export class AnswerCounts {
  readonly vpcs: VpcCounts[] = [new VpcCounts()];
  private readonly byListener = new WeakMap<Listener, ListenerCounts>();
  private readonly responder: Responder;
  /** Arrays that no worker has now. */
  private readonly free: VpcCounts[] = [];

  /** `responder`: whose decisions are counted. */
  constructor(responder: Responder) {
    this.responder = responder;
  }

  of(listener: Listener): ListenerCounts {
    let counts = this.byListener.get(listener);
    if (counts === undefined) {
      const fresh = (): Float64Array => new Float64Array(ANSWER_COUNTS);
      counts = {
        udp: fresh(),
        tcp: fresh(),
        deferredUdp: fresh(),
        deferredTcp: fresh(),
        forwardedUdp: fresh(),
        forwardedTcp: fresh(),
      };
      this.byListener.set(listener, counts);
    }
    return counts;
  }

  /** For one worker, until it is given back; a successor counts on. */
  lend(): { counts: VpcCounts; giveBack: () => void } {
    let counts = this.free.pop();
    if (counts === undefined) this.vpcs.push((counts = new VpcCounts()));
    const lent = counts;
    return { counts: lent, giveBack: () => void this.free.push(lent) };
  }

  /** The same answering, counted. */
  counting({ answerNow, defer }: Answering): Answering {
    return {
      answerNow: (packet, start, end, peer, out) => {
        const began = performance.now();
        const length = answerNow(packet, start, end, peer, out);
        const counts = this.of(peer.listener)[peer.tcp ? 'tcp' : 'udp'];
        const vpc = this.vpcNumber();
        this.query(counts, end - start, vpc);
        if (length > 0) this.answer(counts, out, length, performance.now() - began, vpc);
        return length;
      },
      defer: (packet, peer, reply) => this.deferred(defer, packet, peer, reply),
    };
  }

  private deferred(
    defer: Answering['defer'],
    packet: Uint8Array,
    peer: Peer,
    reply: (answer: Uint8Array) => void,
  ): void {
    const began = performance.now();
    let vpc = -1;
    let isOutside = false;
    const { listener, tcp } = peer;
    // While `defer` runs, the decision at hand is this query's own.
    const note = (): void => {
      vpc = this.vpcNumber();
      isOutside = this.responder.decision.outcome === OUTCOME_OUTSIDE;
    };
    defer(packet, peer, (answer) => {
      if (vpc < 0) note();
      const all = this.of(listener);
      const counts = isOutside
        ? all[tcp ? 'forwardedTcp' : 'forwardedUdp']
        : all[tcp ? 'deferredTcp' : 'deferredUdp'];
      if (answer.length > 0) this.answer(counts, answer, answer.length, performance.now() - began, vpc);
      reply(answer);
    });
    if (vpc < 0) note();
  }

  private query(counts: Float64Array, length: number, vpc: number): void {
    counts[TYPES + typePlace(this.responder.query.qtype)]! += 1;
    counts[QUERY_OCTETS]! += length;
    counts[QUERY_SIZES + sizePlace(length)]! += 1;
    if (vpc > 0) this.vpcs[0]!.query(vpc);
  }

  private answer(counts: Float64Array, answer: Uint8Array, length: number, ms: number, vpc: number): void {
    countAnswer(counts, answer, length, ms);
    if (vpc > 0) this.vpcs[0]!.answer(vpc, answer[3]! & 15);
  }

  /** Of the last decision; 0 where it knows no VPC. */
  private vpcNumber(): number {
    const { decision, view } = this.responder;
    return decision.vpc === 0 ? 0 : view.words[decision.vpc + layout.VPC_NUMBER]!;
  }
}
