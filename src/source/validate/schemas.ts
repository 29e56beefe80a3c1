/**
 * The zod schemas of the five kinds of resource: they give the reasons of problems, and `zones/schema.json` comes
 * from them. They normalise each field; `validate.ts` checks rules between fields.
 */
import { z } from 'zod';
import type { Attachment, Kind } from '../../model.ts';
import { foldOverlay, whyNotOverlay } from './names.ts';
import {
  AT_KEY,
  LIST_MAX,
  aRecords,
  aid,
  attachmentText,
  hosts,
  ip4,
  ip6,
  label,
  list,
  must,
  namespaceName,
  net4,
  net6,
  overlayName,
  podName,
  portMap,
  portName,
  portNumber,
  printable,
  protocol,
  routes,
  suffix,
  timestamp,
  truth,
  upstreamText,
} from './schema-fields.ts';
import type { RawIssue } from './schema-fields.ts';

/** The schemas of a document: strict ones refuse unknown keys, the others ignore them. */
export function shapesOf(strict: boolean) {
  function object<T extends z.core.$ZodLooseShape>(shape: T, what: string, keys: readonly string[]) {
    const wording = must('a map of keys to values');
    const error = (issue: RawIssue) =>
      issue.code === 'unrecognized_keys'
        ? `is not a key of ${what}; its keys are ${keys.join(', ')}`
        : wording(issue);
    return strict
      ? (z.strictObject(shape, { error }) as unknown as z.ZodObject<T, z.core.$strip>)
      : z.object(shape, { error });
  }

  const attachmentFields = { ip4: ip4.optional(), ip6: ip6.optional(), pinned: truth.optional() };
  const attachment = object({ overlay: overlayName, ...attachmentFields }, 'an overlay address', [
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
        const overlay = foldOverlay(key);
        if (overlay === undefined)
          context.addIssue({ code: 'custom', message: whyNotOverlay(key), path: [key], params: AT_KEY });
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
    created: timestamp.optional(),
    a_records: aRecords.optional(),
    forward: forward.optional(),
    upstreams: list(upstreamText, LIST_MAX.upstreams, 'ADDR:PORT').optional(),
    routes: routes.optional(),
    hosts: hosts.optional(),
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
  return {
    fields: {
      vpc: vpcFields,
      namespace: namespaceFields,
      overlay: overlayFields,
      pod: podFields,
      service: serviceFields,
    },
    vpc: object({ kind: z.literal('vpc'), name: label, ...vpcFields }, 'a vpc', FIELD_NAMES.vpc),
    namespace: object(
      { kind: z.literal('namespace'), ...inVpc, name: namespaceName, ...namespaceFields },
      'a namespace',
      FIELD_NAMES.namespace,
    ),
    overlay: object(
      { kind: z.literal('overlay'), ...inNamespace, name: label, ...overlayFields },
      'an overlay',
      FIELD_NAMES.overlay,
    ),
    pod: object(
      { kind: z.literal('pod'), ...inNamespace, name: podName, ...podFields },
      'a pod',
      FIELD_NAMES.pod,
    ),
    service: object(
      { kind: z.literal('service'), ...inNamespace, name: podName, ...serviceFields },
      'a service',
      FIELD_NAMES.service,
    ),
  };
}

/** What may stand in the body of a resource, beside the kind and the names that identify it. */
export const FIELD_NAMES: Readonly<Record<Kind, readonly string[]>> = {
  vpc: ['net6', 'services6', 'id', 'created', 'a_records', 'forward', 'upstreams', 'routes', 'hosts'],
  namespace: ['created', 'shadow'],
  overlay: ['aid', 'driver', 'net4', 'net6', 'internal'],
  pod: ['aid', 'names', 'ip6', 'overlays', 'ports', 'ready'],
  service: ['aid', 'names', 'ip6', 'ports'],
};

export type Shapes = ReturnType<typeof shapesOf>;
