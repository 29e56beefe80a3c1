/** What `serve` says on standard output when it serves: what, where, for whom, and what to type next. */
import { plainText } from '../model-text.ts';
import type { Kind } from '../model.ts';

export interface BannerFacts {
  version: string;
  /** `zones:zones`, as the sources call themselves. */
  sources: readonly string[];
  /** Texts of the listeners that are bound. */
  listeners: readonly string[];
  /** Why the default listeners are as they are; '' when listeners were asked for. */
  choice: string;
  /** `http://127.0.0.1:9153`, or '' without an admin listener. */
  admin: string;
  /** What the sources hold now; undefined while it is still on the way. */
  counts: Record<Kind, number> | undefined;
  /** `dig` lines. */
  hints: readonly string[];
}

/** Some lines, the last one ended. */
export function bannerText(facts: BannerFacts): string {
  const what = facts.counts === undefined ? 'waits for the first view' : `serves ${countsText(facts.counts)}`;
  const lines = [`podns ${facts.version} ${what} from ${facts.sources.join(', ')}`];
  for (const listener of facts.listeners) lines.push(`  DNS    ${listener}`);
  if (facts.admin !== '') lines.push(`  admin  ${facts.admin}`);
  if (facts.choice !== '') lines.push(facts.choice);
  if (facts.hints.length > 0) lines.push('try:', ...facts.hints.map((hint) => `  ${hint}`));
  return `${lines.map(plainText).join('\n')}\n`;
}

const KIND_WORDS: [Kind, string][] = [
  ['vpc', 'VPC'],
  ['namespace', 'namespace'],
  ['pod', 'pod'],
  ['service', 'service'],
];

/** `2 VPCs, 4 namespaces, 8 pods and 1 service`. */
function countsText(counts: Record<Kind, number>): string {
  const parts = KIND_WORDS.map(([kind, word]) => `${counts[kind]} ${word}${counts[kind] === 1 ? '' : 's'}`);
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
