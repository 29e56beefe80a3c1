/** Turns the zone documents of scenarios into resources, by code of its own: the served parser is under test elsewhere. */
import { createHash } from 'node:crypto';
import type { Attachment, Kind, Port, Protocol, Resource } from '../../src/model.ts';
import { expandIp6 } from './build.ts';
import { ip6Text } from './wire-text.ts';

interface PodDocument {
  aid?: string;
  names?: string[];
  ip6?: string;
  ready?: boolean;
  overlays?: Record<string, string | { ip4?: string; ip6?: string; pinned?: boolean }>;
  ports?: PortsDocument;
}

/** A name with its port, or with several. */
type PortsDocument = Record<string, string | string[]>;

interface ServiceDocument {
  aid?: string;
  names?: string[];
  ip6?: string;
  ports?: PortsDocument;
}

interface OverlayDocument {
  aid?: string;
  driver?: string;
  net4?: string;
  net6?: string;
  internal?: boolean;
}

interface NamespaceDocument {
  created?: string;
  shadow?: 'forward';
  overlays?: Record<string, OverlayDocument>;
  pods?: Record<string, PodDocument>;
  services?: Record<string, ServiceDocument>;
  /** Many pods from one line; `%` in `pod` and `ip6` is the number in hexadecimal, from 1. */
  many?: { count: number; pod: string; names?: string[]; ip6: string; ports?: PortsDocument }[];
}

/** One VPC, as `zones/*.yaml` writes it. */
export interface ZoneDocument {
  vpc: string;
  id?: string;
  net6?: string[];
  services6?: string[];
  a_records?: 'pinned' | 'all' | 'none';
  forward?: 'on' | 'off' | 'refuse' | string[];
  upstreams?: string[];
  namespaces?: Record<string, NamespaceDocument>;
}

/** Canonical text of an IPv6 address; a prefix length is dropped. */
export function canonicalIp6(text: string): string {
  return ip6Text(Buffer.from(expandIp6(text.split('/')[0]!.toLowerCase()), 'hex'));
}

function canonicalPrefix(text: string): string {
  const [address, length] = text.split('/');
  return `${canonicalIp6(address!)}/${length}`;
}

const LETTER: Partial<Record<Kind, string>> = { overlay: 'v', pod: 'p', service: 's' };

function aidOf(kind: Kind, vpc: string, namespace: string, name: string): string {
  const digest = createHash('sha256').update(`${vpc}/${namespace}/${name}`).digest('hex');
  return LETTER[kind]! + digest.slice(0, 10);
}

function portsOf(ports: PortsDocument | undefined): Port[] {
  return Object.entries(ports ?? {}).flatMap(([name, value]) =>
    [value].flat().map((text) => {
      const [port, protocol] = text.split('/');
      return { name: name.toLowerCase(), port: Number(port), protocol: (protocol ?? 'tcp') as Protocol };
    }),
  );
}

function attachmentOf(
  overlay: string,
  value: string | { ip4?: string; ip6?: string; pinned?: boolean },
): Attachment {
  const parts = typeof value === 'string' ? { ip4: value } : value;
  const attachment: Attachment = { overlay: overlay.toLowerCase(), pinned: parts.pinned ?? true };
  if (parts.ip4 !== undefined) attachment.ip4 = parts.ip4.split('/')[0]!;
  if (parts.ip6 !== undefined) attachment.ip6 = canonicalIp6(parts.ip6);
  return attachment;
}

function podOf(vpc: string, namespace: string, text: string, pod: PodDocument): Resource {
  const name = text.toLowerCase();
  return {
    kind: 'pod',
    vpc,
    namespace,
    name,
    aid: pod.aid ?? aidOf('pod', vpc, namespace, name),
    names: (pod.names ?? []).map((other) => other.toLowerCase()),
    ...(pod.ip6 === undefined ? {} : { ip6: canonicalIp6(pod.ip6) }),
    overlays: Object.entries(pod.overlays ?? {}).map(([overlay, value]) => attachmentOf(overlay, value)),
    ports: portsOf(pod.ports),
    ready: pod.ready ?? true,
  };
}

function namespaceOf(vpc: string, name: string, body: NamespaceDocument): Resource[] {
  const resources: Resource[] = [{ kind: 'namespace', vpc, name }];
  if (body.shadow !== undefined) Object.assign(resources[0]!, { shadow: body.shadow });
  if (body.created !== undefined) Object.assign(resources[0]!, { created: body.created });
  for (const [overlay, value] of Object.entries(body.overlays ?? {})) {
    const aid = value.aid ?? aidOf('overlay', vpc, name, overlay);
    const net6 = value.net6 === undefined ? {} : { net6: canonicalPrefix(value.net6) };
    resources.push({
      kind: 'overlay',
      vpc,
      namespace: name,
      name: overlay,
      driver: 'ipip',
      ...value,
      aid,
      ...net6,
    });
  }
  for (const [pod, value] of Object.entries(body.pods ?? {}))
    resources.push(podOf(vpc, name, pod, value ?? {}));
  for (const line of body.many ?? []) {
    for (let i = 1; i <= line.count; i++) {
      const hex = i.toString(16);
      const pod = { ...line, ip6: line.ip6.replace('%', hex) };
      resources.push(podOf(vpc, name, line.pod.replace('%', hex), pod));
    }
  }
  for (const [text, service] of Object.entries(body.services ?? {})) {
    const value = service ?? {};
    resources.push({
      kind: 'service',
      vpc,
      namespace: name,
      name: text.toLowerCase(),
      aid: value.aid ?? aidOf('service', vpc, name, text.toLowerCase()),
      names: (value.names ?? []).map((other) => other.toLowerCase()),
      ...(value.ip6 === undefined ? {} : { ip6: canonicalIp6(value.ip6) }),
      ports: portsOf(value.ports),
    });
  }
  return resources;
}

/** All resources of one document, the VPC first. */
export function resourcesOf(zone: ZoneDocument): Resource[] {
  const vpc = zone.vpc.toLowerCase();
  const resources: Resource[] = [
    {
      kind: 'vpc',
      name: vpc,
      net6: (zone.net6 ?? []).map(canonicalPrefix),
      services6: (zone.services6 ?? []).map(canonicalPrefix),
      ...(zone.id === undefined ? {} : { id: zone.id }),
      ...(zone.a_records === undefined ? {} : { a_records: zone.a_records }),
      ...(zone.forward === undefined ? {} : { forward: zone.forward }),
      ...(zone.upstreams === undefined ? {} : { upstreams: zone.upstreams }),
    },
  ];
  for (const [name, body] of Object.entries(zone.namespaces ?? {})) {
    resources.push(...namespaceOf(vpc, name.toLowerCase(), body ?? {}));
  }
  return resources;
}

/** Of a change: a document names its VPC and its namespaces without saying anything of them. */
export function isSaid(resource: Resource): boolean {
  return resource.kind === 'vpc' ? resource.a_records !== undefined : resource.kind !== 'namespace';
}
