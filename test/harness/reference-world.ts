/** The reference model's memory: plain Maps of resources, who bears a name, who owns an address, who is asking. */
import type { Pod, Resource, ResourceKey, Service, Vpc } from '../../src/model.ts';
import { keyOf, keyText, overlayPath, overlayPlace } from '../../src/model.ts';
import { expandIp6 } from './build.ts';

export interface ReferenceSettings {
  zone: string;
  suffixes: { name: string; flat: boolean }[];
  aRecords: 'pinned' | 'all' | 'none';
  forward: 'on' | 'off' | 'refuse' | string[];
  clients: { from: string; vpc: string; namespace: string }[];
}

export const NAIVE_DEFAULTS: ReferenceSettings = {
  zone: 'vpc.internal',
  suffixes: [],
  aRecords: 'pinned',
  forward: 'off',
  clients: [],
};

export interface ReferenceSource {
  address: string;
  vpc: string;
  namespace: string;
}

/** Who a source turned out to be; `namespace` undefined for an unknown pod. */
export interface ReferenceClient {
  vpc: string;
  namespace: string | undefined;
  /** `namespace/overlay` of every overlay that the client is on. */
  overlays: Set<string>;
  pod: Pod | undefined;
}

export type Identified = ReferenceClient | { refused: number } | { contradictory: true };

