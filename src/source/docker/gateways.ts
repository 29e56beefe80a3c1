/** The addresses at which the host is on the bridges of its engine. */
import { formatAddress, parseAddress } from '../../dns/address.ts';
import { podAddress4, podAddress6 } from '../validate/addresses.ts';
import type { NetworkFacts } from './facts.ts';
import { compare } from './identity.ts';

const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_';
const INHIBIT4 = 'com.docker.network.bridge.inhibit_ipv4';

/** Canonical text, sorted, each once. */
export function gatewaysOf(networks: Iterable<NetworkFacts>): string[] {
  const gateways = new Set<string>();
  for (const { driver, scope, configOnly, ingress, ipam, options } of networks) {
    // Podman says no scope.
    if (driver !== 'bridge' || (scope !== 'local' && scope !== '') || configOnly || ingress) continue;
    for (const { gateway: said, subnet } of ipam) {
      const gateway = said === '' ? firstOf(subnet) : said;
      const four = podAddress4(gateway);
      const address = four ?? podAddress6(gateway);
      if (address === undefined) continue;
      if (options[`${GATEWAY_MODE}ipv${four === undefined ? 6 : 4}`] === 'isolated') continue;
      if (four !== undefined && options[INHIBIT4] === 'true') continue;
      gateways.add(address);
    }
  }
  return [...gateways].sort(compare);
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
