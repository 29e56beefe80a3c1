/**
 * `/healthz` shows that the process runs; `/readyz` shows whether every source has delivered, and which has not. Probes
 * need no token; without it `/readyz` leaves out the reasons, which name sources.
 */
import type { FastifyInstance } from 'fastify';
import { plainText } from '../model-text.ts';
import type { Readiness } from '../server/staleness.ts';

/** What the routes know of the running server. */
export interface AdminFacts {
  readiness(): Readiness;
}

/** Adds routes; called once before the listener opens. */
export type AdminRoutes = (app: FastifyInstance, facts: AdminFacts) => void;

export function healthRoutes(app: FastifyInstance, facts: AdminFacts): void {
  const open = { config: { withoutToken: true } };
  app.get('/healthz', open, (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'));

  app.get('/readyz', open, (request, reply) => {
    const { ready, reasons } = facts.readiness();
    const hidden = reasons.length > 0 ? ['the reasons are for requests with the token'] : [];
    const body = [ready ? 'ok' : 'not ready', ...(request.withToken ? reasons : hidden)];
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(`${body.map(plainText).join('\n')}\n`);
  });
}
