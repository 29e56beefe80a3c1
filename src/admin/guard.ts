/** Who may use the admin listener: checks the Host header against DNS rebinding, and the bearer token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../dns/address.ts';
import type { Bind } from './bind.ts';

/** Why a request is refused, as status and text. */
export type Refusal = { status: 401 | 403; text: string };

/** The name in a Host header without port and brackets, in lower case; '' if there is none. */
export function hostOf(header: string | undefined): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header ?? '');
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase().replace(/\.$/, '');
}

/**
 * Makes the check of one listener; it returns undefined for a request that may pass. The file mode protects a unix
 * socket, and no browser reaches it, so neither Host nor token is checked there.
 */
export function makeGuard(
  bind: Bind,
  token: () => string,
  hosts: readonly string[],
): (headers: IncomingHttpHeaders) => Refusal | undefined {
  if ('path' in bind) return () => undefined;
  const wildcard = bind.address === '0.0.0.0' || bind.address === '::';
  const known = new Set(hosts.map((host) => host.toLowerCase()));

  const hostIsKnown = (host: string): boolean => {
    if (host === 'localhost' || host.endsWith('.localhost') || known.has(host)) return true;
    // Rebinding needs a name: an address in the Host header is the one that the client really connected to.
    return isIP(host) !== 0 && (wildcard || host === bind.address || isLoopback(host));
  };
  return (headers) => {
    const host = hostOf(headers.host);
    if (!hostIsKnown(host)) {
      return {
        status: 403,
        text: `the Host header "${host}" does not name this server; admin_hosts can add a name`,
      };
    }
    const wanted = token();
    return wanted === '' ? undefined : tokenRefusal(headers.authorization, wanted);
  };
}

/** The name of the scheme may have any letter case (RFC 9110 section 11.1). */
function tokenRefusal(header: string | undefined, wanted: string): Refusal | undefined {
  const needed = 'this listener requires a token: Authorization: Bearer TOKEN';
  if (header === undefined || header === '') return { status: 401, text: needed };
  const given = /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (given === undefined) return { status: 401, text: `${needed}; the header has another form` };
  if (timingSafeEqual(digest(given), digest(wanted))) return undefined;
  return { status: 401, text: 'the token is not that of this listener' };
}

/** Gives the comparison equal lengths, whatever the client sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
