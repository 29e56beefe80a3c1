/** One question to one upstream: UDP from a fresh port with a fresh id, TCP when the answer was cut. */
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP } from '../dns/constants.ts';
import { questionEnd } from './question.ts';
import type { Question } from './question.ts';
import type { Datagrams } from './sockets.ts';
import type { UpstreamShared } from './shared.ts';
import type { UpstreamTcp } from './upstream-tcp.ts';
import type { Endpoint } from './endpoint.ts';
import { matchReply, readAnswer } from './upstream-answer.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

export type Outcome =
  | { kind: 'answer'; answer: UpstreamAnswer }
  /** The whole answer could not be had over TCP. */
  | { kind: 'truncated'; answer: UpstreamAnswer; reason: string }
  | { kind: 'timeout' }
  | { kind: 'unreachable' | 'malformed' | 'local'; reason: string };

/** What an attempt needs of the upstream it asks, and tells it. */
export interface Asked {
  readonly endpoint: Endpoint;
  readonly shared: UpstreamShared;
  readonly tcp: UpstreamTcp;
  build(question: Question, edns: boolean): Uint8Array;
  /** It is asked without EDNS. */
  isPlain(): boolean;
  turnPlain(): void;
  heard(): void;
  missed(since: number, reason: string): void;
  /** False when as many are listening for late replies already as may. */
  startLinger(attempt: Attempt): boolean;
  endLinger(attempt: Attempt): void;
}

/** Failures of this host, which say nothing about the upstream. */
const LOCAL_CODES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN']);

const ASKING = 0;
const OVERDUE = 1;
const DONE = 2;

export class Attempt {
  readonly upstream: Asked;
  private readonly question: Question;
  private readonly report: (outcome: Outcome) => void;
  private readonly timeout: number;
  private state: 0 | 1 | 2 = ASKING;
  private released = false;
  private query: Uint8Array = new Uint8Array(0);
  private datagrams: Datagrams | undefined;
  private timer: unknown;
  private takeBack: (() => void) | undefined;
  private readonly since: number;
  /** Our OPT record went along. */
  private edns = true;
  /** The OPT record was left out because of this upstream's first answer. */
  private refusedEdns = false;

  /**
   * Starts at once. `report` is called once, never before the constructor has returned; after a `timeout` maybe a
   * second time, with the answer that came too late for its time but not for the question.
   */
  constructor(upstream: Asked, question: Question, timeout: number, report: (outcome: Outcome) => void) {
    this.upstream = upstream;
    this.question = question;
    this.timeout = timeout;
    this.report = report;
    this.since = upstream.shared.clock.now();
    this.edns = !upstream.isPlain();
    this.send();
    this.timer = upstream.shared.clock.setTimeout(() => this.overdue(), timeout);
  }

  /** The question is settled, or the answer is of no more use. An overdue one listens on, to count what is late. */
  release(linger: number): void {
    if (this.released) return;
    this.released = true;
    const { clock } = this.upstream.shared;
    clock.clearTimeout(this.timer);
    this.takeBack?.();
    if (this.datagrams === undefined) return;
    if (this.state !== OVERDUE || linger <= 0 || !this.upstream.startLinger(this)) {
      this.closeDatagrams();
      return;
    }
    this.timer = clock.setTimeout(() => this.endLinger(), linger);
  }

  /** Stops listening for what comes late. */
  endLinger(): void {
    this.upstream.shared.clock.clearTimeout(this.timer);
    this.closeDatagrams();
    this.upstream.endLinger(this);
  }

  private send(): void {
    const { shared, endpoint } = this.upstream;
    this.query = this.upstream.build(this.question, this.edns);
    shared.counters.sent++;
    const datagrams = shared.sockets.datagrams(endpoint, {
      message: (message) => {
        if (this.datagrams === datagrams) this.message(message);
      },
      error: (code) => {
        if (this.datagrams === datagrams) this.error(code);
      },
    });
    this.datagrams = datagrams;
    datagrams.send(this.query);
  }

