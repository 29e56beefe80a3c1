/** The containers of a project: what each is called, and whose network it shares. */
import type { Port } from '../../model.ts';
import { plainLabel } from '../../source/docker/overlay-names.ts';
import { foldPodName, quote } from '../../source/validate/names.ts';
import type { Place } from './networks.ts';
import type { Service } from './services.ts';
import type { ComposeSource } from './source.ts';

export interface Container {
  service: Service;
  /** As labels say; undefined: those of the project. */
  vpc: string | undefined;
  namespace: string | undefined;
  /** The name of its pod. */
  name: string;
  /** Further names. */
  names: string[];
  places: readonly Place[];
  ports: readonly Port[];
}

/** Chains of services that share a network are followed so far, as the Docker source does. */
const CHAIN_MAX = 8;

/** Those that share the network of another one give it their names and ports, and have no pod of their own. */
export function containersOf(source: ComposeSource, services: ReadonlyMap<string, Service>): Container[] {
  const all: Container[] = [];
  const firsts = new Map<Service, Container>();
  const sharing: { container: Container; owner: Service }[] = [];
  for (const service of services.values()) {
    const owner = ownerOf(source, services, service);
    for (let number = 1; number <= service.replicas; number++) {
      const container = containerOf(service, number);
      if (owner !== undefined) sharing.push({ container, owner });
      else {
        all.push(container);
        if (number === 1) firsts.set(service, container);
      }
    }
  }
  for (const { container, owner } of sharing) {
    // Compose shares the network of the first replica.
    const shared = firsts.get(owner);
    if (shared === undefined) continue;
    shared.names = withoutDoubles([...shared.names, container.name, ...container.names], shared.name);
    shared.ports = joined(shared.ports, container.ports);
  }
  return all;
}

function containerOf(service: Service, number: number): Container {
  const { own, name: key, places, ports } = service;
  const container = containerName(service, number);
  const name = own.name ?? service.container ?? plainName(`${key}-${number}`);
  const [first, ...others] = service.names;
  const names = own.names ?? [first ?? key, container, ...others];
  return {
    service,
    vpc: own.vpc,
    namespace: own.namespace,
    name,
    names: withoutDoubles(
      names.map((text) => foldPodName(text)).filter((text) => text !== undefined),
      name,
    ),
    places,
    ports,
  };
}

/** As Compose names it. */
export function containerName({ container, prefix, name }: Service, number: number): string {
  return container ?? `${prefix}${name}-${number}`;
}

/** A container may have a name that is too long for a label. */
function plainName(name: string): string {
  return foldPodName(name) ?? plainLabel(name);
}

/** The service at the end of the chain whose addresses this one has; undefined where it has its own, or none. */
function ownerOf(
  source: ComposeSource,
  services: ReadonlyMap<string, Service>,
  service: Service,
): Service | undefined {
  let at = service;
  for (let steps = 0; at.shares !== undefined; steps++) {
    const { kind, name, spot } = at.shares;
    const next =
      kind === 'service'
        ? services.get(name)
        : [...services.values()].find(
            (other) => other.replicas > 0 && containerName(other, 1) === name.toLowerCase(),
          );
    if (next === undefined || next.replicas === 0) {
      source.warn(spot, `no ${kind} ${quote(name)} is imported: the names of ${service.key} have no address`);
      return undefined;
    }
    if (next === service || steps >= CHAIN_MAX) {
      source.fail(spot, 'shares its own network, or that of too long a chain of services');
      return undefined;
    }
    at = next;
  }
  const isNear = at.own.vpc === service.own.vpc && at.own.namespace === service.own.namespace;
  return at === service || !isNear ? undefined : at;
}

function withoutDoubles(names: readonly string[], own: string): string[] {
  return [...new Set(names)].filter((name) => name !== own);
}

function joined(ports: readonly Port[], more: readonly Port[]): Port[] {
  const all = new Map(
    [...ports, ...more].map((port) => [`${port.name} ${port.port}/${port.protocol}`, port]),
  );
  return [...all.values()];
}
