/**
 * Converts a compose project to a zone: services become pods, networks become overlays, pinned addresses stay pinned.
 */
import type { NameLists, Port } from '../../model.ts';
import { readNetworks, type ComposeOverlay, type Place } from './networks.ts';
import { linkServices, readHosts } from './references.ts';
import { readServices, type Service } from './services.ts';
import type { ComposeSource } from './source.ts';
import { valueAt, type Value } from './values.ts';

/** The form of a zone file. */
export interface ZonePod {
  names?: string[];
  overlays?: Record<string, string | { ip4: string; ip6: string } | null>;
  ports?: Record<string, string | string[]>;
}

export interface ComposeZone {
  /** The `hosts` of the VPC. */
  hosts?: NameLists;
  overlays: Record<string, ComposeOverlay | null>;
  pods: Record<string, ZonePod>;
}

/** The maximum sum of pods, names, attachments and ports in a zone. */
const WRITTEN_MAX = 1_000_000;

/** Undefined if there are errors, which `source` then holds. */
export function convertCompose(
  source: ComposeSource,
  root: Value | undefined,
  profiles: readonly string[],
): ComposeZone | undefined {
  const given = valueAt(root, 'services');
  if (given?.kind !== 'map') {
    const reason = 'a compose file needs a map of services';
    if (given !== undefined) source.fail(given, reason);
    else if (!source.failed) source.add('error', root?.place, reason);
    return undefined;
  }
  const networks = readNetworks(source, valueAt(root, 'networks'));
  const services = readServices(source, given, networks, profiles);
  linkServices(source, services);
  const hosts = readHosts(source, services);
  const pods = new Map<string, ZonePod>();
  let written = 0;
  for (const service of services.values()) {
    const { names, places, ports, replicas, value } = service;
    written += replicas * (1 + names.size + places.length + ports.length);
    if (written > WRITTEN_MAX) {
      source.fail(value, 'its replicas make the zone too large: use fewer');
      break;
    }
    addPods(source, service, pods);
  }
  if (source.failed) return undefined;
  const overlays = [...networks.values()].map(({ name, overlay }) => [
    name,
    isEmpty(overlay) ? null : overlay,
  ]);
  return {
    ...(isEmpty(hosts) ? {} : { hosts }),
    overlays: Object.fromEntries(overlays),
    pods: Object.fromEntries(pods),
  };
}

function addPods(source: ComposeSource, service: Service, pods: Map<string, ZonePod>): void {
  const { name, value, names, places, ports, replicas } = service;
  const put = (pod: string, further: Set<string>): void => {
    further.delete(pod);
    if (pods.has(pod)) source.fail(value, `a pod ${pod} already exists`);
    pods.set(pod, podOf([...further], places, ports));
  };
  if (replicas === 1) put(name, names);
  // Replicas share the service's name, and each has one of its own.
  else for (let index = 1; index <= replicas; index++) put(`${name}-${index}`, new Set([name, ...names]));
}

function podOf(names: string[], places: readonly Place[], ports: readonly Port[]): ZonePod {
  const pod: ZonePod = {};
  if (names.length > 0) pod.names = names;
  if (places.length > 0) {
    pod.overlays = Object.fromEntries(
      places.map(({ network: { name }, ip4, ip6 }) => [
        name,
        ip4 !== undefined && ip6 !== undefined ? { ip4, ip6 } : (ip4 ?? ip6 ?? null),
      ]),
    );
  }
  if (ports.length > 0) pod.ports = portMap(ports);
  return pod;
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
