/**
 * Converts a compose project to a zone, as the Docker source would say it of the running project: containers become pods,
 * networks become overlays, pinned addresses stay pinned.
 */
import type { NameLists, Port } from '../../model.ts';
import { readNetworks, type ComposeOverlay, type Place } from './networks.ts';
import { containersOf, type Container } from './containers.ts';
import { linkServices, readHosts } from './references.ts';
import { readServices } from './services.ts';
import type { ComposeSource } from './source.ts';
import { valueAt, type Value } from './values.ts';

/** The form of a zone file. */
export interface ZonePod {
  names?: string[];
  overlays?: Record<string, string | { ip4: string; ip6: string } | null>;
  ports?: Record<string, string | string[]>;
}

/** A pod that a label moves out of the project's namespace, or out of its VPC. */
export interface Elsewhere {
  vpc: string | undefined;
  namespace: string | undefined;
  name: string;
  pod: ZonePod;
}

export interface ComposeZone {
  /** The `hosts` of the VPC. */
  hosts?: NameLists;
  overlays: Record<string, ComposeOverlay | null>;
  pods: Record<string, ZonePod>;
  elsewhere?: Elsewhere[];
}

export interface ConvertOptions {
  /** The name of the project. */
  project: string;
  /** The namespace of its pods and overlays. */
  namespace: string;
  profiles: readonly string[];
}

/** The maximum sum of pods, names, attachments and ports in a zone. */
const WRITTEN_MAX = 1_000_000;

/** Undefined if there are errors, which `source` then holds. */
export function convertCompose(
  source: ComposeSource,
  root: Value | undefined,
  { project, namespace, profiles }: ConvertOptions,
): ComposeZone | undefined {
  const given = valueAt(root, 'services');
  if (given?.kind !== 'map') {
    const reason = 'a compose file needs a map of services';
    if (given !== undefined) source.fail(given, reason);
    else if (!source.failed) source.add('error', root?.place, reason);
    return undefined;
  }
  const networks = readNetworks(source, valueAt(root, 'networks'));
  const services = readServices(source, given, networks, profiles, project);
  linkServices(source, services);
  const hosts = readHosts(source, services);
  let written = 0;
  for (const { names, places, ports, replicas, value } of services.values()) {
    written += replicas * (3 + names.size + places.length + ports.length);
    if (written <= WRITTEN_MAX) continue;
    source.fail(value, 'its replicas make the zone too large: use fewer');
    return undefined;
  }
  const pods = new Map<string, ZonePod>();
  const elsewhere: Elsewhere[] = [];
  const taken = new Set<string>();
  for (const container of containersOf(source, services)) {
    const { vpc, namespace: moved, name, service } = container;
    const key = `${vpc ?? ''}/${moved ?? namespace}/${name}`;
    if (taken.has(key)) source.fail(service.value, `a pod ${name} already exists`);
    taken.add(key);
    const isMoved = vpc !== undefined || (moved !== undefined && moved !== namespace);
    const pod = podOf(container, isMoved ? `${namespace}/` : '');
    if (isMoved) elsewhere.push({ vpc, namespace: moved, name, pod });
    else pods.set(name, pod);
  }
  if (source.failed) return undefined;
  const overlays = [...networks.values()]
    .filter(({ external }) => !external)
    .map(({ name, overlay }) => [name, overlay]);
  return {
    ...(isEmpty(hosts) ? {} : { hosts }),
    overlays: Object.fromEntries(overlays),
    pods: Object.fromEntries(pods),
    ...(elsewhere.length === 0 ? {} : { elsewhere }),
  };
}

/** `before`: what names the project's namespace to a pod outside of it. */
function podOf({ names, places, ports }: Container, before: string): ZonePod {
  const pod: ZonePod = {};
  if (names.length > 0) pod.names = names;
  if (places.length > 0) {
    pod.overlays = Object.fromEntries(
      places.map((place) => [overlayName(place, before), addressesOf(place)]),
    );
  }
  if (ports.length > 0) pod.ports = portMap(ports);
  return pod;
}

function overlayName({ network: { name, external } }: Place, before: string): string {
  return external ? name : before + name;
}

function addressesOf({ ip4, ip6 }: Place): string | { ip4: string; ip6: string } | null {
  return ip4 !== undefined && ip6 !== undefined ? { ip4, ip6 } : (ip4 ?? ip6 ?? null);
}

/** Ports by name; a name with several ports or protocols has a list. */
function portMap(ports: readonly Port[]): Record<string, string | string[]> {
  const map: Record<string, string | string[]> = {};
  for (const { name, protocol, port } of ports) {
    const text = `${port}/${protocol}`;
    const others = map[name];
    map[name] = others === undefined ? text : [others, text].flat();
  }
  return map;
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
