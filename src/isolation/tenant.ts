/** One VPC as a proof sees it: the clients that ask for it, what others would ask it for, and what is its own. */
import type { Listener, Peer } from '../answer/peer.ts';
import { isMapped, parseAddress } from '../dns/address.ts';
import { reverseText } from '../dns/arpa.ts';
import { buildQuery } from '../dns/build.ts';
import { TYPE_A, TYPE_AAAA, TYPE_PTR, TYPE_SRV, UDP_PAYLOAD_MAX } from '../dns/constants.ts';
import { NameError } from '../dns/name.ts';
import type { NameLists, Pod, Service, Vpc } from '../model.ts';
import { parsePrefix, sharesPrefix } from '../trie/prefix.ts';
import type { IsolationFacts } from './facts.ts';

export interface ProofClient {
  /** `pod web/db`, `unknown address of net6`, … */
  class: string;
  address: string;
  peer: Peer;
}

export interface Target {
  vpc: string;
  /** `pod web/db`. */
  resource: string;
  name: string;
  type: number;
  /** Of a PTR: the address that the name stands for. */
  address: string | undefined;
  packet: Uint8Array;
}

/** What answers to a VPC's clients may hold. */
export interface Own {
  /** Octets of addresses, as characters. */
  addresses: Set<string>;
  /** `name.namespace`. */
  names: Set<string>;
}

type Bearer = Pod | Service;

/** Pods and services of a VPC, in slices. */
export async function* bearersOf(facts: IsolationFacts, vpc: string): AsyncGenerator<Bearer> {
  for (const kind of ['pod', 'service'] as const)
    for (const resource of facts.list(kind, { vpc })) {
      if (resource === undefined) await facts.pause();
      else if (resource.kind === 'pod' || resource.kind === 'service') yield resource;
    }
}

/** The VPCs that there are, those among them that are only referred to. */
export async function vpcsOf(facts: IsolationFacts): Promise<Vpc[]> {
  const vpcs: Vpc[] = [];
  for (const resource of facts.list('vpc', {})) {
    if (resource === undefined) await facts.pause();
    else if (resource.kind === 'vpc') vpcs.push(resource);
  }
  return vpcs;
}

/** The octets of an address as characters: 4 of IPv4, 16 of IPv6. */
export function octetsText(address: string): string {
  const octets = new Uint8Array(16);
  const family = parseAddress(address, octets, 0);
  return String.fromCharCode(...(family === 4 ? octets.subarray(12) : octets));
}

export function addressesOf(bearer: Bearer): string[] {
  const overlays = bearer.kind === 'pod' ? bearer.overlays : [];
  const all = [bearer.ip6, ...overlays.flatMap(({ ip6, ip4 }) => [ip6, ip4])];
  return all.filter((address) => address !== undefined);
}

export async function ownOf(facts: IsolationFacts, vpc: Vpc): Promise<Own> {
  const own: Own = { addresses: new Set(), names: new Set() };
  for await (const bearer of bearersOf(facts, vpc.name)) {
    for (const address of addressesOf(bearer)) own.addresses.add(octetsText(address));
    for (const name of [bearer.name, ...bearer.names]) own.names.add(`${name}.${bearer.namespace}`);
  }
  for (const hosts of [vpc.hosts, facts.settings.outside?.hosts]) addHosts(own, hosts);
  for (const loopback of ['127.0.0.1', '::1']) own.addresses.add(octetsText(loopback));
  return own;
}

function addHosts({ addresses }: Own, hosts: NameLists = {}): void {
  for (const address of Object.values(hosts).flat()) addresses.add(octetsText(address));
}

/** Everything that a bearer can be asked for by its names, its addresses and its ports. */
export function* targetsOf(bearer: Bearer, zone: string): Generator<Target> {
  const { vpc, namespace, kind } = bearer;
  const resource = `${kind} ${namespace}/${bearer.name}`;
  const make = (name: string, type: number, address?: string): Target | undefined => {
    try {
      const packet = buildQuery({ name, type, edns: { size: UDP_PAYLOAD_MAX } });
      return { vpc, resource, name, type, address, packet };
    } catch (error) {
      // With its namespace and the zone it is longer than a name may be, so nobody can ask for it.
      if (error instanceof NameError) return undefined;
      throw error;
    }
  };
  const all: (Target | undefined)[] = [];
  for (const name of [bearer.name, ...bearer.names]) {
    for (const full of [name, `${name}.${namespace}`, `${name}.${namespace}.${zone}`])
      all.push(make(full, TYPE_AAAA), make(full, TYPE_A));
    for (const port of bearer.ports)
      all.push(make(`_${port.name}._${port.protocol}.${name}.${namespace}.${zone}`, TYPE_SRV));
  }
  for (const address of addressesOf(bearer)) {
    const octets = new Uint8Array(16);
    parseAddress(address, octets, 0);
    all.push(make(reverseText(octets), TYPE_PTR, address));
  }
  for (const target of all) if (target !== undefined) yield target;
}

