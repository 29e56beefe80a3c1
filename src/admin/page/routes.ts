/** The page at `/`, and the two questions that only it asks: `/v1/find` and `/v1/card`. */
import type { FastifyInstance } from 'fastify';
import type { ServerCore } from '../../server.ts';
import { cardRoutes } from './card.ts';
import { pageFileRoutes } from './files.ts';
import { findRoutes } from './find.ts';

export function pageRoutes(app: FastifyInstance, server: ServerCore): void {
  pageFileRoutes(app);
  findRoutes(app, server);
  cardRoutes(app, server);
}
