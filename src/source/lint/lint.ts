/** What `podns check` finds between resources that are valid by themselves. */
import { topLevelDomains } from '../../dns/top-level.ts';
import { overlayPlace } from '../../model.ts';
import type { Pod, Problem, Service, Vpc } from '../../model.ts';
import { lintOverlaps, lintStrays, lintTwice } from './addresses.ts';
import { at, problem } from './finding.ts';
import type { Said } from './finding.ts';
import { quote } from '../validate/names.ts';
import { isHostName } from '../../dns/name.ts';

export interface LintOptions {
  /** The canonical suffix. Default `vpc.internal`. */
  zone?: string;
  /** Further suffixes, without the final dot. */
  suffixes?: readonly string[];
}

type Bearer = Said<Pod> | Said<Service>;

/**
 * The problems of the whole set, in the order of the resources. An error: podns does not serve it as written. A
 * warning: podns serves it, but it is probably a mistake.
 */
export function lint(resources: readonly Said[], options: LintOptions = {}): Problem[] {
  const vpcs = resources.filter((said): said is Said<Vpc> => said.resource.kind === 'vpc');
  const owners = resources.filter(
    (said): said is Bearer => said.resource.kind === 'pod' || said.resource.kind === 'service',
  );
  const problems = [
    ...lintImplied(resources),
    ...lintOverlaps(vpcs),
    ...lintStrays(resources, vpcs),
    ...lintTwice(resources),
    ...lintNamespaces(resources),
    ...lintHidden(owners),
    ...lintNames(owners, resources, [options.zone ?? 'vpc.internal', ...(options.suffixes ?? [])]),
    ...lintEmpty(owners),
    ...lintAids(owners),
  ];
  const order = new Map(resources.map((said, index) => [said.place, index]));
  return problems.sort((a, b) => (order.get(a.place) ?? 0) - (order.get(b.place) ?? 0));
}

/** VPCs, namespaces and overlays without a declaration: reported once, at the first reference. */
function lintImplied(resources: readonly Said[]): Problem[] {
  const known = new Set<string>();
  for (const { resource } of resources) {
    if (resource.kind === 'vpc') known.add(`vpc ${resource.name}`);
    if (resource.kind === 'namespace') known.add(`namespace ${resource.vpc}/${resource.name}`);
    if (resource.kind === 'overlay')
      known.add(`overlay ${resource.vpc}/${resource.namespace}/${resource.name}`);
  }
  const problems: Problem[] = [];
  const refer = (said: Said, text: string) => {
    if (known.has(text)) return;
    known.add(text);
    problems.push(problem('warning', said, `${text} is used here, but not declared`));
  };
  for (const said of resources) {
    const { resource } = said;
    if (resource.kind === 'vpc') continue;
    refer(said, `vpc ${resource.vpc}`);
    if (resource.kind === 'namespace') continue;
    refer(said, `namespace ${resource.vpc}/${resource.namespace}`);
    if (resource.kind !== 'pod') continue;
    for (const { overlay } of resource.overlays) {
      const { namespace, name } = overlayPlace(overlay, resource.namespace);
      refer(said, `namespace ${resource.vpc}/${namespace}`);
      refer(said, `overlay ${resource.vpc}/${namespace}/${name}`);
    }
  }
  return problems;
}

/** Namespaces that hide a part of the internet, or that strict clients refuse. */
function lintNamespaces(resources: readonly Said[]): Problem[] {
  const publicNames = new Set(topLevelDomains);
  const problems: Problem[] = [];
  for (const said of resources) {
    if (said.resource.kind !== 'namespace') continue;
    const { name, shadow } = said.resource;
    if (publicNames.has(name) && shadow !== 'forward') {
      const reason = `has the name of the public top-level domain .${name}, which its VPC cannot reach; shadow: forward sends unknown names there`;
      problems.push(problem('warning', said, reason));
    }
    if (!isHostName(name)) problems.push(problem('warning', said, notHostName(name)));
  }
  return problems;
}

