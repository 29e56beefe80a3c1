/** The zod schemas of single fields: they make text canonical, or refuse it with a reason. */
import { z } from 'zod';
import type { Attachment, Port, Protocol } from '../../model.ts';
import {
  podAddress4,
  podAddress6,
  prefix4,
  prefix6,
  upstream,
  whyNotPodAddress4,
  whyNotPodAddress6,
  whyNotPrefix4,
  whyNotPrefix6,
  whyNotUpstream,
} from './addresses.ts';
import { HOSTS, ROUTES, foldDomain, readNameLists } from './name-lists.ts';
import type { NameListKind } from './name-lists.ts';
import {
  foldLabel,
  foldNamespace,
  foldOverlay,
  foldPodName,
  quote,
  whyNotLabel,
  whyNotName,
  whyNotNamespace,
  whyNotOverlay,
  whyNotPodName,
} from './names.ts';
import { isPrintable, isRfc3339, foldPortName, parsePortText, whyNotPortName } from './field-parsers.ts';

/** The maximum lengths of lists and maps: far above any use, so that no record takes long to check. */
export const LIST_MAX = {
  names: 255,
  overlays: 128,
  ports: 256,
  prefixes: 256,
  upstreams: 16,
  suffixes: 512,
};

/** The same by field. The entries are counted before anything else is checked. */
export const ENTRIES_MAX: Readonly<Record<string, number>> = {
  names: LIST_MAX.names,
  overlays: LIST_MAX.overlays,
  ports: LIST_MAX.ports,
  net6: LIST_MAX.prefixes,
  services6: LIST_MAX.prefixes,
  forward: LIST_MAX.suffixes,
  upstreams: LIST_MAX.upstreams,
};

/** Marks an issue whose fault is the key of the map. */
export const AT_KEY = { atKey: true };

export interface RawIssue {
  code?: string;
  input?: unknown;
  maximum?: number | bigint;
}

/** The reason for a value that is missing or has the wrong type. */
export function must(be: string): (issue: RawIssue) => string {
  return (issue) => {
    if (issue.code === 'too_big') return `has more than ${issue.maximum} entries`;
    return issue.input === undefined ? 'is missing' : `must be ${be}`;
  };
}

/** Text that `fold` makes canonical; `why` gives the reason where it cannot. */
export function text(
  fold: (value: string) => string | undefined,
  why: (value: string) => string,
  description: string,
  pattern?: string,
) {
  const meta = pattern === undefined ? { description } : { description, pattern };
  return z
    .string({ error: must('text') })
    .meta(meta)
    .transform((value, context) => {
      const folded = fold(value);
      if (folded !== undefined) return folded;
      context.addIssue({ code: 'custom', message: why(value) });
      return z.NEVER;
    });
}

const NAME_PATTERN = '^[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*$';
const LABEL_PATTERN = '^[A-Za-z0-9_-]{1,63}$';

export const label = text(foldLabel, whyNotLabel, 'One DNS label: letters, digits, - and _.', LABEL_PATTERN);
export const namespaceName = text(
  foldNamespace,
  whyNotNamespace,
  'The name of a namespace: one DNS label.',
  LABEL_PATTERN,
);
export const overlayName = text(
  foldOverlay,
  whyNotOverlay,
  'An overlay of the own namespace, or NAMESPACE/OVERLAY.',
  `${LABEL_PATTERN.slice(0, -1)}(/[A-Za-z0-9_-]{1,63})?$`,
);
export const podName = text(
  foldPodName,
  whyNotPodName,
  'The name of a pod or service: DNS labels, dots between.',
  NAME_PATTERN,
);
export const aid = text(
  foldLabel,
  whyNotLabel,
  'A short label that identifies only this resource.',
  LABEL_PATTERN,
);
export const suffix = text(foldDomain, whyNotName, 'A domain; podns forwards names at and below it.');
export const printable = text(
  (value) => (isPrintable(value) ? value : undefined),
  (value) => `${quote(value)} must be 1 to 63 printable ASCII characters without spaces`,
  'Any text.',
);
export const timestamp = text(
  (value) => (isRfc3339(value) ? value : undefined),
  (value) => `${quote(value)} is not a time as in 2023-09-11T12:16:30Z (RFC 3339)`,
  'A time, RFC 3339.',
);
export const ip4 = text(podAddress4, whyNotPodAddress4, 'An IPv4 address; a prefix length is dropped.');
export const ip6 = text(podAddress6, whyNotPodAddress6, 'An IPv6 address; a prefix length is dropped.');
export const net4 = text(prefix4, whyNotPrefix4, 'An IPv4 prefix.');
export const net6 = text(prefix6, whyNotPrefix6, 'An IPv6 prefix.');
export const upstreamText = text(upstream, whyNotUpstream, 'ADDR:PORT of a resolver.');
export const aRecords = z
  .literal(['pinned', 'all', 'none'], { error: () => 'must be pinned, all or none' })
  .meta({ description: 'Which overlay addresses of the VPC are given as A records.' });
