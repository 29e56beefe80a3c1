/** The key of a resource in etcd, and the resource that a key and its value form together. */

import { boundFault, jsonFault, shown } from '../validate/bounds.ts';
import {
  foldLabel,
  foldNamespace,
  foldPodName,
  quote,
  whyNotLabel,
  whyNotNamespace,
  whyNotPodName,
} from '../validate/names.ts';
import type { Issue } from '../validate/by-schema.ts';
import { validateResource } from '../validate/validate.ts';
import type { Resource, ResourceKey } from '../../model.ts';

export const DEFAULT_PREFIX = '/podns/';
/** VPC, kind, namespace and name with their slashes. */
const KEY_MAX = 63 + 9 + 63 + 253 + 3;

/** `/podns/aep/pod/shop/app`. The prefix ends with a slash. */
export function etcdKeyOf(prefix: string, key: ResourceKey): string {
  switch (key.kind) {
    case 'vpc':
      return `${prefix}${key.vpc}/vpc`;
    case 'namespace':
      return `${prefix}${key.vpc}/namespace/${key.namespace}`;
    default:
      return `${prefix}${key.vpc}/${key.kind}/${key.namespace}/${key.name}`;
  }
}

/** The resource that a key names, or why it names none. Only the canonical spelling counts, which is lower case. */
export function parseEtcdKey(prefix: string, text: string): ResourceKey | string {
  if (!text.startsWith(prefix)) return `is not below ${prefix}`;
  if (text.length > prefix.length + KEY_MAX)
    return `is a key of ${text.length} characters, which is too long for podns`;
  const parts = text.slice(prefix.length).split('/');
  const [vpc = '', kind, third = '', fourth = ''] = parts;
  if (foldLabel(vpc) !== vpc) return spelling('VPC', vpc, whyNotLabel);
  if (kind === 'vpc' && parts.length === 2) return { kind, vpc, namespace: '', name: '' };
  const isNamespace = kind === 'namespace' && parts.length === 3;
  const isInside = (kind === 'overlay' || kind === 'pod' || kind === 'service') && parts.length === 4;
  if (!isNamespace && !isInside)
    return 'is not a key of podns: VPC/vpc, VPC/namespace/NAME, VPC/KIND/NAMESPACE/NAME';
  if (foldNamespace(third) !== third) return spelling('namespace', third, whyNotNamespace);
  if (isNamespace) return { kind, vpc, namespace: third, name: '' };
  if (kind === 'overlay') {
    if (foldLabel(fourth) !== fourth) return spelling('name', fourth, whyNotLabel);
  } else if (foldPodName(fourth) !== fourth) {
    return spelling('name', fourth, whyNotPodName);
  }
  return { kind: kind as ResourceKey['kind'], vpc, namespace: third, name: fourth };
}

function spelling(what: string, text: string, why: (text: string) => string): string {
  if (text !== text.toLowerCase()) return `${what}: ${quote(text)} must be lower case in a key`;
  return `${what}: ${why(text)}`;
}

/**
 * The resource at `key`. The key completes kind, VPC, namespace and name where the value leaves them out; where the
 * value has them, they must be the same.
 */
export function resourceAt(
  key: ResourceKey,
  value: string,
  zone: string | undefined,
): { resource: Resource; issues?: undefined } | { resource?: undefined; issues: Issue[] } {
  const fault = boundFault(value);
  if (fault !== undefined) return { issues: [{ path: [], reason: fault }] };
  let raw: unknown;
  try {
    raw = JSON.parse(value);
  } catch (error) {
    return { issues: [{ path: [], reason: jsonFault(error) }] };
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { issues: [{ path: [], reason: 'must be a JSON object' }] };
  }
  const said = raw as Record<string, unknown>;
  const issues: Issue[] = [];
  const agree = (field: string, expected: string): void => {
    const given = said[field] ?? expected;
    if (typeof given !== 'string' || given.toLowerCase() !== expected) {
      issues.push({ path: [field], reason: `is ${shown(given)}, but the key has ${quote(expected)}` });
    }
    said[field] = expected;
  };
  agree('kind', key.kind);
  if (key.kind === 'vpc') {
    agree('name', key.vpc);
  } else {
    agree('vpc', key.vpc);
    if (key.kind === 'namespace') {
      agree('name', key.namespace);
    } else {
      agree('namespace', key.namespace);
      agree('name', key.name);
    }
  }
  return issues.length > 0 ? { issues } : validateResource(said, { unknownKeys: 'ignore', zone });
}

/** The end of the range of all keys with this prefix. */
export function rangeEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i] = end[i]! + 1;
      return end.subarray(0, i + 1);
    }
  }
  return Buffer.from([0]);
}