  private closeDatagrams(): void {
    const { datagrams } = this;
    this.datagrams = undefined;
    datagrams?.close();
  }

  private message(message: Uint8Array): void {
    const { counters } = this.upstream.shared;
    if (matchReply(message, this.query, questionEnd(this.question)) === 0) {
      counters.spoofed++;
      return;
    }
    if (this.released) {
      counters.late++;
      this.upstream.heard();
      this.endLinger();
      return;
    }
    this.closeDatagrams();
    const answer = this.read(message);
    if (answer === undefined) return;
    if (this.turnPlain(answer)) this.send();
    else if (answer.truncated) this.askTcp(answer);
    else this.done({ kind: 'answer', answer });
  }

  /** Reads a reply; where it is broken, that is the outcome. */
  private read(message: Uint8Array): UpstreamAnswer | undefined {
    const answer = readAnswer(message, this.question);
    if (answer !== undefined) this.upstream.heard();
    else {
      this.upstream.shared.counters.malformed++;
      this.upstream.missed(this.since, 'sends malformed answers');
      this.done({ kind: 'malformed', reason: 'sent a malformed answer' });
    }
    return answer;
  }

  /** A server from before EDNS answers FORMERR or NOTIMP without an OPT record (RFC 6891 section 7). */
  private turnPlain(answer: UpstreamAnswer): boolean {
    const { rcode } = answer;
    const refuses = rcode === RCODE_FORMERR || rcode === RCODE_NOTIMP || rcode === RCODE_BADVERS;
    if (this.refusedEdns && !refuses) this.upstream.turnPlain();
    if (!this.edns || answer.edns || !refuses) return false;
    this.edns = false;
    this.refusedEdns = true;
    return true;
  }

  private askTcp(cut: UpstreamAnswer): void {
    const { clock, counters } = this.upstream.shared;
    const fail = (reason: string): void =>
      this.done({ kind: 'truncated', answer: cut, reason: `cut the answer short over UDP, and ${reason}` });
    clock.clearTimeout(this.timer);
    counters.sentTcp++;
    // From here on there is an answer of sorts, so running out of time is an outcome of its own.
    this.state = ASKING;
    this.timer = clock.setTimeout(() => {
      counters.timeouts++;
      this.takeBack?.();
      fail('timed out over TCP');
    }, this.timeout);
    this.takeBack = this.upstream.tcp.ask(this.question, {
      reply: (message) => {
        const answer = this.read(message);
        if (answer === undefined) return;
        if (answer.truncated) fail('cut its answer over TCP too');
        else this.done({ kind: 'answer', answer });
      },
      failed: fail,
    });
  }

  private error(code: string): void {
    if (this.released) {
      this.endLinger();
      return;
    }
    this.closeDatagrams();
    if (this.state === OVERDUE) return;
    if (LOCAL_CODES.has(code)) {
      this.done({ kind: 'local', reason: `could not be asked (${code} on this host)` });
      return;
    }
    const reason = `cannot be reached (${code})`;
    this.upstream.missed(this.since, reason);
    this.done({ kind: 'unreachable', reason });
  }

  private overdue(): void {
    this.state = OVERDUE;
    this.upstream.shared.counters.timeouts++;
    this.upstream.missed(this.since, 'timed out');
    this.report({ kind: 'timeout' });
  }

  private done(outcome: Outcome): void {
    const { state } = this;
    this.state = DONE;
    this.upstream.shared.clock.clearTimeout(this.timer);
    this.takeBack = undefined;
    this.closeDatagrams();
    if (this.released || state === DONE) return;
    if (outcome.kind === 'answer') {
      const { clock, observe } = this.upstream.shared;
      observe(this.upstream.endpoint.text, outcome.answer.rcode, clock.now() - this.since);
    }
    this.report(outcome);
  }
}
