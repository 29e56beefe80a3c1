/** Names that may have been meant: the same name in other namespaces of the VPC, and names that are written nearly so. */
import { distance } from '../config/suggest.ts';
import { encodeName } from '../dns/name.ts';
import type { View } from '../trie/read/view.ts';
import type { NearMiss } from './explanation.ts';
import type { ExplainFacts } from './facts.ts';

/** Misses that are told; namespaces, and resources of one namespace, that are looked at for them. */
const TOLD = 5;
const SCOPES_MAX = 4096;
const RESOURCES_MAX = 2000;
/** In one slice of work. */
const SCOPES_A_SLICE = 64;
const RESOURCES_A_SLICE = 32;
/** Names longer than this are not compared. */
const LENGTH_MAX = 63;

export interface Missed {
  /** The question without the suffix of podns: `app.shpo`. */
  labels: readonly string[];
  vpc: string;
  /** '' where it is not known. */
  namespace: string;
  operator: boolean;
}

export async function nearMisses(facts: ExplainFacts, view: View, missed: Missed): Promise<NearMiss[]> {
  const { labels, vpc, namespace, operator } = missed;
  const whole = labels.join('.');
  if (labels.length === 0 || whole.length > LENGTH_MAX) return [];
  const found = new Map<string, NearMiss>();
  const add = (miss: NearMiss): void => {
    const key = `${miss.vpc ?? ''} ${miss.name}`;
    if (found.size < TOLD && !found.has(key)) found.set(key, miss);
  };
  const last = labels.at(-1)!;
  const before = labels.slice(0, -1);
  const spaces = await namespacesOf(facts, vpc);
  await elsewhere(facts, view, spaces, missed, add);
  if (before.length > 0 && !spaces.includes(last)) await mistypedNamespace(facts, view, spaces, missed, add);
  try {
    if (namespace !== '') await similar(facts, { vpc, namespace }, whole, '', add);
    if (before.length > 0 && last !== namespace && spaces.includes(last))
      await similar(facts, { vpc, namespace: last }, before.join('.'), `.${last}`, add);
  } catch {
    // A list is given up where too much changes while it is read: then there are no guesses from it.
  }
  if (operator) await inOtherVpcs(facts, view, missed, add);
  return [...found.values()];
}

async function namespacesOf({ catalog, pause }: ExplainFacts, vpc: string): Promise<string[]> {
  const names: string[] = [];
  let looked = 0;
  for (const { namespace } of catalog.scopes(vpc)) {
    if (namespace !== '') names.push(namespace);
    if (++looked === SCOPES_MAX) break;
    if (looked % SCOPES_A_SLICE === 0) await pause();
  }
  return names.sort();
}

/** The name as it was asked, but of another namespace. */
async function elsewhere(
  { pause }: ExplainFacts,
  view: View,
  spaces: readonly string[],
  { labels, vpc, namespace }: Missed,
  add: (miss: NearMiss) => void,
): Promise<void> {
  const last = labels.at(-1)!;
  // Of `app.shop`, where shop is a namespace, the name is `app`.
  const names = spaces.includes(last) ? [labels.slice(0, -1), labels] : [labels];
  let looked = 0;
  for (const space of spaces) {
    if (++looked % SCOPES_A_SLICE === 0) await pause();
    for (const parts of names) {
      if (parts.length === 0 || !exists(view, vpc, space, parts)) continue;
      const name = parts.join('.');
      const isOwn = space === namespace;
      const text = `\`${name}\` is in ${isOwn ? `the client's own namespace, ${space}` : `namespace ${space}`}.`;
      add({ name: isOwn ? name : `${name}.${space}`, kind: 'pod', namespace: space, text, vpc: null });
    }
  }
}

async function mistypedNamespace(
  { pause }: ExplainFacts,
  view: View,
  spaces: readonly string[],
  { labels, vpc }: Missed,
  add: (miss: NearMiss) => void,
): Promise<void> {
  const last = labels.at(-1)!;
  const before = labels.slice(0, -1);
  let looked = 0;
  for (const space of spaces) {
    if (++looked % SCOPES_A_SLICE === 0) await pause();
    if (!isNear(last, space)) continue;
    const has = exists(view, vpc, space, before);
    const name = `${before.join('.')}.${space}`;
    const text = has
      ? `There is a namespace ${space}, and it has \`${before.join('.')}\`.`
      : `There is a namespace ${space}, but it has no \`${before.join('.')}\` either.`;
    add({ name, kind: has ? 'pod' : 'namespace', namespace: space, text, vpc: null });
  }
}

/** Names of one namespace that differ by a letter or two. */
async function similar(
  { catalog, pause }: ExplainFacts,
  scope: { vpc: string; namespace: string },
  wanted: string,
  after: string,
  add: (miss: NearMiss) => void,
): Promise<void> {
  let looked = 0;
  const near: { far: number; miss: NearMiss }[] = [];
  const seen = new Set<string>();
  for (const kind of ['service', 'pod'] as const) {
    for (const resource of catalog.list(kind, scope)) {
      if (++looked > RESOURCES_MAX) break;
      if (looked % RESOURCES_A_SLICE === 0) await pause();
      if (resource.kind !== 'pod' && resource.kind !== 'service') continue;
      for (const name of [resource.name, ...resource.names]) {
        if (name === wanted || seen.has(name) || !isNear(wanted, name)) continue;
        seen.add(name);
        const text = `\`${name}\` is a name of namespace ${scope.namespace}.`;
        const miss: NearMiss = { name: name + after, kind, namespace: scope.namespace, text, vpc: null };
        near.push({ far: distance(wanted, name), miss });
      }
    }
  }
  near.sort((a, b) => a.far - b.far || (a.miss.name < b.miss.name ? -1 : 1));
  for (const { miss } of near) add(miss);
}

/** Only for operators: nothing that is found here can ever be given to the client. */
async function inOtherVpcs(
  { catalog, pause }: ExplainFacts,
  view: View,
  { labels, vpc }: Missed,
  add: (miss: NearMiss) => void,
): Promise<void> {
  let looked = 0;
  for (const scope of catalog.scopes()) {
    if (++looked === SCOPES_MAX) return;
    if (looked % SCOPES_A_SLICE === 0) await pause();
    if (scope.vpc === vpc || scope.namespace === '') continue;
    const isNamespace = labels.length > 1 && labels.at(-1) === scope.namespace;
    const parts = isNamespace ? labels.slice(0, -1) : labels;
    if (!exists(view, scope.vpc, scope.namespace, parts)) continue;
    const name = `${parts.join('.')}.${scope.namespace}`;
    const text = `VPC ${scope.vpc} has \`${name}\`; nothing of it is ever given to this client.`;
    add({ name, kind: 'pod', namespace: scope.namespace, text, vpc: scope.vpc });
  }
}

function isNear(wrong: string, right: string): boolean {
  if (right.length > LENGTH_MAX || Math.abs(wrong.length - right.length) > 2) return false;
  const far = distance(wrong, right);
  return far > 0 && far <= (wrong.length < 6 ? 1 : 2);
}

/** Somebody bears the name there. */
function exists(view: View, vpc: string, namespace: string, labels: readonly string[]): boolean {
  view.refresh();
  if (!view.step(view.vpcRoot, encodeName(vpc), 0)) return false;
  const record = view.payload;
  if (record === 0 || !view.step(view.node, encodeName(namespace), 0)) return false;
  for (let i = labels.length - 1; i >= 0; i--) {
    if (!view.step(view.node, encodeName(labels[i]!), 0)) return false;
  }
  return view.payload !== 0;
}
