/** Answers of the page that take long: few at the same time, and each between two states of the catalog or not at all. */
import type { FastifyReply } from 'fastify';

/** Sends what `make` gives as JSON, nothing if that is undefined. At most `most` at a time; `tooMany` is the refusal. */
export function limitedJson(
  most: number,
  tooMany: string,
): (reply: FastifyReply, make: () => Promise<object | undefined>) => Promise<FastifyReply> {
  let busy = 0;
  const later = (reply: FastifyReply, reason: string): FastifyReply =>
    reply.code(503).header('retry-after', 1).send(`${reason}\n`);
  return async (reply, make) => {
    if (busy >= most) return later(reply, tooMany);
    busy++;
    let made: object | undefined;
    try {
      made = await make();
    } catch (error) {
      if ((error as Error).name !== 'MomentLost') throw error;
      made = error as Error;
    } finally {
      busy--;
    }
    if (made instanceof Error) return later(reply, made.message);
    if (made === undefined) return reply;
    return reply.type('application/json; charset=utf-8').send(`${JSON.stringify(made)}\n`);
  };
}
