/**
 * Turns a raw JSON object into a resource of the model, or into a list of its problems. Pods and services in the usual
 * form of streams are checked here, in about a microsecond each; `by-schema.ts` checks the rest and gives the reasons.
 */
import type { Attachment, Pod, Port, Protocol, Resource, Service } from '../../model.ts';
import { podAddress4, podAddress6 } from './addresses.ts';
import { sizeFault } from './bounds.ts';
import { validateSlowly } from './by-schema.ts';
import type { Validated } from './by-schema.ts';
import {
  defaultAid,
  fitsZone,
  foldLabel,
  foldNamespace,
  foldOverlay,
  foldPodName,
  withoutOwn,
} from './names.ts';
import { LIST_MAX } from './schema-fields.ts';
import { foldPortName } from './field-parsers.ts';

export interface ValidateOptions {
  /** `error` for files of people, `ignore` for streams, which may come from a newer version. */
  unknownKeys: 'error' | 'ignore';
  /** The canonical suffix, whose length counts towards the 253 octets of a name. Default `vpc.internal`. */
  zone?: string;
}

type Raw = Record<string, unknown>;
type Owner = Pod | Service;

const NONE: Attachment[] = [];

const POD_KEYS: ReadonlySet<string> = new Set([
  ...['kind', 'vpc', 'namespace', 'name', 'aid', 'names', 'ip6', 'overlays', 'ports', 'ready'],
]);
const SERVICE_KEYS: ReadonlySet<string> = new Set([
  ...['kind', 'vpc', 'namespace', 'name', 'aid', 'names', 'ip6', 'ports'],
]);
const ATTACHMENT_KEYS: ReadonlySet<string> = new Set(['overlay', 'ip4', 'ip6', 'pinned']);
const PORT_KEYS: ReadonlySet<string> = new Set(['name', 'protocol', 'port']);

/** Remembers the last text, so that thousands of records of one VPC and namespace share one string. */
function remembering(fold: (text: string) => string | undefined): (value: unknown) => string | undefined {
  let last: string | undefined;
  let folded: string | undefined;
  return (value) => {
    if (typeof value !== 'string') return undefined;
    if (value === last) return folded;
    last = value;
    folded = fold(value);
    return folded;
  };
}

const vpcOf = remembering(foldLabel);
const namespaceOf = remembering(foldNamespace);
const overlayOf = remembering(foldOverlay);
const portNameOf = remembering(foldPortName);

function hasOnly(raw: Raw, keys: ReadonlySet<string>): boolean {
  for (const key in raw) if (!keys.has(key)) return false;
  return true;
}

/**
 * Checks and normalises a resource: folds names, fills in defaults, makes addresses canonical. `null` counts as
 * absent. Lists of ports and overlays may be maps, as in zone files.
 */
export function validateResource(raw: unknown, options: ValidateOptions): Validated {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    return { issues: [{ path: [], reason: 'must be an object with a kind' }] };
  const zone = options.zone ?? 'vpc.internal';
  const strict = options.unknownKeys === 'error';
  const { kind } = raw as { kind?: unknown };
  let resource: Resource | undefined;
  if (kind === 'pod' || kind === 'service') resource = validFast(raw as Raw, kind, strict, zone);
  const result = resource === undefined ? validateSlowly(raw, strict, zone) : { resource };
  const reason = result.resource === undefined ? undefined : sizeFault(result.resource);
  return reason === undefined ? result : { issues: [{ path: [], reason }] };
}

