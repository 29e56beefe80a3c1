/** Overlays as Docker's networks: which there are, also those that pods only refer to, and how they are written. */
import type { Overlay, Pod } from '../../model.ts';
import { impliedOverlay } from '../../source/validate/names.ts';
import type { Filters } from './filters.ts';
import { invalidFilter } from './filters.ts';
import { Slice, type Catalog, type DockerView, type Paced } from './view.ts';

export const NETWORK_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
/** An overlay spans all nodes. */
export const SCOPE = 'global';
/** Go's zero time: not known. */
export const NO_TIME = '0001-01-01T00:00:00Z';

/** `nextcloud/default`: the name of an overlay or a pod. Several VPCs may have it. */
export function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** Labels that every network and container of a namespace has. */
export function scopeLabels(vpc: string, namespace: string): Record<string, string> {
  return {
    'com.docker.compose.project': namespace,
    'podns.namespace': namespace,
    'podns.vpc': vpc,
  };
}

export function networkLabels({ vpc, namespace, name }: Overlay): Record<string, string> {
  return { 'com.docker.compose.network': name, ...scopeLabels(vpc, namespace) };
}

/** The overlay of that name, implied where nobody describes it. As it is now: between the steps of a list it may go. */
export function overlayOf(catalog: Catalog, vpc: string, namespace: string, name: string): Overlay {
  const overlay = catalog.get({ kind: 'overlay', vpc, namespace, name });
  return (overlay as Overlay | undefined) ?? impliedOverlay(vpc, namespace, name);
}

/** When a namespace was made, which is as old as what is in it can be: RFC 3339. */
export function createdOf(catalog: Catalog, vpc: string, namespace: string): string {
  const found = catalog.get({ kind: 'namespace', vpc, namespace, name: '' });
  const created = found?.kind === 'namespace' ? found.created : undefined;
  return created === undefined ? NO_TIME : new Date(created).toISOString().replace('.000Z', 'Z');
}

/** A list that can be looked into before its next is taken. It shows the moment at which this was made. */
class Ahead<T> {
  private readonly list: Paced<T>;
  private step: IteratorResult<T | undefined, void>;

  constructor(list: Paced<T>) {
    this.list = list;
    this.step = list.next();
  }

  /** Undefined at the end. */
  *peek(): Generator<undefined, T | undefined, undefined> {
    while (this.step.done !== true && this.step.value === undefined) {
      yield;
      this.step = this.list.next();
    }
    return this.step.value ?? undefined;
  }

  take(): void {
    this.step = this.list.next();
  }

  close(): void {
    this.list.return();
  }
}

/** An overlay, and whether pods are on it. */
export interface Network {
  aid: string;
  overlay: Overlay;
  used: boolean;
}

/** By VPC and namespace; in each namespace those that are described, by name, then those that are implied. */
export function* networks({ catalog, vpc }: DockerView): Paced<Network> {
  // Both lists show one moment, because nothing happens between these two lines.
  const overlays = new Ahead(catalog.listPaced('overlay', { vpc }) as Paced<Overlay>);
  const pods = new Ahead(catalog.listPaced('pod', { vpc }) as Paced<Pod>);
  const slice = new Slice();
  // Pods of other namespaces name these: few, and known without a look at the pods.
  const foreign = [...catalog.foreignOverlays(vpc)].sort(byScope);
  let next = 0;
  try {
    for (;;) {
      let overlay = yield* overlays.peek();
      let pod = yield* pods.peek();
      const scope = earlier(earlier(overlay, pod), foreign[next]);
      if (scope === undefined) return;
      const described = new Map<string, Overlay>();
      const used = new Set<string>();
      for (; isIn(foreign[next], scope); next++) used.add(foreign[next]!.name);
      for (; isIn(overlay, scope); overlay = yield* overlays.peek()) {
        described.set(overlay.name, overlay);
        if (slice.spend()) yield;
        overlays.take();
      }
      for (; isIn(pod, scope); pod = yield* pods.peek()) {
        for (const { overlay: name } of pod.overlays) if (!name.includes('/')) used.add(name);
        if (slice.spend()) yield;
        pods.take();
      }
      for (const one of described.values()) yield { aid: one.aid, overlay: one, used: used.has(one.name) };
      for (const name of used) {
        if (described.has(name)) continue;
        const one = impliedOverlay(scope.vpc, scope.namespace, name);
        yield { aid: one.aid, overlay: one, used: true };
      }
    }
  } finally {
    overlays.close();
    pods.close();
  }
}

type Scope = Pick<Pod, 'vpc' | 'namespace'>;

function earlier(one: Scope | undefined, other: Scope | undefined): Scope | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return byScope(one, other) <= 0 ? one : other;
}

function byScope(one: Scope, other: Scope): number {
  const [a, b] = one.vpc === other.vpc ? [one.namespace, other.namespace] : [one.vpc, other.vpc];
  return a < b ? -1 : a > b ? 1 : 0;
}

function isIn<T extends Scope>(resource: T | undefined, scope: Scope): resource is T {
  return resource?.vpc === scope.vpc && resource.namespace === scope.namespace;
}

/** Throws DockerFailure where a value is wrong. Returns whether a network is listed. */
export function networkFilter(filters: Filters): (network: Network) => boolean {
  for (const type of filters.get('type'))
    if (type !== 'custom' && type !== 'builtin') throw invalidFilter('type', type);
  const dangling = filters.flag('dangling');
  return ({ overlay, used }) =>
    dangling !== used &&
    filters.exact('type', 'custom') &&
    filters.exact('scope', SCOPE) &&
    filters.exact('driver', overlay.driver) &&
    filters.found('name', nameOf(overlay)) &&
    filters.found('id', overlay.aid) &&
    filters.labelled(networkLabels(overlay));
}

/** As `network ls` and `network inspect` show it, in two parts, between which its containers belong. */
export function networkParts(overlay: Overlay, created: string): [head: object, tail: object] {
  const subnets = [overlay.net4, overlay.net6].filter((subnet) => subnet !== undefined);
  return [
    {
      Name: nameOf(overlay),
      Id: overlay.aid,
      Created: created,
      Scope: SCOPE,
      Driver: overlay.driver,
      EnableIPv4: overlay.net4 !== undefined,
      EnableIPv6: overlay.net6 !== undefined,
      IPAM: { Driver: 'default', Options: null, Config: subnets.map((Subnet) => ({ Subnet })) },
      Internal: overlay.internal ?? false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
    },
    { Options: {}, Labels: networkLabels(overlay) },
  ];
}
