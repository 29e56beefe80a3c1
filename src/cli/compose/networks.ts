/** The networks of a compose file as overlays, and where a service stands on them. */
import { Address4, Address6 } from 'ip-address';
import {
  podAddress4,
  podAddress6,
  prefix4,
  prefix6,
  whyNotPodAddress4,
  whyNotPodAddress6,
} from '../../source/addresses.ts';
import { foldLabel, foldPodName, whyNotLabel, whyNotPodName } from '../../source/names.ts';
import { isMap, type ComposeSource, type Path } from './source.ts';

export interface ComposeOverlay {
  driver?: string;
  net4?: string;
  net6?: string;
  internal?: true;
}

export interface Network {
  overlay: ComposeOverlay;
  /** All subnets, also those for which an overlay has no room. */
  subnets: string[];
  external: boolean;
  /** By address: the service that has pinned it. */
  taken: Map<string, string>;
}

export interface Place {
  /** The overlay's name. */
  network: string;
  ip4?: string;
  ip6?: string;
  aliases: string[];
}

/** The network that services join when they name none. */
export const DEFAULT_NETWORK = 'default';

/** By name, folded. */
export function readNetworks(source: ComposeSource, value: unknown): Map<string, Network> {
  const networks = new Map<string, Network>();
  for (const [key, given] of source.entries(value, ['networks'])) {
    const path = ['networks', key];
    const name = foldLabel(key);
    if (name === undefined) source.fail(path, whyNotLabel(key));
    else if (networks.has(name))
      source.fail(path, `there is a network ${name} already; letter case makes no difference`);
    else networks.set(name, readNetwork(source, given, path));
  }
  return networks;
}

function readNetwork(source: ComposeSource, value: unknown, path: Path): Network {
  const network: Network = { overlay: {}, subnets: [], external: false, taken: new Map() };
  if (value === undefined || value === null) return network;
  if (!isMap(value)) {
    source.fail(path, 'a map is expected');
    return network;
  }
  const { overlay } = network;
  network.external = isMap(value['external']) || source.truth(value['external'], [...path, 'external']);
  const driver = source.text(value['driver'], [...path, 'driver']);
  if (driver !== undefined && driver !== '') overlay.driver = driver;
  if (source.truth(value['internal'], [...path, 'internal'])) overlay.internal = true;

  const ipam = [...path, 'ipam'];
  const config = source.entries(value['ipam'], ipam).find(([key]) => key === 'config')?.[1];
  source.items(config, [...ipam, 'config']).forEach((item, index) => {
    const here = [...ipam, 'config', index];
    const text = isMap(item) ? source.text(item['subnet'], [...here, 'subnet']) : undefined;
    if (text === undefined) {
      if (!isMap(item)) source.fail(here, 'a map with a subnet is expected');
      return;
    }
    const four = prefix4(text);
    const subnet = four ?? prefix6(text);
    const family = four === undefined ? 'net6' : 'net4';
    if (subnet === undefined)
      source.fail([...here, 'subnet'], `${JSON.stringify(text)} is not a subnet, as in 10.0.0.0/24`);
    else {
      network.subnets.push(subnet);
      if (overlay[family] === undefined) overlay[family] = subnet;
      else
        source.warn(
          [...here, 'subnet'],
          `an overlay has one ${family}, ${overlay[family]} is taken and this is not`,
        );
    }
  });
  return network;
}

/** Where a service stands; adds the default network when it is joined. */
export function readPlaces(
  source: ComposeSource,
  name: string,
  value: unknown,
  networks: Map<string, Network>,
  path: Path,
): Place[] {
  const entries: [string, unknown, Path][] = Array.isArray(value)
    ? value.map((item, index) => [source.text(item, [...path, index]) ?? '', undefined, [...path, index]])
    : source.entries(value, path).map(([key, item]) => [key, item, [...path, key]]);
  if (entries.length === 0) {
    if (!networks.has(DEFAULT_NETWORK)) networks.set(DEFAULT_NETWORK, readNetwork(source, undefined, []));
    return [{ network: DEFAULT_NETWORK, aliases: [] }];
  }
  const places: Place[] = [];
  for (const [key, given, here] of entries) {
    const folded = key.toLowerCase();
    // The default network needs no definition, also where it is named.
    if (folded === DEFAULT_NETWORK && !networks.has(folded))
      networks.set(folded, readNetwork(source, undefined, []));
    const network = networks.get(folded);
    if (network === undefined)
      source.fail(here, `network ${JSON.stringify(key)} is not defined under networks`);
    else places.push(readPlace(source, name, folded, network, given, here));
  }
  return places;
}

function readPlace(
  source: ComposeSource,
  service: string,
  name: string,
  network: Network,
  value: unknown,
  path: Path,
): Place {
  const place: Place = { network: name, aliases: [] };
  if (value === undefined || value === null) return place;
  if (!isMap(value)) {
    source.fail(path, 'a map is expected');
    return place;
  }
  source.items(value['aliases'], [...path, 'aliases']).forEach((item, index) => {
    const here = [...path, 'aliases', index];
    const text = source.text(item, here);
    const alias = text === undefined ? undefined : foldPodName(text);
    if (alias !== undefined) place.aliases.push(alias);
    else if (text !== undefined) source.fail(here, whyNotPodName(text));
  });
  const pin = (key: 'ipv4_address' | 'ipv6_address'): string | undefined => {
    const here = [...path, key];
    const text = source.text(value[key], here);
    if (text === undefined || text === '') return undefined;
    const four = key === 'ipv4_address';
    const address = four ? podAddress4(text) : podAddress6(text);
    if (address === undefined)
      return source.fail(here, four ? whyNotPodAddress4(text) : whyNotPodAddress6(text));
    checkPinned(source, network, service, name, address, here);
    return address;
  };
  const ip4 = pin('ipv4_address');
  const ip6 = pin('ipv6_address');
  if (ip4 !== undefined) place.ip4 = ip4;
  if (ip6 !== undefined) place.ip6 = ip6;
  return place;
}

/** The engine would refuse the same: an address outside of the subnets, or one that is taken. */
function checkPinned(
  source: ComposeSource,
  network: Network,
  service: string,
  name: string,
  address: string,
  path: Path,
): void {
  const six = address.includes(':');
  const subnets = network.subnets.filter((subnet) => subnet.includes(':') === six);
  if (subnets.length === 0) {
    if (!network.external)
      source.warn(path, `network ${name} has no IPv${six ? 6 : 4} subnet, so an engine would refuse this`);
  } else if (!subnets.some((subnet) => contains(subnet, address))) {
    source.fail(path, `${address} is not in ${subnets.join(' or ')}, the subnet of network ${name}`);
  }
  const owner = network.taken.get(address);
  if (owner !== undefined) source.fail(path, `${address} is taken by service ${owner}`);
  network.taken.set(address, service);
}

function contains(subnet: string, address: string): boolean {
  return subnet.includes(':')
    ? new Address6(address).isInSubnet(new Address6(subnet))
    : new Address4(address).isInSubnet(new Address4(subnet));
}
