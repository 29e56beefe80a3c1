/** Every route that speaks of a running server, for `createAdmin`. */
import type { PodnsServer } from '../server.ts';
import type { AdminRoutes } from './facts.ts';
import { listRoutes } from './lists.ts';
import { metricsRoutes } from './metrics.ts';
import { problemRoutes } from './problems.ts';
import { statusRoutes } from './status.ts';
import { watchRoutes } from './watch.ts';

export function serverRoutes(server: PodnsServer, version: string): AdminRoutes[] {
  return [
    (app) => watchRoutes(app, server),
    (app) => listRoutes(app, server),
    (app) => statusRoutes(app, server, version),
    (app) => problemRoutes(app, server),
    (app) => metricsRoutes(app, server, version),
  ];
}
