/** The description of the admin listener in OpenAPI 3.1, made from the table of routes; `/v1/openapi.json` serves it. */
import type { FastifyInstance } from 'fastify';
import type { Parameter } from './parameters.ts';
import { ROUTES, type Route, type RouteAnswer } from './routes.ts';
import { SCHEMAS } from './schemas.ts';

const TEXT = 'text/plain; charset=utf-8';
const GROUPS: Record<Route['group'], string> = {
  health: 'Health and metrics',
  state: 'The state of the server',
  lists: 'What the server serves',
  answers: 'Questions in the name of a client',
  streams: 'Streams of JSON lines that do not end',
  page: 'The page for browsers, and what only it asks',
  docker:
    'The part of the Docker Engine API that shows networks and containers; whatever would change something is 501',
};
/** Docker's URLs also stand below a VPC, and below a version of the API. */
const DOCKER_SERVERS = [
  { url: '/' },
  { url: '/vpc/{vpc}', variables: { vpc: { default: 'aep', description: 'only this VPC' } } },
  {
    url: '/v{version}',
    variables: { version: { default: '1.41', description: 'of the Docker Engine API, 1.24 to 1.51' } },
  },
];

export function openapiRoutes(app: FastifyInstance, version: string): void {
  let text: string | undefined;
  app.get('/v1/openapi.json', { config: { withoutToken: true } }, (_request, reply) => {
    text ??= `${JSON.stringify(openapiDocument(version), undefined, 2)}\n`;
    return reply.type('application/json; charset=utf-8').send(text);
  });
}

export function openapiDocument(version: string): Record<string, unknown> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'The admin listener of podns',
      version,
      description:
        'docs/admin-api.md has an example of each URL. Only `/v1/accept` changes what podns serves.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:9153' }],
    security: [{ token: [] }],
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(ROUTES.map((route) => [route.path, pathOf(route)])),
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Wanted where `admin_token` is set, which an address that is not loopback needs.',
        },
      },
      schemas: SCHEMAS,
    },
  };
}

function pathOf(route: Route): Record<string, unknown> {
  const { group, id, doc, parameters, answers, method = 'get', withoutToken = false } = route;
  return {
    ...(group === 'docker' ? { servers: DOCKER_SERVERS } : {}),
    [method]: {
      operationId: id,
      tags: [group],
      summary: doc,
      ...(withoutToken ? { security: [] } : {}),
      ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameterOf) }),
      responses: {
        ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
        ...(withoutToken ? {} : { 401: answerOf({ doc: 'the token is missing or wrong' }) }),
        403: answerOf({
          doc:
            method === 'get'
              ? 'the Host header does not name this server'
              : 'the Host header does not name this server, or a page of another site asks',
        }),
      },
    },
  };
}

function parameterOf(parameter: Parameter): Record<string, unknown> {
  const { name, in: where = 'query', doc, required = where === 'path', schema } = parameter;
  return { name, in: where, required, description: doc, schema };
}

function answerOf({ doc, schema, type }: RouteAnswer): Record<string, unknown> {
  const media = type ?? (schema === undefined ? TEXT : 'application/json');
  return { description: doc, content: { [media]: schema === undefined ? {} : { schema } } };
}
