/** In which order a program tries addresses: the rules of RFC 6724 section 6, with the tables that resolvers have. */
import { parseAddress } from '../dns/address.ts';
import { commonBits, parsePrefix, sharesPrefix } from '../trie/prefix.ts';

interface PolicyRow {
  bits: number;
  octets: Uint8Array;
  precedence: number;
  label: number;
}

export type Policy = readonly PolicyRow[];

function table(rows: readonly [string, number, number][]): Policy {
  return rows
    .map(([text, precedence, label]) => ({ ...parsePrefix(text)!, precedence, label }))
    .sort((a, b) => b.bits - a.bits);
}

/** RFC 6724 section 2.1: unique-local IPv6 stands below IPv4. */
export const RFC6724 = table([
  ['::1/128', 50, 0],
  ['::/0', 40, 1],
  ['0.0.0.0/0', 35, 4],
  ['2002::/16', 30, 2],
  ['2001::/32', 5, 5],
  ['fc00::/7', 3, 13],
  ['::/96', 1, 3],
  ['fec0::/10', 1, 11],
]);

/** What glibc has built in: RFC 3484's precedences, in which unique-local addresses are like any IPv6. */
export const GLIBC = table([
  ['::1/128', 50, 0],
  ['::/0', 40, 1],
  ['2002::/16', 30, 2],
  ['::/96', 20, 3],
  ['0.0.0.0/0', 10, 4],
  ['fec0::/10', 40, 5],
  ['fc00::/7', 40, 6],
  ['2001::/32', 40, 7],
]);

interface Destination {
  address: string;
  octets: Uint8Array;
  is4: boolean;
  /** What would be sent from; undefined where there is nothing of its family. */
  source: Uint8Array | undefined;
}

/** The addresses in the order in which they are tried from a host with these addresses of its own. */
export function sortDestinations(
  addresses: readonly string[],
  sources: readonly string[],
  policy: Policy,
): string[] {
  const own = sources.map(octetsOf);
  const all = addresses.map((address): Destination => {
    const octets = octetsOf(address);
    const is4 = !address.includes(':');
    return { address, octets, is4, source: sourceFor(octets, is4, own) };
  });
  // Rule 10: what no rule tells apart stays as it came.
  return all.sort((a, b) => compare(a, b, policy)).map(({ address }) => address);
}

function octetsOf(address: string): Uint8Array {
  const octets = new Uint8Array(16);
  parseAddress(address, octets, 0);
  return octets;
}

/** Of its family the one with the longest common prefix (RFC 6724 section 5, rule 8); the loopback has its own. */
function sourceFor(octets: Uint8Array, is4: boolean, own: readonly Uint8Array[]): Uint8Array | undefined {
  if (isLoopback(octets, is4)) return octets;
  let best: Uint8Array | undefined;
  for (const one of own) {
    if (isMapped(one) !== is4) continue;
    if (best === undefined || common(one, octets) > common(best, octets)) best = one;
  }
  return best;
}

function compare(a: Destination, b: Destination, policy: Policy): number {
  // Rule 1: what cannot be sent to goes last.
  if ((a.source === undefined) !== (b.source === undefined)) return a.source === undefined ? 1 : -1;
  // Rule 5: the label of the source is that of the destination.
  const one = rowOf(policy, a.octets);
  const other = rowOf(policy, b.octets);
  if (a.source !== undefined && b.source !== undefined) {
    const matchesA = rowOf(policy, a.source).label === one.label;
    const matchesB = rowOf(policy, b.source).label === other.label;
    if (matchesA !== matchesB) return matchesA ? -1 : 1;
  }
  // Rule 6.
  if (one.precedence !== other.precedence) return other.precedence - one.precedence;
  // Rule 9, where resolvers agree on it: between two IPv6 addresses.
  if (a.is4 || b.is4 || a.source === undefined || b.source === undefined) return 0;
  return common(b.octets, b.source) - common(a.octets, a.source);
}

function rowOf(policy: Policy, octets: Uint8Array): PolicyRow {
  return policy.find((row) => sharesPrefix(row.octets, 0, octets, 0, row.bits))!;
}

function isMapped(octets: Uint8Array): boolean {
  return sharesPrefix(MAPPED, 0, octets, 0, 96);
}

const MAPPED = octetsOf('0.0.0.0');

function isLoopback(octets: Uint8Array, is4: boolean): boolean {
  return is4 ? octets[12] === 127 : octets.every((octet, i) => octet === (i === 15 ? 1 : 0));
}

function common(a: Uint8Array, b: Uint8Array): number {
  return commonBits(a, 0, b, 0, 128);
}
