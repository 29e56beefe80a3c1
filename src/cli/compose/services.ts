/** The services of a compose file: their names, attachments and replicas. */
import type { Port } from '../../model.ts';
import { foldPodName, whyNotPodName } from '../../source/validate/names.ts';
import { readPlaces, type Network, type Place } from './networks.ts';
import { readPorts } from './ports.ts';
import type { ComposeSource } from './source.ts';
import { valueAt, type MapValue, type Value } from './values.ts';

export interface Service {
  /** Its key, and the name of a pod made from it. */
  key: string;
  name: string;
  value: MapValue;
  /** Further names. */
  names: Set<string>;
  places: Place[];
  ports: Port[];
  replicas: number;
}

const REPLICAS_MAX = 1000;

/** The characters that compose allows in the key of a service. */
const KEY = /^[a-zA-Z0-9._-]+$/;

/** Services by key; a service without a name of its own is left out with a warning. */
export function readServices(
  source: ComposeSource,
  services: Value,
  networks: Map<string, Network>,
  profiles: readonly string[],
): Map<string, Service> {
  const read = new Map<string, Service>();
  for (const [key, value] of source.entries(services)) {
    if (value.kind !== 'map') source.fail(value, 'a map is expected');
    else if (isEnabled(source, value, profiles) && hasNames(source, value)) {
      const service = readService(source, key, value, networks);
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

/** False for a service that shares the network of another container or of the host, so any mode but "bridge". */
function hasNames(source: ComposeSource, service: MapValue): boolean {
  const given = valueAt(service, 'network_mode');
  const mode = source.text(given);
  if (mode === undefined || mode === 'bridge' || mode === 'default') return true;
  if (valueAt(service, 'networks') !== undefined) source.fail(given!, 'cannot be combined with networks');
  else source.warn(given!, `left out, because with "${mode}" it has no name of its own on any network`);
  return false;
}

function readService(
  source: ComposeSource,
  key: string,
  value: MapValue,
  networks: Map<string, Network>,
): Service | undefined {
  const name = foldPodName(key);
  if (name === undefined) {
    // Compose refuses some of these keys too. Others are not valid in DNS, and must not stop the other services.
    if (!KEY.test(key)) return source.fail(value, whyNotPodName(key));
    source.warn(value, `left out: ${whyNotPodName(key)}`);
    return undefined;
  }
  const places = readPlaces(source, key, valueAt(value, 'networks'), networks, value);
  const ports = readPorts(source, value);
  const replicas = replicasOf(source, value);
  const names = new Set(places.flatMap((place) => place.aliases));
  const container = valueAt(value, 'container_name');
  if (source.text(container) !== undefined) {
    addName(source, names, container);
    if (replicas > 1) source.fail(container!, `${replicas} replicas cannot all have one container name`);
  }
  readHostname(source, value, names);
  const pinned = places.find((place) => place.ip4 !== undefined || place.ip6 !== undefined);
  if (replicas > 1 && pinned !== undefined)
    source.fail(pinned.spot, `${replicas} replicas cannot all have one address`);
  return { key, name, value, names, places, ports, replicas };
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
