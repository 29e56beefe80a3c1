/** Addresses and prefixes as authors write them: makes them canonical, or gives the reason why one is invalid. */
import { format4, format6, isMapped, parse4, parse6 } from '../../dns/address.ts';
import { quote } from './names.ts';

const scratch = new Uint8Array(16);

/** The length of the address part, if a legal prefix length up to `max` or nothing follows; else -1. */
function addressLength(text: string, max: number): number {
  const slash = text.indexOf('/');
  if (slash === -1) return text.length;
  return lengthOf(text.slice(slash + 1), max) === -1 ? -1 : slash;
}

function lengthOf(text: string, max: number): number {
  if (!/^(0|[1-9]\d{0,2})$/.test(text)) return -1;
  const length = Number(text);
  return length <= max ? length : -1;
}

/** An IPv4 address of a pod as dotted quad, without a prefix length; undefined if it is invalid or unusable. */
export function podAddress4(text: string): string | undefined {
  const end = addressLength(text, 32);
  if (end === -1) return undefined;
  const bare = end === text.length ? text : text.slice(0, end);
  const address = parse4(bare);
  return address === -1 || unusable4(address) !== undefined ? undefined : format4(address);
}

/** An IPv6 address of a pod as RFC 5952 text, without a prefix length; undefined if it is invalid or unusable. */
export function podAddress6(text: string): string | undefined {
  const end = addressLength(text, 128);
  if (end === -1) return undefined;
  const bare = end === text.length ? text : text.slice(0, end);
  if (!parse6(bare, scratch, 0) || unusable6() !== undefined) return undefined;
  return isPlainCanonical(bare) ? bare : format6(scratch, 0);
}

/**
 * True for most addresses that have RFC 5952 form already: only the one `::` stands for zero groups, for two or
 * more of them. `text` must be an address.
 */
function isPlainCanonical(text: string): boolean {
  let groups = 1;
  let compressed = false;
  let previous = 0x3a;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3a) {
      if (previous === 0x3a) {
        if (i === 0) return false;
        compressed = true;
      } else groups++;
    } else if (code === 0x30) {
      if (previous === 0x3a) return false;
    } else if (code < 0x30 || code > 0x66 || (code > 0x39 && code < 0x61)) return false;
    previous = code;
  }
  return compressed ? previous !== 0x3a && groups <= 6 : true;
}

function unusable4(address: number): string | undefined {
  const first = address >>> 24;
  if (address === 0) return 'is the unspecified address';
  if (first === 127) return 'is a loopback address';
  if (first >= 224 && first < 240) return 'is a multicast address';
  if (address >>> 0 === 0xffffffff) return 'is the broadcast address';
  return undefined;
}

/** Why the address in `scratch` is unusable, else undefined. */
function unusable6(): string | undefined {
  if (scratch[0] === 0xff) return 'is a multicast address';
  if (scratch[0] !== 0) return undefined;
  for (let i = 1; i < 10; i++) if (scratch[i] !== 0) return undefined;
  if (scratch[10] === 0xff && scratch[11] === 0xff)
    return 'is an IPv4-mapped address: write an IPv4 address as ip4 of an overlay';
  for (let i = 10; i < 15; i++) if (scratch[i] !== 0) return undefined;
  if (scratch[15] === 0) return 'is the unspecified address';
  return scratch[15] === 1 ? 'is a loopback address' : undefined;
}

/** Why `podAddress4` has returned undefined. */
export function whyNotPodAddress4(text: string): string {
  const bare = text.split('/', 1)[0]!;
  const address = parse4(bare);
  if (address === -1) return `${quote(text)} is not an IPv4 address`;
  if (addressLength(text, 32) === -1) return `${quote(text)}: the prefix length must be 0 to 32`;
  return `${quote(text)} ${unusable4(address) ?? 'is not usable'}`;
}

/** Why `podAddress6` has returned undefined. */
export function whyNotPodAddress6(text: string): string {
  const bare = text.split('/', 1)[0]!;
  if (!parse6(bare, scratch, 0)) return `${quote(text)} is not an IPv6 address`;
  const reason = unusable6();
  if (addressLength(text, 128) === -1) return `${quote(text)}: the prefix length must be 0 to 128`;
  return `${quote(text)} ${reason ?? 'is not usable'}`;
}

/** Any address of a host, `0.0.0.0` included, as canonical text; undefined if it is invalid. */
export function hostAddress(text: string): string | undefined {
  const address = parse4(text);
  if (address !== -1) return format4(address);
  return parse6(text, scratch, 0) && !isMapped(scratch, 0) ? format6(scratch, 0) : undefined;
}

