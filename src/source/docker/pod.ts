/** A container as a pod: its attachments, ports and readiness. */
import type { Attachment, Port } from '../../model.ts';
import { podAddress4, podAddress6 } from '../validate/addresses.ts';
import type { ContainerFacts, Endpoint, NetworkFacts } from './facts.ts';
import { attachmentName, type OverlayName } from './identity.ts';

/** The states of a container that has addresses. */
const ON_NETWORK: ReadonlySet<string> = new Set(['running', 'paused']);

export function isOnNetwork(facts: ContainerFacts | undefined): boolean {
  return facts !== undefined && ON_NETWORK.has(facts.status);
}

/** Running, and not known to be ill. */
export function isReady({ status, health }: ContainerFacts): boolean {
  return status === 'running' && (health === '' || health === 'healthy');
}

export interface Attached {
  network: NetworkFacts;
  overlay: OverlayName;
  endpoint: Endpoint;
}

/** `own`: the network whose IPv6 addresses are the VPC's. A container that does not run has no addresses. */
export function attachmentsOf(
  facts: ContainerFacts,
  namespace: string,
  attached: Iterable<Attached>,
  own: string | undefined,
): { ip6?: string; overlays: Attachment[] } {
  const overlays: Attachment[] = [];
  let own6: string | undefined;
  const live = isOnNetwork(facts);
  for (const { network, overlay, endpoint } of attached) {
    const ip4 = live ? podAddress4(endpoint.ip4) : undefined;
    const ip6 = live ? podAddress6(endpoint.ip6) : undefined;
    // In a swarm the cluster chooses addresses, and says them where a user says the wanted ones.
    const pinned =
      network.scope !== 'swarm' &&
      ((ip4 !== undefined && podAddress4(endpoint.fixed4) === ip4) ||
        (ip6 !== undefined && podAddress6(endpoint.fixed6) === ip6));
    const attachment: Attachment = { overlay: attachmentName(namespace, overlay), pinned };
    if (ip4 !== undefined) attachment.ip4 = ip4;
    if (ip6 !== undefined && network.name === own) own6 = ip6;
    else if (ip6 !== undefined) attachment.ip6 = ip6;
    overlays.push(attachment);
  }
  return own6 === undefined ? { overlays } : { ip6: own6, overlays };
}

/** Ports of several containers that share one network, each once. */
export function joinPorts(lists: readonly Port[][]): Port[] {
  const ports = new Map<string, Port>();
  for (const port of lists.flat()) ports.set(`${port.name} ${port.protocol} ${port.port}`, port);
  return [...ports.values()];
}
