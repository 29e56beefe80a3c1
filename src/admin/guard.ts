/** Who may ask the admin listener: the Host header against DNS rebinding, and the bearer token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../dns/address.ts';
import type { Bind } from './bind.ts';

/** What is wrong with a request, as status and text; undefined when it may pass. */
export type Refusal = { status: 401 | 403; text: string };

/** The name of a Host header without its port and brackets, folded; '' when there is none. */
export function hostOf(header: string | undefined): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header ?? '');
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase().replace(/\.$/, '');
}

/**
 * Makes the check of one listener. A unix socket has its file mode for a guard: no browser gets there, so
 * neither Host nor token is looked at.
 */
export function makeGuard(
  bind: Bind,
  token: string,
  hosts: readonly string[],
): (headers: IncomingHttpHeaders) => Refusal | undefined {
  if ('path' in bind) return () => undefined;
  const wildcard = bind.address === '0.0.0.0' || bind.address === '::';
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  const wanted = token === '' ? undefined : digest(`Bearer ${token}`);

  const hostIsKnown = (host: string): boolean => {
    if (host === 'localhost' || host.endsWith('.localhost') || known.has(host)) return true;
    // Rebinding needs a name: an address in the Host header is what the client really connected to.
    return isIP(host) !== 0 && (wildcard || host === bind.address || isLoopback(host));
  };
  return (headers) => {
    const host = hostOf(headers.host);
    if (!hostIsKnown(host)) {
      return { status: 403, text: `the host "${host}" is not this server; admin_hosts can add it` };
    }
    if (wanted === undefined) return undefined;
    if (timingSafeEqual(digest(headers.authorization ?? ''), wanted)) return undefined;
    return { status: 401, text: 'a token is required: Authorization: Bearer TOKEN' };
  };
}

/** Equal lengths for the comparison, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
