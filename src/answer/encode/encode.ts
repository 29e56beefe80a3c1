/** Turns a decision into octets: header, the question as it came, whole records as far as they fit, OPT. */
import { isMapped } from '../../dns/address.ts';
import * as dns from '../../dns/constants.ts';
import * as flag from '../../dns/flags.ts';
import { encodeName } from '../../dns/name.ts';
import { LITTLE_ENDIAN, put16 } from '../../dns/octets.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';
import { encodePorts } from './encode-ports.ts';
import { PortHolders } from './ports.ts';
import { putChaos, putPointer, putSimple, putTexts } from './encode-single.ts';
import type { Client } from '../decide/client.ts';
import * as decision from '../decide/decision.ts';
import type { Decision } from '../decide/decision.ts';
import { fits, newResponseBuffer, ServerNames, putFixed, putOctets } from './write.ts';
import type { ResponseBuffer } from './write.ts';
import { OptWriter, edeOctets } from './opt.ts';
import type { Peer } from '../peer.ts';
import type { AnswerSettings } from '../settings.ts';
import { STEPS, STEPS_TCP } from './members.ts';
import { A, AAAA, VisibleAddresses } from './visible-addresses.ts';

export class Encoder {
  readonly names: ServerNames;
  readonly opt: OptWriter;
  private readonly view: View;
  private readonly settings: AnswerSettings;
  private readonly version: Uint8Array;
  private readonly nodeName: Uint8Array;
  private readonly visible: VisibleAddresses;
  private readonly ports: PortHolders;
  private readonly response: ResponseBuffer = newResponseBuffer();
  private lastOut: Uint8Array = new Uint8Array(0);
  /** A view of `lastOut`. */
  private lastView = new DataView(this.lastOut.buffer);

  constructor(view: View, settings: AnswerSettings, now: () => number) {
    this.view = view;
    this.settings = settings;
    this.names = new ServerNames(settings.zone);
    this.opt = new OptWriter(settings, now);
    this.visible = new VisibleAddresses(view);
    this.ports = new PortHolders(view);
    this.version = new TextEncoder().encode(settings.version);
    this.nodeName = new TextEncoder().encode(settings.nodeName);
  }

  /** Writes the answer to `out` from `base`, at most `limit` octets. Returns its length. */
  encode(
    query: Query,
    client: Client,
    peer: Peer,
    d: Decision,
    out: Uint8Array,
    base: number,
    limit: number,
    texts?: readonly Uint8Array[],
  ): number {
    if (d.data === decision.DATA_AAAA && this.view.words[d.record + layout.RRSET_AAAA_COUNT] === 1) {
      const length = this.encodeOne(query, peer, d, out, base);
      if (length !== 0) return length;
    }
    const { response } = this;
    response.out = out;
    response.base = base;
    response.answers = 0;
    response.authority = 0;
    response.additional = 0;
    response.truncated = d.truncated;
    let at = base + dns.HEADER_LENGTH;
    const withQuestion = d.withQuestion && query.qnameLength > 0;
    if (withQuestion) at = putOctets(out, at, query.packet, query.start + 12, query.qnameLength + 4);
    response.at = at;

    let ede = d.ede;
    let edeText = d.edeText;
    if (ede < 0 && d.vpc !== 0 && this.isStale(d.vpc) && d.authoritative) {
      ede = d.rcode === dns.RCODE_NXDOMAIN ? dns.EDE_STALE_NXDOMAIN : dns.EDE_STALE;
      edeText = decision.TEXT_STALE;
    }
    const soaLength = d.soaLabel >= 0 ? SOA_OWNER_AND_FIXED + this.names.soaLength : 0;
    let withNsid = true;
    let optLength = 0;
    if (query.edns) {
      // A negative answer without its SOA is not cached, or for too long; NSID and EDE are worth less.
      const spare = base + limit - at - soaLength;
      if (query.wantsNsid) withNsid = this.opt.size(query, peer.tcp, ede, 0) <= spare;
      if (ede >= 0 && this.opt.size(query, peer.tcp, ede, 0, withNsid) > spare) ede = -1;
      optLength = this.opt.size(query, peer.tcp, ede, 0, withNsid);
    }
    const room = base + limit - at - optLength;
    const text = edeOctets(edeText, room - soaLength);
    response.end = at + room - (query.edns && ede >= 0 ? text.length : 0);

    if (d.data !== decision.DATA_NONE) this.putData(query, client, peer, d, texts);
    if (d.soaLabel >= 0) this.putAuthority(query, d);
    if (query.edns) {
      response.at = this.opt.put(
        out,
        response.at,
        query,
        peer.address,
        peer.tcp,
        d.rcode >>> 4,
        ede,
        text,
        withNsid,
      );
      response.additional++;
    }
    this.putHeader(query, d, withQuestion);
    return response.at - base;
  }