/** Why `hostAddress` has returned undefined. */
export function whyNotHostAddress(text: string): string {
  if (parse6(text, scratch, 0)) return `${quote(text)} is an IPv4-mapped address: write the IPv4 address`;
  return `${quote(text)} is not an IP address`;
}

/** An IPv4 prefix with its host bits cleared; undefined if it is invalid. */
export function prefix4(text: string): string | undefined {
  const slash = text.indexOf('/');
  if (slash === -1 || lengthOf(text.slice(slash + 1), 32) === -1) return undefined;
  if (parse4(text.slice(0, slash)) === -1) return undefined;
  const length = Number(text.slice(slash + 1));
  const mask = length === 0 ? 0 : -1 << (32 - length);
  return `${format4(parse4(text.slice(0, slash)) & mask)}/${length}`;
}

/** An IPv6 prefix with its host bits cleared; undefined if it is invalid or unusable. */
export function prefix6(text: string): string | undefined {
  const slash = text.indexOf('/');
  if (slash === -1 || lengthOf(text.slice(slash + 1), 128) === -1) return undefined;
  if (!parse6(text.slice(0, slash), scratch, 0) || unusablePrefix6(text) !== undefined) return undefined;
  const length = Number(text.slice(slash + 1));
  for (let i = length >> 3; i < 16; i++) scratch[i]! &= i === length >> 3 ? 0xff00 >> (length & 7) : 0;
  return `${format6(scratch, 0)}/${length}`;
}

/** Why the prefix of `text` is unusable; its address is in `scratch`. */
function unusablePrefix6(text: string): string | undefined {
  const length = Number(text.slice(text.indexOf('/') + 1));
  if (length >= 8 && scratch[0] === 0xff) return 'is multicast';
  return length >= 96 ? unusable6() : undefined;
}

/** Why `prefix4` has returned undefined. */
export function whyNotPrefix4(text: string): string {
  const slash = text.indexOf('/');
  if (parse4(slash === -1 ? text : text.slice(0, slash)) === -1)
    return `${quote(text)} is not an IPv4 prefix`;
  if (slash === -1) return `${quote(text)} needs a prefix length, as in 10.0.0.0/23`;
  return `${quote(text)}: the prefix length must be 0 to 32`;
}

/** Why `prefix6` has returned undefined. */
export function whyNotPrefix6(text: string): string {
  const slash = text.indexOf('/');
  if (!parse6(slash === -1 ? text : text.slice(0, slash), scratch, 0))
    return `${quote(text)} is not an IPv6 prefix`;
  if (slash === -1) return `${quote(text)} needs a prefix length, as in fd00::/64`;
  if (lengthOf(text.slice(slash + 1), 128) === -1)
    return `${quote(text)}: the prefix length must be 0 to 128`;
  return `${quote(text)} ${unusablePrefix6(text) ?? 'is not usable'}`;
}

/** `1.2.3.4`, `1.2.3.4:53`, `[fe80::1%eth0]:53`, `[2001:db8::1]`, `2001:db8::1`. */
const UPSTREAM =
  /^(?:([^:[\]]+)|\[([^[\]%]+)(%[\w.-]+)?\]|([^:[\]%]*:[^[\]%]*:[^[\]%]*)(%[\w.-]+)?$)(?::(\d{1,5}))?$/;

/**
 * Address and port of an upstream, `192.0.2.1:53` or `[2001:db8::1]:53`, with a scope as written
 * (`[fe80::1%eth0]:53`); the default port is 53. Undefined if the text is invalid.
 */
export function upstream(text: string): string | undefined {
  const match = UPSTREAM.exec(text);
  if (match === null) return undefined;
  const port = match[6] === undefined ? 53 : Number(match[6]);
  if (port < 1 || port > 65535) return undefined;
  if (match[1] !== undefined) {
    const address = parse4(match[1]);
    return address === -1 ? undefined : `${format4(address)}:${port}`;
  }
  if (!parse6((match[2] ?? match[4])!, scratch, 0)) return undefined;
  return `[${format6(scratch, 0)}${match[3] ?? match[5] ?? ''}]:${port}`;
}

/** Why `upstream` has returned undefined. */
export function whyNotUpstream(text: string): string {
  return `${quote(text)} is not an address and port, as in 192.0.2.53:53 or [2001:db8::53]:53`;
}
