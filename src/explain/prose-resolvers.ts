/** The part of an explanation's text that tells what programs in the pod do, those that do the same in one paragraph. */
import { NAMES } from './resolvers.ts';
import type { Explanation, ResolverExplained } from './explanation.ts';

export function resolverLines({ resolvers }: Explanation): string[] {
  return [...groupsOf(resolvers, ({ queries }) => queries).values()].flatMap(alikeLines);
}

function groupsOf(
  all: readonly ResolverExplained[],
  by: (one: ResolverExplained) => unknown,
): Map<string, ResolverExplained[]> {
  const groups = new Map<string, ResolverExplained[]>();
  for (const one of all) {
    const key = JSON.stringify(by(one));
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
}

/** Of those that send the same queries: these once, then what each makes of the answers. */
function alikeLines(alike: readonly ResolverExplained[]): string[] {
  const lines = [`${namesOf(alike)} ${alike.length > 1 ? 'ask' : 'asks'}:`];
  for (const { name, type, gets } of alike[0]!.queries) lines.push(`    ${name} ${type}: ${gets}`);
  const outcomes = groupsOf(alike, ({ addresses, moreAddresses, error }) => [
    addresses,
    moreAddresses,
    error,
  ]);
  for (const same of outcomes.values()) {
    const text = outcomeText(same);
    if (text !== '')
      lines.push(`  ${outcomes.size === 1 && same.length > 1 ? 'All' : namesOf(same)} ${text}`);
  }
  for (const note of new Set(alike.flatMap((one) => one.notes))) lines.push(`  ${note}`);
  return lines;
}

function outcomeText(same: readonly ResolverExplained[]): string {
  const { addresses, moreAddresses, error } = same[0]!;
  const several = same.length > 1;
  const more = moreAddresses > 0 ? ` and ${moreAddresses} more` : '';
  if (addresses.length > 0)
    return `${several ? 'connect' : 'connects'} to ${addresses.join(', then ')}${more}.`;
  return error === null ? '' : `${several ? 'fail' : 'fails'}: ${error}.`;
}

function namesOf(some: readonly ResolverExplained[]): string {
  const names = some.map(({ resolver }) => NAMES[resolver]);
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}` : names[0]!;
}
