/** `/v1/watch`: the watch stream of this server's view; `/v1/events`: each change as it is applied. */
import type { FastifyInstance } from 'fastify';
import type { ServerCore } from '../server.ts';
import type { Refusal } from '../watch/watch-server.ts';
import { beginStream } from './stream.ts';

interface WatchQuery {
  revision?: string | string[];
  vpc?: string | string[];
}

const REFUSALS: Record<Refusal, { status: number; text: string }> = {
  gone: {
    status: 410,
    text: 'the stream cannot continue from this revision; ask without a revision for the whole state',
  },
  unready: { status: 503, text: 'no source of this server has delivered a whole state yet' },
  full: { status: 503, text: 'too many readers' },
};
/** Seconds after which a refused reader may try again. */
const RETRY_AFTER = 1;
const REVISION = /^(0|[1-9][0-9]{0,19})$/;
const VPC = /^[a-z0-9_-]{1,63}$/;

export function watchRoutes(app: FastifyInstance, server: ServerCore): void {
  const { watchServer, events } = server.subscribers;
  // Streams do not end by themselves, and the close of the server must not wait for them.
  app.addHook('preClose', async () => {
    watchServer.close();
    events.close();
  });

  app.get<{ Querystring: WatchQuery }>('/v1/watch', (request, reply) => {
    const { revision } = request.query;
    const vpcs = listOf(request.query.vpc).map((name) => name.toLowerCase());
    const wrong = whyWrong(revision, vpcs);
    if (wrong !== undefined) return reply.code(400).type('text/plain; charset=utf-8').send(`${wrong}\n`);
    let stream: ReturnType<typeof beginStream> | undefined;
    const asked = { revision: revision as string | undefined, vpcs };
    const reader = watchServer.open(asked, () => (stream = beginStream(reply)));
    if (typeof reader !== 'string') {
      stream!.follow(reader);
      return reply;
    }
    const { status, text } = REFUSALS[reader];
    if (status === 503) void reply.header('retry-after', RETRY_AFTER);
    return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
  });

  app.get('/v1/events', (_request, reply) => {
    const stream = beginStream(reply);
    stream.follow(events.listen(stream));
    return reply;
  });
}

export function listOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function whyWrong(revision: string | string[] | undefined, vpcs: readonly string[]): string | undefined {
  if (revision !== undefined && (typeof revision !== 'string' || !REVISION.test(revision)))
    return 'revision: must be one decimal number, as in a line of the stream';
  const bad = vpcs.find((name) => !VPC.test(name));
  return bad === undefined ? undefined : `vpc: ${JSON.stringify(bad)} is not the name of a VPC`;
}
