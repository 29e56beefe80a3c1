/** What `serve` prints on standard output once it serves: what, where, for which clients, and what to type next. */
import { plainText } from '../model-text.ts';
import type { Kind } from '../model.ts';

export interface BannerFacts {
  version: string;
  /** The names of the sources, such as `zones:zones`. */
  sources: readonly string[];
  /** Texts of the listeners that are bound. */
  listeners: readonly string[];
  /** The reason for the scope of the default listeners; '' if the user named listeners. */
  choice: string;
  /** `http://127.0.0.1:9153`, or '' without an admin listener. */
  admin: string;
  /** What the sources hold now; undefined until they have delivered. */
  counts: Record<Kind, number> | undefined;
  /** `dig` lines. */
  hints: readonly string[];
}

/** Several lines, each with a line end. */
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
