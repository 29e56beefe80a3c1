/** `/v1/card`: one pod or service with its provenance, who else bears its names, and what others get who ask for it. */
import type { FastifyInstance } from 'fastify';
import { buildQuery } from '../../dns/build.ts';
import { TYPE_A, TYPE_AAAA } from '../../dns/constants.ts';
import { parseMessage } from '../../dns/print.ts';
import { rcodeText, typeText } from '../../dns/text.ts';
import { overlayPath, overlayPlace, placeText, type Pod, type Resource, type Service } from '../../model.ts';
import type { ServerCore } from '../../server.ts';
import { limitedJson } from './limited.ts';

/** How a name is answered to one client. */
export interface SeenAnswer {
  name: string;
  type: string;
  /** `DROPPED` where the server stays silent. */
  rcode: string;
  data: string[];
  /** Texts of extended errors. */
  errors: string[];
}

export interface Viewpoint {
  /** Who asks: another pod of the namespace, a pod elsewhere in the VPC, a pod on the same overlay. */
  where: 'namespace' | 'vpc' | 'overlay';
  /** Of `overlay`: its name. */
  overlay?: string;
  /** `namespace/name` of the pod that asks. */
  from: string;
  answers: SeenAnswer[];
}

export interface Card {
  resource: Pod | Service;
  /** The name in full. */
  name: string;
  /** Null where a source has just taken it back. */
  provenance: { source: string; revision: string; place: string; shadowed: string[] } | null;
  /** Who bears each of its names in its namespace. */
  bearers: { name: string; pods: number; ready: number; services: number }[];
  overlays: { name: string; driver: string; net4: string; net6: string; internal: boolean; pods: number }[];
  /** How many pods can ask for it: by its bare name, and by its name and namespace. */
  pods: { namespace: number; vpc: number };
  views: Viewpoint[];
}

interface CardQuery {
  kind?: unknown;
  vpc?: unknown;
  namespace?: unknown;
  name?: unknown;
}

/** Cards that are made at the same time. */
const CARDS = 8;
/** Names that are asked for, and overlays from which they are. */
const ASKED_MOST = 8;
/** Pods that are read between two passes of the event loop: half a millisecond. */
const SLICE = 100;

export function cardRoutes(app: FastifyInstance, server: ServerCore): void {
  const limited = limitedJson(CARDS, 'too many cards are being made');
  app.get<{ Querystring: CardQuery }>('/v1/card', async (request, reply) => {
    void reply.type('text/plain; charset=utf-8');
    const { kind = 'pod', vpc, namespace, name } = request.query;
    if (
      (kind !== 'pod' && kind !== 'service') ||
      typeof vpc !== 'string' ||
      typeof namespace !== 'string' ||
      typeof name !== 'string'
    )
      return reply.code(400).send('kind (pod or service), vpc, namespace and name, once each\n');
    const resource = server.catalog.get({
      kind,
      vpc: vpc.toLowerCase(),
      namespace: namespace.toLowerCase(),
      name: name.toLowerCase(),
    });
    if (resource?.kind !== 'pod' && resource?.kind !== 'service')
      return reply.code(404).send(`there is no ${kind} ${vpc}/${namespace}/${name}\n`);
    return limited(reply, () => cardOf(server, resource));
  });
}

async function cardOf(server: ServerCore, resource: Pod | Service): Promise<Card> {
  const { catalog, config } = server;
  const { kind, vpc, namespace, name } = resource;
  const said = catalog.said({ kind, vpc, namespace, name });
  const around = await surroundings(server, resource);
  return {
    resource,
    name: `${name}.${namespace}.${config.zone}`,
    provenance:
      said === undefined
        ? null
        : {
            source: said.source,
            revision: said.revision,
            place: placeText(said.place),
            shadowed: said.shadowed,
          },
    bearers: around.bearers,
    overlays: [...around.overlays].map(([overlay, pods]) => overlayFacts(server, resource, overlay, pods)),
    pods: { namespace: catalog.count('pod', vpc, namespace), vpc: catalog.count('pod', vpc) },
    views: await viewpoints(server, resource, around.askers),
  };
}

type Asker = Omit<Viewpoint, 'answers' | 'from'> & { pod: Pod };

