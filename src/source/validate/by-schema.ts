/** Checks raw objects by the zod schemas: slowly, and with a reason for every problem. */
import { excerpt } from '../../model-text.ts';
import { KINDS } from '../../model.ts';
import type { Kind, Resource, ResourceKey } from '../../model.ts';
import {
  defaultAid,
  fitsZone,
  foldLabel,
  foldNamespace,
  foldPodName,
  quote,
  whyNotFits,
  withoutOwn,
} from './names.ts';
import { ENTRIES_MAX, label, namespaceName, podName } from './schema-fields.ts';
import { FIELD_NAMES, shapesOf } from './schemas.ts';
import type { Shapes } from './schemas.ts';

/** One problem: `path` leads to the value inside the raw object; it is empty for the object itself. */
export interface Issue {
  path: (string | number)[];
  reason: string;
  /** True if the problem is the last key of the path, not its value. */
  atKey?: true;
}

export type Validated =
  { resource: Resource; issues?: undefined } | { resource?: undefined; issues: Issue[] };

/** `overlays[0].ip4: "x" is not an IPv4 address`. */
export function issueText(issue: Issue): string {
  let path = '';
  for (const step of issue.path)
    path += typeof step === 'number' ? `[${step}]` : `${path === '' ? '' : '.'}${excerpt(step)}`;
  return path === '' ? issue.reason : `${path}: ${issue.reason}`;
}

/** `validateResource` for what is not in the usual form; it does not check the size of the resource. */
export function validateSlowly(raw: object, strict: boolean, zone: string): Validated {
  const { kind } = raw as { kind?: unknown };
  if (!isKind(kind)) return { issues: [wrongKind(kind)] };
  const shapes = strict ? (strictShapes ??= shapesOf(true)) : (looseShapes ??= shapesOf(false));
  const issues = tooMany(raw as Record<string, unknown>);
  if (issues.length > 0) return { issues };
  const given = withoutNulls(strict ? raw : known(raw, kind), false, 0) as object;
  const resource = resourceOf(shapes, kind, given, issues);
  if (resource !== undefined && (resource.kind === 'pod' || resource.kind === 'service')) {
    if (!fitsZone(resource.name, resource.namespace, zone))
      issues.push({ path: ['name'], reason: whyNotFits(resource.name, resource.namespace, zone) });
    for (const [index, name] of resource.names.entries())
      if (!fitsZone(name, resource.namespace, zone))
        issues.push({ path: ['names', index], reason: whyNotFits(name, resource.namespace, zone) });
    resource.names = [...new Set(resource.names)].filter((name) => name !== resource.name);
  }
  return resource === undefined || issues.length > 0 ? { issues } : { resource };
}

/** Reports lists and maps that are too long, without a check of their entries. */
function tooMany(raw: Record<string, unknown>): Issue[] {
  const issues: Issue[] = [];
  for (const [field, most] of Object.entries(ENTRIES_MAX))
    if (entriesOf(raw[field], most) > most)
      issues.push({ path: [field], reason: `has more than ${most} entries` });
  return issues;
}

/** Counts to at most one beyond `most`. In a map of ports one name may have a list. */
function entriesOf(value: unknown, most: number): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  for (const key in value) {
    const entry = (value as Record<string, unknown>)[key];
    count += Array.isArray(entry) ? Math.max(entry.length, 1) : 1;
    if (count > most) break;
  }
  return count;
}

/** The keys of a stream's object that podns reads. */
function known(raw: object, kind: Kind): object {
  const copy: Record<string, unknown> = {};
  for (const key of ['kind', 'vpc', 'namespace', 'name', ...FIELD_NAMES[kind]])
    copy[key] = (raw as Record<string, unknown>)[key];
  return copy;
}

/** The key of a pod or service that has no fault: the schemas take ten times as long to find none. */
function usualKey(kind: 'pod' | 'service', raw: Record<string, unknown>): ResourceKey | undefined {
  if (typeof raw.vpc !== 'string' || typeof raw.namespace !== 'string' || typeof raw.name !== 'string')
    return undefined;
  const vpc = foldLabel(raw.vpc);
  const namespace = foldNamespace(raw.namespace);
  const name = foldPodName(raw.name);
  if (vpc === undefined || namespace === undefined || name === undefined) return undefined;
  return { kind, vpc, namespace, name };
}

/** Reads only the key of a resource, as in `delete` lines, and ignores other fields. */
export function validateKey(
  raw: unknown,
): { key: ResourceKey; issues?: undefined } | { key?: undefined; issues: Issue[] } {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    return { issues: [{ path: [], reason: 'must be an object with a kind' }] };
  const given = raw as Record<string, unknown>;
  const kind = given.kind;
  if (!isKind(kind)) return { issues: [wrongKind(kind)] };
  const usual = kind === 'pod' || kind === 'service' ? usualKey(kind, given) : undefined;
  if (usual !== undefined) return { key: usual };
  const issues: Issue[] = [];
  const part = (field: string, schema: typeof label): string => {
    const result = schema.safeParse(given[field] ?? undefined);
    if (result.success) return result.data;
    collect(result.error.issues, [field], issues);
    return '';
  };
  const key: ResourceKey = { kind, vpc: '', namespace: '', name: '' };
  if (kind === 'vpc') key.vpc = part('name', label);
  else {
    key.vpc = part('vpc', label);
    key.namespace = part(kind === 'namespace' ? 'name' : 'namespace', namespaceName);
    if (kind !== 'namespace') key.name = part('name', kind === 'overlay' ? label : podName);
  }
  return issues.length > 0 ? { issues } : { key };
}