export function bits(address: string): string {
  const hex = address.includes(':')
    ? expandIp6(address)
    : address
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('');
  return [...hex].map((digit) => parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
}

export function inPrefix(address: string, prefix: string): boolean {
  const [base, length] = prefix.split('/');
  if (base!.includes(':') !== address.includes(':')) return false;
  const count = length === undefined ? (base!.includes(':') ? 128 : 32) : Number(length);
  return bits(address).slice(0, count) === bits(base!).slice(0, count);
}

function fullName({ namespace, name }: Pod): string {
  return `${namespace}/${name}`;
}

export class ReferenceWorld {
  readonly settings: ReferenceSettings;
  private readonly resources = new Map<string, { resource: Resource; stamp: number }>();

  constructor(settings: Partial<ReferenceSettings> = {}) {
    this.settings = { ...NAIVE_DEFAULTS, ...settings };
  }

  put(resource: Resource, stamp: number): void {
    this.resources.set(keyText(keyOf(resource)), { resource, stamp });
  }

  delete(key: ResourceKey): void {
    this.resources.delete(keyText(key));
  }

  private *all(vpc: string): Generator<{ resource: Resource; stamp: number }> {
    for (const entry of this.resources.values()) {
      if (entry.resource.kind !== 'vpc' && entry.resource.vpc === vpc) yield entry;
    }
  }

  vpcs(): string[] {
    const names = new Set<string>();
    for (const { resource } of this.resources.values()) {
      names.add(resource.kind === 'vpc' ? resource.name : resource.vpc);
    }
    return [...names].sort();
  }

  vpc(name: string): Vpc {
    const found = this.resources.get(`vpc ${name}`);
    if (found !== undefined) return found.resource as Vpc;
    return { kind: 'vpc', name, net6: [], services6: [] };
  }

  /** Declared or implied; an implied one has no `shadow`. */
  namespaces(vpc: string): Set<string> {
    const names = new Set<string>();
    for (const { resource } of this.all(vpc)) {
      names.add(resource.kind === 'namespace' ? resource.name : (resource as Pod).namespace);
      for (const { overlay } of resource.kind === 'pod' ? resource.overlays : [])
        names.add(overlayPlace(overlay, (resource as Pod).namespace).namespace);
    }
    return names;
  }

  shadows(vpc: string, namespace: string): boolean {
    for (const { resource } of this.all(vpc)) {
      if (resource.kind === 'namespace' && resource.name === namespace) return resource.shadow === 'forward';
    }
    return false;
  }

  /** As far as their IPv4 addresses are their own: on one overlay the newest claim has it. */
  pods(vpc: string): Pod[] {
    const entries = [...this.all(vpc)].filter(({ resource }) => resource.kind === 'pod');
    const places = entries.flatMap(({ resource, stamp }) =>
      (resource as Pod).overlays.map((place) => ({ pod: resource as Pod, place, stamp })),
    );
    const lost = (pod: Pod, place: Pod['overlays'][number], stamp: number): boolean =>
      places.some(
        (other) =>
          fullName(other.pod) !== fullName(pod) &&
          overlayPath(other.place.overlay, other.pod.namespace) ===
            overlayPath(place.overlay, pod.namespace) &&
          other.place.ip4 === place.ip4 &&
          (other.stamp > stamp || (other.stamp === stamp && fullName(other.pod) < fullName(pod))),
      );
    return entries.map(({ resource, stamp }) => {
      const pod = resource as Pod;
      const overlays = pod.overlays.map((place) =>
        place.ip4 !== undefined && lost(pod, place, stamp) ? { ...place, ip4: undefined } : place,
      );
      return { ...pod, overlays };
    });
  }

  services(vpc: string): Service[] {
    return [...this.all(vpc)]
      .map(({ resource }) => resource)
      .filter((resource) => resource.kind === 'service');
  }

  overlayNets(vpc: string): string[] {
    const nets: string[] = [];
    for (const { resource } of this.all(vpc)) {
      if (resource.kind !== 'overlay') continue;
      if (resource.net4 !== undefined) nets.push(resource.net4);
      if (resource.net6 !== undefined) nets.push(resource.net6);
    }
    return nets;
  }

  internal(client: ReferenceClient): boolean {
    const internal = new Set<string>();
    for (const { resource } of this.all(client.vpc)) {
      if (resource.kind === 'overlay' && resource.internal === true) {
        internal.add(`${resource.namespace}/${resource.name}`);
      }
    }
    if (client.pod === undefined) return client.namespace === undefined && internal.size > 0;
    const places = client.pod.overlays.map((place) => overlayPath(place.overlay, client.pod!.namespace));
    return places.length > 0 && places.every((place) => internal.has(place));
  }

  /** The VPC address of a pod or the virtual IP of a service, unless a newer claim took it. */
  ownIp6(holder: Pod | Service): string | undefined {
    if (holder.ip6 === undefined) return undefined;
    let best: { stamp: number; name: string; key: string } | undefined;
    for (const { resource, stamp } of this.all(holder.vpc)) {
      if (resource.kind !== 'pod' && resource.kind !== 'service') continue;
      if (resource.ip6 !== holder.ip6) continue;
      const name = `${resource.namespace}/${resource.name}`;
      const wins = best === undefined || stamp > best.stamp || (stamp === best.stamp && name < best.name);
      if (wins) best = { stamp, name, key: keyText(keyOf(resource)) };
    }
    return best?.key === keyText(keyOf(holder)) ? holder.ip6 : undefined;
  }

  /** Every pod of the VPC that holds this IPv4, with the overlay on which it does. */
  holders4(vpc: string, ip4: string): { pod: Pod; place: string }[] {
    const holders: { pod: Pod; place: string }[] = [];
    for (const pod of this.pods(vpc)) {
      for (const place of pod.overlays) {
        if (place.ip4 === ip4) holders.push({ pod, place: overlayPath(place.overlay, pod.namespace) });
      }
    }
    return holders;
  }

  private podsAt(vpc: string, address: string): Pod[] {
    if (!address.includes(':')) return [...new Set(this.holders4(vpc, address).map((holder) => holder.pod))];
    return this.pods(vpc).filter(
      (pod) => this.ownIp6(pod) === address || pod.overlays.some((place) => place.ip6 === address),
    );
  }

  private client(vpc: string, address: string): ReferenceClient {
    const found = this.podsAt(vpc, address);
    const pod = found.length === 1 ? found[0] : undefined;
    const overlays = new Set(pod?.overlays.map((place) => overlayPath(place.overlay, pod.namespace)));
    return { vpc, namespace: pod?.namespace, overlays, pod };
  }

  /** Contract section 3, rule by rule. `address` is canonical; IPv4-mapped must be IPv4 already. */
  identify(source: ReferenceSource): Identified {
    const inside = this.vpcs().filter((vpc) =>
      this.vpc(vpc).net6.some((net) => inPrefix(source.address, net)),
    );
    if (source.vpc !== '') {
      if (inside.length > 0 && !inside.includes(source.vpc)) return { refused: 18 };
      const client = this.client(source.vpc, source.address);
      if (source.namespace === '') return client;
      if (client.pod === undefined) {
        for (const { resource } of this.all(source.vpc)) {
          if (resource.kind !== 'pod') continue;
          for (const { overlay } of resource.overlays) {
            if (overlayPlace(overlay, resource.namespace).namespace !== source.namespace) continue;
            client.overlays.add(overlayPath(overlay, resource.namespace));
          }
        }
      }
      return { ...client, namespace: source.namespace };
    }
    for (const rule of this.settings.clients) {
      if (!inPrefix(source.address, rule.from)) continue;
      return { vpc: rule.vpc, namespace: rule.namespace, overlays: new Set(), pod: undefined };
    }
    if (inside.length > 0) {
      const vpc = inside[0]!;
      const elsewhere = this.vpcs().some(
        (other) => other !== vpc && this.podsAt(other, source.address).length > 0,
      );
      if (elsewhere && this.podsAt(vpc, source.address).length === 0) return { contradictory: true };
      return this.client(vpc, source.address);
    }
    if (!source.address.includes(':') && this.vpcs().length === 1) {
      const client = this.client(this.vpcs()[0]!, source.address);
      const subnet = this.overlayNets(client.vpc).some((net) => inPrefix(source.address, net));
      if (client.pod !== undefined || subnet) return client;
    }
    return { refused: 18 };
  }
}
