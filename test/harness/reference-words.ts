/** Words that have a meaning of their own to the reference model. */
import { createRequire } from 'node:module';
import { domainToASCII } from 'node:url';
import type { ReferenceReply } from './reference-reply.ts';

export const PROTOCOLS = new Set(['_tcp', '_udp', '_sctp']);
export const DELEGATION = new Set(['NS', 'SOA', 'DS', 'DNSKEY']);
export const SPECIAL = ['onion', 'invalid', 'local', 'test', 'alt', 'home.arpa', 'service.arpa'];
export const PUBLIC = new Set(
  (createRequire(import.meta.url)('tlds') as string[]).map((name) => domainToASCII(name)),
);
export const HELD: ReferenceReply = { rcode: 'SERVFAIL', answer: [], held: true, ede: 14 };

export function isPort(labels: string[]): boolean {
  return labels.length > 2 && labels[0]!.startsWith('_') && PROTOCOLS.has(labels[1]!);
}

/** The labels, and those behind a port and a protocol. */
export function readings(labels: string[]): string[][] {
  const rest = isPort(labels) ? [labels.slice(2)] : [];
  if (labels.length > 1 && PROTOCOLS.has(labels[0]!)) rest.push(labels.slice(1));
  return [labels, ...rest];
}