/** Pods that share a name with a service. */
function lintHidden(owners: readonly Bearer[]): Problem[] {
  const services = new Map<string, Said>();
  for (const said of owners)
    if (said.resource.kind === 'service')
      for (const name of namesOf(said)) {
        const key = `${said.resource.vpc}/${said.resource.namespace}/${name}`;
        if (!services.has(key)) services.set(key, said);
      }
  const problems: Problem[] = [];
  for (const said of owners) {
    if (said.resource.kind !== 'pod') continue;
    for (const name of namesOf(said)) {
      const service = services.get(`${said.resource.vpc}/${said.resource.namespace}/${name}`);
      if (service === undefined) continue;
      const reason = `is hidden at the name ${quote(name)} by service ${service.resource.name}${at(service)}`;
      problems.push(problem('warning', said, reason));
    }
  }
  return problems;
}

/** Names that no query can reach, that hide other names, or that strict clients refuse. */
function lintNames(
  owners: readonly Bearer[],
  resources: readonly Said[],
  zones: readonly string[],
): Problem[] {
  const namespaces = new Set<string>();
  for (const { resource } of resources) {
    if (resource.kind === 'namespace') namespaces.add(`${resource.vpc}/${resource.name}`);
    else if (resource.kind !== 'vpc') namespaces.add(`${resource.vpc}/${resource.namespace}`);
    if (resource.kind !== 'pod') continue;
    for (const { overlay } of resource.overlays)
      namespaces.add(`${resource.vpc}/${overlayPlace(overlay, resource.namespace).namespace}`);
  }
  const problems: Problem[] = [];
  for (const said of owners) {
    for (const name of namesOf(said)) {
      const dead = deadReason(name, zones);
      if (dead !== undefined)
        problems.push(problem('warning', said, `no query reaches the name ${quote(name)}: ${dead}`));
      else if (!isHostName(name)) problems.push(problem('warning', said, notHostName(name)));
      const dot = name.lastIndexOf('.');
      const last = name.slice(dot + 1);
      if (dot !== -1 && namespaces.has(`${said.resource.vpc}/${last}`)) {
        const reason = `the name ${quote(name)} hides ${quote(name.slice(0, dot))} of namespace ${last} from namespace ${said.resource.namespace}`;
        problems.push(problem('warning', said, reason));
      }
    }
  }
  return problems;
}

function deadReason(name: string, zones: readonly string[]): string | undefined {
  const under = (domain: string) => name === domain || name.endsWith('.' + domain);
  if (under('localhost')) return 'localhost is always the loopback address';
  if (under('in-addr.arpa') || under('ip6.arpa')) return 'it is read as a reverse name';
  const zone = zones.find(under);
  if (zone !== undefined) return `podns removes the suffix ${zone} before it reads a name`;
  if (/^_[^.]+\._(tcp|udp|sctp)\./.test(name)) return 'it is read as a named port (SRV)';
  return undefined;
}

/** Pods and services without an address. */
function lintEmpty(owners: readonly Bearer[]): Problem[] {
  const problems: Problem[] = [];
  for (const said of owners) {
    const { resource } = said;
    if (resource.ip6 !== undefined) continue;
    if (resource.kind === 'pod' && resource.overlays.some(({ ip4, ip6 }) => (ip4 ?? ip6) !== undefined))
      continue;
    problems.push(problem('warning', said, 'has no address: its name exists, but every answer is empty'));
  }
  return problems;
}

/** An `aid` that two pods of a namespace have, so that it does not identify either. */
function lintAids(owners: readonly Bearer[]): Problem[] {
  const problems: Problem[] = [];
  const first = new Map<string, Bearer>();
  for (const said of owners) {
    const { kind, vpc, namespace, aid } = said.resource;
    const key = `${kind} ${vpc}/${namespace}/${aid}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, said);
    else
      problems.push(
        problem('warning', said, `has the aid ${aid} of ${kind} ${other.resource.name}${at(other)}`),
      );
  }
  return problems;
}

function namesOf(said: Bearer): string[] {
  return [said.resource.name, ...said.resource.names];
}

function notHostName(name: string): string {
  return `${quote(name)} is not a host name (RFC 1123): Java and many URL parsers refuse it`;
}
