/** Every URL of the admin listener in one table: what it is for, what it takes, what it answers. openapi.json is made of it. */
import { QUESTION, ONE_NAMESPACE, ONE_VPC, VPCS, type Parameter } from './parameters.ts';
import { arrayOf, ref, type Schema } from './schemas.ts';

/** One answer of a route, besides those that every route may give. */
export interface RouteAnswer {
  doc: string;
  /** `application/json` where there is a schema, else `text/plain`. */
  type?: string;
  schema?: Schema;
}

export interface Route {
  /** As OpenAPI writes it: `/networks/{id}`. */
  path: string;
  group: 'health' | 'lists' | 'streams' | 'answers' | 'state' | 'page' | 'docker';
  /** A name for clients that are generated. */
  id: string;
  doc: string;
  parameters: readonly Parameter[];
  answers: Readonly<Record<number, RouteAnswer>>;
  /** `get` unless it is said. */
  method?: 'post';
  /** Holds nothing that a token protects. */
  withoutToken?: boolean;
}

/** Lines of JSON, without an end. */
const LINES = 'application/x-ndjson';
const WRONG: RouteAnswer = { doc: 'a parameter is wrong; the text says which' };
const BUSY: RouteAnswer = { doc: 'too many such requests are under way; try again after Retry-After' };
const OBJECT: Schema = { type: 'object' };
const OFF: RouteAnswer = { doc: 'nothing is recorded: `record` is off' };
const VPC_PATH: Parameter = { name: 'vpc', in: 'path', doc: 'the VPC', schema: { type: 'string' } };
const UNKNOWN: RouteAnswer = { doc: 'there is no such pod or service' };

function list(word: string, id: string, doc: string, schema: string): Route {
  return {
    path: `/v1/${word}`,
    group: 'lists',
    id,
    doc,
    parameters: [ONE_VPC, ONE_NAMESPACE],
    answers: { 200: { doc: 'the list', schema: arrayOf(ref(schema)) }, 400: WRONG, 503: BUSY },
  };
}

function docker(path: string, id: string, doc: string, schema: Schema, more: Partial<Route> = {}): Route {
  const answers = { 200: { doc: 'as the Docker Engine API has it', schema } };
  return { path, group: 'docker', id, doc, parameters: [], answers, ...more };
}

function dockerParameter(name: string, doc: string): Parameter {
  return { name, doc, schema: { type: 'string' } };
}

const FAILURE = ref('DockerFailure');
const FILTERS = dockerParameter('filters', 'filters as JSON, as the Docker Engine API has them');
const ID: Parameter = {
  name: 'id',
  in: 'path',
  doc: 'an id, the beginning of one, or a name such as `shop/default`',
  schema: { type: 'string' },
};
const NO_SUCH = { doc: 'nothing has this id or name', schema: FAILURE };

