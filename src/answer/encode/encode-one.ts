/** The answer that most clients get, one AAAA, in one straight run. */
import * as dns from '../../dns/constants.ts';
import { FLAGS_ECHOED, FLAG_AA, FLAG_QR, FLAG_RA } from '../../dns/flags.ts';
import { LITTLE_ENDIAN } from '../../dns/octets.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';
import type { Decision } from '../decide/decision.ts';
import type { Peer } from '../peer.ts';

/** Octets of the record after its owner: `c00c`, type, class, TTL, RDLENGTH, rdata; and of a plain OPT. */
const RECORD = 28;
const OPT = 11;

export class OneAddress {
  private readonly view: View;
  private readonly ttl: number;
  private out: Uint8Array = new Uint8Array(0);
  /** A view of `out`. */
  private to = new DataView(this.out.buffer);

  constructor(view: View, ttl: number) {
    this.view = view;
    this.ttl = ttl;
  }

  /**
   * The usual answer in one straight run of words: one AAAA, plain OPT or none. 0 where something is unusual.
   * Writes the same octets as the long way; a test holds them equal.
   */
  encode(query: Query, peer: Peer, d: Decision, out: Uint8Array, base: number): number {
    if (query.edns && (query.wantsNsid || query.cookieLength !== 0 || (peer.tcp && query.wantsKeepalive)))
      return 0;
    const { words } = this.view;
    if (words[d.vpc + layout.VPC_STALE] !== 0) return 0;
    const { octets: from, start } = query;
    // Transports use the same memory for every answer: then this allocates nothing.
    if (out !== this.out) {
      this.out = out;
      this.to = new DataView(out.buffer, out.byteOffset, out.byteLength);
    }
    const { to, ttl } = this;
    const question = query.qnameLength + 4;
    let at = base + 12 + question;
    // The last word of the question may reach three octets past it.
    if (start + 15 + question > from.byteLength || at + RECORD + OPT + 1 > out.length) return 0;
    const flags = FLAG_QR | FLAG_AA | (query.flags & FLAGS_ECHOED) | (d.recursionAvailable ? FLAG_RA : 0);
    to.setInt32(base, (query.id << 16) | flags);
    to.setInt32(base + 4, 0x00010001);
    to.setInt32(base + 8, query.edns ? 1 : 0);
    for (let i = 12; i < 12 + question; i += 4) to.setInt32(base + i, from.getInt32(start + i));
    to.setInt32(at, 0xc00c0000 | dns.TYPE_AAAA);
    to.setInt32(at + 4, (dns.CLASS_IN << 16) | (ttl >>> 16));
    to.setInt32(at + 8, (ttl << 16) | 16);
    const address = d.record + layout.RRSET_AAAA;
    to.setInt32(at + 12, words[address], LITTLE_ENDIAN);
    to.setInt32(at + 16, words[address + 1], LITTLE_ENDIAN);
    to.setInt32(at + 20, words[address + 2], LITTLE_ENDIAN);
    to.setInt32(at + 24, words[address + 3], LITTLE_ENDIAN);
    at += RECORD;
    if (!query.edns) return at - base;
    // Root, type, size; extended rcode and version, DO; RDLENGTH 0.
    to.setInt32(at, (dns.TYPE_OPT << 8) | (dns.UDP_PAYLOAD_MAX >>> 8));
    to.setInt32(at + 4, ((dns.UDP_PAYLOAD_MAX & 0xff) << 24) | (query.dnssecOk ? 0x80 : 0));
    to.setInt32(at + 8, 0);
    return at + OPT - base;
  }
}
