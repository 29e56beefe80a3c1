/** The text of a pod's resolv.conf: nameservers, search list and options, each with its reason. */
import { isIPv4 } from 'node:net';
import { isLoopback } from '../dns/address.ts';
import type { Listen } from '../transport/listen.ts';
import type { ForwardPolicy, Pod } from '../model.ts';

export interface ResolvConfFacts {
  pod: Pod;
  /** The canonical suffix. */
  zone: string;
  /** In any order; all of them are reachable addresses. */
  servers: readonly Listen[];
  forward: ForwardPolicy;
}

const DNS_PORT = 53;
/** Resolvers ignore any more (resolv.conf(5), MAXNS). */
const SERVERS_MAX = 3;

/** False for a wildcard: a server listens on it, but no client can send to it. */
export function isReachable({ address }: Listen): boolean {
  return address !== '::' && address !== '0.0.0.0';
}

const OPTIONS = ['ndots:1', 'timeout:5', 'attempts:2'];

/** What resolvers read of the file, for programs; `remarks` holds what the text has as comments. */
export interface ResolvConf {
  vpc: string;
  namespace: string;
  pod: string;
  nameservers: { address: string; port: number; remarks: string[] }[];
  /** Addresses beyond the number that resolvers read. */
  leftOut: string[];
  search: string[];
  options: string[];
  remarks: string[];
}

export function resolvConf({ pod, zone, servers, forward }: ResolvConfFacts): ResolvConf {
  const { named, more } = nameservers(servers);
  const plain = (comments: string[]): string[] => comments.map((comment) => comment.replace(/^# /, ''));
  return {
    vpc: pod.vpc,
    namespace: pod.namespace,
    pod: pod.name,
    nameservers: named.map((server) => ({
      address: server.address,
      port: server.port,
      remarks: plain(remarks(server)),
    })),
    leftOut: more.map(({ address }) => address),
    search: [`${pod.namespace}.${zone}`],
    options: OPTIONS,
    remarks: plain(outsideRemarks(forward)),
  };
}

/** The content of the file, with a final line end. */
export function resolvConfText({ pod, zone, servers, forward }: ResolvConfFacts): string {
  const { named, more } = nameservers(servers);
  const lines = [
    `# resolv.conf of pod ${pod.namespace}/${pod.name} in VPC ${pod.vpc}`,
    '',
    '# IPv6 first: it is the network of the VPC, and resolvers ask nameservers in this order.',
    ...named.flatMap((server) => [...remarks(server), `nameserver ${server.address}`]),
    ...more.map(({ address }) => `# Left out, because resolvers read only ${SERVERS_MAX}: ${address}`),
    ...outsideRemarks(forward),
    '',
    '# Resolvers first append this to a name without a dot, so that one query is enough. Do not add domains of the',
    '# host: each of them costs one more query for every name that does not exist.',
    `search ${pod.namespace}.${zone}`,
    '',
    '# ndots:1: resolvers first ask for a name with a dot, such as app.shop or www.example.com, as it is.',
    '# timeout and attempts: the usual values, written out so that no other default applies. podns gives up on',
    '# upstreams after 4 seconds, before a resolver repeats its query.',
    `options ${OPTIONS.join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** IPv6 first, the DNS port before others, each address once. */
function nameservers(servers: readonly Listen[]): { named: Listen[]; more: Listen[] } {
  const rank = ({ address, port }: Listen): number => (isIPv4(address) ? 2 : 0) + (port === DNS_PORT ? 0 : 1);
  const sorted = [...servers].sort((a, b) => rank(a) - rank(b));
  const once = sorted.filter(
    (server, i) => sorted.findIndex(({ address }) => address === server.address) === i,
  );
  return { named: once.slice(0, SERVERS_MAX), more: once.slice(SERVERS_MAX) };
}

function remarks({ address, port }: Listen): string[] {
  const found: string[] = [];
  if (port !== DNS_PORT)
    found.push(
      `# podns listens on port ${port} there, but resolv.conf cannot name a port: redirect port 53 to it.`,
    );
  if (isLoopback(address))
    found.push(
      '# A loopback address belongs to one network namespace: this one works only where podns runs.',
    );
  if (address.includes('%')) found.push('# The interface after % must have this name inside the pod.');
  return found;
}

function outsideRemarks(forward: ForwardPolicy): string[] {
  if (forward !== 'refuse') return [];
  return ['# podns refuses outside names (forward: refuse): add a second nameserver for them below.'];
}
