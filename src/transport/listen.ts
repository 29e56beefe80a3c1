/** Reads and writes the text of a listener, `ADDR:PORT[@vpc[/namespace]]`. */
import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Where to listen, and who its clients are. */
export interface Listen {
  /** Without brackets, canonical (RFC 5952), with its scope: `::1`, `0.0.0.0`, `fe80::1%eth0`. */
  address: string;
  /** 0: the system chooses. */
  port: number;
  /** '' when the text names no VPC. Folded to lower-case. */
  vpc: string;
  /** '' when the scope is a whole VPC. Folded to lower-case. */
  namespace: string;
}

/** The text of a listener is not understood; `reason` says why and what to write instead. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly text: string;
  readonly reason: string;

  constructor(text: string, reason: string) {
    super(`listener "${text}": ${reason}`);
    this.text = text;
    this.reason = reason;
  }
}

/** What an error suggests where a part is missing. */
export interface Usual {
  port: number;
  /** The whole form, with examples. */
  shape: string;
}

const LISTENER: Usual = {
  port: 53,
  shape: 'expected ADDR:PORT[@vpc[/namespace]], such as 127.0.0.1:5300@aep/nextcloud or [::1]:53',
};

/**
 * Parses the text of a listener. Throws ListenError. Names are not resolved: the address must be numeric. `usual`: for
 * addresses of other things than listeners.
 */
export function parseListen(text: string, usual = LISTENER): Listen {
  const at = text.indexOf('@');
  const endpoint = at < 0 ? text : text.slice(0, at);
  const { host, port } = splitEndpoint(text, endpoint, usual);
  const address = canonicalAddress(text, host, endpoint.startsWith('['), usual);
  const listen: Listen = { address, port: parsePort(text, port), vpc: '', namespace: '' };
  if (at < 0) return listen;
  const scope = text.slice(at + 1).split('/');
  if (scope.length > 2)
    throw new ListenError(text, 'more than one "/" in the scope; expected @vpc/namespace');
  listen.vpc = parseLabel(text, scope[0]!, 'VPC');
  if (scope.length === 2) listen.namespace = parseLabel(text, scope[1]!, 'namespace');
  return listen;
}

/** The canonical text of a listener; `parseListen` reads it back to the same. */
export function formatListen(listen: Listen): string {
  const host = listen.address.includes(':') ? `[${listen.address}]` : listen.address;
  const scope =
    listen.vpc === '' ? '' : `@${listen.vpc}${listen.namespace === '' ? '' : `/${listen.namespace}`}`;
  return `${host}:${listen.port}${scope}`;
}

function splitEndpoint(text: string, endpoint: string, usual: Usual): { host: string; port: string } {
  if (endpoint === '') throw new ListenError(text, `no address; ${usual.shape}`);
  if (endpoint.startsWith('[')) {
    const end = endpoint.indexOf(']');
    if (end < 0) throw new ListenError(text, '"[" without "]"');
    const rest = endpoint.slice(end + 1);
    if (rest === '') throw new ListenError(text, `no port; write ${endpoint}:${usual.port}`);
    if (!rest.startsWith(':')) throw new ListenError(text, `"${rest}" behind "]"; expected ":" and a port`);
    return { host: endpoint.slice(1, end), port: rest.slice(1) };
  }
  const colon = endpoint.lastIndexOf(':');
  if (colon < 0) {
    const hint = isIPv4(endpoint) ? `no port; write ${endpoint}:${usual.port}` : `no port; ${usual.shape}`;
    throw new ListenError(text, hint);
  }
  const host = endpoint.slice(0, colon);
  const port = endpoint.slice(colon + 1);
  if (host === '' || host === '*') {
    // Two families are two listeners, each with its own socket and its own clients.
    throw new ListenError(text, `no address; for all of them write 0.0.0.0:${port} and [::]:${port}`);
  }
  if (host.includes(':')) {
    const whole = isIPv6(endpoint) ? `[${endpoint}]:${usual.port}` : `[${host}]:${port}`;
    throw new ListenError(text, `an IPv6 address stands in brackets, such as ${whole}`);
  }
  return { host, port };
}

function canonicalAddress(text: string, host: string, bracketed: boolean, usual: Usual): string {
  if (host === '') throw new ListenError(text, `no address; ${usual.shape}`);
  const percent = host.indexOf('%');
  const bare = percent < 0 ? host : host.slice(0, percent);
  const scope = percent < 0 ? '' : host.slice(percent + 1);
  const family = isIP(bare);
  if (family === 0) {
    throw new ListenError(text, `"${host}" is not an IP address (host names are not looked up)`);
  }
  if (family === 4) {
    if (percent >= 0) throw new ListenError(text, 'an IPv4 address has no scope');
    if (bracketed) throw new ListenError(text, `only IPv6 addresses stand in brackets; write ${bare}:PORT`);
    return bare;
  }
  const address = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const linkLocal = /^fe[89ab]/.test(address);
  if (address.startsWith('::ffff:') && address.includes('.')) {
    throw new ListenError(text, `IPv4 in IPv6 clothes; write ${address.slice(7)}:PORT`);
  }
  if (percent < 0) {
    if (linkLocal)
      throw new ListenError(text, `link-local: name its interface, such as [${address}%eth0]:PORT`);
    return address;
  }
  if (!linkLocal) throw new ListenError(text, `only link-local addresses have a scope ("%${scope}")`);
  // IFNAMSIZ is 16 with the final zero; a slash or a space is in no interface's name.
  if (!/^[^\s/%]{1,15}$/.test(scope))
    throw new ListenError(text, `"${scope}" is not the name of an interface`);
  return `${address}%${scope}`;
}

function parsePort(text: string, port: string): number {
  if (port === '') throw new ListenError(text, 'no port behind ":"');
  const value = /^[0-9]{1,5}$/.test(port) ? Number(port) : 65_536;
  if (value > 65_535) throw new ListenError(text, `"${port}" is not a port (0 to 65535)`);
  return value;
}

/** Names of VPCs and namespaces are one label: 1 to 63 octets without a dot. */
function parseLabel(text: string, label: string, what: string): string {
  if (label === '') throw new ListenError(text, `no ${what} behind "${what === 'VPC' ? '@' : '/'}"`);
  if (/[\s@]/.test(label)) throw new ListenError(text, `"${label}" is not the name of a ${what}`);
  if (label.includes('.')) throw new ListenError(text, `a ${what} is one label, "${label}" has a dot`);
  if (Buffer.byteLength(label) > 63) throw new ListenError(text, `the name of the ${what} exceeds 63 octets`);
  return label.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
