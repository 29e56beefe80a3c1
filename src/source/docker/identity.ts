/** How containers, networks and services of an engine are called: namespaces, names of pods, names of overlays. */
import { fitsZone, foldNamespace, foldPodName } from '../validate/names.ts';
import type { ContainerFacts, NetworkFacts, RowFacts, ServiceFacts } from './facts.ts';
import { podnsLabels, type PodnsLabels } from './labels.ts';
import { freeLabel, overlayNames, plainLabel } from './overlay-names.ts';

/** The namespace of what belongs to no Compose project and to no stack. */
export const DEFAULT_NAMESPACE = 'default';
/** So many characters of an id are its short form. */
export const SHORT_ID = 12;

const COMPOSE = 'com.docker.compose.';
const STACK = 'com.docker.stack.namespace';
const SWARM_SERVICE = 'com.docker.swarm.service.name';

type Labels = Readonly<Record<string, string>>;

export interface Identity {
  vpc: string;
  namespace: string;
  name: string;
  /** The name of the Compose service or the swarm's service, for all of its containers; '' without one. */
  service: string;
  /** Its `podns.*` labels. */
  own: PodnsLabels;
}

/** The namespace of a Compose project or a stack; undefined for what belongs to neither. */
function projectOf(labels: Labels): string | undefined {
  const project = labels[COMPOSE + 'project'] ?? labels[STACK];
  if (project === undefined || project === '') return undefined;
  return foldNamespace(project) ?? freeNamespace(plainLabel(project));
}

function freeNamespace(plain: string): string {
  return freeLabel(plain, { has: (name) => foldNamespace(name) === undefined });
}

/** Compose's hooks are containers that run once for another one; undefined for those and for ignored ones. */
export function identityOf(
  { id, name, labels }: Pick<RowFacts, 'id' | 'name' | 'labels'>,
  { vpc, vpcs }: { vpc: string; vpcs?: readonly string[] },
): Identity | undefined {
  if (labels[COMPOSE + 'hook'] !== undefined) return undefined;
  const own = podnsLabels(labels);
  if (own.ignore) return undefined;
  if (own.vpc !== undefined && own.vpc !== vpc && vpcs?.includes(own.vpc) === false) {
    const all = [vpc, ...vpcs].join(', ');
    own.faults.push(`label podns.vpc: containers of this engine are of ${all}; add ${own.vpc} to its vpcs`);
    own.vpc = undefined;
  }
  const service = serviceOf(labels);
  return {
    vpc: own.vpc ?? vpc,
    namespace: own.namespace ?? projectOf(labels) ?? DEFAULT_NAMESPACE,
    name: own.name ?? podName(id, name, labels, service),
    service,
    own,
  };
}

/** A container of `compose run` is none of its service. */
function serviceOf(labels: Labels): string {
  if (/^true$/i.test(labels[COMPOSE + 'oneoff'] ?? '')) return '';
  const compose = labels[COMPOSE + 'service'];
  if (compose !== undefined) return compose;
  return unstacked(labels[SWARM_SERVICE] ?? '', labels);
}

/** A stack puts its name before those of its services and networks. */
function unstacked(name: string, labels: Labels): string {
  const stack = labels[STACK];
  return stack !== undefined && name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}

/**
 * `web-1` for a container that Compose has named `shop-web-1`, else the container's name. While Compose replaces a
 * container, one of the two is called `<id>_shop-web-1`; it is `web-1` when it is called so.
 */
function podName(id: string, name: string, labels: Labels, service: string): string {
  const number = labels[COMPOSE + 'container-number'];
  const project = labels[COMPOSE + 'project'];
  if (service !== '' && number !== undefined && project !== undefined) {
    for (const between of ['-', '_'])
      if (name === [project, service, number].join(between))
        return foldPodName(`${service}-${number}`) ?? plainName(id, name);
  }
  return plainName(id, name);
}

