/** What an explanation holds, as the library gives it and `/v1/explain` writes it; docs/explain.md has the fields in a table. */
import type { Kind } from '../model.ts';

export interface Explanation {
  question: QuestionExplained;
  client: ClientExplained;
  /** How the name was read, rule by rule in the order of the contract; empty where the client alone decides. */
  reading: RuleExplained[];
  /** Why the answer is what it is: the codes that deciding left, with their words. */
  reasons: ReasonExplained[];
  /** Who bears the name or holds the address; at most 32, those that answer first. */
  candidates: Candidate[];
  moreCandidates: number;
  /** Null unless the name is an outside name that this client may ask for. */
  outside: OutsideExplained | null;
  answer: AnswerExplained;
  /** What programs in the pod make of it; empty for types that getaddrinfo does not ask for. */
  resolvers: ResolverExplained[];
  /** Names that may have been meant. */
  near: NearMiss[];
}

export interface QuestionExplained {
  /** As it goes on the wire, with its final dot. */
  name: string;
  type: string;
  protocol: 'udp' | 'tcp';
  /** Octets that the answer may have. */
  size: number;
}

export type ClientStatus = 'known' | 'pod-unknown' | 'unknown' | 'foreign' | 'contradicted' | 'no-such-vpc';

export interface ClientExplained {
  address: string;
  /** `ADDR:PORT[@vpc[/namespace]]`; without a socket where `isOpen` is false. */
  listener: string;
  isOpen: boolean;
  status: ClientStatus;
  vpc: string | null;
  namespace: string | null;
  /** `namespace/name`. */
  pod: string | null;
  /** How that was found, a sentence each. */
  found: string[];
}

export interface RuleExplained {
  rule: string;
  fits: boolean;
  text: string;
  /** Of a port's name: the rest after its two labels, which was read by the same rules. */
  of: string | null;
}

export interface ReasonExplained {
  code: number;
  text: string;
}

export interface Candidate {
  kind: 'pod' | 'service' | 'host';
  /** `namespace/name`; the name of an entry under `hosts`. */
  name: string;
  aid: string | null;
  /** Its addresses are given, as far as they are not left out themselves. */
  taken: boolean;
  /** Why it was left out; null where it was taken. */
  why: string | null;
  addresses: CandidateAddress[];
  /** Of an SRV: `80/tcp`, those that the question names. */
  ports: string[];
  /** Null for an entry under `hosts`. */
  provenance: ProvenanceExplained | null;
}

export interface CandidateAddress {
  address: string;
  /** Null for the address in the VPC, and for a virtual IP. */
  overlay: string | null;
  /** This client is given it. */
  given: boolean;
  /** Why not, or why it is given and not in this answer; null where it is in the answer. */
  why: string | null;
}

export interface ProvenanceExplained {
  source: string;
  revision: string;
  /** `zones/aep.yaml:7:12`, of files. */
  place: string | null;
  /** Of the revision; null where nothing is known of its time. */
  age: Age | null;
  /** Other sources that report the same key, and come after this one in the configuration. */
  shadowed: string[];
}

/** `atLeast`: the record was there already when podns read a whole state, so many seconds ago. */
export interface Age {
  seconds: number;
  atLeast: boolean;
}

export interface OutsideExplained {
  /** The VPC's `forward`, or the configuration's. */
  policy: 'on' | 'off' | 'refuse' | string[];
  /** The suffix of the route that it takes, and whose route that is. */
  route: { suffix: string; of: 'vpc' | 'configuration' } | null;
  /** Who names the upstreams: `this VPC`, `the configuration`, `/etc/resolv.conf`, `the route for corp`. */
  from: string;
  upstreams: { upstream: string; state: string; reason: string }[];
  /** Left out, because they are listeners of podns or no upstreams at all. */
  leftOut: string[];
  cache: CacheExplained;
}

export interface CacheExplained {
  /** `failed`: all upstreams failed within the last second, and that is answered. */
  state: 'fresh' | 'expired' | 'failed' | 'none';
  /** Of `fresh`: seconds for which it still is. */
  seconds: number;
}

export interface AnswerExplained {
  /**
   * `held`: the query waits first, and this is what it gets when nothing comes meanwhile. `forwarded`: what the
   * upstreams would answer; none was asked. `dropped`: none.
   */
  outcome: 'answered' | 'held' | 'forwarded' | 'dropped';
  /** Null where there is no answer to show. */
  rcode: string | null;
  /** In the order of the header: `aa rd ra`. */
  flags: string;
  /** Of the first record, or of the SOA; null without one. */
  ttl: number | null;
  /** As in a zone file, at most 64. */
  records: string[];
  moreRecords: number;
  authority: string[];
  additional: string[];
  moreAdditional: number;
  ede: { code: number; purpose: string; text: string } | null;
  /** The message, in base64; '' without one. */
  wire: string;
}

export interface ResolverExplained {
  resolver: 'glibc' | 'musl' | 'go' | 'c-ares' | 'java';
  /** In the order in which they are sent; A and AAAA of one name at once. */
  queries: ResolverQuery[];
  /** What the program gets, in the order in which it tries to connect; at most 8. */
  addresses: string[];
  moreAddresses: number;
  /** The error that the program sees; null with addresses, and where the outcome is an upstream's. */
  error: string | null;
  notes: string[];
}

export interface ResolverQuery {
  name: string;
  type: string;
  /** `NXDOMAIN`, `no data`, `SERVFAIL`, `2 addresses`, `forwarded`. */
  gets: string;
}

export interface NearMiss {
  /** What the client would ask. */
  name: string;
  kind: Kind;
  namespace: string;
  text: string;
  /** Only to operators: the VPC, where it is another. */
  vpc: string | null;
}
