/** What `podns check` finds about outside names: tenants whose questions all go to the host's own resolvers. */
import type { ForwardPolicy, Problem, Vpc } from '../../model.ts';
import { at, problem } from './finding.ts';
import type { Said } from './finding.ts';

export interface OutsideRules {
  /** The policy of a VPC that has none of its own. */
  forward: ForwardPolicy;
  /** Configured resolvers; none: those of `resolvConf`. */
  upstreams: readonly string[];
  resolvConf: string;
}

/** Others that one finding names. */
const NAMED = 3;

/**
 * One warning where several VPCs share the host's resolvers. Those know names of the host's own network, and
 * their cache tells one tenant by its speed what another has asked.
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
  const reason = `shares the host's resolvers (${rules.resolvConf}) with ${who}: all of them see what those know of the host's network; give each its own upstreams, or set forward: off`;
  return [problem('warning', first, reason)];
}

function forwards(policy: ForwardPolicy): boolean {
  return policy === 'on' || (Array.isArray(policy) && policy.length > 0);
}