/** The engine allows names that DNS does not, such as one with two dots in a row. */
function plainName(id: string, name: string): string {
  return foldPodName(name) ?? foldPodName(plainLabel(name)) ?? id.slice(0, SHORT_ID).toLowerCase();
}

/** Every name of the container besides its pod's; those that DNS cannot have are left out. */
export function furtherNames(facts: ContainerFacts, identity: Identity, zone: string): string[] {
  const { own, namespace, service } = identity;
  const given = own.names ?? [
    service,
    facts.name,
    ...hostNames(facts),
    ...facts.endpoints.flatMap(({ names }) => names),
    facts.id.slice(0, SHORT_ID),
    ...(facts.labels[SWARM_SERVICE] === undefined || service === '' ? [] : [`tasks.${service}`]),
  ];
  const names = new Set<string>();
  for (const text of given) {
    const name = foldPodName(text);
    if (name !== undefined && name !== identity.name && fitsZone(name, namespace, zone)) names.add(name);
  }
  return [...names];
}

/** With the host's network the hostname is the host's; with that of another container it is the other one's. */
function hostNames({ mode, hostname, domainname }: ContainerFacts): string[] {
  if (hostname === '' || mode === 'host' || sharedWith(mode) !== undefined) return [];
  return domainname === '' ? [hostname] : [hostname, `${hostname}.${domainname}`];
}

/** The container whose network this mode shares. */
export function sharedWith(mode: string): string | undefined {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : undefined;
}

export interface OverlayName {
  namespace: string;
  name: string;
}

/** False for networks that give no addresses of their own, or belong to the engine itself. */
export function isOverlay({ driver, ingress, configOnly }: NetworkFacts): boolean {
  return driver !== 'host' && driver !== 'null' && !ingress && !configOnly;
}

/** By id of the network. Of several networks with one name the oldest keeps it. */
export function overlaysOf(networks: Iterable<NetworkFacts>): Map<string, OverlayName> {
  const all = [...networks].filter(isOverlay).sort(byAge);
  const spaces = new Map<string, { network: NetworkFacts; name: string }[]>();
  for (const network of all) {
    const { labels, name } = network;
    const project = projectOf(labels);
    const own = project === undefined ? name : (labels[COMPOSE + 'network'] ?? unstacked(name, labels));
    const space = spaces.get(project ?? DEFAULT_NAMESPACE) ?? [];
    space.push({ network, name: own });
    spaces.set(project ?? DEFAULT_NAMESPACE, space);
  }
  const overlays = new Map<string, OverlayName>();
  for (const [namespace, members] of spaces) {
    const names = overlayNames(members.map(({ name }) => name));
    const used = new Set<string>();
    for (const { network, name } of members) {
      const label = used.has(names.get(name)!)
        ? freeLabel(names.get(name)!, allOf(used, names))
        : names.get(name)!;
      used.add(label);
      overlays.set(network.id, { namespace, name: label });
    }
  }
  return overlays;
}

function allOf(used: ReadonlySet<string>, names: ReadonlyMap<string, string>): Set<string> {
  return new Set([...used, ...names.values()]);
}

function byAge(left: NetworkFacts, right: NetworkFacts): number {
  return compare(left.created, right.created) || compare(left.id, right.id);
}

export function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A service of a swarm is known by its name, in the namespace of its stack. */
export function serviceIdentity(service: ServiceFacts): OverlayName {
  const name = unstacked(service.name, service.labels);
  return {
    namespace: projectOf(service.labels) ?? DEFAULT_NAMESPACE,
    name: plainName(service.id, name),
  };
}

/** An overlay of another namespace is named with it. */
export function attachmentName(namespace: string, overlay: OverlayName): string {
  return overlay.namespace === namespace ? overlay.name : `${overlay.namespace}/${overlay.name}`;
}

/** The name of the service in a swarm that a container is a task of. */
export function swarmService(labels: Labels): string | undefined {
  return labels[SWARM_SERVICE];
}
