/** `/v1/problems`: all that stands wrong, what spoils answers first. */
import type { FastifyInstance } from 'fastify';
import type { ServerCore } from '../server.ts';
import type { StandingProblem } from '../server/problems.ts';

/** `since`: RFC 3339. */
export type ProblemFacts = Omit<StandingProblem, 'since'> & { since: string };

export interface ProblemsAnswer {
  problems: ProblemFacts[];
  /** How many stand beyond those that are listed. */
  more: number;
}

export function problemRoutes(app: FastifyInstance, server: ServerCore): void {
  app.get('/v1/problems', async (_request, reply) => {
    const list = await server.observing.list();
    const problems = list.map((problem) => ({ ...problem, since: new Date(problem.since).toISOString() }));
    const answer: ProblemsAnswer = { problems, more: server.observing.problems.count - list.length };
    return reply.type('application/json; charset=utf-8').send(`${JSON.stringify(answer, undefined, 2)}\n`);
  });
}
