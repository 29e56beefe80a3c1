/** `POST /v1/accept`: lets through what the shrink guard holds. The one URL that changes what podns serves. */
import type { FastifyInstance } from 'fastify';
import type { ServerCore } from '../server.ts';
import type { HeldLoss } from '../server/shrink-guard.ts';

/** A loss that was held; times are RFC 3339. */
export type HeldFacts = Omit<HeldLoss, 'since' | 'until'> & { since: string; until: string };

export interface AcceptAnswer {
  accepted: HeldFacts[];
}

export function heldFacts(loss: HeldLoss): HeldFacts {
  const { since, until } = loss;
  return { ...loss, since: new Date(since).toISOString(), until: new Date(until).toISOString() };
}

export function acceptRoutes(app: FastifyInstance, server: ServerCore): void {
  app.post<{ Querystring: { source?: string | string[] } }>('/v1/accept', async (request, reply) => {
    const { source } = request.query;
    void reply.type('text/plain; charset=utf-8');
    // A page of another site can make a browser send this, but not without saying so.
    const { origin, host } = request.headers;
    if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== host)
      return reply.code(403).send('a page of another site may not do this\n');
    if (Array.isArray(source)) return reply.code(400).send('give at most one source\n');
    const names = [...server.feed.states()].map(({ name }) => name);
    if (source !== undefined && !names.includes(source))
      return reply.code(404).send(`there is no source ${source}; there are ${names.join(', ')}\n`);
    const accepted = server.guard.accept(source).map(heldFacts);
    await server.settled();
    const answer: AcceptAnswer = { accepted };
    return reply.type('application/json; charset=utf-8').send(`${JSON.stringify(answer, undefined, 2)}\n`);
  });
}