  private isStale(vpc: number): boolean {
    return (this.view.words[vpc + layout.VPC_STALE] & layout.VPC_IS_STALE) !== 0;
  }

  /**
   * The usual answer in one straight run of words: one AAAA, plain OPT or none. 0 where something is unusual.
   * Writes the same octets as the long way; a test holds them equal.
   */
  private encodeOne(query: Query, peer: Peer, d: Decision, out: Uint8Array, base: number): number {
    if (query.edns && (query.wantsNsid || query.cookieLength !== 0 || (peer.tcp && query.wantsKeepalive)))
      return 0;
    const { words } = this.view;
    if (this.isStale(d.vpc)) return 0;
    const { octets: from, start } = query;
    // Transports use the same memory for every answer: then this allocates nothing.
    if (out !== this.lastOut) {
      this.lastOut = out;
      this.lastView = new DataView(out.buffer, out.byteOffset, out.byteLength);
    }
    const to = this.lastView;
    const { ttl } = this.settings;
    const question = query.qnameLength + 4;
    let at = base + 12 + question;
    // The last word of the question may reach three octets past it.
    if (start + 15 + question > from.byteLength || at + ONE_RECORD + PLAIN_OPT + 1 > out.length) return 0;
    const flags =
      flag.FLAG_QR |
      flag.FLAG_AA |
      (query.flags & flag.FLAGS_ECHOED) |
      (d.recursionAvailable ? flag.FLAG_RA : 0);
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
    at += ONE_RECORD;
    if (!query.edns) return at - base;
    // Root, type, size; extended rcode and version, DO; RDLENGTH 0.
    to.setInt32(at, (dns.TYPE_OPT << 8) | (dns.UDP_PAYLOAD_MAX >>> 8));
    to.setInt32(at + 4, ((dns.UDP_PAYLOAD_MAX & 0xff) << 24) | (query.dnssecOk ? 0x80 : 0));
    to.setInt32(at + 8, 0);
    return at + PLAIN_OPT - base;
  }

  private putHeader(query: Query, d: Decision, withQuestion: boolean): void {
    const { response } = this;
    const { out, base } = response;
    put16(out, base, query.id);
    const echoed = d.rcode === dns.RCODE_NOTIMP ? 0 : query.flags & flag.FLAGS_ECHOED;
    put16(
      out,
      base + 2,
      flag.FLAG_QR |
        (query.flags & flag.OPCODE_MASK) |
        (d.authoritative ? flag.FLAG_AA : 0) |
        (response.truncated ? flag.FLAG_TC : 0) |
        echoed |
        (d.recursionAvailable ? flag.FLAG_RA : 0) |
        (d.rcode & flag.RCODE_MASK),
    );
    put16(out, base + 4, withQuestion ? 1 : 0);
    put16(out, base + 6, response.answers);
    put16(out, base + 8, response.authority);
    put16(out, base + 10, response.additional);
  }

  private putData(
    query: Query,
    client: Client,
    peer: Peer,
    d: Decision,
    texts?: readonly Uint8Array[],
  ): void {
    const { ttl } = this.settings;
    switch (d.data) {
      case decision.DATA_AAAA:
        this.putAddresses(query, client, d.record, AAAA, peer.tcp);
        return;
      case decision.DATA_A:
        this.putAddresses(query, client, d.record, A, peer.tcp);
        return;
      case decision.DATA_SRV:
        this.visible.use(client);
        encodePorts(
          this.view,
          this.names,
          query,
          this.ports,
          this.visible,
          d.record,
          ttl,
          peer.tcp,
          this.response,
        );
        return;
      case decision.DATA_PTR:
        putPointer(this.view, this.names, d, ttl, this.response);
        return;
      case decision.DATA_OWN_NAME:
        putSimple(this.response, dns.TYPE_PTR, ttl, this.names.server, 0, this.names.server.length);
        return;
      case decision.DATA_LOCALHOST:
        putSimple(this.response, dns.TYPE_PTR, ttl, LOCALHOST, 0, LOCALHOST.length);
        return;
      case decision.DATA_SOA:
        if (!fits(this.response, 12 + this.names.soaLength)) return;
        this.putSoa(0, query, d, ttl);
        this.response.answers++;
        return;
      case decision.DATA_NS:
        // One name for all zones, the one that has an address: ns below Z, as in the SOA.
        putSimple(this.response, dns.TYPE_NS, ttl, this.names.server, 0, this.names.server.length);
        return;
      case decision.DATA_LOOPBACK4:
        putSimple(this.response, dns.TYPE_A, ttl, LOOPBACK4, 0, 4);
        return;
      case decision.DATA_LOOPBACK6:
        putSimple(this.response, dns.TYPE_AAAA, ttl, LOOPBACK6, 0, 16);
        return;
      case decision.DATA_OWN_ADDRESS:
        if (isMapped(peer.local, 0)) putSimple(this.response, dns.TYPE_A, ttl, peer.local, 12, 4);
        else putSimple(this.response, dns.TYPE_AAAA, ttl, peer.local, 0, 16);
        return;
      case decision.DATA_VERSION:
        putChaos(this.response, this.version);
        return;
      case decision.DATA_NODE_NAME:
        putChaos(this.response, this.nodeName);
        return;
      default:
        if (texts !== undefined) putTexts(this.response, texts, ttl);
    }
  }

