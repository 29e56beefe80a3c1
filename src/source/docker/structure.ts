/** What an engine has besides containers, as resources: itself, its networks, and the services of its swarm. */
import type { Attachment } from '../../model.ts';
import { excerpt } from '../../model-text.ts';
import { podAddress4, podAddress6, prefix4, prefix6 } from '../validate/addresses.ts';
import type { NetworkFacts, ServiceFacts } from './facts.ts';
import { attachmentName, DEFAULT_NAMESPACE, serviceIdentity, type OverlayName } from './identity.ts';
import { portsOf } from './port-names.ts';

export interface ViewOptions {
  vpc: string;
  /** The name of the network whose IPv6 addresses are the VPC's own. */
  network?: string;
  /** Further VPCs that labels may name; undefined: any. */
  vpcs?: readonly string[];
  /** The canonical suffix. */
  zone: string;
}

/** Not validated yet. */
export interface RawResource {
  resource: object;
  place: string;
}

/** `overlays`: by id of the network. */
export function* structureResources(
  { vpc, network: own }: ViewOptions,
  networks: Iterable<NetworkFacts>,
  overlays: ReadonlyMap<string, OverlayName>,
): Generator<RawResource> {
  const net6: string[] = [];
  const since = new Map<string, number>();
  for (const network of networks) {
    const overlay = overlays.get(network.id);
    if (overlay === undefined) continue;
    const created = Date.parse(network.created);
    // What belongs to no project has no beginning: the engine makes its default network at each of its starts.
    if (!Number.isNaN(created) && overlay.namespace !== DEFAULT_NAMESPACE)
      since.set(overlay.namespace, Math.min(created, since.get(overlay.namespace) ?? Infinity));
    const subnets = network.ipam.map(({ subnet }) => subnet);
    const fours = subnets.map(prefix4).filter((text) => text !== undefined);
    const sixes = subnets.map(prefix6).filter((text) => text !== undefined);
    if (network.name === own) net6.push(...sixes);
    const resource = {
      kind: 'overlay',
      vpc,
      ...overlay,
      ...(network.driver === '' ? {} : { driver: network.driver }),
      ...(fours[0] === undefined ? {} : { net4: fours[0] }),
      ...(sixes[0] === undefined ? {} : { net6: sixes[0] }),
      ...(network.internal ? { internal: true } : {}),
    };
    yield { resource, place: `docker network ${excerpt(network.name)}` };
  }
  // Compose makes the networks of a project first.
  for (const [name, time] of since) {
    const created = `${new Date(time).toISOString().slice(0, 19)}Z`;
    yield { resource: { kind: 'namespace', vpc, name, created }, place: `docker project ${excerpt(name)}` };
  }
  // On a bridge an IPv4 address costs nothing.
  yield { resource: { kind: 'vpc', name: vpc, net6, a_records: 'all' }, place: 'docker engine' };
}

/**
 * The virtual addresses of a swarm's service; undefined where it has none. A service of podns has one IPv6 address;
 * one with IPv4 addresses only is a pod with them.
 */
export function serviceResource(
  vpc: string,
  service: ServiceFacts,
  overlays: ReadonlyMap<string, OverlayName>,
): RawResource | undefined {
  const identity = serviceIdentity(service);
  const attachments: Attachment[] = [];
  let ip6: string | undefined;
  for (const { networkId, address } of service.vips) {
    const overlay = overlays.get(networkId);
    if (overlay === undefined) continue;
    const ip4 = podAddress4(address);
    ip6 ??= podAddress6(address);
    if (ip4 !== undefined)
      attachments.push({ overlay: attachmentName(identity.namespace, overlay), ip4, pinned: false });
  }
  if (ip6 === undefined && attachments.length === 0) return undefined;
  const place = `docker service ${excerpt(service.name)}`;
  const common = {
    vpc,
    ...identity,
    names: service.name === identity.name ? [] : [service.name],
    ports: portsOf(service.ports),
  };
  return ip6 === undefined
    ? { resource: { kind: 'pod', ...common, overlays: attachments }, place }
    : { resource: { kind: 'service', ...common, ip6 }, place };
}
