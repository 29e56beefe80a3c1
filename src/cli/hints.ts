/** What to type next: `dig` lines that the served data answers. */
import { isIPv4 } from 'node:net';
import type { Pod, Resource, Service } from '../model.ts';
import type { Listen } from '../transport/listen.ts';
import type { Config } from '../config/table.ts';

const HINTS = 3;

/** Words after `dig @ADDR -p PORT`, with what to expect. */
interface Hint {
  words: string;
  meaning: string;
}

export interface HintOptions {
  zone: string;
  aRecords: Config['aRecords'];
}

/**
 * Three lines for a scoped listener, and none for an unscoped one: it identifies clients by their address, so
 * no query from this host would work.
 */
export function digLines(resources: readonly Resource[], listen: Listen, options: HintOptions): string[] {
  if (listen.vpc === '') return [];
  const hints = hintsOf(resources, listen, options).slice(0, HINTS);
  const command = `dig @${reachable(listen.address)} -p ${listen.port}`;
  const width = Math.max(...hints.map(({ words }) => words.length));
  return hints.map(({ words, meaning }) => `${command} ${words.padEnd(width)}   # ${meaning}`);
}

/** The most helpful ones first; the last three work in any view. */
function hintsOf(resources: readonly Resource[], { vpc, namespace }: Listen, options: HintOptions): Hint[] {
  const { zone, aRecords } = options;
  const bearers = resources.filter(
    (resource): resource is Pod | Service =>
      (resource.kind === 'pod' || resource.kind === 'service') && resource.vpc === vpc,
  );
  const pods = bearers.filter((bearer) => bearer.kind === 'pod');
  const own = (bearer: Pod | Service): boolean => namespace !== '' && bearer.namespace === namespace;
  const inAll = (bearer: Pod | Service): string => `${bearer.name}.${bearer.namespace}.${zone}`;
  const hints: Hint[] = [];

  const near = pods.find((pod) => own(pod) && pod.ip6 !== undefined);
  if (near) hints.push({ words: `${near.name} AAAA`, meaning: `the pod ${near.name} of the same namespace` });
  const far = pods.find((pod) => !own(pod) && pod.ip6 !== undefined && !pod.name.includes('.'));
  if (far) {
    hints.push({
      words: `${far.name}.${far.namespace} AAAA`,
      meaning: `the pod ${far.name} of namespace ${far.namespace}`,
    });
  }
  const described = resources.find((resource) => resource.kind === 'vpc' && resource.name === vpc);
  const policy = (described?.kind === 'vpc' ? described.a_records : undefined) ?? aRecords;
  const served = new Set(bearers.filter(({ kind }) => kind === 'service').map(inAll));
  const pinned = pods.find(
    (pod) =>
      !served.has(inAll(pod)) && policy !== 'none' && pod.overlays.some((place) => place.ip4 && place.pinned),
  );
  if (pinned) {
    const name = own(pinned) ? pinned.name : inAll(pinned);
    hints.push({ words: `${name} A`, meaning: `the pinned overlay address of ${pinned.name}` });
  }
  const named = bearers.find((bearer) => bearer.ports.length > 0 && bearer.ip6 !== undefined);
  if (named) {
    const { name, protocol } = named.ports[0]!;
    hints.push({
      words: `_${name}._${protocol}.${inAll(named)} SRV`,
      meaning: `the port ${name} of ${named.name}`,
    });
  }
  const back = near ?? far;
  if (back) hints.push({ words: `-x ${back.ip6}`, meaning: 'the name that has this address' });
  return [
    ...hints,
    { words: `_whoami.${zone} TXT`, meaning: 'how the server identifies you' },
    { words: `${zone} SOA`, meaning: 'the start of authority' },
    { words: 'localhost AAAA', meaning: 'the loopback address' },
  ];
}

/** An address to send to: for a wildcard the loopback address. */
function reachable(address: string): string {
  if (address === '::') return '::1';
  return isIPv4(address) && address === '0.0.0.0' ? '127.0.0.1' : address;
}
