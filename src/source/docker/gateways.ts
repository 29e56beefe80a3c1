/** The addresses at which the host is on the bridges of its engine. */
import { formatAddress, parseAddress } from '../../dns/address.ts';
import { podAddress4, podAddress6 } from '../validate/addresses.ts';
import type { ContainerFacts, NetworkFacts } from './facts.ts';
import { compare } from './identity.ts';

const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_';
const INHIBIT4 = 'com.docker.network.bridge.inhibit_ipv4';

export class Gateways {
  /**
   * By id of a network, what containers on it have said: until the engine starts anew, some of its versions say
   * nothing about a gateway that they have chosen themselves.
   */
  private readonly learned = new Map<string, Set<string>>();

  /** True if the container says something new. */
  learn({ endpoints }: ContainerFacts): boolean {
    let more = false;
    for (const { networkId, gateway4, gateway6 } of endpoints) {
      for (const gateway of [gateway4, gateway6]) {
        if (networkId === '' || gateway === '') continue;
        const known = this.learned.get(networkId) ?? new Set();
        if (known.has(gateway)) continue;
        this.learned.set(networkId, known.add(gateway));
        more = true;
      }
    }
    return more;
  }

  /** Canonical text, sorted, each once; what was learned of other networks than these is forgotten. */
  of(networks: readonly NetworkFacts[]): string[] {
    const present = new Set(networks.flatMap(({ id, name }) => [id, name]));
    for (const id of [...this.learned.keys()]) if (!present.has(id)) this.learned.delete(id);
    const gateways = new Set<string>();
    for (const network of networks) {
      if (!isBridge(network)) continue;
      const learned = [...(this.learned.get(network.id) ?? this.learned.get(network.name) ?? [])];
      for (const text of [...saidOrFirst(network, learned), ...learned]) {
        const address = podAddress4(text) ?? podAddress6(text);
        if (address !== undefined && isOnHost(network, address)) gateways.add(address);
      }
    }
    return [...gateways].sort(compare);
  }
}

/** Podman says no scope. */
function isBridge({ driver, scope, configOnly, ingress }: NetworkFacts): boolean {
  return driver === 'bridge' && (scope === 'local' || scope === '') && !configOnly && !ingress;
}

/** A bridge may be without an address of the host. */
function isOnHost({ options }: NetworkFacts, address: string): boolean {
  const six = address.includes(':');
  if (options[`${GATEWAY_MODE}ipv${six ? 6 : 4}`] === 'isolated') return false;
  return six || options[INHIBIT4] !== 'true';
}

/** What the engine says; where it says none, and no container has named one of that family, the usual one. */
function saidOrFirst({ ipam }: NetworkFacts, learned: readonly string[]): string[] {
  return ipam.map(({ gateway, subnet }) => {
    if (gateway !== '') return gateway;
    const six = subnet.includes(':');
    return learned.some((text) => text.includes(':') === six) ? '' : firstOf(subnet);
  });
}

/**
 * The first address of a subnet, which engines give to their bridge. Docker before 23 does not say so itself, of its
 * default bridge and of IPv6. '' where there is none.
 */
function firstOf(subnet: string): string {
  const [address = '', length = ''] = subnet.split('/');
  const octets = new Uint8Array(16);
  const family = parseAddress(address, octets, 0);
  if (family === 0 || Number(length) >= (family === 4 ? 32 : 128)) return '';
  octets[15]! |= 1;
  return formatAddress(octets, 0);
}