/** Addresses of pods that stand for a namespace. */
export interface Sample {
  namespace: string;
  pod: string;
  ip6: string | undefined;
  ip4: string | undefined;
}

/** One known pod of each namespace, an address that no pod has, each scope, and what rules under `clients` name. */
export function clientsOf(
  facts: IsolationFacts,
  vpc: Vpc,
  samples: readonly Sample[],
  nextId: () => number,
): ProofClient[] {
  const clients: ProofClient[] = [];
  const seen = new Set<string>();
  const add = (what: string, from: string, listener: Listener): void => {
    const key = `${from} ${listener.id}`;
    if (seen.has(key)) return;
    seen.add(key);
    const address = new Uint8Array(16);
    const local = new Uint8Array(16);
    parseAddress(from, address, 0);
    parseAddress(listener.address.split('%')[0]!, local, 0);
    const peer = { address, port: 53_000, local, listener, tcp: false };
    clients.push({ class: what, address: from, peer });
  };
  const open = facts.listeners();
  const made = (host: string, namespace: string): Listener =>
    madeListener(nextId(), host, vpc.name, namespace);
  const unscoped = open.filter((one) => one.vpc === '');
  const ofVpc = open.filter((one) => one.vpc === vpc.name);
  const whole = made('::1', '');
  const whole4 = made('127.0.0.1', '');
  for (const { namespace, pod, ip6, ip4 } of samples) {
    const fits = [...unscoped, ...ofVpc.filter((one) => ['', namespace].includes(one.namespace))];
    if (ip6 !== undefined)
      for (const listener of [whole, ...fits]) add(`pod ${namespace}/${pod}`, ip6, listener);
    if (ip4 !== undefined)
      for (const listener of [whole4, ...fits]) add(`pod ${namespace}/${pod}, IPv4`, ip4, listener);
    // Whoever asks there counts as attached to all overlays of the namespace.
    add(`any client of scope @${vpc.name}/${namespace}`, '::1', made('::1', namespace));
    add(`any IPv4 client of scope @${vpc.name}/${namespace}`, '127.0.0.1', made('127.0.0.1', namespace));
  }
  for (const prefix of vpc.net6) {
    const unknown = lastOf(prefix);
    if (unknown === undefined) continue;
    for (const listener of [whole, ...unscoped, ...ofVpc]) add('unknown address of net6', unknown, listener);
  }
  for (const listener of [whole, whole4, ...ofVpc])
    add(`unknown client of ${listener.text}`, listener.address.includes(':') ? '::1' : '127.0.0.1', listener);
  for (const rule of facts.settings.clients) {
    const from = rule.from.split('/')[0]!;
    // A rule may also take clients out of the VPC whose address they have.
    if (rule.vpc !== vpc.name && !vpc.net6.some((net6) => isInside(from, net6))) continue;
    for (const listener of unscoped) add(`rule for ${rule.from}`, from, listener);
  }
  return clients;
}

/** One without a socket. */
function madeListener(id: number, address: string, vpc: string, namespace: string): Listener {
  const host = address.includes(':') ? `[${address}]` : address;
  const scope = namespace === '' ? vpc : `${vpc}/${namespace}`;
  return { id, text: `${host}:53@${scope}`, address, port: 53, vpc, namespace };
}

function isInside(address: string, net6: string): boolean {
  const octets = new Uint8Array(16);
  const prefix = parsePrefix(net6);
  parseAddress(address, octets, 0);
  return prefix !== undefined && sharesPrefix(prefix.octets, 0, octets, 0, prefix.bits);
}

/** The last address of a prefix, which hardly any pod has. */
function lastOf(text: string): string | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined || isMapped(prefix.octets, 0) || prefix.bits > 124) return undefined;
  const octets = prefix.octets.slice();
  for (let bit = prefix.bits; bit < 128; bit++) octets[bit >> 3]! |= 0x80 >> (bit & 7);
  octets[15]! ^= 1;
  const words = Array.from({ length: 8 }, (_, i) =>
    ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16),
  );
  return words.join(':');
}
