/** A compose file becomes a zone: services are pods, networks are overlays, pinned addresses stay pinned. */
import type { Port, Problem } from '../../model.ts';
import { foldPodName, whyNotPodName } from '../../source/names.ts';
import type { Variables } from './interpolate.ts';
import { readNetworks, readPlaces, type ComposeOverlay, type Network, type Place } from './networks.ts';
import { readPorts } from './ports.ts';
import { ComposeSource, isMap, type Path } from './source.ts';

export interface ComposeOptions {
  /** For places in messages. */
  file: string;
  /** Profiles that count as enabled. */
  profiles: readonly string[];
  variables: Variables;
}

/** As it stands in a zone file. */
export interface ZonePod {
  names?: string[];
  overlays?: Record<string, string | { ip4: string; ip6: string } | null>;
  ports?: Record<string, string | string[]>;
}

export interface ComposeZone {
  overlays: Record<string, ComposeOverlay | null>;
  pods: Record<string, ZonePod>;
}

export interface Converted {
  /** Undefined where there are errors. */
  zone?: ComposeZone;
  problems: Problem[];
}

const REPLICAS_MAX = 1000;
const FLATTEN = 'is not followed; import the output of "docker compose config" instead';

/** Never throws: what is wrong is in `problems`. */
export function convertCompose(text: string, options: ComposeOptions): Converted {
  const source = new ComposeSource(text, options.file, options.variables);
  const { root } = source;
  if (source.failed) return { problems: source.problems };
  if (!isMap(root) || !isMap(root['services'])) {
    source.fail(
      isMap(root) && 'services' in root ? ['services'] : [],
      'a compose file has a map of services',
    );
    return { problems: source.problems };
  }
  if (root['include'] !== undefined) source.fail(['include'], FLATTEN);
  const networks = readNetworks(source, root['networks']);
  const pods = new Map<string, ZonePod>();
  for (const [name, service] of Object.entries(root['services'])) {
    const path = ['services', name];
    if (!isMap(service)) source.fail(path, 'a map is expected');
    else convertService(source, name, service, path, networks, pods, options);
  }
  if (source.failed) return { problems: source.problems };
  const overlays = [...networks].map(([name, { overlay }]) => [name, isEmpty(overlay) ? null : overlay]);
  return {
    zone: { overlays: Object.fromEntries(overlays), pods: Object.fromEntries(pods) },
    problems: source.problems,
  };
}

function convertService(
  source: ComposeSource,
  name: string,
  service: Record<string, unknown>,
  path: Path,
  networks: Map<string, Network>,
  pods: Map<string, ZonePod>,
  options: ComposeOptions,
): void {
  const profiles = source.items(service['profiles'], [...path, 'profiles']);
  if (profiles.length > 0 && !profiles.some((profile) => options.profiles.includes(String(profile)))) {
    source.warn(
      [...path, 'profiles'],
      `left out, its profile is not enabled (--profile ${String(profiles[0])})`,
    );
    return;
  }
  if (service['extends'] !== undefined) source.fail([...path, 'extends'], FLATTEN);
  const mode = source.text(service['network_mode'], [...path, 'network_mode']);
  if (mode !== undefined && mode !== 'bridge') {
    if (service['networks'] !== undefined) source.fail([...path, 'network_mode'], 'excludes networks');
    else
      source.warn(
        [...path, 'network_mode'],
        `left out, with "${mode}" it has no name of its own on any network`,
      );
    return;
  }

  const folded = foldPodName(name);
  if (folded === undefined) {
    source.fail(path, whyNotPodName(name));
    return;
  }
  const places = readPlaces(source, name, service['networks'], networks, [...path, 'networks']);
  const ports = readPorts(source, service, path);
  const replicas = replicasOf(source, service, path);
  const further = new Set(places.flatMap((place) => place.aliases));
  const container = source.text(service['container_name'], [...path, 'container_name']);
  if (container !== undefined) {
    const here = [...path, 'container_name'];
    const containerName = foldPodName(container);
    if (containerName === undefined) source.fail(here, whyNotPodName(container));
    else further.add(containerName);
    if (replicas > 1) source.fail(here, `${replicas} replicas cannot all have one container name`);
  }
  const pinned = places.find((place) => place.ip4 !== undefined || place.ip6 !== undefined);
  if (replicas > 1 && pinned !== undefined) {
    source.fail([...path, 'networks', pinned.network], `${replicas} replicas cannot all have one address`);
  }

  const put = (pod: string, names: Set<string>): void => {
    names.delete(pod);
    if (pods.has(pod)) source.fail(path, `there is a pod ${pod} already`);
    pods.set(pod, podOf([...names], places, ports));
  };
  if (replicas === 1) put(folded, further);
  // Replicas bear the service's name together, and each has one of its own.
  else
    for (let index = 1; index <= replicas; index++) put(`${folded}-${index}`, new Set([folded, ...further]));
}

/** `scale`, or `deploy.replicas`, or 1. */
function replicasOf(source: ComposeSource, service: Record<string, unknown>, path: Path): number {
  const deploy = isMap(service['deploy']) ? service['deploy'] : {};
  const where = service['scale'] !== undefined ? [...path, 'scale'] : [...path, 'deploy', 'replicas'];
  const text = source.text(service['scale'] ?? deploy['replicas'], where) ?? '1';
  if (/^\d{1,4}$/.test(text) && Number(text) <= REPLICAS_MAX) return Number(text);
  source.fail(
    where,
    `a number of replicas from 0 to ${REPLICAS_MAX} is expected, not ${JSON.stringify(text)}`,
  );
  return 1;
}

function podOf(names: string[], places: readonly Place[], ports: readonly Port[]): ZonePod {
  const pod: ZonePod = {};
  if (names.length > 0) pod.names = names;
  if (places.length > 0) {
    pod.overlays = Object.fromEntries(
      places.map(({ network, ip4, ip6 }) => [
        network,
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
