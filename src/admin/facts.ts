/** What the admin listener knows of the server, and the type of a module of routes. */
import type { FastifyInstance } from 'fastify';

/** Whether every source has delivered, and what is missing. */
export interface Readiness {
  ready: boolean;
  /** One line each, such as `zones:zones: has not delivered yet`. Usually empty when ready. */
  reasons: string[];
}

/** What the routes know of the running server. */
export interface AdminFacts {
  readiness(): Readiness;
}

/** Adds routes; called once before the listener opens. */
export type AdminRoutes = (app: FastifyInstance, facts: AdminFacts) => void;
