/** What the trie must hold for a set of resources, computed with maps and strings and without regard to speed. */
import type { Overlay, Pod, Resource, ResourceKey, Service, Vpc } from '../../src/model.ts';
import { keyOf, keyText, overlayPath, overlayPlace } from '../../src/model.ts';

type Owner = Pod | Service;

interface Known {
  resource: Resource;
  stamp: bigint;
}

/** One name with records: AAAA, A as `address overlay` (overlay '' when every client is given it), its owners. */
export interface ReferenceName {
  aaaa: string[];
  a: string[];
  pods: string[];
  services: string[];
}

export interface ReferenceState {
  /** Paths from the root of the tree of VPCs, `vpc namespace` first: `red/alpha/y.x` reads x.y in alpha. */
  names: Map<string, ReferenceName | undefined>;
  /** `vpc address` to who owns it; several on several overlays. */
  addresses: Map<string, string[]>;
  /** `prefix` to its VPC. */
  prefixes: Map<string, string>;
  /** `vpc address` where pods of other VPCs have the address and none of this one has. */
  elsewhere: Set<string>;
}

export class ReferenceTrie {
  private readonly known = new Map<string, Known>();
  readonly policy: 'pinned' | 'all' | 'none';

  constructor(policy: 'pinned' | 'all' | 'none') {
    this.policy = policy;
  }

  put(resource: Resource, stamp: bigint): void {
    this.known.set(keyText(keyOf(resource)), { resource, stamp });
  }

  remove(key: ResourceKey): void {
    this.known.delete(keyText(key));
  }

  get(key: ResourceKey): Resource | undefined {
    return this.known.get(keyText(key))?.resource;
  }

  get size(): number {
    return this.known.size;
  }

  private all<T extends Resource>(kind: T['kind']): T[] {
    return [...this.known.values()]
      .map(({ resource }) => resource)
      .filter((one): one is T => one.kind === kind);
  }

  private get nameOwners(): Owner[] {
    return [...this.all<Pod>('pod'), ...this.all<Service>('service')];
  }

  private stampOf(resource: Resource): bigint {
    return this.known.get(keyText(keyOf(resource)))!.stamp;
  }

  private newest(claimants: Owner[]): Owner {
    return claimants.reduce((best, one) => {
      const a = this.stampOf(best);
      const b = this.stampOf(one);
      if (a !== b) return a > b ? best : one;
      const x = `${best.namespace}/${best.name}`;
      const y = `${one.namespace}/${one.name}`;
      if (x !== y) return x < y ? best : one;
      return best.kind === 'pod' ? best : one;
    });
  }

  owner6(vpc: string, ip6: string): Owner | undefined {
    const claimants = this.nameOwners.filter(
      (one) =>
        one.vpc === vpc &&
        (one.ip6 === ip6 || (one.kind === 'pod' && one.overlays.some((place) => place.ip6 === ip6))),
    );
    return claimants.length === 0 ? undefined : this.newest(claimants);
  }

  /** Owner of an IPv4 on each overlay that has one. */
  owners4(vpc: string, ip4: string): Map<string, Pod> {
    const claimants = new Map<string, Pod[]>();
    for (const pod of this.all<Pod>('pod')) {
      if (pod.vpc !== vpc) continue;
      for (const place of pod.overlays) {
        if (place.ip4 !== ip4) continue;
        const overlay = overlayPath(place.overlay, pod.namespace);
        claimants.set(overlay, [...(claimants.get(overlay) ?? []), pod]);
      }
    }
    return new Map([...claimants].map(([overlay, pods]) => [overlay, this.newest(pods) as Pod]));
  }

  /** AAAA and A that a resource gives by itself. */
  given(one: Owner): { aaaa: string[]; a: string[] } {
    const owns = (ip6: string | undefined): ip6 is string =>
      ip6 !== undefined && this.owner6(one.vpc, ip6) === one;
    const places = one.kind === 'pod' ? one.overlays : [];
    const six = one.ip6 === undefined ? places.map((place) => place.ip6) : [one.ip6];
    const aaaa = [...new Set(six.filter(owns))];
    const a = new Set<string>();
    const vpc = this.all<Vpc>('vpc').find(({ name }) => name === one.vpc);
    const policy = vpc?.a_records ?? this.policy;
    for (const { ip4, pinned, overlay } of places) {
      if (ip4 === undefined || policy === 'none') continue;
      if (policy === 'pinned' && !pinned && aaaa.length > 0) continue;
      const owners = this.owners4(one.vpc, ip4);
      const here = overlayPath(overlay, one.namespace);
      if (owners.get(here) !== one) continue;
      a.add(new Set(owners.values()).size > 1 ? `${ip4} ${here}` : `${ip4} `);
    }
    return { aaaa, a: [...a] };
  }

