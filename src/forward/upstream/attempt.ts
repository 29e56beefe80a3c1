/** One question to one upstream: UDP from a fresh port with a fresh id, TCP when the answer was cut. */
import {
  RCODE_BADVERS,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
} from '../../dns/constants.ts';
import { questionEnd } from '../question.ts';
import type { Question } from '../question.ts';
import type { Datagrams } from './sockets.ts';
import type { UpstreamContext } from './upstream-context.ts';
import type { UpstreamTcp } from './upstream-tcp.ts';
import type { Endpoint } from './endpoint.ts';
import { matchReply, readAnswer } from './upstream-answer.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';
import { RCODE_MASK } from '../../dns/flags.ts';

export type Outcome =
  | { kind: 'answer'; answer: UpstreamAnswer }
  /** The whole answer could not be had over TCP. */
  | { kind: 'truncated'; answer: UpstreamAnswer; reason: string }
  | { kind: 'timeout' }
  | { kind: 'unreachable' | 'malformed' | 'local'; reason: string };

/** What an attempt needs of the upstream it asks, and tells it. */
export interface Asked {
  readonly endpoint: Endpoint;
  readonly shared: UpstreamContext;
  readonly tenant: number;
  readonly tcp: UpstreamTcp;
  build(question: Question, edns: boolean): Uint8Array;
  /** Failures are not told from silence, neither by their words nor by their time. */
  readonly isDiscreet: boolean;
  /** It is asked without EDNS. */
  isPlain(): boolean;
  turnPlain(bySilence: boolean): void;
  heard(withEdns: boolean): void;
  missed(since: number, reason: string): void;
  /** False when as many are listening for late replies already as may. */
  startLinger(attempt: Attempt): boolean;
  endLinger(attempt: Attempt): void;
}

/** Failures of this host, which tell nothing about the upstream. */
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
  private since: number;
  /** Gives up the turn that it waits for. */
  private giveUp: (() => void) | undefined;
  /** Our OPT record went along. */
  private edns: boolean;
  /** It was left out to see whether there is an answer without it: after an error with it, or after silence. */
  private readonly plain: boolean;
  private refusedEdns = false;

  /**
   * Starts at once. `report` is called once, never before the constructor has returned; after a `timeout` maybe a
   * second time, with the answer that came too late for its time but not for the question. `client`: whose turn it is
   * to ask; undefined: ours, which waits for nobody. `plain`: without EDNS.
   */
  constructor(
    upstream: Asked,
    question: Question,
    client: string | undefined,
    timeout: number,
    plain: boolean,
    report: (outcome: Outcome) => void,
  ) {
    this.upstream = upstream;
    this.question = question;
    this.timeout = timeout;
    this.report = report;
    this.since = upstream.shared.clock.now();
    this.plain = plain && !upstream.isPlain();
    this.edns = !plain && !upstream.isPlain();
    if (client === undefined) this.send();
    else this.wait(client);
    this.timer = upstream.shared.clock.setTimeout(() => this.overdue(), timeout);
  }

  /**
   * The question is settled, or its answer is not needed any more. An overdue attempt keeps listening, to count late
   * answers.
   */
  release(linger: number): void {
    if (this.released) return;
    this.released = true;
    const { clock } = this.upstream.shared;
    clock.clearTimeout(this.timer);
    this.giveUp?.();
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

  /** Sends when it is this client's turn. */
  private wait(client: string): void {
    const { shared, endpoint, tenant } = this.upstream;
    this.giveUp = shared.budgets.take(endpoint, tenant, client, () => {
      this.giveUp = undefined;
      this.since = shared.clock.now();
      this.transmit();
    });
    if (this.giveUp !== undefined) shared.counters.delayed++;
  }

  private send(): void {
    this.upstream.shared.budgets.spend(this.upstream.endpoint);
    this.transmit();
  }

  private transmit(): void {
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
      this.upstream.heard(false);
      this.endLinger();
      return;
    }
    this.closeDatagrams();
    const answer = this.read(message, () => this.send());
    if (answer === undefined) return;
    if (answer.truncated) this.askTcp(answer);
    else this.done({ kind: 'answer', answer });
  }

  /**
   * Reads a reply; where it is broken, that is the outcome. A server that does not know EDNS may answer FORMERR or
   * NOTIMP, whatever else stands in that answer (RFC 6891 section 7): then `again` asks without it.
   */
  private read(message: Uint8Array, again: () => void): UpstreamAnswer | undefined {
    const { upstream } = this;
    const answer = readAnswer(message, this.question);
    const rcode = answer?.rcode ?? message[3] & RCODE_MASK;
    if (this.edns && (rcode === RCODE_FORMERR || rcode === RCODE_NOTIMP || rcode === RCODE_BADVERS)) {
      upstream.heard(false);
      this.edns = false;
      this.refusedEdns = true;
      again();
      return undefined;
    }
    if (answer !== undefined) {
      upstream.heard(this.edns);
      const usual = rcode === RCODE_NOERROR || rcode === RCODE_NXDOMAIN;
      if (usual && (this.refusedEdns || this.plain)) upstream.turnPlain(!this.refusedEdns);
      return answer;
    }
    upstream.shared.counters.malformed++;
    upstream.missed(this.since, 'sends malformed answers');
    if (!upstream.isDiscreet) this.done({ kind: 'malformed', reason: 'sent a malformed answer' });
    return undefined;
  }

  private askTcp(cut: UpstreamAnswer): void {
    const { clock, counters } = this.upstream.shared;
    const fail = (reason: string): void => {
      const why = this.upstream.isDiscreet ? 'it could not be had over TCP' : reason;
      this.done({ kind: 'truncated', answer: cut, reason: `cut the answer short over UDP, and ${why}` });
    };
    clock.clearTimeout(this.timer);
    // From here on there is an answer of sorts, so running out of time is an outcome of its own.
    this.state = ASKING;
    this.timer = clock.setTimeout(() => {
      counters.timeouts++;
      this.takeBack?.();
      fail('timed out over TCP');
    }, this.timeout);
    const ask = (): void => {
      counters.sentTcp++;
      this.upstream.shared.budgets.spend(this.upstream.endpoint);
      this.takeBack = this.upstream.tcp.ask(this.question, this.edns, {
        reply: (message) => {
          const answer = this.read(message, ask);
          if (answer === undefined) return;
          if (answer.truncated) fail('cut its answer over TCP too');
          else this.done({ kind: 'answer', answer });
        },
        failed: (reason) => {
          // Silence would last until the time is over.
          if (!this.upstream.isDiscreet) fail(reason);
        },
      });
    };
    ask();
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
    if (!this.upstream.isDiscreet) this.done({ kind: 'unreachable', reason });
  }

  private overdue(): void {
    const { counters } = this.upstream.shared;
    if (this.giveUp !== undefined) {
      this.giveUp();
      counters.unsent++;
      this.done({ kind: 'local', reason: 'was not asked, because upstream_rate leaves it no room' });
      return;
    }
    this.state = OVERDUE;
    counters.timeouts++;
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
