/** The forwarder as `status`, `explain` and the metrics show it. */
import type { AnswerCache } from './cache/cache.ts';
import type { Clock } from '../base/clock.ts';
import type { Failures } from './upstream/failures.ts';
import type { ForwarderStatus } from './options.ts';
import type { ResolvConf } from './routes/resolv-conf.ts';
import type { Routes } from './routes/routes.ts';

export function forwarderStatus(
  routes: Routes,
  resolvConf: ResolvConf,
  cache: AnswerCache,
  failures: Failures,
  waiting: number,
  clock: Clock,
): ForwarderStatus {
  const route = routes.defaultRoute();
  const now = clock.now();
  const fileProblem = route.source === resolvConf.path ? resolvConf.problem : '';
  return {
    source: route.source,
    defaults: route.upstreams.map(({ endpoint }) => endpoint.text),
    own: route.own,
    problem: [...route.problems, fileProblem].filter((text) => text !== '').join('; '),
    upstreams: routes.known().map(({ endpoint, state, reason, failingSince, heardAt }) => ({
      upstream: endpoint.text,
      state,
      reason,
      failingFor: state === 'failing' ? now - failingSince : 0,
      silentFor: Number.isFinite(heardAt) ? now - heardAt : -1,
    })),
    waiting,
    cacheEntries: cache.entries,
    cacheSize: cache.size + failures.size,
  };
}
