/** `/healthz` shows that the process runs; `/readyz` shows whether every source has delivered, and which has not. */
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
  app.get('/healthz', (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'));

  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = facts.readiness();
    const body = ready ? ['ok', ...reasons] : ['not ready', ...reasons];
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(`${body.map(plainText).join('\n')}\n`);
  });
}
