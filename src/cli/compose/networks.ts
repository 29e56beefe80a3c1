/** The networks of a compose file as overlays, and the attachments of a service to them. */
import { Address4, Address6 } from 'ip-address';
import {
  podAddress4,
  podAddress6,
  prefix4,
  prefix6,
  whyNotPodAddress4,
  whyNotPodAddress6,
} from '../../source/validate/addresses.ts';
import { LABEL_MAX, overlayNames, plainLabel } from '../../source/docker/overlay-names.ts';
import { foldLabel } from '../../source/validate/names.ts';
import type { ComposeSource, Spot } from './source.ts';
import { valueAt, type Value } from './values.ts';

export interface ComposeOverlay {
  driver?: string;
  net4?: string;
  net6?: string;
  internal?: true;
}

export interface Network {
  /** What an attachment to it names: its overlay, or that of another namespace. */
  name: string;
  overlay: ComposeOverlay;
  /** All subnets, including those that an overlay cannot hold. */
  subnets: string[];
  external: boolean;
  /** The service that has pinned an address, by address. */
  taken: Map<string, string>;
}

export interface Place {
  network: Network;
  spot: Spot;
  ip4?: string;
  ip6?: string;
  aliases: string[];
}

/** The network that services join by default. */
export const DEFAULT_NETWORK = 'default';
/** Where the networks of an engine are that belong to no project. */
const NO_PROJECT = 'default';
/** What an engine calls the network that is always there. */
export const BRIDGE = 'bridge';
/** The driver of networks that name none. */
const DEFAULT_DRIVER = 'bridge';

/** The characters that compose allows in the key of a network. */
const KEY = /^[a-zA-Z0-9._-]+$/;

/** By key. */
export function readNetworks(source: ComposeSource, value: Value | undefined): Map<string, Network> {
  const networks = new Map<string, Network>();
  const given = source.entries(value);
  const names = overlayNames(given.filter(([, item]) => !isExternal(source, item)).map(([key]) => key));
  const real = new Map<string, string>();
  const outside = new Map<string, Network>();
  for (const [key, item] of given) {
    if (isExternal(source, item)) {
      const called = source.text(valueAt(item, 'name')) ?? source.text(valueAt(item, 'external', 'name'));
      const network = networkOfEngine(called ?? key);
      // Two keys may mean one network.
      networks.set(key, outside.get(network.name) ?? network);
      outside.set(network.name, networks.get(key)!);
      continue;
    }
    const name = names.get(key)!;
    if (!KEY.test(key))
      source.fail(item, `${JSON.stringify(key)}: only letters, digits, ".", - and _ are allowed`);
    else if (name !== key.toLowerCase())
      source.warn(item, `its overlay is called ${name}, because ${whyNotKey(key)}`);
    const called = source.text(valueAt(item, 'name'));
    const other = called === undefined ? undefined : real.get(called);
    if (other !== undefined)
      source.warn(item, `an engine treats it and ${other} as one network, podns as two`);
    if (called !== undefined && other === undefined) real.set(called, key);
    networks.set(key, readNetwork(source, item, name));
  }
  return networks;
}

function whyNotKey(key: string): string {
  if (foldLabel(key) !== undefined) return 'names ignore letter case and this one is taken';
  return `an overlay's name is one label of up to ${LABEL_MAX} octets, without dots`;
}

function emptyNetwork(name: string): Network {
  return { name, overlay: { driver: DEFAULT_DRIVER }, subnets: [], external: false, taken: new Map() };
}

/** One that the project does not make: an overlay under its real name, outside of the project's namespace. */
export function networkOfEngine(name: string): Network {
  return { ...emptyNetwork(`${NO_PROJECT}/${foldLabel(name) ?? plainLabel(name)}`), external: true };
}

function isExternal(source: ComposeSource, value: Value): boolean {
  const given = valueAt(value, 'external');
  return given?.kind === 'map' || source.truth(given);
}

