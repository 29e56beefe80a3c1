/** What the admin listener knows of the server, and the type of a module of routes. */
import type { FastifyInstance } from 'fastify';
import type { Readiness } from '../server/staleness.ts';

/** What the routes know of the running server. */
export interface AdminFacts {
  readiness(): Readiness;
}

/** Adds routes; called once before the listener opens. */
export type AdminRoutes = (app: FastifyInstance, facts: AdminFacts) => void;
