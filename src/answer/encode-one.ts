/** The answer that most clients get, one AAAA, in one straight run. */
import * as dns from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import type { Decision } from './decision.ts';
import type { Peer } from './peer.ts';
import { put32 } from './wire.ts';

const CD = 0x0010;

/**
 * The usual answer in one straight run: one AAAA, plain OPT or none. 0 where something is unusual. Writes the
 * same octets as the long way; a test holds them equal.
 */
export function encodeOneAddress(
  view: View,
  query: Query,
  peer: Peer,
  d: Decision,
  ttl: number,
  out: Uint8Array,
  base: number,
): number {
  if (query.edns && (query.wantsNsid || query.cookieLength !== 0 || (peer.tcp && query.wantsKeepalive)))
    return 0;
  if (view.words[d.vpc + layout.VPC_STALE] !== 0) return 0;
  const { packet, start } = query;
  out[base] = packet[start];
  out[base + 1] = packet[start + 1];
  out[base + 2] = 0x84 | ((query.flags >>> 8) & 0x01);
  out[base + 3] = (query.flags & CD) | (d.recursionAvailable ? 0x80 : 0);
  out[base + 4] = 0;
  out[base + 5] = 1;
  out[base + 6] = 0;
  out[base + 7] = 1;
  out[base + 8] = 0;
  out[base + 9] = 0;
  out[base + 10] = 0;
  out[base + 11] = query.edns ? 1 : 0;
  let at = base + 12;
  const from = start + 12 - at;
  for (const end = at + query.qnameLength + 4; at < end; at++) out[at] = packet[from + at];
  out[at] = 0xc0;
  out[at + 1] = 0x0c;
  out[at + 2] = 0;
  out[at + 3] = dns.TYPE_AAAA;
  out[at + 4] = 0;
  out[at + 5] = dns.CLASS_IN;
  put32(out, at + 6, ttl);
  out[at + 10] = 0;
  out[at + 11] = 16;
  at += 12;
  const { bytes } = view;
  const address = (d.record + layout.RRSET_AAAA) * 4;
  for (let i = 0; i < 16; i++) out[at + i] = bytes[address + i];
  at += 16;
  if (!query.edns) return at - base;
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = dns.TYPE_OPT;
  out[at + 3] = dns.UDP_PAYLOAD_MAX >>> 8;
  out[at + 4] = dns.UDP_PAYLOAD_MAX & 0xff;
  out[at + 5] = 0;
  out[at + 6] = 0;
  out[at + 7] = query.dnssecOk ? 0x80 : 0;
  out[at + 8] = 0;
  out[at + 9] = 0;
  out[at + 10] = 0;
  return at + 11 - base;
}
