/** Parts of the configuration that match nothing: scopes of listeners, and rules under `clients`. */
import type { Config } from './table.ts';
import { didYouMean } from './suggest.ts';

/** Which VPCs and namespaces there are. */
export interface Scopes {
  vpcs(): Iterable<string>;
  /** Undefined where there is no such VPC. */
  namespaces(vpc: string): ReadonlySet<string> | undefined;
}

export interface Unmatched {
  kind: 'listener' | 'client_rule';
  /** `127.0.0.1:53@aep/shop`, `10.0.0.0/8`. */
  subject: string;
  reason: string;
}

/** Names that a suggestion is looked for among. */
const SUGGESTED_FROM = 1000;

interface Scope {
  vpc: string;
  namespace: string;
}

export function scopesOf(all: Iterable<Scope>): Scopes {
  const byVpc = new Map<string, Set<string>>();
  for (const { vpc, namespace } of all) {
    const namespaces = byVpc.get(vpc) ?? new Set();
    byVpc.set(vpc, namespaces);
    if (namespace !== '') namespaces.add(namespace);
  }
  return { vpcs: () => byVpc.keys(), namespaces: (vpc) => byVpc.get(vpc) };
}

/** `listeners`: those that are open, or that the configuration names. */
export function unmatchedScopes(
  listeners: Iterable<Scope & { text: string }>,
  clients: Config['clients'],
  scopes: Scopes,
): Unmatched[] {
  const found: Unmatched[] = [];
  for (const { text, vpc, namespace } of listeners) {
    const why = whyUnmatched(vpc, namespace, scopes);
    if (why !== undefined)
      found.push({ kind: 'listener', subject: text, reason: `listener ${text}: ${why}` });
  }
  for (const { from, vpc, namespace } of clients) {
    const why = whyUnmatched(vpc, namespace, scopes);
    if (why !== undefined)
      found.push({
        kind: 'client_rule',
        subject: from,
        reason: `the rule under clients from ${from}: ${why}`,
      });
  }
  return found;
}

function whyUnmatched(vpc: string, namespace: string, scopes: Scopes): string | undefined {
  if (vpc === '') return undefined;
  const namespaces = scopes.namespaces(vpc);
  if (namespaces === undefined) return `there is no VPC ${vpc}${didYouMean(vpc, some(scopes.vpcs()))}`;
  if (namespace === '' || namespaces.has(namespace)) return undefined;
  return `VPC ${vpc} has no namespace ${namespace}${didYouMean(namespace, some(namespaces))}`;
}

function some(names: Iterable<string>): string[] {
  const taken: string[] = [];
  for (const name of names) if (taken.push(name) >= SUGGESTED_FROM) break;
  return taken;
}
