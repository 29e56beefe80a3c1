/** `/v1/prove-isolation`: a proof over the live view, line by line as it goes on. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { PROOF_LIMIT, proveIsolation } from '../isolation/prover.ts';
import type { ServerCore } from '../server.ts';
import { isolationFacts } from '../server/proving.ts';
import { beginStream } from './stream.ts';

const LIMIT = /^[1-9]\d{0,8}$/;

export function proofRoutes(app: FastifyInstance, server: ServerCore): void {
  let running: FastifyReply | undefined;
  app.addHook('preClose', async () => void running?.raw.destroy());
  app.get<{ Querystring: { limit?: string | string[] } }>('/v1/prove-isolation', (request, reply) => {
    const { limit = String(PROOF_LIMIT) } = request.query;
    void reply.type('text/plain; charset=utf-8');
    if (typeof limit !== 'string' || !LIMIT.test(limit))
      return reply.code(400).send('limit: a whole number from 1 to 999999999 is expected\n');
    if (running !== undefined)
      return reply.code(503).header('retry-after', 1).send('a proof is under way already\n');
    running = reply;
    void stream(server, Number(limit), reply).finally(() => (running = undefined));
    return reply;
  });
}

async function stream(server: ServerCore, limit: number, reply: FastifyReply): Promise<void> {
  const output = beginStream(reply);
  let hasLeft = false;
  let drained: (() => void) | undefined;
  const go = (): void => {
    drained?.();
    drained = undefined;
  };
  output.follow({
    drained: go,
    left: () => {
      hasLeft = true;
      go();
    },
  });
  try {
    for await (const line of proveIsolation(isolationFacts(server), limit)) {
      if (hasLeft) return;
      const isTaken = output.write(Buffer.from(`${JSON.stringify(line)}\n`));
      if (!isTaken) await new Promise<void>((resolve) => (drained = resolve));
    }
    reply.raw.end();
  } catch {
    // Too much changed while it read. Without its last line a proof proves nothing.
    output.cut();
  }
}