  private putAddresses(query: Query, client: Client, record: number, family: number, tcp: boolean): void {
    const { words } = this.view;
    const isReady = words[record + (family === AAAA ? layout.RRSET_AAAA_COUNT : layout.RRSET_A_COUNT)] > 0;
    if (isReady) this.putReady(query, record, family);
    else this.putVisible(query, client, record, family, tcp);
  }

  /** Whole records that fit, beginning at a place that the message id chooses: rotation without state. */
  private putReady(query: Query, record: number, family: number): void {
    const { response } = this;
    const { words } = this.view;
    const is6 = family === AAAA;
    const six = words[record + layout.RRSET_AAAA_COUNT];
    const count = is6 ? six : words[record + layout.RRSET_A_COUNT];
    const first = record + layout.RRSET_AAAA + (is6 ? 0 : 4 * six);
    let i = count === 1 ? 0 : Math.floor((query.id * count) / 65536);
    let n = 0;
    for (; n < count && this.putAddress(first + family * i, family); n++) if (++i === count) i = 0;
    response.answers = n;
    if (n < count) response.truncated = true;
  }

  /** The same where the addresses depend on the client, or where many bear the name. */
  private putVisible(query: Query, client: Client, record: number, family: number, tcp: boolean): void {
    const { response, visible } = this;
    visible.use(client);
    visible.begin(record, family, query.id, tcp ? STEPS_TCP : STEPS);
    let at = visible.next();
    for (; at !== 0 && this.putAddress(at, family); at = visible.next()) response.answers++;
    if (at !== 0 || visible.cut) response.truncated = true;
  }

  /** A record of the question's name with the address at this word; false when it does not fit. */
  private putAddress(word: number, family: number): boolean {
    const { response } = this;
    const { out, at } = response;
    const length = family * 4;
    if (at + 12 + length > response.end) return false;
    out[at] = 0xc0;
    out[at + 1] = 0x0c;
    const type = family === AAAA ? dns.TYPE_AAAA : dns.TYPE_A;
    const rdata = putFixed(out, at + 2, type, this.settings.ttl, length);
    response.at = putOctets(out, rdata, this.view.bytes, word * 4, length);
    return true;
  }

  private putAuthority(query: Query, d: Decision): void {
    const { response } = this;
    if (response.at + SOA_OWNER_AND_FIXED + this.names.soaLength > response.end) return;
    this.putSoa(d.soaLabel, query, d, this.settings.negativeTtl);
    response.authority = 1;
  }

  private putSoa(label: number, query: Query, d: Decision, ttl: number): void {
    const { response, names } = this;
    const { out } = response;
    let { at } = response;
    if (label >= query.labelCount) out[at++] = 0;
    else {
      put16(out, at, 0xc000 | (12 + query.labelOffsets[label]));
      at += 2;
    }
    const fixed = at;
    at = putFixed(out, at, dns.TYPE_SOA, ttl, names.soaLength);
    if (query.qclass === dns.CLASS_CH) out[fixed + 3] = dns.CLASS_CH;
    const serial = d.vpc === 0 ? 1 : this.view.vpcWord(d.vpc, layout.VPC_SERIAL);
    response.at = names.putSoaRdata(out, at, response.base, serial, this.settings.negativeTtl);
  }
}

/** Octets of an AAAA record after its owner: `c00c`, type, class, TTL, RDLENGTH, rdata; and of a plain OPT. */
const ONE_RECORD = 28;
const PLAIN_OPT = 11;
/** A compression pointer, type, class, TTL and RDLENGTH. */
const SOA_OWNER_AND_FIXED = 12;
const LOCALHOST = encodeName('localhost');
const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK6 = new Uint8Array(16).fill(1, 15);

/** Octets an answer may have (RFC 6891 section 6.2.3; RFC 9715). */
export function payloadLimit(query: Query, tcp: boolean): number {
  if (tcp) return 65535;
  if (!query.edns || query.udpSize <= dns.UDP_PLAIN_MAX) return dns.UDP_PLAIN_MAX;
  return query.udpSize < dns.UDP_PAYLOAD_MAX ? query.udpSize : dns.UDP_PAYLOAD_MAX;
}
