/** Every field of a zone file in one table: what it takes, its default, what it is for. The manual and docs/zones.md are made of it. */
import type { Kind } from '../../model.ts';

/** One field of a resource, for people. */
export interface FieldReference {
  /** What may stand there. */
  takes: string;
  /** What holds without it. */
  default: string;
  /** One or two sentences. */
  doc: string;
  /** A line of YAML. */
  example: string;
}

const PORTS: FieldReference = {
  takes: 'a map of names to PORT/PROTOCOL, or a list of {name, protocol, port}',
  default: 'none',
  doc: 'Named ports. `_http._tcp.db` (SRV) answers with the port `http` of `db`. The protocol is tcp, udp or sctp; tcp unless given. A port of several numbers stands in the list form.',
  example: 'ports: { http: 80, dns: 53/udp }',
};

/** By kind, then by field: exactly the fields that validation knows. */
export const FIELD_REFERENCE: Readonly<Record<Kind, Readonly<Record<string, FieldReference>>>> = {
  vpc: {
    net6: {
      takes: 'a list of IPv6 prefixes',
      default: 'none',
      doc: 'Clients whose source address lies in these prefixes belong to this VPC. Where two VPCs claim one prefix, the older VPC keeps it and the other one is reported.',
      example: 'net6: ["fdfd:1a8::/48"]',
    },
    services6: {
      takes: 'a list of IPv6 prefixes',
      default: 'none',
      doc: 'Prefixes of the virtual IPs of services. Reverse names in them are answered and never forwarded.',
      example: 'services6: ["fdcc:c10d::/32"]',
    },
    id: {
      takes: 'text',
      default: 'none',
      doc: 'The identifier that `podns vpc ls` shows.',
      example: 'id: vpc-7',
    },
    created: {
      takes: 'a time, RFC 3339',
      default: 'none',
      doc: 'The time at which the VPC was made.',
      example: 'created: 2023-09-11T12:16:30Z',
    },
    a_records: {
      takes: 'pinned, all or none',
      default: 'the configuration’s `a_records`',
      doc: 'Which overlay addresses are given as A records: the pinned ones and those of pods without IPv6, all, or none.',
      example: 'a_records: all',
    },
    forward: {
      takes: 'on, off, refuse, or a list of domains',
      default: 'the configuration’s `forward`',
      doc: 'What happens to names that are not ours: `on` forwards them, `off` answers NXDOMAIN, `refuse` answers REFUSED, a list forwards only the names at and below these domains.',
      example: 'forward: [corp.example]',
    },
    upstreams: {
      takes: 'a list of ADDR:PORT',
      default: 'the configuration’s, else the resolv.conf of the host',
      doc: 'Resolvers for outside names of this VPC.',
      example: 'upstreams: ["10.0.0.2:53"]',
    },
    routes: {
      takes: 'a map of domains to lists of ADDR:PORT',
      default: 'the configuration’s',
      doc: 'Resolvers for the names at and below a domain; the longest domain wins. An empty list means that there are no such names.',
      example: 'routes: { corp.example: ["10.0.0.9:53"], ads.example: [] }',
    },
    hosts: {
      takes: 'a map of names to lists of addresses',
      default: 'the configuration’s',
      doc: 'Addresses of names that belong to no pod and no service.',
      example: 'hosts: { host.docker.internal: ["fdfd:1a8::1"] }',
    },
  },
  namespace: {
    created: {
      takes: 'a time, RFC 3339',
      default: 'none',
      doc: 'The time that `podns ns ls` shows.',
      example: 'created: 2023-09-11T12:16:30Z',
    },
    shadow: {
      takes: 'forward',
      default: 'none',
      doc: 'Forwards names below this namespace that it does not have. Without it everything below a namespace is ours, so that a deleted pod `app` in namespace `shop` is never answered by the owner of app.shop on the internet.',
      example: 'shadow: forward',
    },
  },
  overlay: {
    aid: {
      takes: 'one DNS label',
      default: '`v` and ten hexadecimal digits of the SHA-256 of vpc/namespace/name',
      doc: 'The short identifier; the network ID that `podns network ls` shows.',
      example: 'aid: v1223123123',
    },
    driver: {
      takes: 'text',
      default: 'ipip',
      doc: 'The driver that the lists show.',
      example: 'driver: vxlan',
    },
    net4: {
      takes: 'an IPv4 prefix',
      default: 'none',
      doc: 'The IPv4 subnet. Reverse names in it are answered and never forwarded.',
      example: 'net4: 10.198.62.0/23',
    },
    net6: {
      takes: 'an IPv6 prefix',
      default: 'none',
      doc: 'The IPv6 subnet. Reverse names in it are answered and never forwarded.',
      example: 'net6: "fd42:1a8:0:2a09::/64"',
    },
    internal: {
      takes: 'true or false',
      default: 'false',
      doc: 'A pod all of whose overlays are internal gets no outside names.',
      example: 'internal: true',
    },
  },
  pod: {
    aid: {
      takes: 'one DNS label',
      default: '`p` and ten hexadecimal digits of the SHA-256 of vpc/namespace/name',
      doc: 'The short identifier. Where several pods share a name, `AID.NAME` is this one.',
      example: 'aid: p0123456789',
    },
    names: {
      takes: 'a list of names',
      default: 'none',
      doc: 'Further names. Several pods may share one; it answers with all their addresses, in turn.',
      example: 'names: [app, web]',
    },
    ip6: {
      takes: 'an IPv6 address; a prefix length is dropped',
      default: 'none',
      doc: 'The address in the VPC: the AAAA record.',
      example: 'ip6: "fdfd:1a8::2:1"',
    },
    overlays: {
      takes:
        'a map of overlays to an IPv4 address or {ip4, ip6, pinned}, or a list of {overlay, ip4, ip6, pinned}',
      default: 'none',
      doc: 'Addresses on overlay networks: of the own namespace, or `namespace/overlay` of another one of the VPC. `pinned` (true unless given) says that the IPv4 address is fixed: pinned addresses are the A records, unless `a_records` says otherwise.',
      example: 'overlays: { default: 10.198.62.20 }',
    },
    ports: PORTS,
    ready: {
      takes: 'true or false',
      default: 'true',
      doc: 'A pod that is not ready is left out while another pod of the name is ready; where none is ready, all are given.',
      example: 'ready: false',
    },
  },
  service: {
    aid: {
      takes: 'one DNS label',
      default: '`s` and ten hexadecimal digits of the SHA-256 of vpc/namespace/name',
      doc: 'The short identifier.',
      example: 'aid: s0123456789',
    },
    names: { takes: 'a list of names', default: 'none', doc: 'Further names.', example: 'names: [www]' },
    ip6: {
      takes: 'an IPv6 address; a prefix length is dropped',
      default: 'none',
      doc: 'The virtual IP. A service hides the pods of its name; `POD.NAME` still reaches one of them.',
      example: 'ip6: "fdcc:c10d::7"',
    },
    ports: PORTS,
  },
};
