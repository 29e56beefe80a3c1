/**
 * What of the configuration shapes answers: fixed for the life of a server, the same in every transport and worker.
 */
import type { OutsideRules } from '../trie/write/outside-trees.ts';
import type { ARecords } from '../model.ts';

/** A suffix of ours. `flat`: `x.SUFFIX` is x in the client's namespace; else it reads like the canonical one. */
export interface Suffix {
  /** Text without the final dot, lower-case: `svc.cluster.local`. */
  name: string;
  flat: boolean;
}

export type { ARecords };

export interface AnswerSettings {
  /** Seconds; positive answers. */
  ttl: number;
  /** Seconds; TTL and MINIMUM of the SOA of a negative answer (RFC 2308). */
  negativeTtl: number;
  /** The canonical suffix, `vpc.internal`. */
  zone: string;
  /** Further suffixes. */
  suffixes: Suffix[];
  aRecords: ARecords;
  /** Sent as NSID (RFC 5001) and as `id.server` and `hostname.bind` in class CH. */
  nodeName: string;
  /** `podns 0.1.0`, for `version.bind`; class CH is refused when `chaos` is false. */
  version: string;
  chaos: boolean;
  /** 16 octets; server cookies are made from it (RFC 9018). */
  cookieSecret: Uint8Array;
  /** Seconds; how long an idle TCP connection is kept, told by the keepalive option (RFC 7828). */
  tcpIdle: number;
  /** What a VPC without a `forward` of its own does. */
  forward: 'on' | 'off' | 'refuse' | string[];
  /** Routes and hosts of the configuration, for every VPC. */
  outside?: OutsideRules;
  /** In order; the first whose prefix holds the source wins. */
  clients: ClientRule[];
}

/** Fixes VPC and namespace of the clients in a prefix: for the host itself and for routers. */
export interface ClientRule {
  /** `10.0.0.0/8`, `fd00::/8`, or one address. */
  from: string;
  vpc: string;
  namespace: string;
}