/** A pod or service of the usual form, or undefined if zod must check it. */
export function validFast(
  raw: Raw,
  kind: 'pod' | 'service',
  strict: boolean,
  zone: string,
): Owner | undefined {
  const isPod = kind === 'pod';
  if (strict && !hasOnly(raw, isPod ? POD_KEYS : SERVICE_KEYS)) return undefined;
  const vpc = vpcOf(raw.vpc);
  const namespace = namespaceOf(raw.namespace);
  if (vpc === undefined || namespace === undefined || typeof raw.name !== 'string') return undefined;
  const name = foldPodName(raw.name);
  if (name === undefined || !fitsZone(name, namespace, zone)) return undefined;
  const ready = raw.ready ?? true;
  if (isPod && typeof ready !== 'boolean') return undefined;
  const aid = aidOf(raw.aid, kind, vpc, namespace, name);
  const names = namesOf(raw.names, name, namespace, zone);
  const overlays = isPod ? overlaysOf(raw.overlays, namespace, strict) : NONE;
  const ports = portsOf(raw.ports, strict);
  if (aid === undefined || names === undefined || overlays === undefined || ports === undefined)
    return undefined;
  const owner: Owner = isPod
    ? { kind, vpc, namespace, name, aid, names, overlays, ports, ready: ready as boolean }
    : { kind, vpc, namespace, name, aid, names, ports };
  if (raw.ip6 == null) return owner;
  if (typeof raw.ip6 !== 'string') return undefined;
  const ip6 = podAddress6(raw.ip6);
  if (ip6 === undefined) return undefined;
  owner.ip6 = ip6;
  return owner;
}

function aidOf(
  value: unknown,
  kind: 'pod' | 'service',
  vpc: string,
  namespace: string,
  name: string,
): string | undefined {
  if (value == null) return defaultAid(kind, vpc, namespace, name);
  return typeof value === 'string' ? foldLabel(value) : undefined;
}

function namesOf(value: unknown, own: string, namespace: string, zone: string): string[] | undefined {
  const names: string[] = [];
  if (value == null) return names;
  if (!Array.isArray(value) || value.length > LIST_MAX.names) return undefined;
  for (const entry of value) {
    if (typeof entry !== 'string') return undefined;
    const name = foldPodName(entry);
    if (name === undefined || !fitsZone(name, namespace, zone)) return undefined;
    if (name !== own && !names.includes(name)) names.push(name);
  }
  return names;
}

function overlaysOf(value: unknown, namespace: string, strict: boolean): Attachment[] | undefined {
  const overlays: Attachment[] = [];
  if (value == null) return overlays;
  if (!Array.isArray(value) || value.length > LIST_MAX.overlays) return undefined;
  for (const raw of value) {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
    if (strict && !hasOnly(raw, ATTACHMENT_KEYS)) return undefined;
    const overlay = overlayOf(raw.overlay);
    const pinned = raw.pinned ?? true;
    if (overlay === undefined || typeof pinned !== 'boolean') return undefined;
    const attachment: Attachment = { overlay: withoutOwn(overlay, namespace), pinned };
    if (raw.ip4 != null) {
      if (typeof raw.ip4 !== 'string') return undefined;
      attachment.ip4 = podAddress4(raw.ip4);
      if (attachment.ip4 === undefined) return undefined;
    }
    if (raw.ip6 != null) {
      if (typeof raw.ip6 !== 'string') return undefined;
      attachment.ip6 = podAddress6(raw.ip6);
      if (attachment.ip6 === undefined) return undefined;
    }
    overlays.push(attachment);
  }
  return overlays;
}

function portsOf(value: unknown, strict: boolean): Port[] | undefined {
  const ports: Port[] = [];
  if (value == null) return ports;
  if (!Array.isArray(value) || value.length > LIST_MAX.ports) return undefined;
  for (const raw of value) {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
    if (strict && !hasOnly(raw, PORT_KEYS)) return undefined;
    const name = portNameOf(raw.name);
    const protocol = protocolOf(raw.protocol);
    const port: unknown = raw.port;
    if (name === undefined || protocol === undefined || typeof port !== 'number') return undefined;
    if (!Number.isInteger(port) || port < 1 || port > 65535) return undefined;
    ports.push({ name, protocol, port });
  }
  return ports;
}

function protocolOf(value: unknown): Protocol | undefined {
  return value === 'tcp' || value === 'udp' || value === 'sctp' ? value : undefined;
}
