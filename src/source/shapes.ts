/**
 * The zod schemas of the five kinds of resource: they word what is wrong with one, and `zones/schema.json` is
 * made from them. Output is normalised field by field; what concerns several fields comes after.
 */
import { z } from 'zod';
import type { Attachment, Port, Protocol } from '../model.ts';
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
import {
  foldLabel,
  foldName,
  foldNamespace,
  foldPodName,
  quote,
  whyNotLabel,
  whyNotName,
  whyNotNamespace,
  whyNotPodName,
} from './names.ts';
import { isPrintable, isRfc3339, foldPortName, parsePortText, whyNotPortName } from './text.ts';

/** How long lists may be: far above any use, so that one bad record cannot eat the memory. */
export const LIST_MAX = {
  names: 256,
  overlays: 256,
  ports: 1024,
  prefixes: 256,
  upstreams: 16,
  suffixes: 1024,
};

interface RawIssue {
  code?: string;
  input?: unknown;
  maximum?: number | bigint;
}

/** Words for a value that is missing or of the wrong type. */
function must(be: string): (issue: RawIssue) => string {
  return (issue) => {
    if (issue.code === 'too_big') return `has more than ${issue.maximum} entries`;
    return issue.input === undefined ? 'is missing' : `must be ${be}`;
  };
}

