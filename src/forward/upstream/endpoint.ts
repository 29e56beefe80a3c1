/**
 * The address of an upstream, read from `ADDR`, `ADDR:PORT` or `[v6%scope]:port` and written in one canonical form.
 */
import { format4, format6, isMapped, parse4, parse6 } from '../../dns/address.ts';

export interface Endpoint {
  /** Canonical: `192.0.2.1:53`, `[2001:db8::1]:53`, `[fe80::1%eth0]:53`. Equal endpoints have equal texts. */
  text: string;
  /** Without brackets, with its scope. IPv4 in IPv6 clothes stands here as IPv4. */
  address: string;
  port: number;
  family: 4 | 6;
}

/** Text that is not an upstream; the message tells why. */
export class EndpointError extends Error {
  override name = 'EndpointError';
}

export const DNS_PORT = 53;

const scratch = new Uint8Array(16);

/**
 * Reads an upstream. Port 53 where none is given. An unspecified address means this host, as in resolv.conf.
 * @throws EndpointError
 */
export function parseEndpoint(text: string): Endpoint {
  const { host, port } = split(text.trim(), text);
  return makeEndpoint(host, portOf(port, text), text);
}

/** An address alone, maybe with a scope. @throws EndpointError */
export function makeEndpoint(host: string, port: number, text = host): Endpoint {
  const value = parse4(host);
  if (value >= 0) return endpoint4(value, port, text);
  const percent = host.indexOf('%');
  const bare = percent < 0 ? host : host.slice(0, percent);
  const scope = percent < 0 ? '' : host.slice(percent);
  if (!parse6(bare, scratch, 0)) {
    throw new EndpointError(`"${text}": "${host}" is not an IP address (host names are not looked up)`);
  }
  // A slash or a space is in no interface's name, and 15 octets are its longest (IFNAMSIZ).
  if (percent >= 0 && !/^%[^\s/%[\]]{1,15}$/.test(scope)) {
    throw new EndpointError(`"${text}": "${scope.slice(1)}" is not the name of an interface`);
  }
  if (isMapped(scratch, 0)) {
    const quad = (scratch[12] << 24) | (scratch[13] << 16) | (scratch[14] << 8) | scratch[15];
    return endpoint4(quad >>> 0, port, text);
  }
  if (scratch[0] === 0xff) throw new EndpointError(`"${text}": a multicast address is no upstream`);
  if (scratch.every((octet) => octet === 0)) scratch[15] = 1;
  const address = format6(scratch, 0) + scope;
  return { text: `[${address}]:${port}`, address, port, family: 6 };
}

function endpoint4(value: number, port: number, text: string): Endpoint {
  if (value >>> 28 >= 14) {
    throw new EndpointError(`"${text}": a multicast or reserved address is no upstream`);
  }
  const address = format4(value === 0 ? 0x7f000001 : value);
  return { text: `${address}:${port}`, address, port, family: 4 };
}

function split(text: string, whole: string): { host: string; port: string | undefined } {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) throw new EndpointError(`"${whole}": "[" without "]"`);
    const rest = text.slice(end + 1);
    if (rest !== '' && !rest.startsWith(':')) {
      throw new EndpointError(`"${whole}": "${rest}" behind "]"; expected ":" and a port`);
    }
    const host = text.slice(1, end);
    if (!host.includes(':')) throw new EndpointError(`"${whole}": only IPv6 addresses stand in brackets`);
    return { host, port: rest === '' ? undefined : rest.slice(1) };
  }
  const colon = text.indexOf(':');
  // Two colons and no brackets: an IPv6 address, all of it.
  if (colon < 0 || text.indexOf(':', colon + 1) >= 0) return { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

function portOf(port: string | undefined, text: string): number {
  if (port === undefined) return DNS_PORT;
  const value = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0;
  if (value < 1 || value > 65535) throw new EndpointError(`"${text}": "${port}" is not a port (1 to 65535)`);
  return value;
}