export const truth = z.boolean({ error: must('true or false') });

export function list<T extends z.ZodType>(of: T, max: number, what: string) {
  return z.array(of, { error: must(`a list of ${what}`) }).max(max, { error: must('') });
}

/** A map of domains to lists; does not use zod, which would check every entry before it counts them. */
function listsByName(kind: NameListKind, description: string) {
  const texts = { type: 'string' };
  const values = { anyOf: [texts, { type: 'array', maxItems: kind.mostEach, items: texts }] };
  return z
    .record(z.string(), z.unknown(), { error: must(`a map of domains to lists of ${kind.entry}`) })
    .meta({ description, additionalProperties: values })
    .transform((map, context) =>
      readNameLists(map, kind, (message, path, atKey) => {
        context.addIssue({ code: 'custom', message, path, ...(atKey === true ? { params: AT_KEY } : {}) });
      }),
    );
}

export const routes = listsByName(
  ROUTES,
  'Resolvers for the names at and below a domain; with an empty list these names do not exist.',
);
export const hosts = listsByName(HOSTS, 'Addresses of names that no pod and no service has.');

export const protocol = z
  .string({ error: must('tcp, udp or sctp') })
  .meta({ enum: ['tcp', 'udp', 'sctp'] })
  .transform((value, context): Protocol => {
    const folded = value.toLowerCase();
    if (folded === 'tcp' || folded === 'udp' || folded === 'sctp') return folded;
    context.addIssue({ code: 'custom', message: `${quote(value)} must be tcp, udp or sctp` });
    return z.NEVER;
  });
const portError = { error: must('a port number, 1 to 65535') };
const portRange = { error: () => 'must be a port number, 1 to 65535' };
export const portNumber = z.int(portError).min(1, portRange).max(65535, portRange);
export const portName = text(
  foldPortName,
  whyNotPortName,
  'The service name of SRV, without the underscore.',
  '^[A-Za-z0-9-][A-Za-z0-9_-]{0,61}$',
);
type PortEnd = Omit<Port, 'name'>;
const portText = z
  .string({ error: must('PORT/PROTOCOL, as in 80/tcp') })
  .meta({ pattern: '^[0-9]{1,5}(/([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ss][Cc][Tt][Pp]))?$', examples: ['80/tcp'] })
  .transform((value, context): PortEnd => {
    const end = parsePortText(value);
    if (end !== undefined) return end;
    context.addIssue({ code: 'custom', message: `${quote(value)} must be PORT/PROTOCOL, as in 80/tcp` });
    return z.NEVER;
  });
const plainPort = portNumber.transform((port): PortEnd => ({ protocol: 'tcp', port }));
const portEnd = z.union([portText, plainPort], { error: must('PORT/PROTOCOL, as in 80/tcp') });
export const portMap = z
  .record(
    z.string(),
    z.union([portText, plainPort, z.array(portEnd)], {
      error: must('PORT/PROTOCOL, as in 80/tcp, or a list of these'),
    }),
    { error: must('a map of port names to PORT/PROTOCOL') },
  )
  .transform((map, context) => {
    const ports: Port[] = [];
    for (const [key, ends] of Object.entries(map)) {
      const name = foldPortName(key);
      if (name === undefined) {
        context.addIssue({ code: 'custom', message: whyNotPortName(key), path: [key], params: AT_KEY });
        continue;
      }
      for (const end of Array.isArray(ends) ? ends : [ends]) ports.push({ name, ...end });
    }
    if (ports.length > LIST_MAX.ports)
      context.addIssue({ code: 'custom', message: `has more than ${LIST_MAX.ports} entries` });
    return ports;
  });

/** An attachment that is only an address. */
export const attachmentText = z
  .string({ error: must('an address, or {ip4, ip6, pinned}') })
  .transform((value, context): Omit<Attachment, 'overlay'> => {
    const six = value.includes(':');
    const address = six ? podAddress6(value) : podAddress4(value);
    if (address !== undefined) return six ? { ip6: address, pinned: true } : { ip4: address, pinned: true };
    context.addIssue({ code: 'custom', message: six ? whyNotPodAddress6(value) : whyNotPodAddress4(value) });
    return z.NEVER;
  });
