/** `/v1/vpcs`, `/v1/namespaces`, `/v1/overlays`, `/v1/pods`, `/v1/services`: the resources, as JSON. */
import type { FastifyInstance } from 'fastify';
import type { Kind, Resource } from '../model.ts';
import type { ServerCore } from '../server.ts';
import { PacedBody } from './paced-body.ts';
import { listOf } from './watch.ts';

interface ListQuery {
  vpc?: string | string[];
  namespace?: string | string[];
}

const LISTS: Record<string, Kind> = {
  vpcs: 'vpc',
  namespaces: 'namespace',
  overlays: 'overlay',
  pods: 'pod',
  services: 'service',
};
const LIMITS = {
  /** Lists that clients read at the same time. */
  readers: 64,
  /** Milliseconds after which a connection that takes nothing is cut. */
  stall: 10_000,
};
/** Resources per piece of the body: half a millisecond of work. */
const PIECE = 100;

export function listRoutes(app: FastifyInstance, server: ServerCore, limits = LIMITS): void {
  const reading = new Set<PacedBody>();
  // A slow reader must not delay the server's close.
  app.addHook('preClose', async () => {
    for (const body of reading) body.destroy();
  });
  for (const [word, kind] of Object.entries(LISTS)) {
    app.get<{ Querystring: ListQuery }>(`/v1/${word}`, (request, reply) => {
      const vpcs = listOf(request.query.vpc);
      const namespaces = listOf(request.query.namespace);
      void reply.type('text/plain; charset=utf-8');
      if (vpcs.length > 1 || namespaces.length > 1)
        return reply.code(400).send('give at most one vpc and one namespace\n');
      if (reading.size >= limits.readers)
        return reply.code(503).header('retry-after', 1).send('too many lists are in progress\n');
      const filter = { vpc: vpcs[0]?.toLowerCase(), namespace: namespaces[0]?.toLowerCase() };
      // The lists include VPCs and namespaces that are only referred to, because pods can ask for them.
      const body = new PacedBody(jsonPieces(server.catalog.listPaced(kind, filter, true)));
      reading.add(body);
      // The timeout counts from the last octets that the connection took; each request starts a new one.
      reply.raw.setTimeout(limits.stall, () => reply.raw.destroy());
      body.once('close', () => reading.delete(body));
      return reply.type('application/json; charset=utf-8').send(body);
    });
  }
}

/** One array, written while the resources are read; an empty piece lets other work run. */
function* jsonPieces(resources: Iterable<Resource | undefined>): Generator<string, void, undefined> {
  let text = '[';
  let count = 0;
  for (const resource of resources) {
    if (resource !== undefined) {
      text += `${count++ === 0 ? '\n' : ',\n'}${JSON.stringify(resource)}`;
      if (count % PIECE !== 0) continue;
    }
    yield text;
    text = '';
  }
  yield `${text}\n]\n`;
}
