/** A compose project becomes a zone: services are pods, networks are overlays, pinned addresses stay pinned. */
import type { NameLists, Port } from '../../model.ts';
import { readNetworks, type ComposeOverlay, type Place } from './networks.ts';
import { linkServices, readHosts } from './references.ts';
import { readServices, type Service } from './services.ts';
import type { ComposeSource } from './source.ts';
import { valueAt, type Value } from './values.ts';

/** As it stands in a zone file. */
export interface ZonePod {
  names?: string[];
  overlays?: Record<string, string | { ip4: string; ip6: string } | null>;
  ports?: Record<string, string | string[]>;
}

export interface ComposeZone {
  /** Of the VPC. */
  hosts?: NameLists;
  overlays: Record<string, ComposeOverlay | null>;
  pods: Record<string, ZonePod>;
}

/** Pods with their names, places and ports: what the zone may hold in all. */
const WRITTEN_MAX = 1_000_000;

/** Undefined where there are errors, which `source` has then. */
export function convertCompose(
  source: ComposeSource,
  root: Value | undefined,
  profiles: readonly string[],
): ComposeZone | undefined {
  const given = valueAt(root, 'services');
  if (given?.kind !== 'map') {
    const reason = 'a compose file has a map of services';
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
      source.fail(value, 'with its replicas the zone becomes too large: give fewer of them');
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
    if (pods.has(pod)) source.fail(value, `there is a pod ${pod} already`);
    pods.set(pod, podOf([...further], places, ports));
  };
  if (replicas === 1) put(name, names);
  // Replicas bear the service's name together, and each has one of its own.
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

/** By name; one name on several ports or protocols is a list. */
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
