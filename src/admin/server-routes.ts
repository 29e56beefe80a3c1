/** All routes of a running server, for `createAdmin`. */
import type { FastifyInstance } from 'fastify';
import type { ServerCore } from '../server.ts';
import { WAIT } from '../server/restoring.ts';
import { acceptRoutes } from './accept.ts';
import { dockerRoutes } from './docker/docker-routes.ts';
import { explainRoutes } from './explain.ts';
import { problemRoutes } from './problems.ts';
import type { AdminRoutes } from './health.ts';
import { listRoutes } from './lists.ts';
import { logRoutes } from './log.ts';
import { metricsRoutes } from './metrics.ts';
import { openapiRoutes } from './openapi/document.ts';
import { cardRoutes } from './page/card.ts';
import { pageFileRoutes } from './page/files.ts';
import { findRoutes } from './page/find.ts';
import { proofRoutes } from './prove.ts';
import { statusRoutes } from './status.ts';
import { watchRoutes } from './watch.ts';

export function serverRoutes(server: ServerCore, version: string): AdminRoutes[] {
  return [
    (app) => untilLoaded(app, server),
    (app) => watchRoutes(app, server),
    (app) => listRoutes(app, server),
    (app) => logRoutes(app, server),
    (app) => explainRoutes(app, server),
    (app) => proofRoutes(app, server),
    (app) => statusRoutes(app, server, version),
    (app) => problemRoutes(app, server),
    (app) => acceptRoutes(app, server),
    (app) => metricsRoutes(app, server, version),
    (app) => dockerRoutes(app, server, version),
    pageFileRoutes,
    (app) => findRoutes(app, server),
    (app) => cardRoutes(app, server),
    (app) => openapiRoutes(app, version),
  ];
}

/** What is told while records are being loaded, because it is truthful without them. */
const TOLD = ['/metrics', '/v1/status', '/v1/problems'];

/** Whatever else reads the records is refused until they are there; probes and files need none. */
function untilLoaded(app: FastifyInstance, { restoring }: ServerCore): void {
  app.addHook('onRequest', async (request, reply) => {
    const { url, config } = request.routeOptions;
    if (!restoring.isLoading || url === undefined || TOLD.includes(url) || config.withoutToken === true)
      return;
    await reply.code(503).header('retry-after', 1).type('text/plain; charset=utf-8').send(`${WAIT}\n`);
  });
}
