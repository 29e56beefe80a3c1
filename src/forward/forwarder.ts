/** Outside names: cache, equal questions joined, upstreams one after the other, and always an answer. */
import { randomFillSync } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { ConcurrencyLimit } from '../base/limits.ts';
import {
  EDE_NOT_AUTHORITATIVE,
  EDE_NOT_READY,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from '../dns/constants.ts';
import { parseQuery } from '../dns/message.ts';
import { PARSED, Query } from '../dns/query.ts';
import { reserveSharedCache } from '../shared-cache/memory.ts';
import { SharedCache } from '../shared-cache/shared-cache.ts';
import { Budgets } from './upstream/budget.ts';
import { AnswerCache } from './cache/cache.ts';
import { newCounters } from './counters.ts';
import type { ForwardCounters } from './counters.ts';
import { Failures } from './upstream/failures.ts';
import { InFlight } from './in-flight.ts';
import { RouteTracker } from './routes/route-tracker.ts';
import type { PendingQuestion, Waiter } from './in-flight.ts';
import type { ForwardLook, ForwardRequest, ForwarderOptions, ForwarderStatus } from './options.ts';
import { MARK_LENGTH, hasLoopMark } from './question.ts';
import { keyOf, questionOf, randomIds } from './cache/keys.ts';
import { LOOP, Loops, loopThrough } from './loops.ts';
import { isSameHost, systemAddresses } from './routes/own-addresses.ts';
import { Places } from './routes/places.ts';
import { Replies } from './upstream/replies.ts';
import type { Reply } from './upstream/replies.ts';
import { ResolvConf } from './routes/resolv-conf.ts';
import { Routes, isSilent, nowhere } from './routes/routes.ts';
import type { Route } from './routes/routes.ts';
import { forwarderStatus } from './status.ts';
import { Resolution } from './resolution.ts';
import type { ResolutionResult, ResolutionTimes } from './resolution.ts';
import { systemSockets } from './upstream/sockets.ts';
import { freshness } from './upstream/upstream-answer.ts';
import type { UpstreamAnswer } from './upstream/upstream-answer.ts';
import { FLAG_RD } from '../dns/flags.ts';

/** Milliseconds: 1.3 s an upstream, under 4 s in all, because stubs give up at 5 s. */
const ATTEMPT = 1300;
const BUDGET = 3900;
const CACHE_SIZE = 16 * 2 ** 20;
const FAILURES_LEAST = 64 * 2 ** 10;
const SERVE_STALE = 24 * 3600 * 1000;
const QUERIES = 1024;
const QUERIES_CLIENT = 128;
/** TCP connections to upstreams, in all and of one VPC. */
const CONNECTIONS = 128;
const CONNECTIONS_TENANT = 16;
/** Milliseconds (RFC 8767 section 5). */
const STALE_AFTER = 1800;

const FULL = {
  all: 'too many queries are waiting for upstreams',
  vpc: 'too many queries of this VPC are waiting for upstreams',
  client: 'too many queries of this client are waiting for upstreams',
};

/**
 * Forwards outside names. `ask` never throws and never blocks; it replies exactly once, maybe before it returns.
 * A VPC sees only what it asked itself: cache, joining and remembered failures are all keyed by its number.
 */
export class Forwarder<R extends ForwardRequest = ForwardRequest> {
  private readonly counted = newCounters();
  private readonly clock: Clock;
  /** Goes along in every query of ours; see `hasLoopMark`. */
  readonly mark: Uint8Array;
  private readonly times: ResolutionTimes;
  private readonly staleAfter: number;
  private readonly replies: Replies<R>;
  private readonly resolvConf: ResolvConf;
  private readonly routes: Routes;
  private readonly limit: ConcurrencyLimit<number>;
  private readonly sharedCache: SharedCache;
  private readonly cache: AnswerCache;
  private readonly failures: Failures;
  private readonly inFlight = new InFlight<R>();
  private readonly loops = new Loops<PendingQuestion<R>>();
  private readonly tracker: RouteTracker;
  private readonly query = new Query();
  private readonly kept: (() => void) | undefined;
  private closed = false;

  constructor(options: ForwarderOptions<R>) {
    const clock = (this.clock = options.clock ?? systemClock);
    this.mark = options.mark ?? randomFillSync(new Uint8Array(MARK_LENGTH));
    this.times = { attempt: options.attemptTimeout ?? ATTEMPT, budget: options.budget ?? BUDGET };
    this.staleAfter = options.staleAfter ?? STALE_AFTER;
    this.resolvConf = new ResolvConf(options.resolvConf ?? '/etc/resolv.conf', clock, options.confFile);
    this.routes = this.routesOf(options);
    const all = options.queries ?? QUERIES;
    this.limit = new ConcurrencyLimit({
      all,
      vpc: options.queriesVpc ?? Math.ceil(all / 2),
      client: options.queriesClient ?? QUERIES_CLIENT,
    });
    const maxSize = options.cacheSize ?? CACHE_SIZE;
    // What is remembered of failures is a part of the cache.
    const failuresSize = Math.min(maxSize >>> 2, Math.max(FAILURES_LEAST, maxSize >>> 4));
    this.sharedCache = options.sharedCache ?? new SharedCache(reserveSharedCache(maxSize), () => clock.now());
    const { routes, sharedCache } = this;
    this.tracker = new RouteTracker(routes, sharedCache, clock, (tenant) => this.forgetAnswers(tenant));
    this.cache = new AnswerCache({
      maxSize: maxSize - failuresSize,
      vpcMaxSize: options.vpcCacheSize ?? Math.ceil(maxSize / 4),
      serveStale: options.serveStale ?? SERVE_STALE,
      clock,
      sharedCache,
    });
    this.kept = options.kept;
    this.failures = new Failures(clock, failuresSize);
    this.replies = new Replies(options.writeOpt, this.counted);
  }

  private routesOf(options: ForwarderOptions<R>): Routes {
    return new Routes({
      configured: options.upstreams ?? [],
      resolvConf: this.resolvConf,
      listeners: options.listeners ?? (() => []),
      localAddresses: options.localAddresses ?? systemAddresses,
      localUpstreams: options.localUpstreams ?? true,
      shared: {
        clock: this.clock,
        sockets: options.sockets ?? systemSockets,
        counters: this.counted,
        random16: options.random16 ?? randomIds(),
        mark: this.mark,
        observe: options.observe ?? (() => {}),
        connections: new Places(CONNECTIONS, CONNECTIONS_TENANT),
        budgets: new Budgets(options.upstreamRate ?? 0, this.clock),
        probes: 0,
        lingering: 0,
      },
    });
  }

  /** With what readers of the shared cache have answered. */
  get counters(): ForwardCounters {
    const { hits } = this.sharedCache;
    return { ...this.counted, queries: this.counted.queries + hits, hits: this.counted.hits + hits };
  }

  ask(request: R, reply: Reply): void {
    this.counted.queries++;
    const { query } = this;
    const { packet, tenant } = request;
    if (parseQuery(packet, 0, packet.length, query) !== PARSED) {
      this.counted.errors++;
      return;
    }
    if (this.closed) {
      this.refuse(request, reply, RCODE_SERVFAIL, EDE_NOT_READY, 'podns is shutting down');
      return;
    }
    if ((query.flags & FLAG_RD) === 0) {
      // The cache is not read either: it would tell what others have asked.
      this.counted.notDesired++;
      const text = 'not a name of podns itself, and recursion was not asked for (RD=0)';
      this.refuse(request, reply, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE, text);
      return;
    }
    const looped = this.loops.recognize(query);
    if (looped !== undefined) this.endLoop(looped);
    if (looped !== undefined || hasLoopMark(packet, query, this.mark)) {
      this.counted.loops++;
      this.replies.failure(request, reply, LOOP);
      return;
    }
    const route = this.routes.find(tenant, request);
    this.tracker.follow(tenant, request.suffix === undefined ? route : undefined);
    const key = keyOf(tenant, query);
    const entry = this.cache.get(tenant, key);
    const known = entry === undefined ? undefined : this.cache.answerOf(entry);
    if (entry !== undefined && known !== undefined && this.cache.isFresh(entry)) {
      this.counted.hits++;
      const isDue = this.cache.hit(entry);
      this.replies.fresh(request, reply, entry, known, this.clock.now());
      if (isDue) this.prefetch(key, request, route);
      return;
    }
    this.counted.misses++;
    const recent = this.failures.get(key);
    if (recent !== undefined) {
      this.counted.failureHits++;
      this.settle(request, reply, recent, known);
      return;
    }
    if (route.upstreams.length === 0) {
      this.settle(request, reply, nowhere(route, this.resolvConf), known);
      return;
    }
    if (known !== undefined && isSilent(route, this.clock.now() - this.staleAfter)) {
      this.giveStale(request, reply, known);
      this.refresh(key, request, route);
      return;
    }
    this.wait(key, request, reply, route, known);
  }

  /** What `ask` would do with a request that has RD and no mark of a loop; nobody is asked, and nothing counted. */
  look(request: R): ForwardLook {
    const { query, clock, cache } = this;
    const { packet, tenant } = request;
    if (parseQuery(packet, 0, packet.length, query) !== PARSED)
      throw new TypeError('not a query that parses');
    const route = this.routes.find(tenant, request);
    const key = keyOf(tenant, query);
    const entry = cache.peek(tenant, key);
    const recent = this.failures.get(key);
    const isFresh = entry !== undefined && cache.isFresh(entry);
    let answer: Uint8Array | undefined;
    const keep = (octets: Uint8Array): void => void (answer = octets.slice());
    if (isFresh) this.replies.fresh(request, keep, entry, cache.answerOf(entry), clock.now());
    else if (entry === undefined) {
      const result = recent ?? (route.upstreams.length === 0 ? nowhere(route, this.resolvConf) : undefined);
      if (result !== undefined) this.settle(request, keep, result, undefined);
    }
    return {
      source: route.source,
      upstreams: route.upstreams.map(({ endpoint, health }) => ({
        upstream: endpoint.text,
        state: health.state,
        reason: health.reason,
      })),
      leftOut: [...route.own, ...route.problems],
      cache: isFresh ? 'fresh' : recent !== undefined ? 'failed' : entry !== undefined ? 'expired' : 'none',
      seconds: isFresh ? Math.floor((entry.storedAt + entry.seconds * 1000 - clock.now()) / 1000) : 0,
      answer,
    };
  }

  /** A VPC is gone, or asks others from now on: so are its cached answers, and what is still under way. */
  forget(tenant: number): void {
    this.forgetAnswers(tenant);
    this.routes.forget(tenant);
  }

  private forgetAnswers(tenant: number): void {
    this.cache.forget(tenant);
    this.inFlight.detach(tenant);
    this.failures.forget(tenant);
    this.tracker.delete(tenant);
  }

  status(): ForwarderStatus {
    return forwarderStatus(
      this.routes,
      this.resolvConf,
      this.cache,
      this.failures,
      this.limit.count,
      this.clock,
    );
  }

  /** Lets what is in flight end for at most `graceMs`, answers the rest with SERVFAIL, closes all sockets. */
  async close(graceMs = this.times.budget): Promise<void> {
    this.closed = true;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimeout(resolve, graceMs);
      this.inFlight.whenEmpty(() => {
        this.clock.clearTimeout(timer);
        resolve();
      });
    });
    const ede = { code: EDE_NOT_READY, text: 'podns is shutting down' };
    const result: ResolutionResult = { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede } };
    for (const pending of this.inFlight.cancel()) this.answerWaiters(pending, result);
    this.loops.close();
    this.routes.close();
    this.cache.clear();
  }

  /** Joins the pending question of an equal question, or starts one. */
  private wait(key: string, request: R, reply: Reply, route: Route, known: UpstreamAnswer | undefined): void {
    const full = this.limit.enter(request.tenant, request.clientKey);
    if (full !== undefined) {
      this.counted.overflows++;
      this.refuse(request, reply, RCODE_SERVFAIL, EDE_NOT_READY, FULL[full]);
      return;
    }
    const waiter: Waiter<R> = { request, reply, staleTimer: undefined, isServed: false };
    const echo = route.upstreams.find(({ endpoint }) => isSameHost(endpoint.address, request.clientKey));
    let pending = this.inFlight.find(key);
    if (pending === undefined || echo !== undefined) this.suspect(key);
    if (pending === undefined) pending = this.launch(key, request, route, waiter);
    else {
      this.counted.joined++;
      pending.waiters.push(waiter);
      if (echo !== undefined) pending.echoed = echo.endpoint.text;
    }
    if (known === undefined) return;
    waiter.staleTimer = this.clock.setTimeout(() => {
      waiter.isServed = true;
      this.giveStale(request, reply, known);
    }, this.staleAfter);
  }

  /**
   * An equal question in flight may be this one on its way round: where it comes from an upstream's host, or differs
   * in what resolvers write anew.
   */
  private suspect(key: string): void {
    for (const pending of this.inFlight.alike(key)) {
      const upstream = pending.resolution?.current;
      if (upstream !== undefined) this.loops.test(pending, pending.question, upstream);
    }
  }

  /** All that are alike wait for each other. */
  private endLoop({ key, resolution }: PendingQuestion<R>): void {
    const result = loopThrough(resolution?.current?.endpoint.text ?? '');
    for (const pending of this.inFlight.alike(key)) pending.finish(result);
  }

  private launch(key: string, request: R, route: Route, first: Waiter<R> | undefined): PendingQuestion<R> {
    // Parsed again: `query` may have been used for other requests meanwhile.
    parseQuery(request.packet, 0, request.packet.length, this.query);
    const question = questionOf(this.query, request.packet);
    const { tenant, clientKey } = request;
    return this.inFlight.start(
      { key, question, tenant },
      first,
      (done) => new Resolution(question, clientKey, route.upstreams, this.clock, this.times, done),
      (pending, result) => this.conclude(pending, result),
    );
  }

  private conclude(pending: PendingQuestion<R>, result: ResolutionResult): void {
    const { answer } = result;
    const usual = answer?.rcode === RCODE_NOERROR || answer?.rcode === RCODE_NXDOMAIN;
    if (answer === undefined) this.counted.failures++;
    if (!pending.disowned) {
      if (answer !== undefined && usual && !answer.truncated) this.keep(pending, answer);
      else this.failures.set(pending.key, result);
    }
    this.answerWaiters(pending, result);
  }

  private keep({ tenant, key, question }: PendingQuestion<R>, answer: UpstreamAnswer): void {
    const fresh = freshness(answer);
    this.failures.delete(key);
    if (fresh.seconds > 0) {
      this.cache.set(tenant, key, question, answer, fresh);
      this.kept?.();
    } else this.cache.delete(tenant, key);
  }

  private answerWaiters(pending: PendingQuestion<R>, result: ResolutionResult): void {
    const entry =
      result.answer === undefined && !pending.disowned
        ? this.cache.get(pending.tenant, pending.key)
        : undefined;
    const known = entry === undefined ? undefined : this.cache.answerOf(entry);
    if (pending.echoed !== '' && result.answer === undefined) {
      this.counted.loops++;
      result = loopThrough(pending.echoed);
    }
    for (const { request, reply, staleTimer, isServed } of pending.waiters) {
      this.clock.clearTimeout(staleTimer);
      this.limit.leave(request.tenant, request.clientKey);
      if (!isServed) this.settle(request, reply, result, known);
    }
  }

  /** The result of a resolution; where it failed, an expired answer is better. */
  private settle(
    request: R,
    reply: Reply,
    result: ResolutionResult,
    known: UpstreamAnswer | undefined,
  ): void {
    const { answer, failure } = result;
    if (answer !== undefined && !(answer.truncated && request.tcp)) {
      this.replies.received(request, reply, answer);
    } else if (known !== undefined) this.giveStale(request, reply, known);
    else this.replies.failure(request, reply, failure);
  }

  private giveStale(request: R, reply: Reply, known: UpstreamAnswer): void {
    this.counted.stale++;
    this.replies.stale(request, reply, known);
  }

  private refuse(request: R, reply: Reply, rcode: number, code: number, text: string): void {
    this.replies.failure(request, reply, { rcode, ede: { code, text } });
  }

  /** Asks again for what is popular shortly before it expires, so that no client has to wait for it. */
  private prefetch(key: string, request: R, route: Route): void {
    if (this.failures.get(key) !== undefined) return;
    if (this.refresh(key, request, route)) this.counted.prefetches++;
  }

  /** A pending question without a waiting client. False when there is one already, or no room. */
  private refresh(key: string, request: R, route: Route): boolean {
    if (route.upstreams.length === 0 || this.inFlight.find(key) !== undefined) return false;
    // Work that no client waits for leaves plenty of room to the clients that wait.
    if (Math.max(this.inFlight.size, this.limit.count) * 2 >= this.limit.limits.all) return false;
    this.launch(key, request, route, undefined);
    return true;
  }
}