  private nameOf(nameOwners: Owner[]): ReferenceName {
    const services = nameOwners.filter((one) => one.kind === 'service');
    const pods = nameOwners.filter((one) => one.kind === 'pod');
    const ready = pods.filter((pod) => pod.ready);
    const taken: Owner[] = services.length > 0 ? services : ready.length > 0 ? ready : pods;
    const given = taken.map((one) => this.given(one));
    return {
      aaaa: given.flatMap(({ aaaa }) => aaaa).toSorted(),
      a: given.flatMap(({ a }) => a).toSorted(),
      pods: pods.map(({ name }) => name).toSorted(),
      services: services.map(({ name }) => name).toSorted(),
    };
  }

  state(): ReferenceState {
    const names = new Map<string, ReferenceName | undefined>();
    const exists = (vpc: string, namespace?: string): void => {
      names.set(vpc, undefined);
      if (namespace !== undefined) names.set(`${vpc}/${namespace}`, undefined);
    };
    for (const vpc of this.all<Vpc>('vpc')) exists(vpc.name);
    for (const { resource } of this.known.values()) {
      if (resource.kind === 'vpc') continue;
      exists(resource.vpc, resource.kind === 'namespace' ? resource.name : resource.namespace);
      for (const { overlay } of resource.kind === 'pod' ? resource.overlays : [])
        exists(resource.vpc, overlayPlace(overlay, (resource as Pod).namespace).namespace);
    }
    const borne = new Map<string, Owner[]>();
    for (const one of this.nameOwners) {
      for (const name of new Set([one.name, ...one.names])) {
        const labels = name.split('.').reverse();
        for (let n = 1; n <= labels.length; n++) {
          const path = `${one.vpc}/${one.namespace}/${labels.slice(0, n).join('.')}`;
          if (!names.has(path)) names.set(path, undefined);
          if (n === labels.length) borne.set(path, [...(borne.get(path) ?? []), one]);
        }
      }
    }
    for (const [path, nameOwners] of borne) names.set(path, this.nameOf(nameOwners));
    const addresses = new Map<string, string[]>();
    for (const one of this.nameOwners) {
      const places = one.kind === 'pod' ? one.overlays : [];
      for (const ip6 of [one.ip6, ...places.map((place) => place.ip6)]) {
        if (ip6 === undefined) continue;
        addresses.set(`${one.vpc} ${ip6}`, [keyText(keyOf(this.owner6(one.vpc, ip6)!))]);
      }
      for (const { ip4 } of places) {
        if (ip4 === undefined) continue;
        const owners = this.owners4(one.vpc, ip4);
        const shared = new Set(owners.values()).size > 1;
        addresses.set(
          `${one.vpc} ${ip4}`,
          [...owners]
            .map(([overlay, pod]) => keyText(keyOf(pod)) + (shared ? ` on ${overlay}` : ''))
            .filter((text, i, all) => all.indexOf(text) === i)
            .toSorted(),
        );
      }
    }
    const prefixes = new Map<string, string>();
    for (const vpc of this.all<Vpc>('vpc')) for (const prefix of vpc.net6) prefixes.set(prefix, vpc.name);
    const elsewhere = new Set<string>();
    const vpcs = [...names.keys()].filter((path) => !path.includes('/'));
    for (const [key, [owner]] of addresses) {
      const [vpc, address] = key.split(' ') as [string, string];
      if (!address.includes(':') || !owner!.startsWith('pod ')) continue;
      for (const other of vpcs) {
        const own = addresses.get(`${other} ${address}`)?.[0];
        if (other !== vpc && own?.startsWith('pod ') !== true) elsewhere.add(`${other} ${address}`);
      }
    }
    return { names, addresses, prefixes, elsewhere };
  }

  overlays(): Overlay[] {
    return this.all<Overlay>('overlay');
  }
}