function readNetwork(source: ComposeSource, value: Value, name: string): Network {
  const network = emptyNetwork(name);
  if (value.kind === 'null') return network;
  if (value.kind !== 'map') {
    source.fail(value, 'a map is expected');
    return network;
  }
  const { overlay } = network;
  const driver = source.text(valueAt(value, 'driver'));
  if (driver !== undefined) overlay.driver = driver;
  if (source.truth(valueAt(value, 'internal'))) overlay.internal = true;

  const ipam = valueAt(value, 'ipam');
  if (ipam !== undefined && ipam.kind !== 'map') source.fail(ipam, 'a map is expected');
  for (const item of source.items(valueAt(ipam, 'config'))) {
    if (item.kind !== 'map') source.fail(item, 'a map with a subnet is expected');
    const given = valueAt(item, 'subnet');
    const text = source.text(given);
    if (text === undefined) continue;
    const four = prefix4(text);
    const subnet = four ?? prefix6(text);
    const family = four === undefined ? 'net6' : 'net4';
    if (subnet === undefined)
      source.fail(given!, `${JSON.stringify(text)} is not a subnet, as in 10.0.0.0/24`);
    else if (!network.subnets.includes(subnet)) {
      network.subnets.push(subnet);
      if (overlay[family] === undefined) overlay[family] = subnet;
      else
        source.warn(
          given!,
          `an overlay has one ${family}: ${overlay[family]} is used and this one is ignored`,
        );
    }
  }
  return network;
}

/** The attachments of a service; adds the default network, which needs no definition, when a service joins it. */
export function readPlaces(
  source: ComposeSource,
  service: string,
  value: Value | undefined,
  networks: Map<string, Network>,
  spot: Spot,
): Place[] {
  const entries: [string, Value | undefined, Spot][] =
    value?.kind === 'list'
      ? value.items.map((item) => [source.text(item) ?? '', undefined, item])
      : source.entries(value).map(([key, item]) => [key, item, item]);
  if (entries.length === 0) entries.push([DEFAULT_NETWORK, undefined, spot]);
  const places = new Map<Network, Place>();
  for (const [key, given, here] of entries) {
    if (key === DEFAULT_NETWORK && !networks.has(key)) networks.set(key, emptyNetwork(DEFAULT_NETWORK));
    const network = networks.get(key);
    if (network === undefined)
      source.fail(here, `network ${JSON.stringify(key)} is not defined under networks`);
    else if (!places.has(network)) places.set(network, readPlace(source, service, network, given, here));
  }
  return [...places.values()];
}

function readPlace(
  source: ComposeSource,
  service: string,
  network: Network,
  value: Value | undefined,
  spot: Spot,
): Place {
  const place: Place = { network, spot, aliases: [] };
  if (value !== undefined && value.kind !== 'null' && value.kind !== 'map') {
    source.fail(value, 'a map is expected');
    return place;
  }
  for (const item of source.items(valueAt(value, 'aliases'))) {
    const text = source.text(item);
    const alias = text === undefined ? undefined : source.name(text, item);
    if (alias !== undefined) place.aliases.push(alias);
  }
  const pin = (key: 'ipv4_address' | 'ipv6_address'): string | undefined => {
    const given = valueAt(value, key);
    const text = source.text(given);
    if (text === undefined) return undefined;
    const four = key === 'ipv4_address';
    const address = four ? podAddress4(text) : podAddress6(text);
    if (address === undefined)
      return source.fail(given!, four ? whyNotPodAddress4(text) : whyNotPodAddress6(text));
    checkPinned(source, network, service, address, given!);
    return address;
  };
  const ip4 = pin('ipv4_address');
  const ip6 = pin('ipv6_address');
  if (ip4 !== undefined) place.ip4 = ip4;
  if (ip6 !== undefined) place.ip6 = ip6;
  return place;
}

/** Reports what an engine would refuse too: an address outside the subnets, or one that is taken. */
function checkPinned(
  source: ComposeSource,
  { name, subnets: all, external, taken }: Network,
  service: string,
  address: string,
  spot: Spot,
): void {
  const six = address.includes(':');
  const subnets = all.filter((subnet) => subnet.includes(':') === six);
  if (subnets.length === 0) {
    if (!external)
      source.warn(spot, `network ${name} has no IPv${six ? 6 : 4} subnet, so an engine would refuse this`);
  } else if (!subnets.some((subnet) => contains(subnet, address))) {
    source.fail(spot, `${address} is not in ${subnets.join(' or ')}, the subnet of network ${name}`);
  }
  const owner = taken.get(address);
  if (owner !== undefined) source.fail(spot, `${address} is taken by service ${owner}`);
  taken.set(address, service);
}

function contains(subnet: string, address: string): boolean {
  return subnet.includes(':')
    ? new Address6(address).isInSubnet(new Address6(subnet))
    : new Address4(address).isInSubnet(new Address4(subnet));
}