const NAMED_MAPS: ReadonlySet<string> = new Set(['overlays', 'routes', 'hosts']);
/** Limits the problems per record, so that one bad record does not fill the log. */
const ISSUES_MAX = 20;

let strictShapes: Shapes | undefined;
let looseShapes: Shapes | undefined;

function isKind(kind: unknown): kind is Kind {
  return (KINDS as readonly unknown[]).includes(kind);
}

function wrongKind(kind: unknown): Issue {
  if (kind == null) return { path: ['kind'], reason: 'is missing' };
  const given = typeof kind === 'string' ? `${quote(kind)} ` : '';
  return { path: ['kind'], reason: `${given}must be one of ${KINDS.join(', ')}` };
}

/** Fills in defaults; leaves absent keys out, so that equal resources compare equal. */
function resourceOf(shapes: Shapes, kind: Kind, given: object, issues: Issue[]): Resource | undefined {
  const fault = (error: { issues: readonly RawIssue[] }): undefined => collect(error.issues, [], issues);
  switch (kind) {
    case 'vpc': {
      const parsed = shapes.vpc.safeParse(given);
      if (!parsed.success) return fault(parsed.error);
      const { net6 = [], services6 = [], ...rest } = parsed.data;
      return { ...rest, net6: [...new Set(net6)], services6: [...new Set(services6)] };
    }
    case 'namespace': {
      const parsed = shapes.namespace.safeParse(given);
      return parsed.success ? parsed.data : fault(parsed.error);
    }
    case 'overlay': {
      const parsed = shapes.overlay.safeParse(given);
      if (!parsed.success) return fault(parsed.error);
      const { vpc, namespace, name, driver = 'ipip' } = parsed.data;
      return { ...parsed.data, aid: parsed.data.aid ?? defaultAid(kind, vpc, namespace, name), driver };
    }
    case 'pod': {
      const parsed = shapes.pod.safeParse(given);
      if (!parsed.success) return fault(parsed.error);
      const { vpc, namespace, name, aid, names = [], overlays = [], ports = [], ready = true } = parsed.data;
      for (const each of overlays) each.overlay = withoutOwn(each.overlay, namespace);
      const filled = { aid: aid ?? defaultAid(kind, vpc, namespace, name), names, overlays, ports, ready };
      return { ...parsed.data, ...filled };
    }
    case 'service': {
      const parsed = shapes.service.safeParse(given);
      if (!parsed.success) return fault(parsed.error);
      const { vpc, namespace, name, aid, names = [], ports = [] } = parsed.data;
      return { ...parsed.data, aid: aid ?? defaultAid(kind, vpc, namespace, name), names, ports };
    }
  }
}

interface RawIssue {
  code?: string;
  path: PropertyKey[];
  message: string;
  keys?: string[];
  errors?: RawIssue[][];
  params?: Record<string, unknown>;
}

/** Flattens zod's issues. For a union it takes the branch that has the type of the value. */
function collect(raw: readonly RawIssue[], above: (string | number)[], issues: Issue[]): undefined {
  for (const issue of raw) {
    if (issues.length >= ISSUES_MAX) return;
    const path = [...above, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys')
      for (const key of (issue.keys ?? []).slice(0, ISSUES_MAX))
        issues.push({ path: [...path, key], reason: issue.message, atKey: true });
    else if (issue.code === 'invalid_union') {
      const branch = issue.errors?.find((errors) => !errors.some(isWrongType));
      if (branch === undefined) issues.push({ path, reason: issue.message });
      else collect(branch, path, issues);
    } else if (issue.params?.atKey === true) issues.push({ path, reason: issue.message, atKey: true });
    else issues.push({ path, reason: issue.message });
  }
}

function isWrongType(issue: RawIssue): boolean {
  return (
    issue.path.length === 0 && ['invalid_type', 'invalid_value', 'invalid_union'].includes(issue.code ?? '')
  );
}

/**
 * Removes `null`, as deep as resources go, except in maps of names: there it means an overlay without an address, or
 * an empty route or host, which must not vanish. It does not walk deeper levels, which are refused later, because a
 * hostile line must not exhaust the stack.
 */
function withoutNulls(value: unknown, keep: boolean, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > 3) return value;
  if (Array.isArray(value)) return value.map((entry) => withoutNulls(entry, false, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (key === '__proto__' || entry === undefined || (entry === null && !keep)) continue;
    copy[key] = withoutNulls(entry, NAMED_MAPS.has(key), depth + 1);
  }
  return copy;
}
