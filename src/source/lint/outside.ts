/**
 * What `podns check` finds about a VPC's upstreams, routes and hosts: entries without effect, and addresses of the
 * node.
 */
import type { NameLists, Problem, Vpc } from '../../model.ts';
import { problem } from './finding.ts';
import type { Said } from './finding.ts';
import { quote } from '../validate/names.ts';

export interface OutsideNameRules {
  /** The canonical suffix, and further ones. */
  zone: string;
  suffixes: readonly { name: string }[];
  /** True if VPCs may name addresses of the node. */
  localUpstreams: boolean;
  /** The routes and hosts of the configuration. */
  routes: NameLists;
  hosts: NameLists;
}

export function lintOutside(resources: readonly Said[], rules: OutsideNameRules): Problem[] {
  const problems = lintNames(rules, rules).map((reason): Problem => ({ severity: 'warning', reason }));
  for (const said of resources) {
    const { resource } = said;
    if (resource.kind !== 'vpc') continue;
    const reasons = [...lintNames(resource, rules), ...lintLocal(resource, rules)];
    for (const reason of reasons) problems.push(problem('warning', said, reason));
  }
  return problems;
}

/** Names that podns answers itself before it checks routes and hosts. */
function lintNames(
  { routes = {}, hosts = {} }: Pick<Vpc, 'routes' | 'hosts'>,
  rules: OutsideNameRules,
): string[] {
  const reasons: string[] = [];
  const own = [rules.zone, ...rules.suffixes.map(({ name }) => name)];
  for (const name of Object.keys(routes)) {
    const suffix = isBelow(name, 'localhost') ? 'localhost' : own.find((one) => isBelow(name, one));
    if (suffix === undefined) continue;
    reasons.push(`routes: ${quote(name)} has no effect: podns itself answers at and below ${suffix}`);
  }
  for (const name of Object.keys(hosts)) {
    const why = isBelow(name, 'localhost')
      ? 'localhost is always the loopback address'
      : isBelow(name, 'in-addr.arpa') || isBelow(name, 'ip6.arpa')
        ? 'it is a reverse name'
        : undefined;
    if (why !== undefined) reasons.push(`hosts: ${quote(name)} has no effect: ${why}`);
  }
  return reasons;
}

/** Upstreams whose address belongs to whichever node serves the VPC. */
function lintLocal({ upstreams = [], routes = {} }: Vpc, { localUpstreams }: OutsideNameRules): string[] {
  const named = [
    ...upstreams.map((text): [string, string] => ['upstreams', text]),
    ...Object.entries(routes).flatMap(([suffix, texts]) =>
      texts.map((text): [string, string] => [`routes: ${quote(suffix)}`, text]),
    ),
  ];
  const what = localUpstreams
    ? 'every node that serves this VPC asks itself; if tenants write their VPCs, set local_upstreams: false'
    : 'podns does not ask it, because local_upstreams is false';
  return named
    .filter(([, text]) => /^(127\.|0\.0\.0\.0:|169\.254\.|\[::1?\]|\[fe[89ab])/.test(text))
    .map(([where, text]) => `${where}: ${text} is loopback or link-local: ${what}`);
}

function isBelow(name: string, suffix: string): boolean {
  return name === suffix || name.endsWith(`.${suffix}`);
}