/** Text that `fold` makes canonical, or refuses with the words of `why`. */
function text(
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
export const podName = text(
  foldPodName,
  whyNotPodName,
  'The name of a pod or service: DNS labels, dots between.',
  NAME_PATTERN,
);
const aid = text(foldLabel, whyNotLabel, 'A short label that names just this one.', LABEL_PATTERN);
const suffix = text(
  (value) => foldName(value.endsWith('.') ? value.slice(0, -1) : value),
  whyNotName,
  'A domain; names at and below it leave.',
);
const printable = text(
  (value) => (isPrintable(value) ? value : undefined),
  (value) => `${quote(value)} must be 1 to 63 printable ASCII characters without spaces`,
  'Any text.',
);
const timestamp = text(
  (value) => (isRfc3339(value) ? value : undefined),
  (value) => `${quote(value)} is not a time as in 2023-09-11T12:16:30Z (RFC 3339)`,
  'A time, RFC 3339.',
);
const ip4 = text(podAddress4, whyNotPodAddress4, 'An IPv4 address; a prefix length is dropped.');
const ip6 = text(podAddress6, whyNotPodAddress6, 'An IPv6 address; a prefix length is dropped.');
const net4 = text(prefix4, whyNotPrefix4, 'An IPv4 prefix.');
const net6 = text(prefix6, whyNotPrefix6, 'An IPv6 prefix.');
const upstreamText = text(upstream, whyNotUpstream, 'ADDR:PORT of a resolver.');
const truth = z.boolean({ error: must('true or false') });

function list<T extends z.ZodType>(of: T, max: number, what: string) {
  return z.array(of, { error: must(`a list of ${what}`) }).max(max, { error: must('') });
}

const protocol = z
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
const portNumber = z.int(portError).min(1, portRange).max(65535, portRange);
const portName = text(
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
const portMap = z
  .record(
    z.string(),
    z.union([portText, plainPort, z.array(portEnd)], {
      error: must('PORT/PROTOCOL, as in 80/tcp, or a list of such'),
    }),
    { error: must('a map of port names to PORT/PROTOCOL') },
  )
  .transform((map, context) => {
    const ports: Port[] = [];
    for (const [key, ends] of Object.entries(map)) {
      const name = foldPortName(key);
      if (name === undefined) {
        context.addIssue({ code: 'custom', message: whyNotPortName(key), path: [key] });
        continue;
      }
      for (const end of Array.isArray(ends) ? ends : [ends]) ports.push({ name, ...end });
    }
    if (ports.length > LIST_MAX.ports)
      context.addIssue({ code: 'custom', message: `has more than ${LIST_MAX.ports} entries` });
    return ports;
  });

/** An attachment as text is its one address. */
const attachmentText = z
  .string({ error: must('an address, or {ip4, ip6, pinned}') })
  .transform((value, context): Omit<Attachment, 'overlay'> => {
    const six = value.includes(':');
    const address = six ? podAddress6(value) : podAddress4(value);
    if (address !== undefined) return six ? { ip6: address, pinned: true } : { ip4: address, pinned: true };
    context.addIssue({ code: 'custom', message: six ? whyNotPodAddress6(value) : whyNotPodAddress4(value) });
    return z.NEVER;
  });

/** The shapes of a whole document: strict ones refuse unknown keys, the others pass over them. */
export function shapesOf(strict: boolean) {
  function object<T extends z.core.$ZodLooseShape>(shape: T, what: string, keys: string[]) {
    const wording = must('a map of keys to values');
    const error = (issue: RawIssue) =>
      issue.code === 'unrecognized_keys'
        ? `is no key of ${what}; its keys are ${keys.join(', ')}`
        : wording(issue);
    return strict
      ? (z.strictObject(shape, { error }) as unknown as z.ZodObject<T, z.core.$strip>)
      : z.object(shape, { error });
  }

  const attachmentFields = { ip4: ip4.optional(), ip6: ip6.optional(), pinned: truth.optional() };
  const attachment = object({ overlay: label, ...attachmentFields }, 'an overlay address', [
    'overlay',
    'ip4',
    'ip6',
    'pinned',
  ]).transform((given): Attachment => ({ ...given, pinned: given.pinned ?? true }));
  const attachmentBody = object(attachmentFields, 'an overlay address', ['ip4', 'ip6', 'pinned']).transform(
    (given): Omit<Attachment, 'overlay'> => ({ ...given, pinned: given.pinned ?? true }),
  );
  const attachmentMap = z
    .record(
      z.string(),
      z.union(
        [
          attachmentText,
          attachmentBody,
          z.null().transform((): Omit<Attachment, 'overlay'> => ({ pinned: true })),
        ],
        { error: must('an address, or {ip4, ip6, pinned}') },
      ),
      { error: must('a map of overlays to addresses') },
    )
    .transform((map, context) => {
      const overlays: Attachment[] = [];
      for (const [key, body] of Object.entries(map)) {
        const overlay = foldLabel(key);
        if (overlay === undefined)
          context.addIssue({ code: 'custom', message: whyNotLabel(key), path: [key] });
        else overlays.push({ overlay, ...body });
      }
      if (overlays.length > LIST_MAX.overlays)
        context.addIssue({ code: 'custom', message: `has more than ${LIST_MAX.overlays} entries` });
      return overlays;
    });
  const port = object({ name: portName, protocol, port: portNumber }, 'a port', ['name', 'protocol', 'port']);

  const ports = z.union([list(port, LIST_MAX.ports, 'ports'), portMap], {
    error: must('a map of port names to PORT/PROTOCOL, or a list of {name, protocol, port}'),
  });
  const overlays = z.union([list(attachment, LIST_MAX.overlays, 'overlay addresses'), attachmentMap], {
    error: must('a map of overlays to addresses, or a list of {overlay, ip4, ip6, pinned}'),
  });
  const names = list(podName, LIST_MAX.names, 'names');
  const forward = z.union(
    [
      z.literal(['on', 'off', 'refuse'], { error: () => 'must be on, off, refuse or a list of domains' }),
      list(suffix, LIST_MAX.suffixes, 'domains'),
    ],
    { error: must('on, off, refuse or a list of domains') },
  );

  const vpcFields = {
    net6: list(net6, LIST_MAX.prefixes, 'IPv6 prefixes').optional(),
    services6: list(net6, LIST_MAX.prefixes, 'IPv6 prefixes').optional(),
    id: printable.optional(),
    forward: forward.optional(),
    upstreams: list(upstreamText, LIST_MAX.upstreams, 'ADDR:PORT').optional(),
  };
  const namespaceFields = {
    created: timestamp.optional(),
    shadow: z.literal('forward', { error: () => 'must be forward' }).optional(),
  };
  const overlayFields = {
    aid: aid.optional(),
    driver: printable.optional(),
    net4: net4.optional(),
    net6: net6.optional(),
    internal: truth.optional(),
  };
  const podFields = {
    aid: aid.optional(),
    names: names.optional(),
    ip6: ip6.optional(),
    overlays: overlays.optional(),
    ports: ports.optional(),
    ready: truth.optional(),
  };
  const serviceFields = {
    aid: aid.optional(),
    names: names.optional(),
    ip6: ip6.optional(),
    ports: ports.optional(),
  };
  const inVpc = { vpc: label };
  const inNamespace = { vpc: label, namespace: namespaceName };
  const k = Object.keys;
  return {
    fields: {
      vpc: vpcFields,
      namespace: namespaceFields,
      overlay: overlayFields,
      pod: podFields,
      service: serviceFields,
    },
    vpc: object({ kind: z.literal('vpc'), name: label, ...vpcFields }, 'a vpc', k(vpcFields)),
    namespace: object(
      { kind: z.literal('namespace'), ...inVpc, name: namespaceName, ...namespaceFields },
      'a namespace',
      k(namespaceFields),
    ),
    overlay: object(
      { kind: z.literal('overlay'), ...inNamespace, name: label, ...overlayFields },
      'an overlay',
      k(overlayFields),
    ),
    pod: object(
      { kind: z.literal('pod'), ...inNamespace, name: podName, ...podFields },
      'a pod',
      k(podFields),
    ),
    service: object(
      { kind: z.literal('service'), ...inNamespace, name: podName, ...serviceFields },
      'a service',
      k(serviceFields),
    ),
  };
}

export type Shapes = ReturnType<typeof shapesOf>;
