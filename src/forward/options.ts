/** What the forwarder takes and gives: options, requests, status. */
import type { SharedCache } from '../shared-cache/shared-cache.ts';
import type { Clock } from '../base/clock.ts';
import type { OwnListener, LocalAddresses } from './routes/own-addresses.ts';
import type { ReplyTo, WriteOpt } from './cache/reply.ts';
import type { ConfFile } from './routes/resolv-conf.ts';
import type { Sockets } from './upstream/sockets.ts';
import type { UpstreamState } from './upstream/upstream-context.ts';

/** An outside name that this client may ask for: the caller has decided that. */
export interface ForwardRequest extends ReplyTo {
  /** The client's query as received, which parses; kept until the reply, so it must be the forwarder's own copy. */
  packet: Uint8Array;
  /**
   * Number of the VPC, 0 for none: what one VPC asked is never seen by another. A number, once given, is no other
   * VPC's for the life of the process.
   */
  tenant: number;
  /** The route's upstreams, else the VPC's own; undefined or empty: the configured ones. */
  upstreams: readonly string[] | undefined;
  /** The suffix whose route the question takes: then only `upstreams` count. A change of routes calls `forget`. */
  suffix?: string | undefined;
  /** `upstreams` are those of a route of the configuration: other VPCs ask them too. */
  isShared?: boolean;
  /** The client's address as text; counts queries in flight. */
  clientKey: string;
  /** Octets the answer may have: 512 to 1232 over UDP, 65535 over TCP. */
  limit: number;
  tcp: boolean;
}

export interface ForwarderOptions<R extends ForwardRequest = ForwardRequest> {
  /** Writes the OPT record of an answer: cookie, NSID, keepalive, extended error. */
  writeOpt: WriteOpt<R>;
  /** `upstreams` of the configuration, in order. Empty: those of resolv.conf. */
  upstreams?: readonly string[];
  /** False: what VPCs name must not be an address of this host, or link-local. */
  localUpstreams?: boolean;
  /** Path of the host's resolv.conf. */
  resolvConf?: string;
  /** Our own listeners as of now: upstreams that lead to them are left out. */
  listeners?: () => readonly OwnListener[];
  /** Octets for cached answers; 0: none are kept. */
  cacheSize?: number;
  /** Octets of them for one VPC; a quarter when absent. */
  vpcCacheSize?: number;
  /** Milliseconds for which an expired answer may still be given. */
  serveStale?: number;
  /** Queries that wait at the same time, in all; half of it for one VPC when `queriesVpc` is absent. */
  queries?: number;
  queriesVpc?: number;
  queriesClient?: number;
  /** Messages a second to one upstream that is not on this host; 0 or absent: any number. */
  upstreamRate?: number;
  /** Milliseconds for one upstream, for one question in all, and before an expired answer is given. */
  attemptTimeout?: number;
  budget?: number;
  staleAfter?: number;
  /** Told of every answer of an upstream: its address, the rcode, milliseconds. */
  observe?: (upstream: string, rcode: number, ms: number) => void;
  /** Where answers are put for those that take them without asking here. Needs the same `clock`. */
  sharedCache?: SharedCache;
  /** Told of every answer that is kept. */
  kept?: () => void;
  clock?: Clock;
  sockets?: Sockets;
  /** Unpredictable, 0 to 65535. */
  random16?: () => number;
  /** 8 octets that mark our queries; random when absent. */
  mark?: Uint8Array;
  localAddresses?: LocalAddresses;
  confFile?: ConfFile;
}

/** What a request would meet, without its being made. */
export interface ForwardLook {
  /** Who names the upstreams. */
  source: string;
  upstreams: { upstream: string; state: UpstreamState; reason: string }[];
  /** Not asked: listeners of ours, texts that are no upstream. */
  leftOut: string[];
  cache: 'fresh' | 'expired' | 'failed' | 'none';
  /** Of a fresh answer: seconds for which it still is. */
  seconds: number;
  /** What would be answered at once; undefined where upstreams would be asked. */
  answer: Uint8Array | undefined;
}

export interface UpstreamStatus {
  /** `192.0.2.1:53`. */
  upstream: string;
  state: UpstreamState;
  /** Why it is failing, ''. */
  reason: string;
  /** Milliseconds: since it began to fail (0 unless failing), and since it last replied (-1: never). */
  failingFor: number;
  silentFor: number;
}

export interface ForwarderStatus {
  /** Who names the upstreams of VPCs that have none of their own. */
  source: string;
  /** Those, in order. */
  defaults: string[];
  /** Left out of them, because they are our own listeners. */
  own: string[];
  /** What is wrong with the list or with resolv.conf, ''. */
  problem: string;
  /** Every upstream in use, those of VPCs included. */
  upstreams: UpstreamStatus[];
  /** Queries that wait now. */
  waiting: number;
  cacheEntries: number;
  /** Octets. */
  cacheSize: number;
}
