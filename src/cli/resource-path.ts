/** How a command line names a resource: `VPC/NS/NAME`, or with fewer parts, which then leave the rest open. */
import type { Kind, ResourceKey } from '../model.ts';
import { CommandError, EXIT_USAGE } from './exit.ts';

/** What a text names; undefined parts are open. Folded to lower case. */
export interface ResourcePath {
  vpc?: string;
  namespace?: string;
  name?: string;
}

const PARTS: Record<Kind, ('vpc' | 'namespace' | 'name')[]> = {
  vpc: ['vpc'],
  namespace: ['vpc', 'namespace'],
  overlay: ['vpc', 'namespace', 'name'],
  pod: ['vpc', 'namespace', 'name'],
  service: ['vpc', 'namespace', 'name'],
};
const WORDS = { vpc: 'VPC', namespace: 'NS', name: 'NAME' };

/** `VPC/NS/NAME or NS/NAME`: the forms with at least `least` parts. */
export function pathForms(kind: Kind, least: number): string {
  const words = PARTS[kind].map((part) => WORDS[part]);
  const forms = words
    .map((_, i) => words.slice(i))
    .filter((form) => form.length >= Math.min(least, words.length));
  return forms.map((form) => form.join('/')).join(' or ');
}

/** `least`: how many parts must be there, if the kind has that many. Throws CommandError for another form. */
export function readPath(kind: Kind, text: string, least: number): ResourcePath {
  const parts = text.toLowerCase().split('/');
  const all = PARTS[kind];
  if (parts.length > all.length || parts.length < Math.min(least, all.length) || parts.includes(''))
    throw new CommandError(
      EXIT_USAGE,
      `"${text}": a ${kindWord(kind)} is named as ${pathForms(kind, least)}`,
    );
  const named = all.slice(-parts.length);
  return Object.fromEntries(named.map((part, i) => [part, parts[i]!]));
}

/** `aid`: the id of the resource, which also names it. */
export function fits(path: ResourcePath, key: ResourceKey, aid?: string): boolean {
  return (['vpc', 'namespace', 'name'] as const).every(
    (part) => path[part] === undefined || path[part] === key[part] || (part === 'name' && path.name === aid),
  );
}

/** `pod`, `VPC`: the word for one resource in messages. */
export function kindWord(kind: Kind): string {
  return kind === 'vpc' ? 'VPC' : kind;
}