export const ROUTES: readonly Route[] = [
  {
    path: '/healthz',
    group: 'health',
    id: 'healthz',
    doc: 'Whether the process runs.',
    withoutToken: true,
    parameters: [],
    answers: { 200: { doc: '`ok`' } },
  },
  {
    path: '/readyz',
    group: 'health',
    id: 'readyz',
    doc: 'Whether every source has delivered, and which has not.',
    withoutToken: true,
    parameters: [],
    answers: {
      200: { doc: '`ok`, and a line that begins with `degraded:` for each problem that spoils answers' },
      503: { doc: '`not ready`, and a line for each reason' },
    },
  },
  {
    path: '/metrics',
    group: 'health',
    id: 'metrics',
    doc: 'Metrics for Prometheus.',
    parameters: [],
    answers: { 200: { doc: 'the metrics', type: 'text/plain; version=0.0.4; charset=utf-8' } },
  },
  {
    path: '/v1/problems',
    group: 'state',
    id: 'problems',
    doc: 'All that stands wrong, what spoils answers first.',
    parameters: [],
    answers: { 200: { doc: 'at most a thousand problems', schema: ref('Problems') } },
  },
  {
    path: '/v1/accept',
    method: 'post',
    group: 'state',
    id: 'accept',
    doc: 'POST: lets through what the shrink guard holds.',
    parameters: [
      { name: 'source', doc: 'only of this source; of all without it', schema: { type: 'string' } },
    ],
    answers: {
      200: { doc: 'what was held', schema: ref('Accepted') },
      400: WRONG,
      404: { doc: 'there is no such source' },
    },
  },
  {
    path: '/v1/status',
    group: 'state',
    id: 'status',
    doc: 'Sources, revisions, ages and rates.',
    parameters: [
      {
        name: 'digest',
        doc: 'with any value, the answer has a digest of all resources: equal for equal views',
        schema: { type: 'string' },
      },
      { ...ONE_VPC, doc: 'the digest is that of this VPC' },
    ],
    answers: { 200: { doc: 'the state', schema: ref('Status') } },
  },
  list('vpcs', 'vpcs', 'VPCs, also those that are only referred to.', 'Vpc'),
  list('namespaces', 'namespaces', 'Namespaces, also those that are only referred to.', 'Namespace'),
  list('overlays', 'overlays', 'Overlays, also those that are only referred to.', 'Overlay'),
  list('pods', 'pods', 'Pods.', 'Pod'),
  list('services', 'services', 'Services.', 'Service'),
  {
    path: '/v1/explain',
    group: 'answers',
    id: 'explain',
    doc: 'Why a client gets the answer that it gets.',
    parameters: QUESTION,
    answers: {
      200: { doc: 'the explanation', schema: ref('Explanation') },
      400: WRONG,
      404: UNKNOWN,
      503: BUSY,
    },
  },
  {
    path: '/v1/query',
    group: 'answers',
    id: 'query',
    doc: 'The answer that a client gets, as it goes on the wire.',
    parameters: QUESTION,
    answers: {
      200: { doc: 'the answer', schema: ref('WireAnswer') },
      400: WRONG,
      404: UNKNOWN,
      503: BUSY,
    },
  },
  ...['/v1', '/vpc/{vpc}/v1'].flatMap((base): Route[] => [
    {
      path: `${base}/log`,
      group: 'answers',
      id: base === '/v1' ? 'log' : 'vpcLog',
      doc: `The last answers of clients${base === '/v1' ? '' : ' of this VPC'}, with their reasons.`,
      parameters: [
        ...(base === '/v1' ? [ONE_VPC] : [VPC_PATH]),
        { name: 'from', doc: 'only this pod, or this address', schema: { type: 'string' } },
        {
          name: 'n',
          doc: 'how many, 50 without it',
          schema: { type: 'integer', minimum: 1, maximum: 10_000 },
        },
        {
          name: 'follow',
          doc: '1: then each further answer, a line of JSON each',
          schema: { type: 'string' },
        },
      ],
      answers: {
        200: { doc: 'the answers, oldest first', schema: arrayOf(OBJECT) },
        400: WRONG,
        404: UNKNOWN,
        409: OFF,
        503: BUSY,
      },
    },
    {
      path: `${base}/top`,
      group: 'answers',
      id: base === '/v1' ? 'top' : 'vpcTop',
      doc: `The names or clients${base === '/v1' ? ', or VPCs,' : ' of this VPC'} that ask most.`,
      parameters: [
        ...(base === '/v1' ? [ONE_VPC] : [VPC_PATH]),
        {
          name: 'by',
          doc: 'name, client or vpc',
          schema: { type: 'string', enum: ['name', 'client', 'vpc'] },
        },
        { name: 'n', doc: 'how many', schema: { type: 'integer', minimum: 1, maximum: 10_000 } },
      ],
      answers: {
        200: { doc: 'the most frequent first, with the error of the estimate', schema: OBJECT },
        400: WRONG,
        409: OFF,
        503: BUSY,
      },
    },
  ]),
  {
    path: '/v1/prove-isolation',
    group: 'answers',
    id: 'proveIsolation',
    doc: 'Asks as every class of client for all that other VPCs have; progress and result as lines.',
    parameters: [
      { name: 'limit', doc: 'how many pairs are checked at most', schema: { type: 'integer', minimum: 1 } },
    ],
    answers: {
      200: { doc: 'a line of JSON for each step, the result last', type: LINES },
      400: WRONG,
      503: BUSY,
    },
  },
  {
    path: '/v1/watch',
    group: 'streams',
    id: 'watch',
    doc: 'The watch stream of what this server serves: the whole state, then each change.',
    parameters: [
      {
        name: 'revision',
        doc: 'continue after this revision; without it the stream begins with the whole state',
        schema: { type: 'string', pattern: '^(0|[1-9][0-9]{0,19})$' },
      },
      VPCS,
    ],
    answers: {
      200: { doc: 'a line of JSON for each event, without an end', type: LINES },
      400: WRONG,
      410: { doc: 'the stream cannot continue after this revision' },
      503: { doc: 'no source has delivered a whole state yet, or there are too many readers' },
    },
  },
  {
    path: '/v1/events',
    group: 'streams',
    id: 'events',
    doc: 'Each change as it is applied, and problems as they begin and end.',
    parameters: [],
    answers: { 200: { doc: 'a line of JSON for each, without an end', type: LINES } },
  },
  {
    path: '/v1/find',
    group: 'page',
    id: 'find',
    doc: 'Pods and services by a part of a name, an address, an aid or a path.',
    parameters: [
      { name: 'q', doc: 'what is looked for', required: true, schema: { type: 'string' } },
      {
        name: 'limit',
        doc: 'how many matches, 20 without it',
        schema: { type: 'integer', minimum: 1, maximum: 100 },
      },
    ],
    answers: { 200: { doc: 'the best first', schema: ref('Findings') }, 400: WRONG, 503: BUSY },
  },
  {
    path: '/v1/card',
    group: 'page',
    id: 'card',
    doc: 'One pod or service: its source, who else bears its names, and what others get who ask for it.',
    parameters: [
      { name: 'kind', doc: '`pod` without it', schema: { type: 'string', enum: ['pod', 'service'] } },
      { name: 'vpc', doc: 'its VPC', required: true, schema: { type: 'string' } },
      { name: 'namespace', doc: 'its namespace', required: true, schema: { type: 'string' } },
      { name: 'name', doc: 'its name', required: true, schema: { type: 'string' } },
    ],
    answers: { 200: { doc: 'the card', schema: ref('Card') }, 400: WRONG, 404: UNKNOWN, 503: BUSY },
  },
  {
    path: '/v1/openapi.json',
    group: 'state',
    id: 'openapi',
    doc: 'This description.',
    parameters: [],
    answers: { 200: { doc: 'OpenAPI 3.1', schema: OBJECT } },
    withoutToken: true,
  },
  {
    path: '/',
    group: 'page',
    id: 'page',
    doc: 'The page for browsers.',
    parameters: [],
    answers: { 200: { doc: 'the page', type: 'text/html; charset=utf-8' } },
    withoutToken: true,
  },
  {
    path: '/page/{file}',
    group: 'page',
    id: 'pageFile',
    doc: 'The scripts and styles of the page.',
    parameters: [{ name: 'file', in: 'path', doc: 'such as `page.css`', schema: { type: 'string' } }],
    answers: { 200: { doc: 'the file', type: '*/*' }, 404: { doc: 'there is no such file' } },
    withoutToken: true,
  },
  docker('/_ping', 'dockerPing', 'Whether an engine answers.', OBJECT, {
    answers: { 200: { doc: '`OK`' } },
  }),
  docker('/version', 'dockerVersion', 'The version of podns, and those of the API.', OBJECT),
  docker('/info', 'dockerInfo', 'Counts and facts of the host.', OBJECT),
  docker('/events', 'dockerEvents', 'Changes as Docker events.', OBJECT, {
    parameters: [
      FILTERS,
      dockerParameter('since', 'tells events since this time too'),
      dockerParameter('until', 'ends the stream at this time'),
    ],
    answers: { 200: { doc: 'an object for each event', type: 'application/json', schema: OBJECT } },
  }),
  docker('/networks', 'dockerNetworks', 'Overlays.', arrayOf(OBJECT), { parameters: [FILTERS] }),
  docker('/networks/{id}', 'dockerNetwork', 'One overlay, with the pods on it.', OBJECT, {
    parameters: [ID],
    answers: { 200: { doc: 'the network', schema: OBJECT }, 404: NO_SUCH },
  }),
  docker('/containers/json', 'dockerContainers', 'Pods.', arrayOf(OBJECT), {
    parameters: [FILTERS, dockerParameter('limit', 'how many at most')],
  }),
  docker('/containers/{id}/json', 'dockerContainer', 'One pod.', OBJECT, {
    parameters: [ID],
    answers: { 200: { doc: 'the container', schema: OBJECT }, 404: NO_SUCH },
  }),
  docker('/images/json', 'dockerImages', 'An empty list: podns has no images.', arrayOf(OBJECT)),
  docker('/volumes', 'dockerVolumes', 'No volumes.', OBJECT),
  docker('/plugins', 'dockerPlugins', 'An empty list: podns has no plugins.', arrayOf(OBJECT)),
];
