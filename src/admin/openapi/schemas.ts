/** What the answers of the admin listener look like, as JSON Schema. Fields may be added; those here keep their meaning. */

/** A schema, as far as it is used here. */
export interface Schema {
  type?: string | readonly string[];
  description?: string;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  enum?: readonly string[];
  additionalProperties?: Schema;
  anyOf?: readonly Schema[];
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  $ref?: string;
}

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

export function arrayOf(items: Schema): Schema {
  return { type: 'array', items };
}

/** An object whose fields are all there, but for the optional ones. */
function fields(properties: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema {
  return {
    type: 'object',
    properties: { ...properties, ...optional },
    required: Object.keys(properties),
  };
}

function about(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

const TEXT: Schema = { type: 'string' };
const NUMBER: Schema = { type: 'number' };
const COUNT: Schema = { type: 'integer', minimum: 0 };
const FLAG: Schema = { type: 'boolean' };
const OBJECT: Schema = { type: 'object' };
const TEXTS = arrayOf(TEXT);
const LISTS: Schema = { type: 'object', additionalProperties: TEXTS };
const MOMENT: Schema = { type: 'string', format: 'date-time' };
const MAYBE_MOMENT: Schema = { type: ['string', 'null'], format: 'date-time' };
const REVISION: Schema = { type: 'string', pattern: '^[0-9]*$' };

/** The fields by which a resource is known. */
function named(kind: string, owners: readonly string[]): Record<string, Schema> {
  const texts = [...owners, 'name'].map((field) => [field, TEXT] as const);
  return { kind: { type: 'string', enum: [kind] }, ...Object.fromEntries(texts) };
}

const IN_NAMESPACE = ['vpc', 'namespace'];
const PORTS = arrayOf(
  fields({ name: TEXT, protocol: { type: 'string', enum: ['tcp', 'udp', 'sctp'] }, port: COUNT }),
);
const AID = about('the short identifier', TEXT);
const NAMES = about('further names', TEXTS);

const RESOURCES: Record<string, Schema> = {
  Vpc: fields(
    { ...named('vpc', []), net6: TEXTS, services6: TEXTS },
    {
      id: TEXT,
      forward: { anyOf: [{ type: 'string', enum: ['on', 'off', 'refuse'] }, TEXTS] },
      upstreams: TEXTS,
      routes: LISTS,
      hosts: LISTS,
    },
  ),
  Namespace: fields(named('namespace', ['vpc']), {
    created: MOMENT,
    shadow: { type: 'string', enum: ['forward'] },
  }),
  Overlay: fields(
    { ...named('overlay', IN_NAMESPACE), aid: AID, driver: TEXT },
    { net4: TEXT, net6: TEXT, internal: FLAG },
  ),
  Pod: fields(
    {
      ...named('pod', IN_NAMESPACE),
      aid: AID,
      names: NAMES,
      overlays: arrayOf(fields({ overlay: TEXT, pinned: FLAG }, { ip4: TEXT, ip6: TEXT })),
      ports: PORTS,
      ready: FLAG,
    },
    { ip6: about('the address in the VPC', TEXT) },
  ),
  Service: fields(
    { ...named('service', IN_NAMESPACE), aid: AID, names: NAMES, ports: PORTS },
    { ip6: about('the virtual IP', TEXT) },
  ),
};

const PROBLEM = fields({
  kind: about('a word for the kind of problem; docs/observability.md lists them', TEXT),
  severity: { type: 'string', enum: ['error', 'warning'] },
  subject: about('the resource, file, source, listener or upstream that it is about', TEXT),
  text: about('one line, with its place', TEXT),
  remedy: about('what a person can do', TEXT),
  impact: about('what it does to answers', { type: 'string', enum: ['missing', 'wrong', 'none'] }),
  since: MOMENT,
});

const HELD = fields({
  source: TEXT,
  vpc: TEXT,
  gone: about('pods that a whole list of the source has left out', COUNT),
  of: about('pods of the VPC before that list', COUNT),
  revision: about('of that list', TEXT),
  since: MOMENT,
  until: about('when they go at the latest', MOMENT),
});

const SOURCE = fields({
  name: TEXT,
  state: { type: 'string', enum: ['starting', 'live', 'lost', 'failed'] },
  reason: TEXT,
  revision: about('the last revision that podns has applied', REVISION),
  synced: about('a whole state has been delivered', FLAG),
  restored: about('records of the saved view have been served', FLAG),
  lastChange: MAYBE_MOMENT,
  lastHeard: MAYBE_MOMENT,
  lostSince: MAYBE_MOMENT,
  changes: COUNT,
  rate: about('changes per second, over the last ten seconds', NUMBER),
  lagMs: about('of the last change, from the commit until it was answerable', { type: ['number', 'null'] }),
  problems: arrayOf(fields({ severity: TEXT, text: TEXT })),
  held: about('what the shrink guard holds of it', arrayOf(HELD)),
});

const STATUS = fields(
  {
    version: TEXT,
    node: TEXT,
    zone: about('the canonical suffix', TEXT),
    started: MOMENT,
    ready: FLAG,
    reasons: TEXTS,
    revision: about('the last revision of this process, as /v1/watch counts', REVISION),
    counts: fields({ vpc: COUNT, namespace: COUNT, overlay: COUNT, pod: COUNT, service: COUNT }),
    sources: arrayOf(SOURCE),
    conflicts: arrayOf(fields({ severity: TEXT, text: TEXT })),
    propagation: about('how long changes took to be answerable', OBJECT),
    watch: about('readers of the watch stream', OBJECT),
    events: fields({ listeners: COUNT }),
    outside: about('upstreams and the cache', OBJECT),
    saved: { type: ['object', 'null'], description: 'the saved view; null without a state folder' },
    listeners: arrayOf(fields({ text: TEXT, udp: TEXT, received: COUNT, answered: COUNT, dropped: COUNT })),
    memory: fields({ resident: COUNT, heap: COUNT, records: COUNT }),
  },
  { digest: about('equal for equal views', TEXT) },
);

/** docs/explain.md has every field below these. */
const EXPLANATION = fields({
  question: OBJECT,
  client: OBJECT,
  reading: arrayOf(OBJECT),
  reasons: arrayOf(fields({ code: COUNT, text: TEXT })),
  candidates: arrayOf(OBJECT),
  moreCandidates: COUNT,
  outside: { type: ['object', 'null'], description: 'where an outside name goes' },
  answer: OBJECT,
  resolvers: arrayOf(OBJECT),
  near: arrayOf(OBJECT),
});

const FOUND = { anyOf: [ref('Pod'), ref('Service')] };

/** By name, as `$ref` has it. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  ...RESOURCES,
  Accepted: fields({ accepted: arrayOf(HELD) }),
  Problems: fields({ problems: arrayOf(PROBLEM), more: about('how many are not in the list', COUNT) }),
  Status: STATUS,
  Explanation: about('docs/explain.md has every field', EXPLANATION),
  WireAnswer: fields({
    answer: { type: ['string', 'null'], description: 'the message in base64; null for silence' },
    listener: TEXT,
    milliseconds: about('from the question to its answer, inside the server', NUMBER),
  }),
  Findings: fields({
    query: about('as it was compared', TEXT),
    matches: arrayOf(fields({ match: fields({ rank: COUNT, text: TEXT }), resource: FOUND })),
    total: about('all that fit, also those beyond the limit', COUNT),
    compared: COUNT,
  }),
  Card: fields({
    resource: FOUND,
    name: about('the name in full', TEXT),
    provenance: { type: ['object', 'null'], description: 'source, revision and place' },
    bearers: about('who bears each of its names', arrayOf(OBJECT)),
    overlays: arrayOf(OBJECT),
    pods: about('how many pods can ask for it', fields({ namespace: COUNT, vpc: COUNT })),
    views: about('what others get who ask for it', arrayOf(OBJECT)),
  }),
  DockerFailure: fields({ message: TEXT }),
};
