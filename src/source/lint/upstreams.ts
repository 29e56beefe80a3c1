/** What `podns check` finds about outside names: tenants that share the resolvers of the host. */
import type { ForwardPolicy, Problem, Vpc } from '../../model.ts';
import { at, problem } from './finding.ts';
import type { Said } from './finding.ts';

export interface OutsideRules {
  /** The policy of a VPC without one of its own. */
  forward: ForwardPolicy;
  /** Configured resolvers; if empty, those of `resolvConf`. */
  upstreams: readonly string[];
  resolvConf: string;
}

/** The maximum of other VPCs that one finding names. */
const NAMED = 3;

/**
 * One warning if several VPCs share the host's resolvers. These know names of the host's own network, and the speed
 * of their cache reveals to one tenant what another has asked.
 */
export function lintUpstreams(resources: readonly Said[], rules: OutsideRules): Problem[] {
  if (rules.upstreams.length > 0) return [];
  const sharing = resources
    .filter((said): said is Said<Vpc> => said.resource.kind === 'vpc')
    .filter(({ resource }) => (resource.upstreams ?? []).length === 0)
    .filter(({ resource }) => forwards(resource.forward ?? rules.forward));
  const [first, ...others] = sharing;
  if (first === undefined || others.length === 0) return [];
  const named = others.slice(0, NAMED).map((said) => `vpc ${said.resource.name}${at(said)}`);
  if (others.length > NAMED) named.push(`${others.length - NAMED} more`);
  const who = named.length === 1 ? named[0]! : `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
  const reason = `shares the host's resolvers (${rules.resolvConf}) with ${who}: all of them see the names of the host's network; give each VPC upstreams of its own, or set forward: off`;
  return [problem('warning', first, reason)];
}

function forwards(policy: ForwardPolicy): boolean {
  return policy === 'on' || (Array.isArray(policy) && policy.length > 0);
}
