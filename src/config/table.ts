/** Every setting of podns in one table: what it takes, its default, and what it is for. */
import { hostname } from 'node:os';
import type { z } from 'zod';
import * as value from './values.ts';

/** One row. Its key in camel case is the file's key in snake case, `--kebab-case`, and `PODNS_UPPER_CASE`. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  group: Group;
  /** What a flag shows as its argument; a switch has none. */
  takes?: string;
  schema: S;
  default: z.output<S>;
  /** One line: what it is for. */
  doc: string;
  /** May be given several times. */
  many?: boolean;
  /** Relative values are relative to the folder of the file that says them. */
  path?: boolean;
}

export type Group = 'Serving' | 'Sources' | 'Answers' | 'Clients' | 'Outside names' | 'Time' | 'Limits';

function setting<S extends z.ZodType>(
  group: Group,
  takes: string | undefined,
  schema: S,
  fallback: z.output<S>,
  doc: string,
  more: { many?: boolean; path?: boolean } = {},
): Setting<S> {
  return { group, takes, schema, default: fallback, doc, ...more };
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const MIB = 2 ** 20;
const many = { many: true };
const file = { path: true };
const paths = { many: true, path: true };
export const SETTINGS = {
  listen: setting(
    'Serving',
    'ADDR:PORT[@vpc[/namespace]]',
    value.list(value.listenAddress),
    [],
    'where to answer, and whose clients come there; none: 127.0.0.1:5300 and [::1]:5300',
    many,
  ),
  workers: setting(
    'Serving',
    'N',
    value.integer(0, 64),
    1,
    'threads that answer UDP, of all listeners together; 0: the main thread does',
  ),
  admin: setting(
    'Serving',
    'ADDR:PORT|unix:PATH|off',
    value.adminBind,
    '127.0.0.1:9153',
    'where status, lists, the watch stream, metrics and health are served over HTTP',
  ),
  adminToken: setting(
    'Serving',
    'TOKEN',
    value.text,
    '',
    'bearer token for the admin listener; required off loopback',
  ),
  adminHosts: setting(
    'Serving',
    'NAME',
    value.list(value.domain),
    [],
    'further names that the Host header of an admin request may carry',
    many,
  ),
  logLevel: setting(
    'Serving',
    'LEVEL',
    value.word('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'the least of the log lines on standard error: debug, info, warn, error or silent',
  ),
  logFormat: setting(
    'Serving',
    'auto|text|json',
    value.word('auto', 'text', 'json'),
    'auto',
    'log lines for people, or one JSON object a line; auto: for people on a terminal',
  ),
  strict: setting(
    'Serving',
    undefined,
    value.flag,
    false,
    'end with 78 at the start where a zone file, a record or a scope is wrong, instead of serving the rest',
  ),
  state: setting(
    'Serving',
    'DIR',
    value.text,
    '',
    'folder for the saved view, which is served at the next start until the sources have delivered; mode 0700',
    file,
  ),

  zones: setting('Sources', 'DIR', value.list(value.text), [], 'folder with one YAML document a VPC', paths),
  watch: setting(
    'Sources',
    'URL|unix:PATH|-',
    value.list(value.text),
    [],
    'watch stream (NDJSON); - reads standard input',
    many,
  ),
  watchTokenFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    'file with the bearer token for watch streams; read again at each connection',
    file,
  ),
  watchCaFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    "what the certificates of watch streams must be signed by (PEM), instead of the system's authorities",
    file,
  ),
  watchCertFile: setting('Sources', 'FILE', value.text, '', 'our own certificate for watch streams', file),
  watchKeyFile: setting('Sources', 'FILE', value.text, '', 'its key', file),
  etcd: setting('Sources', 'URL', value.list(value.text), [], 'etcd v3 endpoint, one for each member', many),
  etcdPrefix: setting('Sources', 'KEY', value.text, '/podns/', 'what the keys of resources begin with'),
  etcdUser: setting('Sources', 'NAME', value.text, '', 'user of etcd'),
  etcdPasswordFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    'file with its password; read again for each token',
    file,
  ),
  etcdCaFile: setting('Sources', 'FILE', value.text, '', 'as `watch_ca_file`, for etcd', file),
  etcdCertFile: setting('Sources', 'FILE', value.text, '', 'our own certificate for etcd', file),
  etcdKeyFile: setting('Sources', 'FILE', value.text, '', 'its key', file),
  kraud: setting(
    'Sources',
    undefined,
    value.list(value.kraudSource),
    [],
    "kraud's own stream: `{ url, vpc, net6, services6 }`, with the files of watch streams",
  ),
  vpc: setting(
    'Sources',
    'NAME',
    value.list(value.vpcName),
    [],
    'take only these VPCs, whatever the sources say',
    many,
  ),

  zone: setting('Answers', 'SUFFIX', value.domain, 'vpc.internal', 'the canonical suffix of every name'),
  suffixes: setting(
    'Answers',
    'SUFFIX[=flat]',
    value.list(value.suffix),
    [],
    'further suffixes; `SUFFIX=flat` makes x.SUFFIX mean x in the own namespace (`{ name, flat: true }` in a file)',
    many,
  ),
  ttl: setting('Answers', 'SECONDS', value.seconds, 1, 'TTL of positive answers'),
  negativeTtl: setting('Answers', 'SECONDS', value.seconds, 1, 'TTL and SOA minimum of negative answers'),
  aRecords: setting(
    'Answers',
    'pinned|all|none',
    value.word('pinned', 'all', 'none'),
    'pinned',
    'which overlay addresses are given as A records',
  ),
  nodeName: setting(
    'Answers',
    'NAME',
    value.text,
    hostname(),
    'name of this node, sent as NSID and id.server',
  ),
  chaos: setting('Answers', 'true|false', value.flag, true, 'answer version.bind and id.server in class CH'),

  clients: setting(
    'Clients',
    undefined,
    value.list(value.clientRule),
    [],
    'who the host and routers are: `{ from: PREFIX, vpc, namespace }`',
  ),

  forward: setting(
    'Outside names',
    'on|off|refuse|SUFFIX,…',
    value.forwardPolicy,
    'on',
    'what happens to outside names of a VPC that does not say so itself',
  ),
  upstreams: setting(
    'Outside names',
    'ADDR:PORT',
    value.list(value.endpoint),
    [],
    "resolvers for outside names, in order; none: those of the host's resolv.conf",
    many,
  ),
  routes: setting(
    'Outside names',
    'SUFFIX=ADDR:PORT,…',
    value.routes,
    {},
    'resolvers for the names at and below a suffix, before all others; an empty list: there are no such names',
    many,
  ),
  hosts: setting(
    'Outside names',
    'NAME=ADDR,…',
    value.hosts,
    {},
    "addresses of names that are no pod's",
    many,
  ),
  localUpstreams: setting('Outside names', 'true|false', value.flag, true, 'VPCs may name this very host'),
  resolvConf: setting(
    'Outside names',
    'FILE',
    value.text,
    '/etc/resolv.conf',
    'where the host names its resolvers; looked at again when it changes',
  ),
  cacheSize: setting(
    'Outside names',
    'SIZE',
    value.size,
    16 * MIB,
    'memory for cached outside answers; 0: none',
  ),
  serveStale: setting(
    'Outside names',
    'DURATION',
    value.duration,
    24 * HOUR,
    'how long an expired outside answer may still be given when no upstream answers',
  ),
  forwardQueries: setting(
    'Outside names',
    'N',
    value.integer(1),
    1024,
    'outside queries under way at the same time',
  ),
  forwardClient: setting('Outside names', 'N', value.integer(1), 128, 'of them, for one source address'),
  staleAfter: setting(
    'Time',
    'DURATION',
    value.duration,
    30 * SECOND,
    'answers are marked stale this long after a source is lost',
  ),
  snapshotMaxAge: setting(
    'Time',
    'DURATION',
    value.duration,
    HOUR,
    'a saved view older than this no longer tells whose an IPv4 source address is',
  ),
  syncHold: setting(
    'Time',
    'DURATION',
    value.duration,
    1.5 * SECOND,
    'how long a query waits for the first view',
  ),
  podHold: setting(
    'Time',
    'DURATION',
    value.duration,
    300,
    'how long a query of an unknown pod waits for its event',
  ),
  podGrace: setting(
    'Time',
    'DURATION',
    value.duration,
    5 * SECOND,
    'a pod still unknown after this gets NXDOMAIN',
  ),

  holds: setting('Limits', 'N', value.integer(0), 10_000, 'queries held at the same time'),
  vpcHolds: setting('Limits', 'N', value.integer(0), 2_000, 'of them, for one VPC'),
  clientHolds: setting('Limits', 'N', value.integer(0), 50, 'of them, for one source address'),
  tcpConnections: setting(
    'Limits',
    'N',
    value.integer(0),
    1_000,
    'TCP connections at the same time, of all listeners',
  ),
  tcpClient: setting('Limits', 'N', value.integer(0), 100, 'of them, from one address to one listener'),
  tcpIdle: setting(
    'Limits',
    'DURATION',
    value.duration,
    10 * SECOND,
    'an idle TCP connection is closed after this',
  ),
};

export type Config = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };
export type Key = keyof Config;

export const KEYS = Object.keys(SETTINGS) as Key[];

/** Every default, as a configuration. */
export function defaults(): Config {
  return Object.fromEntries(KEYS.map((key) => [key, structuredClone(SETTINGS[key].default)])) as Config;
}

/** `stale_after` for `staleAfter`: the word of podns.yaml. */
export function fileKey(key: Key): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `--stale-after`. */
export function flagName(key: Key): string {
  return `--${fileKey(key).replaceAll('_', '-')}`;
}

/** `PODNS_STALE_AFTER`. */
export function environmentName(key: Key): string {
  return `PODNS_${fileKey(key).toUpperCase()}`;
}
