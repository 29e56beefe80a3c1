/** `/v1/vpcs`, `/v1/namespaces`, `/v1/overlays`, `/v1/pods`, `/v1/services`: what there is, as JSON. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { keyOf, type Kind, type Resource } from '../model.ts';
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
      const body = Readable.from(jsonPieces(listed(server, kind, filter)), { objectMode: false });
      return reply.type('application/json; charset=utf-8').send(body);
    });
  }
}

interface Filter {
  vpc: string | undefined;
  namespace: string | undefined;
}

/** Sorted. VPCs and namespaces that are only referred to are there as well: pods can ask for them. */
function* listed(server: PodnsServer, kind: Kind, filter: Filter): Generator<Resource> {
  if (kind !== 'vpc' && kind !== 'namespace') {
    yield* server.list(kind, filter);
    return;
  }
  const all = new Map<string, Resource>();
  for (const { vpc, namespace } of server.catalog.scopes()) {
    if (filter.vpc !== undefined && vpc !== filter.vpc) continue;
    if (filter.namespace !== undefined && namespace !== filter.namespace) continue;
    if (kind === 'vpc') all.set(vpc, { kind, name: vpc, net6: [], services6: [] });
    else if (namespace !== '') all.set(`${vpc}/${namespace}`, { kind, vpc, name: namespace });
  }
  // Of VPCs those that hold the namespace.
  for (const resource of server.list(kind, { vpc: filter.vpc })) {
    const key = keyOf(resource);
    const text = kind === 'vpc' ? key.vpc : `${key.vpc}/${key.namespace}`;
    if (filter.namespace === undefined || all.has(text)) all.set(text, resource);
  }
  for (const text of [...all.keys()].sort()) yield all.get(text)!;
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
