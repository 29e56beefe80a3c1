/** A pod's places on its overlays, as Docker's endpoints. */
import type { Attachment, Overlay, Pod } from '../../model.ts';
import { overlayPlace } from '../../model.ts';
import { endpointId } from './ids.ts';
import { createdOf, nameOf, overlayOf } from './networks.ts';
import type { Catalog } from './view.ts';

/** What a pod shares with its neighbours: looked up once for a run of pods of one namespace. */
export class Surroundings {
  private readonly catalog: Catalog;
  private vpc = '';
  private namespace = '';
  private overlays = new Map<string, Overlay>();
  private since: string | undefined;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  overlay(pod: Pod, name: string): Overlay {
    this.enter(pod);
    let overlay = this.overlays.get(name);
    if (overlay === undefined) {
      const place = overlayPlace(name, pod.namespace);
      overlay = overlayOf(this.catalog, pod.vpc, place.namespace, place.name);
      this.overlays.set(name, overlay);
    }
    return overlay;
  }

  created(pod: Pod): string {
    this.enter(pod);
    return (this.since ??= createdOf(this.catalog, pod.vpc, pod.namespace));
  }

  private enter({ vpc, namespace }: Pod): void {
    if (vpc === this.vpc && namespace === this.namespace) return;
    this.vpc = vpc;
    this.namespace = namespace;
    this.overlays = new Map();
    this.since = undefined;
  }
}

/** By the names of networks: `NetworkSettings.Networks` of a container. */
export function endpointsOf(pod: Pod, surroundings: Surroundings): Record<string, object> {
  const endpoints: Record<string, object> = {};
  for (const attachment of pod.overlays) {
    const overlay = surroundings.overlay(pod, attachment.overlay);
    endpoints[nameOf(overlay)] = endpointOf(pod, attachment, overlay);
  }
  return endpoints;
}

function endpointOf(pod: Pod, { ip4, ip6, pinned }: Attachment, overlay: Overlay): object {
  const names = [pod.name, ...pod.names];
  return {
    IPAMConfig: pinned ? { IPv4Address: ip4, IPv6Address: ip6 } : null,
    Links: null,
    Aliases: names,
    MacAddress: '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: overlay.aid,
    EndpointID: endpointId(pod, overlay),
    Gateway: '',
    IPAddress: ip4 ?? '',
    IPPrefixLen: ip4 === undefined ? 0 : prefixLength(overlay.net4),
    IPv6Gateway: '',
    GlobalIPv6Address: ip6 ?? '',
    GlobalIPv6PrefixLen: ip6 === undefined ? 0 : prefixLength(overlay.net6),
    DNSNames: names,
  };
}

/** A container among those of a network. */
export function memberOf(pod: Pod, { ip4, ip6 }: Attachment, overlay: Overlay): object {
  return {
    Name: nameOf(pod),
    EndpointID: endpointId(pod, overlay),
    MacAddress: '',
    IPv4Address: withPrefix(ip4, overlay.net4),
    IPv6Address: withPrefix(ip6, overlay.net6),
  };
}

/** 0 where there is no prefix. */
function prefixLength(prefix: string | undefined): number {
  return Number(prefix?.split('/')[1] ?? 0);
}

function withPrefix(address: string | undefined, prefix: string | undefined): string {
  if (address === undefined) return '';
  return prefix === undefined ? address : `${address}/${prefixLength(prefix)}`;
}
