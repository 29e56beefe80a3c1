/** Makes the parts of a forwarder out of its options; every default stands here. */
import { randomFillSync } from 'node:crypto';
import { QueryLimits } from '../query-limits.ts';
import { reserveSharedCache } from '../../shared-cache/memory.ts';
import { SharedCache } from '../../shared-cache/shared-cache.ts';
import { AnswerCache } from './cache.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { ForwardCounters } from '../counters.ts';
import { Failures } from '../upstream/failures.ts';
import { randomIds } from './keys.ts';
import type { ForwardRequest, ForwarderOptions } from '../options.ts';
import { systemAddresses } from '../routes/own-addresses.ts';
import { Places } from '../routes/places.ts';
import { MARK_LENGTH } from '../question.ts';
import { ResolvConf } from '../routes/resolv-conf.ts';
import { Routes } from '../routes/routes.ts';
import type { UpstreamContext } from '../upstream/upstream-context.ts';
import { systemSockets } from '../upstream/sockets.ts';
import type { ResolutionTimes } from '../resolution.ts';

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

export interface Parts {
  clock: Clock;
  mark: Uint8Array;
  times: ResolutionTimes;
  resolvConf: ResolvConf;
  routes: Routes;
  bounds: QueryLimits;
  sharedCache: SharedCache;
  cache: AnswerCache;
  failures: Failures;
}

export function makeParts<R extends ForwardRequest>(
  options: ForwarderOptions<R>,
  counters: ForwardCounters,
): Parts {
  const clock = options.clock ?? systemClock;
  const mark = options.mark ?? randomFillSync(new Uint8Array(MARK_LENGTH));
  const resolvConf = new ResolvConf(options.resolvConf ?? '/etc/resolv.conf', clock, options.confFile);
  const shared: UpstreamContext = {
    clock,
    sockets: options.sockets ?? systemSockets,
    counters,
    random16: options.random16 ?? randomIds(),
    mark,
    observe: options.observe ?? (() => {}),
    connections: new Places(CONNECTIONS, CONNECTIONS_TENANT),
    probes: 0,
    lingering: 0,
  };
  const routes = new Routes({
    configured: options.upstreams ?? [],
    resolvConf,
    listeners: options.listeners ?? (() => []),
    localAddresses: options.localAddresses ?? systemAddresses,
    localUpstreams: options.localUpstreams ?? true,
    shared,
  });
  const all = options.queries ?? QUERIES;
  const maxSize = options.cacheSize ?? CACHE_SIZE;
  // What is remembered of failures is a part of the cache.
  const failuresSize = Math.min(maxSize >>> 2, Math.max(FAILURES_LEAST, maxSize >>> 4));
  const sharedCache = options.sharedCache ?? new SharedCache(reserveSharedCache(maxSize), () => clock.now());
  return {
    clock,
    mark,
    times: { attempt: options.attemptTimeout ?? ATTEMPT, budget: options.budget ?? BUDGET },
    resolvConf,
    routes,
    bounds: new QueryLimits({
      all,
      vpc: options.queriesVpc ?? Math.ceil(all / 2),
      client: options.queriesClient ?? QUERIES_CLIENT,
    }),
    sharedCache,
    cache: new AnswerCache({
      maxSize: maxSize - failuresSize,
      vpcMaxSize: options.vpcCacheSize ?? Math.ceil(maxSize / 4),
      serveStale: options.serveStale ?? SERVE_STALE,
      clock,
      sharedCache,
    }),
    failures: new Failures(clock, failuresSize),
  };
}
