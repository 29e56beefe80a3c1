/** Writes our OPT record: payload size, DO, NSID, cookie, keepalive, extended error (RFC 6891). */
import { writeServerCookie } from '../../dns/cookie.ts';
import * as dns from '../../dns/constants.ts';
import { put16 } from '../../dns/octets.ts';
import type { Query } from '../../dns/query.ts';
import { EDE_TEXTS } from '../decide/decision.ts';
import type { AnswerSettings } from '../settings.ts';
import { putOctets } from './write.ts';

const encoder = new TextEncoder();
const EDE_OCTETS: readonly Uint8Array[] = EDE_TEXTS.map((text) => encoder.encode(text));

/** An option of this length, a cookie and an EDE code fit into 512 octets after the longest question. */
const NSID_MAX = 128;
const NO_TEXT = new Uint8Array(0);

export class OptWriter {
  private readonly nsid: Uint8Array;
  private readonly secret: Uint8Array;
  private readonly keepalive: number;
  /** Unix seconds, for cookies. */
  private readonly now: () => number;

  constructor(settings: AnswerSettings, now: () => number) {
    this.nsid = encoder.encode(settings.nodeName).subarray(0, NSID_MAX);
    this.secret = settings.cookieSecret;
    this.keepalive = Math.min(65535, settings.tcpIdle * 10);
    this.now = now;
  }

  /** Octets that `put` will take, at most. */
  size(query: Query, tcp: boolean, ede: number, edeLength: number, withNsid = true): number {
    let size = 11;
    if (withNsid && query.wantsNsid) size += 4 + this.nsid.length;
    if (query.cookieLength !== 0) size += 4 + 24;
    if (tcp && query.wantsKeepalive) size += 6;
    if (ede >= 0) size += 6 + edeLength;
    return size;
  }

  /** `text`: UTF-8 of the EDE's extra text. `address` is the client's, 16 octets: cookies are bound to it. */
  put(
    out: Uint8Array,
    at: number,
    query: Query,
    address: Uint8Array,
    tcp: boolean,
    extendedRcode: number,
    ede: number,
    text: Uint8Array,
    withNsid = true,
  ): number {
    out[at] = 0;
    put16(out, at + 1, dns.TYPE_OPT);
    put16(out, at + 3, dns.UDP_PAYLOAD_MAX);
    out[at + 5] = extendedRcode;
    out[at + 6] = 0;
    out[at + 7] = query.dnssecOk ? 0x80 : 0;
    out[at + 8] = 0;
    const lengthAt = at + 9;
    at += 11;
    if (withNsid && query.wantsNsid) {
      put16(out, at, dns.OPTION_NSID);
      put16(out, at + 2, this.nsid.length);
      at = putOctets(out, at + 4, this.nsid, 0, this.nsid.length);
    }
    if (query.cookieLength !== 0 && query.ednsVersion === 0) {
      put16(out, at, dns.OPTION_COOKIE);
      put16(out, at + 2, 24);
      putOctets(out, at + 4, query.packet, query.cookieOffset, 8);
      writeServerCookie(this.secret, query.packet, query.cookieOffset, address, this.now(), out, at + 12);
      at += 28;
    }
    if (tcp && query.wantsKeepalive) {
      put16(out, at, dns.OPTION_KEEPALIVE);
      put16(out, at + 2, 2);
      put16(out, at + 4, this.keepalive);
      at += 6;
    }
    if (ede >= 0) {
      put16(out, at, dns.OPTION_EDE);
      put16(out, at + 2, 2 + text.length);
      put16(out, at + 4, ede);
      at = putOctets(out, at + 6, text, 0, text.length);
    }
    put16(out, lengthAt, at - lengthAt - 2);
    return at;
  }
}

/** The extra text of an EDE, or an empty one where `room` octets are not enough (RFC 8914 section 2). */
export function edeOctets(text: number, room: number): Uint8Array {
  const octets = EDE_OCTETS[text];
  return octets.length <= room ? octets : NO_TEXT;
}
