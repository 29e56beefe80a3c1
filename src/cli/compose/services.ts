/** The services of a compose file: their names, attachments and replicas. */
import type { Port } from '../../model.ts';
import { podnsLabels, type PodnsLabels } from '../../source/docker/labels.ts';
import { plainLabel } from '../../source/docker/overlay-names.ts';
import { foldPodName, whyNotPodName } from '../../source/validate/names.ts';
import { BRIDGE, networkOfEngine, readPlaces, type Network, type Place } from './networks.ts';
import { readPorts } from './ports.ts';
import type { ComposeSource, Spot } from './source.ts';
import { valueAt, type MapValue, type Value } from './values.ts';

/** Another container whose network a service shares. */
export interface Sharing {
  kind: 'service' | 'container';
  name: string;
  spot: Spot;
}

export interface Service {
  /** Its key, and the name that all of its containers have. */
  key: string;
  name: string;
  value: MapValue;
  /** Names of all of its containers; its own comes first. */
  names: Set<string>;
  /** The name of its only container, where the file gives it; that of others begins with the prefix. */
  container: string | undefined;
  prefix: string;
  shares: Sharing | undefined;
  /** Its `podns.*` labels. */
  own: PodnsLabels;
  places: Place[];
  ports: Port[];
  replicas: number;
}

const REPLICAS_MAX = 1000;

/** The characters that compose allows in the key of a service. */
const KEY = /^[a-zA-Z0-9._-]+$/;

/** Services by key. */
export function readServices(
  source: ComposeSource,
  services: Value,
  networks: Map<string, Network>,
  profiles: readonly string[],
  project: string,
): Map<string, Service> {
  const read = new Map<string, Service>();
  for (const [key, value] of source.entries(services)) {
    if (value.kind !== 'map') source.fail(value, 'a map is expected');
    else if (isEnabled(source, value, profiles)) {
      const service = readService(source, key, value, networks, `${project}-`);
      if (service !== undefined) read.set(key, service);
    }
  }
  return read;
}

function isEnabled(source: ComposeSource, service: MapValue, enabled: readonly string[]): boolean {
  const given = valueAt(service, 'profiles');
  const profiles = source.texts(given);
  if (profiles.length === 0 || [...profiles, '*'].some((profile) => enabled.includes(profile))) return true;
  source.warn(given!, `left out, because its profile is not enabled (--profile ${profiles[0]})`);
  return false;
}

/** What `network_mode` says: the network of another container, one of the engine's own, or none. */
function readMode(
  source: ComposeSource,
  service: MapValue,
): { shares?: Sharing; isAlone: boolean; places?: Place[] } {
  const given = valueAt(service, 'network_mode');
  const mode = source.text(given);
  if (given === undefined || mode === undefined || mode === 'default') return { isAlone: false };
  if (valueAt(service, 'networks') !== undefined) source.fail(given, 'cannot be combined with networks');
  const [kind, name = ''] = mode.split(/:(.*)/s);
  if ((kind === 'service' || kind === 'container') && name !== '')
    return { shares: { kind, name, spot: given }, isAlone: true, places: [] };
  if (mode === 'host' || mode === 'none') return { isAlone: mode === 'host', places: [] };
  if (!/^[\w.-]+$/.test(mode)) source.fail(given, `${JSON.stringify(mode)} is not a network mode`);
  // Any other is the name of a network of the engine.
  const network = networkOfEngine(mode === BRIDGE ? BRIDGE : mode);
  return { isAlone: false, places: [{ network, spot: given, aliases: [] }] };
}

/** A map of labels, or a list of `name=value`. */
function readLabels(source: ComposeSource, service: MapValue): PodnsLabels {
  const given = valueAt(service, 'labels');
  const labels: Record<string, string> = {};
  if (given?.kind === 'list') {
    for (const item of given.items) {
      const [key = '', text = ''] = (source.text(item) ?? '').split(/=(.*)/s);
      labels[key] = text;
    }
  } else for (const [key, item] of source.entries(given)) labels[key] = source.text(item) ?? '';
  const own = podnsLabels(labels);
  for (const fault of own.faults) source.fail(given!, fault);
  return own;
}

function readService(
  source: ComposeSource,
  key: string,
  value: MapValue,
  networks: Map<string, Network>,
  prefix: string,
): Service | undefined {
  const own = readLabels(source, value);
  if (own.ignore) return undefined;
  const name = foldPodName(key);
  if (name === undefined) {
    // Compose refuses some of these keys too. Others are not valid in DNS, and must not stop the other services.
    if (!KEY.test(key)) return source.fail(value, whyNotPodName(key));
    source.warn(value, `left out: ${whyNotPodName(key)}`);
    return undefined;
  }
  const mode = readMode(source, value);
  const places = mode.places ?? readPlaces(source, key, valueAt(value, 'networks'), networks, value);
  const ports = readPorts(source, value, own.ports);
  const replicas = replicasOf(source, value);
  const names = new Set([name]);
  // With the network of another container, or of the host, the hostname is not its own.
  if (!mode.isAlone) readHostname(source, value, names);
  for (const { aliases } of places) for (const alias of aliases) names.add(alias);
  const given = valueAt(value, 'container_name');
  const called = source.text(given);
  const container =
    called === undefined ? undefined : (foldPodName(called) ?? foldPodName(plainLabel(called)));
  for (const [what, spot, one] of [
    ['container name', given, called],
    ['name', valueAt(value, 'labels'), own.name],
  ] as const)
    if (one !== undefined && replicas > 1)
      source.fail(spot!, `${replicas} replicas cannot all have one ${what}`);
  const pinned = places.find((place) => place.ip4 !== undefined || place.ip6 !== undefined);
  if (replicas > 1 && pinned !== undefined)
    source.fail(pinned.spot, `${replicas} replicas cannot all have one address`);
  const { shares } = mode;
  return { key, name, value, names, container, prefix, shares, own, places, ports, replicas };
}

function addName(source: ComposeSource, names: Set<string>, value: Value | undefined, behind = ''): void {
  const text = source.text(value);
  const name = text === undefined ? undefined : source.name(text + behind, value!);
  if (name !== undefined) names.add(name);
}

/** An engine answers for the hostname too; the domainname completes it. */
function readHostname(source: ComposeSource, service: MapValue, names: Set<string>): void {
  const hostname = valueAt(service, 'hostname');
  const given = valueAt(service, 'domainname');
  const domain = source.text(given);
  addName(source, names, hostname);
  if (domain === undefined) return;
  if (source.text(hostname) !== undefined) addName(source, names, hostname, `.${domain}`);
  else source.warn(given!, 'has no effect without a hostname');
}

/** `scale`, or `deploy.replicas`, or 1. */
function replicasOf(source: ComposeSource, service: MapValue): number {
  const given = valueAt(service, 'scale') ?? valueAt(service, 'deploy', 'replicas');
  const text = source.text(given);
  if (given === undefined || text === undefined) return 1;
  if (!/^\d{1,4}$/.test(text) || Number(text) > REPLICAS_MAX) {
    source.fail(
      given,
      `a number of replicas from 0 to ${REPLICAS_MAX} is expected, not ${JSON.stringify(text)}`,
    );
    return 1;
  }
  if (Number(text) === 0) source.warn(given, 'left out, because it has 0 replicas');
  return Number(text);
}
