/** One question to the upstreams one after the other, within a budget, until one of them has an answer. */
import {
  EDE_NETWORK_ERROR,
  EDE_NO_REACHABLE_AUTHORITY,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from '../dns/constants.ts';
import { rcodeText } from '../dns/text.ts';
import type { Attempt, Outcome } from './upstream/attempt.ts';
import type { Clock } from '../base/clock.ts';
import type { Question } from './question.ts';
import type { Failure } from './cache/reply.ts';
import type { Upstream } from './upstream/upstream.ts';
import type { ExtendedError, UpstreamAnswer } from './upstream/upstream-answer.ts';

export interface ResolutionTimes {
  /** Milliseconds for one upstream. */
  attempt: number;
  /** Milliseconds in all. */
  budget: number;
}

export interface ResolutionResult {
  /** Undefined: no upstream had an answer. */
  answer: UpstreamAnswer | undefined;
  /** The failure where there is no answer, or only a truncated one that the client cannot use. */
  failure: Failure;
}

/** With less time left no further upstream is asked: it could hardly answer. */
const WORTHWHILE = 200;
const TEXT_MAX = 200;
/** Rcodes that concern the upstream more than the name: the next one is asked. */
const FAILED = new Set([RCODE_FORMERR, RCODE_SERVFAIL, RCODE_NOTIMP, RCODE_REFUSED]);
const NO_FAILURE: Failure = { rcode: RCODE_SERVFAIL, ede: { code: EDE_NO_REACHABLE_AUTHORITY, text: '' } };

export class Resolution {
  private readonly question: Question;
  private readonly client: string;
  private readonly clock: Clock;
  private readonly times: ResolutionTimes;
  private readonly done: (result: ResolutionResult) => void;
  /** Those still to be asked in this round. */
  private waiting: Upstream[];
  /** Those that were silent: asked again when the round is over. */
  private silent: Upstream[] = [];
  private readonly attempts: Attempt[] = [];
  private readonly deadline: number;
  private readonly timer: unknown;
  /** What each upstream did, in words, for the failure's text. */
  private said: Map<string, string> | undefined;
  private cut: UpstreamAnswer | undefined;
  private servfail: { upstream: string; ede: ExtendedError | undefined } | undefined;
  private timedOut = false;
  private over = false;

  /**
   * Starts at once; `done` is called exactly once unless the resolution is cancelled, and never before the constructor
   * has returned. `client`: who asked it first. `upstreams` is not empty.
   */
  constructor(
    question: Question,
    client: string,
    upstreams: readonly Upstream[],
    clock: Clock,
    times: ResolutionTimes,
    done: (result: ResolutionResult) => void,
  ) {
    this.question = question;
    this.client = client;
    this.clock = clock;
    this.times = times;
    this.done = done;
    // A stable sort: the order of the configuration among equals.
    this.waiting = [...upstreams].sort(
      (a, b) => Number(Number.isFinite(a.failingSince)) - Number(Number.isFinite(b.failingSince)),
    );
    this.deadline = clock.now() + times.budget;
    this.timer = clock.setTimeout(() => this.fail(), times.budget);
    this.next();
  }

  cancel(): void {
    this.end();
  }

  /** The one asked last. */
  get current(): Upstream | undefined {
    return this.attempts.at(-1)?.upstream as Upstream | undefined;
  }

  private next(): void {
    const left = this.deadline - this.clock.now();
    if (left < Math.min(WORTHWHILE, this.times.attempt)) {
      // Someone asked before may still answer.
      if (this.silent.length === 0) this.fail();
      return;
    }
    let upstream = this.waiting.shift();
    if (upstream === undefined) {
      this.waiting = this.silent;
      this.silent = [];
      upstream = this.waiting.shift();
    }
    if (upstream === undefined) {
      this.fail();
      return;
    }
    const asked = upstream;
    const again = this.attempts.some((attempt) => attempt.upstream === asked);
    const timeout = Math.min(this.times.attempt, left);
    const attempt = asked.ask(this.question, this.client, timeout, again, (outcome) =>
      this.outcome(asked, attempt, outcome),
    );
    this.attempts.push(attempt);
  }

  private outcome(upstream: Upstream, attempt: Attempt, outcome: Outcome): void {
    if (this.over) return;
    // An attempt that ran out of time has been followed by another: only a good answer of it still matters.
    const current = attempt === this.attempts.at(-1);
    const name = upstream.endpoint.text;
    switch (outcome.kind) {
      case 'answer':
        if (this.take(upstream, outcome.answer)) return;
        this.silent = this.silent.filter((other) => other !== upstream);
        break;
      case 'truncated':
        this.cut ??= outcome.answer;
        this.say(name, outcome.reason);
        break;
      case 'timeout':
        this.timedOut = true;
        this.say(name, 'timed out');
        this.silent.push(upstream);
        break;
      default:
        this.say(name, outcome.reason);
    }
    if (current) this.next();
  }

  /** True when the answer settles the question. */
  private take(upstream: Upstream, answer: UpstreamAnswer): boolean {
    const { rcode } = answer;
    if (!FAILED.has(rcode) && rcode < 16) {
      this.end();
      this.done({ answer, failure: NO_FAILURE });
      return true;
    }
    const name = upstream.endpoint.text;
    this.say(name, `answered ${rcodeText(rcode)}`);
    if (rcode === RCODE_SERVFAIL) this.servfail ??= { upstream: name, ede: answer.ede };
    return false;
  }

  private say(upstream: string, words: string): void {
    this.said ??= new Map();
    this.said.set(upstream, words);
  }

  private fail(): void {
    if (this.over) return;
    this.end();
    this.done({ answer: this.cut, failure: { rcode: RCODE_SERVFAIL, ede: this.explain() } });
  }

  private explain(): ExtendedError {
    if (this.servfail?.ede !== undefined) {
      const { code, text } = this.servfail.ede;
      return { code, text: cutText(`${this.servfail.upstream}: ${text === '' ? 'SERVFAIL' : text}`) };
    }
    // Equal reasons are listed once: `upstreams A and B timed out; C answered REFUSED`.
    const byWords = new Map<string, string[]>();
    for (const [name, words] of this.said ?? []) byWords.set(words, [...(byWords.get(words) ?? []), name]);
    const parts = [...byWords].map(
      ([words, names]) => `${names.length > 1 ? 'upstreams' : 'upstream'} ${names.join(' and ')} ${words}`,
    );
    const code = this.timedOut ? EDE_NETWORK_ERROR : EDE_NO_REACHABLE_AUTHORITY;
    return { code, text: cutText(parts.join('; ')) };
  }

  private end(): void {
    this.over = true;
    this.clock.clearTimeout(this.timer);
    const left = this.deadline - this.clock.now();
    for (const attempt of this.attempts) attempt.release(left);
  }
}

function cutText(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 3)}...` : text;
}
