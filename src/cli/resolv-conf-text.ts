/** The text of a pod's resolv.conf: nameservers, search list and options, and why they are as they are. */
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
/** More are ignored by every resolver (resolv.conf(5), MAXNS). */
const SERVERS_MAX = 3;

/** False for a wildcard, which is where a server listens and no address of it. */
export function isReachable({ address }: Listen): boolean {
  return address !== '::' && address !== '0.0.0.0';
}

/** The file, its last line ended. */
export function resolvConfText({ pod, zone, servers, forward }: ResolvConfFacts): string {
  const { named, more } = nameservers(servers);
  const lines = [
    `# resolv.conf of pod ${pod.namespace}/${pod.name} in VPC ${pod.vpc}`,
    '',
    '# IPv6 first: it is the network of the VPC, and nameservers are asked in this order.',
    ...named.flatMap((server) => [...remarks(server), `nameserver ${server.address}`]),
    ...more.map(({ address }) => `# Left out, for resolvers read only ${SERVERS_MAX}: ${address}`),
    ...outsideRemarks(forward),
    '',
    '# Resolvers put this behind a name without a dot before anything else: one question, one answer. Domains of',
    '# the host do not belong here: each is one more question for every name that is missing.',
    `search ${pod.namespace}.${zone}`,
    '',
    '# ndots:1: a name with a dot, app.shop or www.example.com, is asked as it stands first, by one question.',
    '# timeout and attempts: the usual ones, said so that nothing else decides. podns gives up on upstreams after',
    '# 4 seconds, which is before a question would be repeated.',
    'options ndots:1 timeout:5 attempts:2',
  ];
  return `${lines.join('\n')}\n`;
}

/** IPv6 first, those on the port of DNS before others, each address once. */
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
    found.push(`# podns listens on port ${port} there. No resolv.conf can say a port: lead port 53 to it.`);
  if (isLoopback(address))
    found.push(
      '# A loopback address is another one in every network namespace: right only where podns runs.',
    );
  if (address.includes('%')) found.push('# The interface behind % must bear this name inside of the pod.');
  return found;
}

function outsideRemarks(forward: ForwardPolicy): string[] {
  if (forward !== 'refuse') return [];
  return ['# Outside names are refused (forward: refuse): a second nameserver, for those, belongs behind.'];
}
