/** What `put` would change in etcd: each resource compared with the stored one. */
import { keyOf, keyText, type Resource, type ResourceKey } from '../model.ts';
import { resourceAt } from '../source/etcd/keys.ts';
import { issueText } from '../source/validate/by-schema.ts';

/** `fields`: what differs, in the order of the new resource; empty unless `change` is `change`. */
export interface PutChange {
  change: 'create' | 'change' | 'same';
  key: ResourceKey;
  fields: { field: string; before: unknown; after: unknown }[];
  /** Why what is stored is no valid resource; it is replaced as a whole. */
  invalid?: string;
}

/** `stored`: the text in etcd; undefined without one. `zone`: the canonical suffix. */
export function putChange(resource: Resource, stored: string | undefined, zone: string): PutChange {
  const key = keyOf(resource);
  if (stored === undefined) return { change: 'create', key, fields: [] };
  const before = resourceAt(key, stored, zone);
  if (before.resource === undefined) {
    return { change: 'change', key, fields: [], invalid: before.issues.map(issueText).join('; ') };
  }
  const fields = differences(before.resource, resource);
  return { change: fields.length > 0 ? 'change' : 'same', key, fields };
}

function differences(before: object, after: object): PutChange['fields'] {
  const old = before as Record<string, unknown>;
  const now = after as Record<string, unknown>;
  return [...new Set([...Object.keys(now), ...Object.keys(old)])]
    .filter((field) => JSON.stringify(old[field]) !== JSON.stringify(now[field]))
    .map((field) => ({ field, before: old[field] ?? null, after: now[field] ?? null }));
}

/** `change pod aep/shop/db: ip6 "fd00::1" → "fd00::2"`. */
export function putChangeText({ change, key, fields, invalid }: PutChange): string {
  const parts = fields.map(
    ({ field, before, after }) => `${field} ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
  );
  if (invalid !== undefined) parts.push(`what etcd holds is not valid: ${invalid}`);
  return `${change} ${keyText(key)}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}
