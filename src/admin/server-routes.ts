/** All routes of a running server, for `createAdmin`. */
import type { ServerCore } from '../server.ts';
import { dockerRoutes } from './docker/docker-routes.ts';
import { explainRoutes } from './explain.ts';
import type { AdminRoutes } from './facts.ts';
import { listRoutes } from './lists.ts';
import { metricsRoutes } from './metrics.ts';
import { openapiRoutes } from './openapi/document.ts';
import { pageRoutes } from './page/routes.ts';
import { problemRoutes } from './problems.ts';
import { statusRoutes } from './status.ts';
import { watchRoutes } from './watch.ts';

export function serverRoutes(server: ServerCore, version: string): AdminRoutes[] {
  return [
    (app) => watchRoutes(app, server),
    (app) => listRoutes(app, server),
    (app) => explainRoutes(app, server),
    (app) => statusRoutes(app, server, version),
    (app) => problemRoutes(app, server),
    (app) => metricsRoutes(app, server, version),
    (app) => dockerRoutes(app, server, version),
    (app) => pageRoutes(app, server),
    (app) => openapiRoutes(app, version),
  ];
}