/** What the rest of the namespace has to do with it, and the pods of others that are on its overlays. */
async function surroundings(
  server: ServerCore,
  resource: Pod | Service,
): Promise<{ bearers: Card['bearers']; overlays: Map<string, number>; askers: Asker[] }> {
  const { vpc, namespace } = resource;
  const attachments = resource.kind === 'pod' ? resource.overlays : [];
  const bearers = new Map(
    [resource.name, ...resource.names].map((name) => [name, { name, pods: 0, ready: 0, services: 0 }]),
  );
  const overlays = new Map(attachments.map(({ overlay }) => [overlay, 0]));
  const namedBy = new Map(attachments.map(({ overlay }) => [overlayPath(overlay, namespace), overlay]));
  const isShared = [...server.catalog.foreignOverlays(vpc)].some((each) =>
    namedBy.has(`${each.namespace}/${each.name}`),
  );
  const onOverlay = new Map<string, Pod>();
  let neighbour: Pod | undefined;
  for await (const other of paced(server, isShared ? { vpc } : { vpc, namespace })) {
    const isNear = other.namespace === namespace;
    for (const name of isNear ? new Set([other.name, ...other.names]) : []) {
      const entry = bearers.get(name);
      if (entry === undefined) continue;
      if (other.kind === 'service') entry.services++;
      else {
        entry.pods++;
        if (other.ready) entry.ready++;
      }
    }
    if (other.kind === 'service') continue;
    const isOther = resource.kind !== 'pod' || other.name !== resource.name || !isNear;
    if (isOther && isNear && addressOf(other) !== undefined) neighbour ??= other;
    for (const { overlay: named } of other.overlays) {
      const overlay = namedBy.get(overlayPath(named, other.namespace));
      const count = overlay === undefined ? undefined : overlays.get(overlay);
      if (overlay === undefined || count === undefined) continue;
      overlays.set(overlay, count + 1);
      if (isOther && addressOf(other) !== undefined && !onOverlay.has(overlay)) onOverlay.set(overlay, other);
    }
  }
  const askers: Asker[] = [];
  const first =
    neighbour ?? (resource.kind === 'pod' && addressOf(resource) !== undefined ? resource : undefined);
  if (first !== undefined) askers.push({ where: 'namespace', pod: first });
  const stranger = elsewhere(server, vpc, namespace);
  if (stranger !== undefined) askers.push({ where: 'vpc', pod: stranger });
  // On one overlay alone, all of the namespace get the same.
  for (const [overlay, pod] of overlays.size < 2 ? [] : onOverlay)
    if (askers.length < ASKED_MOST) askers.push({ where: 'overlay', overlay, pod });
  return { bearers: [...bearers.values()], overlays, askers };
}

/** Pods and services of one namespace or of a VPC; others have their turn meanwhile. */
async function* paced(
  { catalog }: ServerCore,
  filter: { vpc: string; namespace?: string },
): AsyncGenerator<Pod | Service, void, undefined> {
  let count = 0;
  for (const kind of ['service', 'pod'] as const) {
    for (const other of catalog.listPaced(kind, filter)) {
      if (other === undefined || ++count % SLICE === 0) await new Promise(setImmediate);
      if (other !== undefined) yield other as Pod | Service;
    }
  }
}

/** Some pod of another namespace that can ask. */
function elsewhere({ catalog }: ServerCore, vpc: string, own: string): Pod | undefined {
  let looked = 0;
  for (const { namespace } of catalog.scopes(vpc)) {
    if (++looked > SLICE) return undefined;
    if (namespace === '' || namespace === own || catalog.count('pod', vpc, namespace) === 0) continue;
    for (const pod of catalog.list('pod', { vpc, namespace }) as Iterable<Pod>) {
      if (addressOf(pod) !== undefined) return pod;
      if (++looked > SLICE) return undefined;
    }
  }
  return undefined;
}

/** What a pod asks from. */
function addressOf(pod: Pod): string | undefined {
  if (pod.ip6 !== undefined) return pod.ip6;
  for (const { ip6, ip4 } of pod.overlays) if (ip6 !== undefined || ip4 !== undefined) return ip6 ?? ip4;
  return undefined;
}

function overlayFacts(
  { catalog }: ServerCore,
  { vpc, namespace }: Pod | Service,
  name: string,
  pods: number,
): Card['overlays'][number] {
  const overlay = catalog.get({ kind: 'overlay', vpc, ...overlayPlace(name, namespace) }) as
    (Resource & { kind: 'overlay' }) | undefined;
  const { driver = '', net4 = '', net6 = '', internal = false } = overlay ?? {};
  return { name, driver, net4, net6, internal, pods };
}

/**
 * Asks as they would: the answers are those of the server, not of a second reading of its rules. All at once, for
 * before the first view each of them is held for a while.
 */
function viewpoints(
  server: ServerCore,
  resource: Pod | Service,
  askers: readonly Asker[],
): Promise<Viewpoint[]> {
  const names = [...new Set([resource.name, ...resource.names])].slice(0, ASKED_MOST);
  // A query with the id of one that waits would take its place.
  let id = 0;
  const views = askers.map(async ({ pod, where, overlay }): Promise<Viewpoint> => {
    const suffix = pod.namespace === resource.namespace ? '' : `.${resource.namespace}`;
    const asked = where === 'overlay' ? names.slice(0, 1) : names;
    const answers = await Promise.all(
      asked.flatMap((name) =>
        [TYPE_AAAA, TYPE_A].map((type) => askAs(server, pod, { name: `${name}${suffix}`, type, id: id++ })),
      ),
    );
    const from = `${pod.namespace}/${pod.name}`;
    return overlay === undefined ? { where, from, answers } : { where, overlay, from, answers };
  });
  return Promise.all(views);
}

async function askAs(
  server: ServerCore,
  pod: Pod,
  question: { name: string; type: number; id: number },
): Promise<SeenAnswer> {
  const { name, type } = question;
  const seen: SeenAnswer = { name, type: typeText(type), rcode: 'DROPPED', data: [], errors: [] };
  const query = buildQuery({ ...question, edns: {} });
  const octets = await server.answer(query, { address: addressOf(pod)!, scope: pod.vpc, tcp: true });
  if (octets === undefined) return seen;
  const message = parseMessage(octets);
  seen.rcode = rcodeText(message.rcode);
  seen.data = message.answer.filter((record) => record.type === type).map(({ data }) => data);
  seen.errors = message.edns?.errors.map(({ text }) => text) ?? [];
  return seen;
}
