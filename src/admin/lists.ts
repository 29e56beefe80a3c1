/** `/v1/vpcs`, `/v1/namespaces`, `/v1/overlays`, `/v1/pods`, `/v1/services`: what there is, as JSON. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Kind, Resource } from '../model.ts';
import type { PodnsServer } from '../server.ts';
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
/** Resources that are written in one piece. */
const PIECE = 200;

export function listRoutes(app: FastifyInstance, server: PodnsServer): void {
  for (const [word, kind] of Object.entries(LISTS)) {
    app.get<{ Querystring: ListQuery }>(`/v1/${word}`, (request, reply) => {
      const vpcs = listOf(request.query.vpc);
      const namespaces = listOf(request.query.namespace);
      if (vpcs.length > 1 || namespaces.length > 1)
        return reply.code(400).type('text/plain; charset=utf-8').send('one vpc, one namespace\n');
      const filter = { vpc: vpcs[0]?.toLowerCase(), namespace: namespaces[0]?.toLowerCase() };
      const body = Readable.from(jsonPieces(server.list(kind, filter)), { objectMode: false });
      return reply.type('application/json; charset=utf-8').send(body);
    });
  }
}

/** One array, written as it is read. */
function* jsonPieces(resources: Iterable<Resource>): Generator<string> {
  let text = '[';
  let count = 0;
  for (const resource of resources) {
    text += `${count++ === 0 ? '\n' : ',\n'}${JSON.stringify(resource)}`;
    if (count % PIECE !== 0) continue;
    yield text;
    text = '';
  }
  yield `${text}\n]\n`;
}
