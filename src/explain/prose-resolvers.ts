/** The part of an explanation's text that tells what programs in the pod do, those that do the same in one paragraph. */
import { NAMES } from './resolvers.ts';
import type { Explanation, ResolverExplained } from './explanation.ts';

export function resolverLines({ resolvers }: Explanation): string[] {
  const groups = new Map<string, ResolverExplained[]>();
  for (const one of resolvers) {
    const key = JSON.stringify([one.queries, one.addresses, one.moreAddresses, one.error]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap(groupLines);
}

function groupLines(group: readonly ResolverExplained[]): string[] {
  const { queries, addresses, moreAddresses, error } = group[0]!;
  const names = group.map(({ resolver }) => NAMES[resolver]);
  const several = names.length > 1;
  const who = several ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}` : names[0]!;
  const lines = [`${who} ${several ? 'ask' : 'asks'}:`];
  for (const { name, type, gets } of queries) lines.push(`    ${name} ${type}: ${gets}`);
  const more = moreAddresses > 0 ? ` and ${moreAddresses} more` : '';
  if (addresses.length > 0)
    lines.push(`  and ${several ? 'connect' : 'connects'} to ${addresses.join(', then ')}${more}.`);
  else if (error !== null) lines.push(`  and ${several ? 'fail' : 'fails'}: ${error}.`);
  const notes = new Set(group.flatMap((one) => one.notes));
  for (const note of notes) lines.push(`  ${note}`);
  return lines;
}
