/** Outside names: cache, equal questions joined, upstreams in turn, and an answer for whatever happens. */
import {
  EDE_NO_REACHABLE_AUTHORITY,
  EDE_NOT_AUTHORITATIVE,
  EDE_NOT_READY,
  EDE_OTHER,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from '../dns/constants.ts';
import { parseQuery } from '../dns/message.ts';
import { PARSED, Query } from '../dns/query.ts';
import type { Bounds } from './bounds.ts';
import type { AnswerCache, Entry } from './cache.ts';
import type { Clock } from './clock.ts';
import { newCounters } from './counters.ts';
import { Failures } from './failures.ts';
import { Flights } from './flights.ts';
import type { Flight, Waiter } from './flights.ts';
import { makeParts } from './parts.ts';
import type { ForwardRequest, ForwarderOptions, ForwarderStatus } from './options.ts';
import { hasLoopMark } from './question.ts';
import { keyOf, questionOf } from './keys.ts';
import type { Question } from './question.ts';
import { Replies } from './replies.ts';
import type { Reply } from './replies.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { whyNowhere } from './routes.ts';
import type { Route, Routes } from './routes.ts';
import { forwarderStatus } from './status.ts';
import { Turn } from './turn.ts';
import type { TurnResult, TurnTimes } from './turn.ts';
import { freshness } from './upstream-answer.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

/** Milliseconds (RFC 8767 section 5). */
const STALE_AFTER = 1800;
/** An answer given this often is asked for again in the last tenth of its life, if that is long enough to matter. */
const POPULAR_HITS = 3;
const PREFETCH_SECONDS_MIN = 10;

const FLAG_RD = 0x0100;
const LOOP_TEXT = 'loop: this question has come back to podns, which forwarded it; see its upstreams';

/**
 * Forwards outside names. `ask` never throws and never blocks; it replies exactly once, maybe before it returns.
 * A VPC sees only what it asked itself: cache, joining and remembered failures are all keyed by VPC.
 */
export class Forwarder<R extends ForwardRequest = ForwardRequest> {
  readonly counters = newCounters();
  private readonly clock: Clock;
  /** Goes along in every query of ours; see `hasLoopMark`. */
  readonly mark: Uint8Array;
  private readonly times: TurnTimes;
  private readonly staleAfter: number;
  private readonly replies: Replies<R>;
  private readonly resolvConf: ResolvConf;
  private readonly routes: Routes;
  private readonly bounds: Bounds;
  private readonly cache: AnswerCache;
  private readonly failures: Failures;
  private readonly flights = new Flights<R>();
  /** Key of the route that filled a VPC's cache. */
  private readonly routeOfVpc = new Map<string, string>();
  private readonly query = new Query();
  private closed = false;

  constructor(options: ForwarderOptions<R>) {
    const parts = makeParts(options, this.counters);
    this.clock = parts.clock;
    this.mark = parts.mark;
    this.times = parts.times;
    this.staleAfter = options.staleAfter ?? STALE_AFTER;
    this.resolvConf = parts.resolvConf;
    this.routes = parts.routes;
    this.bounds = parts.bounds;
    this.cache = parts.cache;
    this.failures = new Failures(this.clock);
    this.replies = new Replies(options.writeOpt, this.counters);
  }

  ask(request: R, reply: Reply): void {
    this.counters.queries++;
    const { query } = this;
    const { packet, vpc } = request;
    if (parseQuery(packet, 0, packet.length, query) !== PARSED) {
      this.counters.errors++;
      return;
    }
    if (this.closed) {
      this.refuse(request, reply, RCODE_SERVFAIL, EDE_NOT_READY, 'podns is shutting down');
      return;
    }
    if ((query.flags & FLAG_RD) === 0) {
      // The cache is not read either: it would tell what others have asked.
      this.counters.notDesired++;
      const text = 'not a name of podns itself, and recursion was not asked for (RD=0)';
      this.refuse(request, reply, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE, text);
      return;
    }
    if (hasLoopMark(packet, query, this.mark)) {
      this.counters.loops++;
      this.refuse(request, reply, RCODE_SERVFAIL, EDE_OTHER, LOOP_TEXT);
      return;
    }
    const route = this.routes.find(request.upstreams);
    this.followRoute(vpc, route);
    const key = keyOf(vpc, query);
    const entry = this.cache.get(vpc, key);
    if (entry !== undefined && this.cache.isFresh(entry)) {
      this.counters.hits++;
      this.replies.fresh(request, reply, entry, this.clock.now());
      this.prefetch(entry, key, request, route);
      return;
    }
    this.counters.misses++;
    const recent = this.failures.get(key);
    if (recent !== undefined) {
      this.counters.failureHits++;
      this.settle(request, reply, recent, entry);
      return;
    }
    if (route.upstreams.length === 0) {
      this.settle(request, reply, this.nowhere(route), entry);
      return;
    }
    if (entry !== undefined && this.isSilent(route)) {
      this.giveStale(request, reply, entry);
      this.refresh(key, request, route);
      return;
    }
    this.wait(key, request, reply, route, entry);
  }

  /** A VPC is gone: so are its cached answers. */
  forget(vpc: string): void {
    this.cache.forget(vpc);
    this.routeOfVpc.delete(vpc);
  }

  status(): ForwarderStatus {
    return forwarderStatus(this.routes, this.resolvConf, this.cache, this.bounds.all, this.clock);
  }

  /** Lets what is in flight end for at most `graceMs`, answers the rest with SERVFAIL, closes all sockets. */
  async close(graceMs = this.times.budget): Promise<void> {
    this.closed = true;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimeout(resolve, graceMs);
      this.flights.whenEmpty(() => {
        this.clock.clearTimeout(timer);
        resolve();
      });
    });
    const ede = { code: EDE_NOT_READY, text: 'podns is shutting down' };
    const result: TurnResult = { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede } };
    for (const flight of this.flights.cancel()) this.answerWaiters(flight, result);
    this.routes.close();
    this.cache.clear();
  }

  /** Joins the flight of an equal question, or starts one. */
  private wait(key: string, request: R, reply: Reply, route: Route, entry: Entry | undefined): void {
    const full = this.bounds.enter(request.vpc, request.clientKey);
    if (full !== undefined) {
      this.counters.overflows++;
      this.refuse(request, reply, RCODE_SERVFAIL, EDE_NOT_READY, full);
      return;
    }
    const waiter: Waiter<R> = { request, reply, staleTimer: undefined };
    let flight = this.flights.find(key);
    if (flight === undefined) flight = this.launch(key, request, route, waiter);
    else {
      this.counters.joined++;
      flight.waiters.add(waiter);
      const echo = route.upstreams.find(({ endpoint }) => endpoint.address === request.clientKey);
      if (echo !== undefined) flight.echoed = echo.endpoint.text;
    }
    if (entry === undefined) return;
    const { waiters } = flight;
    waiter.staleTimer = this.clock.setTimeout(() => {
      waiters.delete(waiter);
      this.bounds.leave(request.vpc, request.clientKey);
      this.giveStale(request, reply, entry);
    }, this.staleAfter);
  }

  private launch(key: string, request: R, route: Route, first: Waiter<R> | undefined): Flight<R> {
    // Parsed again: between asking and here others may have been given answers, and asked in turn.
    parseQuery(request.packet, 0, request.packet.length, this.query);
    const question = questionOf(this.query, request.packet);
    return this.flights.start(
      key,
      request.vpc,
      first,
      (done) => new Turn(question, route.upstreams, this.clock, this.times, done),
      (flight, result) => this.land(flight, question, result),
    );
  }

  private land(flight: Flight<R>, question: Question, result: TurnResult): void {
    const { answer } = result;
    const usual = answer?.rcode === RCODE_NOERROR || answer?.rcode === RCODE_NXDOMAIN;
    if (answer === undefined) this.counters.failures++;
    if (answer !== undefined && usual && !answer.truncated) this.keep(flight, question, answer);
    else this.failures.set(flight.key, result);
    this.answerWaiters(flight, result);
  }

  private keep({ vpc, key }: Flight<R>, question: Question, answer: UpstreamAnswer): void {
    const { seconds, negative } = freshness(answer, question);
    this.failures.delete(key);
    if (seconds > 0) {
      this.cache.set(vpc, key, { answer, storedAt: this.clock.now(), seconds, negative, hits: 0 });
    } else this.cache.delete(vpc, key);
  }

  private answerWaiters(flight: Flight<R>, result: TurnResult): void {
    const entry = result.answer === undefined ? this.cache.get(flight.vpc, flight.key) : undefined;
    if (flight.echoed !== '' && result.answer === undefined) {
      this.counters.loops++;
      const text = `loop: upstream ${flight.echoed} asks podns what podns asks it`;
      result = { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede: { code: EDE_OTHER, text } } };
    }
    for (const { request, reply, staleTimer } of flight.waiters) {
      this.clock.clearTimeout(staleTimer);
      this.bounds.leave(request.vpc, request.clientKey);
      this.settle(request, reply, result, entry);
    }
  }

  /** The result of a turn; where it failed, an expired answer is better. */
  private settle(request: R, reply: Reply, result: TurnResult, entry: Entry | undefined): void {
    const { answer, failure } = result;
    if (answer !== undefined && !(answer.truncated && request.tcp)) {
      this.replies.received(request, reply, answer);
    } else if (entry !== undefined) this.giveStale(request, reply, entry);
    else this.replies.failure(request, reply, failure);
  }

  private giveStale(request: R, reply: Reply, entry: Entry): void {
    this.counters.stale++;
    this.replies.stale(request, reply, entry);
  }

  private refuse(request: R, reply: Reply, rcode: number, code: number, text: string): void {
    this.replies.failure(request, reply, { rcode, ede: { code, text } });
  }

  /** Asks again for what is popular shortly before it expires, so that nobody has to wait for it. */
  private prefetch(entry: Entry, key: string, request: R, route: Route): void {
    if (entry.hits < POPULAR_HITS || entry.seconds < PREFETCH_SECONDS_MIN) return;
    const left = entry.storedAt + entry.seconds * 1000 - this.clock.now();
    if (left > entry.seconds * 100 || this.failures.get(key) !== undefined) return;
    if (this.refresh(key, request, route)) this.counters.prefetches++;
  }

  /** A flight that nobody waits for. False when there is one already, or no room. */
  private refresh(key: string, request: R, route: Route): boolean {
    if (route.upstreams.length === 0 || this.flights.find(key) !== undefined) return false;
    if (!this.bounds.isQuiet(this.flights.size)) return false;
    this.launch(key, request, route, undefined);
    return true;
  }

  /** Another list of upstreams may see another world: what the old one said no longer counts. */
  private followRoute(vpc: string, route: Route): void {
    const known = this.routeOfVpc.get(vpc);
    if (known === route.key) return;
    if (known !== undefined) this.cache.forget(vpc);
    this.routeOfVpc.set(vpc, route.key);
  }

  /** All of these upstreams are known to be failing, and have been for long enough. */
  private isSilent({ upstreams }: Route): boolean {
    const before = this.clock.now() - this.staleAfter;
    return upstreams.every(({ state, heardAt, failingSince }) => {
      return state === 'failing' && heardAt <= before && failingSince <= before;
    });
  }

  private nowhere(route: Route): TurnResult {
    const text = whyNowhere(route, route.source === this.resolvConf.path ? this.resolvConf.problem : '');
    const ede = { code: EDE_NO_REACHABLE_AUTHORITY, text };
    return { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede } };
  }
}
