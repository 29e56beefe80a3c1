/** Every setting of podns in one table: what it takes, its default, and what it is for. */
import { hostname } from 'node:os';
import type { z } from 'zod';
import { LIMITS } from './limit-settings.ts';
import { SECOND, setting } from './setting.ts';
import * as value from './values.ts';

export type { Group, Setting } from './setting.ts';

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
    'address and port to answer on, and the VPC and namespace of the clients there; default: 127.0.0.1:5300 and [::1]:5300',
    many,
  ),
  dockerListen: setting(
    'Serving',
    undefined,
    value.flag,
    false,
    'listen on port 53 of the gateway of every network of the container engines, too, as networks come and go',
  ),
  workers: setting(
    'Serving',
    'N',
    value.integer(0, 64),
    1,
    'threads that answer UDP, for all listeners together; with 0 the main thread answers',
  ),
  admin: setting(
    'Serving',
    'ADDR:PORT|unix:PATH|off',
    value.adminBind,
    '127.0.0.1:9153',
    'where podns serves status, lists, the watch stream, metrics and health over HTTP',
  ),
  adminToken: setting(
    'Serving',
    'TOKEN',
    value.text,
    '',
    'bearer token for the admin listener; required unless its address is a loopback address',
  ),
  adminTokenFile: setting(
    'Serving',
    'FILE',
    value.text,
    '',
    'file with that token, where admin_token is not given; podns reads it at the start and at SIGHUP',
    file,
  ),
  takeoverSocket: setting(
    'Serving',
    'FILE',
    value.text,
    '',
    'unix socket by which `serve --takeover` of the same user takes the place of this process; default: takeover.sock in the state folder, else one in the folder of the user for the admin address',
    file,
  ),
  takeoverDrain: setting(
    'Serving',
    'DURATION',
    value.duration,
    60 * SECOND,
    'time for which a process that was taken over from serves its open TCP connections',
  ),
  takeoverPatience: setting(
    'Serving',
    'DURATION',
    value.duration,
    30 * SECOND,
    'time for which a process that takes over waits for sources that the running one does not have; then it gives up',
  ),
  adminHosts: setting(
    'Serving',
    'NAME',
    value.list(value.domain),
    [],
    'further names that podns accepts in the Host header of an admin request',
    many,
  ),
  logLevel: setting(
    'Serving',
    'debug|info|warn|error|silent',
    value.word('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'minimum level that is logged, on standard error',
  ),
  record: setting(
    'Serving',
    'off|failures|all',
    value.word('off', 'failures', 'all'),
    'failures',
    'which answers podns keeps for `podns log`; failures are SERVFAIL, REFUSED, and NXDOMAIN of names without a dot',
  ),
  recordSize: setting(
    'Serving',
    'SIZE',
    value.size,
    4 * MIB,
    'memory for kept answers, per thread; 4MiB keep the last 16 of 900 clients',
  ),
  logQueries: setting(
    'Serving',
    'SHARE',
    value.share,
    0,
    'share of the answers that podns logs, one JSON line each, from 0 to 1; at most 5,000 lines per second and thread',
  ),
  logFormat: setting(
    'Serving',
    'auto|text|json',
    value.word('auto', 'text', 'json'),
    'auto',
    'log lines for people, or one JSON object a line; auto: for people on a terminal',
  ),
  user: setting(
    'Serving',
    'NAME[:GROUP]',
    value.text,
    '',
    'user that podns becomes once its sockets are bound; only root can do so',
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
    'folder for the saved view, which podns serves after a restart until the sources have delivered; mode 0700',
    file,
  ),

  zones: setting(
    'Sources',
    'DIR',
    value.list(value.text),
    [],
    'folder of zone files, with one YAML document per VPC',
    paths,
  ),
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
    'file with the bearer token for watch streams; podns reads it again at each connection',
    file,
  ),
  watchCaFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    "authorities that must have signed the certificates of watch streams (PEM); default: the system's",
    file,
  ),
  watchCertFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    'client certificate for watch streams (PEM)',
    file,
  ),
  watchKeyFile: setting('Sources', 'FILE', value.text, '', 'private key of that certificate (PEM)', file),
  etcd: setting(
    'Sources',
    'URL',
    value.list(value.text),
    [],
    'etcd v3 endpoint; name one for each member',
    many,
  ),
  etcdPrefix: setting('Sources', 'KEY', value.text, '/podns/', 'prefix of the keys in etcd'),
  etcdUser: setting('Sources', 'NAME', value.text, '', 'etcd user'),
  etcdPasswordFile: setting(
    'Sources',
    'FILE',
    value.text,
    '',
    "file with the etcd user's password; podns reads it again for each token",
    file,
  ),
  etcdCaFile: setting('Sources', 'FILE', value.text, '', 'like `watch_ca_file`, for etcd', file),
  etcdCertFile: setting('Sources', 'FILE', value.text, '', 'client certificate for etcd (PEM)', file),
  etcdKeyFile: setting('Sources', 'FILE', value.text, '', 'private key of that certificate (PEM)', file),
  kraud: setting(
    'Sources',
    undefined,
    value.list(value.kraudSource),
    [],
    'stream in the format of kraud.cloud: `{ url, vpc, net6, services6 }`; it uses the token and certificates of watch streams',
  ),
  docker: setting(
    'Sources',
    'SOCKET',
    value.engines,
    [],
    'socket of a Docker or Podman engine, a VPC called docker; default of the flag without a value: /var/run/docker.sock; in a file also `{ socket, vpc, network, vpcs }`',
    { many: true, implied: '/var/run/docker.sock' },
  ),
  vpc: setting(
    'Sources',
    'NAME',
    value.list(value.vpcName),
    [],
    'take only these VPCs from the sources',
    many,
  ),

  zone: setting(
    'Answers',
    'SUFFIX',
    value.domain,
    'vpc.internal',
    'canonical suffix, below which every name can be written in full',
  ),
  suffixes: setting(
    'Answers',
    'SUFFIX[=flat]',
    value.list(value.suffix),
    [],
    "further suffixes; with `SUFFIX=flat`, x.SUFFIX means x in the client's own namespace (`{ name, flat: true }` in a file)",
    many,
  ),
  ttl: setting('Answers', 'SECONDS', value.seconds, 1, 'TTL of positive answers'),
  negativeTtl: setting('Answers', 'SECONDS', value.seconds, 1, 'TTL and SOA minimum of negative answers'),
  aRecords: setting(
    'Answers',
    'pinned|all|none',
    value.word('pinned', 'all', 'none'),
    'pinned',
    'which overlay addresses podns gives as A records',
  ),
  nodeName: setting(
    'Answers',
    'NAME',
    value.text,
    hostname(),
    'name of this node, which podns sends as NSID and id.server',
  ),
  chaos: setting(
    'Answers',
    'true|false',
    value.flag,
    true,
    'whether podns answers version.bind and id.server in class CH',
  ),

  clients: setting(
    'Clients',
    undefined,
    value.list(value.clientRule),
    [],
    'VPC and namespace of clients that are not pods, such as the host and routers: `{ from: PREFIX, vpc, namespace }`',
  ),

  forward: setting(
    'Outside names',
    'on|off|refuse|SUFFIX,…',
    value.forwardPolicy,
    'on',
    'what happens to outside names of a VPC without a `forward` of its own',
  ),
  upstreams: setting(
    'Outside names',
    'ADDR:PORT',
    value.list(value.endpoint),
    [],
    "resolvers for outside names, tried in order; default: those of the host's resolv.conf",
    many,
  ),
  routes: setting(
    'Outside names',
    'SUFFIX=ADDR:PORT,…',
    value.routes,
    {},
    'resolvers for the names at and below a suffix, instead of all others; with an empty list these names do not exist',
    many,
  ),
  hosts: setting(
    'Outside names',
    'NAME=ADDR,…',
    value.hosts,
    {},
    'addresses of names that no pod and no service has',
    many,
  ),
  localUpstreams: setting(
    'Outside names',
    'true|false',
    value.flag,
    true,
    'whether a VPC may name addresses of this host as its upstreams',
  ),
  resolvConf: setting(
    'Outside names',
    'FILE',
    value.text,
    '/etc/resolv.conf',
    'file that names the resolvers of the host; podns reads it again when it changes',
  ),
  cacheSize: setting(
    'Outside names',
    'SIZE',
    value.size,
    16 * MIB,
    'memory for cached outside answers; 0 turns the cache off',
  ),
  serveStale: setting(
    'Outside names',
    'DURATION',
    value.duration,
    24 * HOUR,
    'how long podns may still give an expired outside answer when no upstream answers',
  ),
  forwardQueries: setting(
    'Outside names',
    'N',
    value.integer(1),
    1024,
    'maximum number of outside queries in flight',
  ),
  forwardClient: setting(
    'Outside names',
    'N',
    value.integer(1),
    128,
    'maximum number of outside queries in flight per source address',
  ),
  upstreamRate: setting(
    'Outside names',
    'N',
    value.integer(0),
    900,
    'maximum number of queries per second to one upstream that is not on this host, shared fairly between VPCs and clients; 0: no maximum',
  ),
  staleAfter: setting(
    'Time',
    'DURATION',
    value.duration,
    30 * SECOND,
    'time after the loss of a source until its answers are marked stale',
  ),
  snapshotMaxAge: setting(
    'Time',
    'DURATION',
    value.duration,
    HOUR,
    'age from which a saved view no longer identifies clients by their IPv4 address',
  ),
  shrinkGuard: setting(
    'Time',
    'true|false',
    value.flag,
    true,
    'whether a whole list that takes away more than half of a VPC of 20 pods or more is held for 60 s',
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
    'how long a query of an unknown pod waits for the event that announces the pod',
  ),
  podGrace: setting(
    'Time',
    'DURATION',
    value.duration,
    5 * SECOND,
    'time after which a pod that is still unknown gets NXDOMAIN instead of SERVFAIL',
  ),

  ...LIMITS,
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
