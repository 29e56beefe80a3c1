/** Tells which upstreams are our own listeners: asking those would ask ourselves. */
import { networkInterfaces } from 'node:os';
import { isLoopback } from '../../dns/address.ts';
import { makeEndpoint } from '../upstream/endpoint.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** What of a listener counts here; `address` without brackets, maybe with a scope. */
export interface OwnListener {
  address: string;
  port: number;
}

/** Every address of this host, scopes included. */
export type LocalAddresses = () => string[];

export const systemAddresses: LocalAddresses = () =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address)),
  );

/** Takes out what leads to one of `listeners`: by address and port, in any spelling, wildcards included. */
export function withoutOwn(
  endpoints: readonly Endpoint[],
  listeners: readonly OwnListener[],
  localAddresses: LocalAddresses = systemAddresses,
): { others: Endpoint[]; own: Endpoint[] } {
  const exact = new Set<string>();
  const wildcards: { family: 4 | 6; port: number }[] = [];
  for (const { address, port } of listeners) {
    if (address === '0.0.0.0') wildcards.push({ family: 4, port });
    // Transports bind it for IPv6 alone, so an IPv4 resolver of the host may well have the same port.
    else if (address === '::') wildcards.push({ family: 6, port });
    else exact.add(canonical(address, port));
  }
  const isLocal = localBy(localAddresses);
  const others: Endpoint[] = [];
  const own: Endpoint[] = [];
  for (const endpoint of endpoints) {
    const behindWildcard = wildcards.some(
      ({ family, port }) => family === endpoint.family && port === endpoint.port,
    );
    const ours = exact.has(endpoint.text) || (behindWildcard && isLocal(endpoint));
    (ours ? own : others).push(endpoint);
  }
  return { others, own };
}

/** Tells which upstreams are on this host; its addresses are read at most once, and only where needed. */
function localBy(localAddresses: LocalAddresses): (endpoint: Endpoint) => boolean {
  let local: Set<string> | undefined;
  return ({ address }) => {
    if (isLoopback(address)) return true;
    local ??= new Set(localAddresses().map((own) => canonical(own, 0)));
    return local.has(canonical(address, 0));
  };
}

/** Takes out what leads to this host or, by a link-local address, to its link. */
export function withoutLocal(
  endpoints: readonly Endpoint[],
  localAddresses: LocalAddresses,
): { others: Endpoint[]; local: Endpoint[] } {
  const isLocal = localBy(localAddresses);
  const others: Endpoint[] = [];
  const local: Endpoint[] = [];
  for (const endpoint of endpoints) {
    (isLinkLocal(endpoint.address) || isLocal(endpoint) ? local : others).push(endpoint);
  }
  return { others, local };
}

/** Listeners are validated before, so what does not parse is no address of ours. */
function canonical(address: string, port: number): string {
  try {
    return makeEndpoint(address, port).text;
  } catch {
    return '';
  }
}

/** True when what is sent from one address may come from who listens on the other: a host has many on its loopback. */
export function isSameHost(one: string, other: string): boolean {
  return one === other || (isLoopback(one) && isLoopback(other));
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/.test(address);
}
