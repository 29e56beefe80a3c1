/** From a packet to its answer, in one thread, without waiting: parse, identify, decide, encode. */
import * as dns from '../dns/constants.ts';
import { parseQuery } from '../dns/message.ts';
import * as parsed from '../dns/query.ts';
import { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/read/view.ts';
import { CLIENT_UNKNOWN, Client, Identifier, offersRecursion } from './decide/client.ts';
import { Decider } from './decide/decide.ts';
import * as decision from './decide/decision.ts';
import { Decision } from './decide/decision.ts';
import { Encoder, payloadLimit } from './encode/encode.ts';
import type { Peer } from './peer.ts';
import * as reason from './decide/reasons.ts';
import type { AnswerSettings } from './settings.ts';
import type { CachedAnswers } from './cached-answer.ts';

/** `answer` could not finish: the packet goes to what may wait. */
export const DEFERRED = -1;

/** What a responder is made of when it must be something of its own. */
export interface ResponderParts {
  decider?: Decider;
  /** Says whether a source that nobody knows is told so once more. */
  refusals?: Pick<RefusalLimit, 'allow'>;
}

export class Responder {
  readonly query = new Query();
  readonly client = new Client();
  readonly decision = new Decision();
  readonly encoder: Encoder;
  readonly view: View;
  readonly identifier: Identifier;
  /** Answers of upstreams that are at hand; without it every outside name is deferred. */
  cached: CachedAnswers | undefined = undefined;
  private readonly decider: Decider;
  private readonly refusals: Pick<RefusalLimit, 'allow'>;
  private readonly settings: AnswerSettings;

  /** `nowSeconds`: Unix time, for cookies and the limit of refusals. */
  constructor(view: View, settings: AnswerSettings, nowSeconds: () => number, parts: ResponderParts = {}) {
    this.view = view;
    this.settings = settings;
    this.identifier = new Identifier(view, settings.clients, settings.engines);
    this.decider = parts.decider ?? new Decider(view, settings);
    this.encoder = new Encoder(view, settings, nowSeconds);
    this.refusals = parts.refusals ?? new RefusalLimit(nowSeconds);
  }

  /**
   * Answers `packet[start…end)` into `out` from `outStart`: octets written, 0 to drop, DEFERRED.
   * The view must be pinned (`enter`) or refreshed by the caller.
   */
  answer(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
  ): number {
    this.judge(packet, start, end, peer);
    const { outcome } = this.decision;
    if (outcome === decision.OUTCOME_ANSWER) return this.encode(peer, out, outStart);
    if (outcome === decision.OUTCOME_OUTSIDE && this.cached !== undefined) {
      const limit = payloadLimit(this.query, peer.tcp);
      const length = this.cached.answer(this.query, this.client, peer, out, outStart, limit);
      if (length > 0) return length;
    }
    return outcome === decision.OUTCOME_DROP ? 0 : DEFERRED;
  }

  /** Parses and decides; the result is in `query`, `client` and `decision`. */
  judge(packet: Uint8Array, start: number, end: number, peer: Peer, podWait = 0): void {
    const { query, decision: d, client } = this;
    d.reset();
    if (peer.port === 0) {
      d.outcome = decision.OUTCOME_DROP;
      return;
    }
    const result = parseQuery(packet, start, end, query);
    if (result !== parsed.PARSED) {
      this.settleMalformed(result, peer);
      return;
    }
    if (query.qclass !== dns.CLASS_IN) {
      this.offerRecursion(peer);
      this.otherClass();
      return;
    }
    if (this.isStarting) {
      d.because(reason.NOT_SYNCED);
      d.outcome = decision.OUTCOME_HOLD_SYNC;
      return;
    }
    this.identifier.identify(peer, client, d);
    client.podWait = podWait;
    if (this.view.sync === layout.SYNC_PARTIAL && !this.isWhole) {
      if (this.isGivenEarly(peer)) return;
      d.reset();
      d.because(reason.NOT_SYNCED);
      d.outcome = decision.OUTCOME_HOLD_SYNC;
      return;
    }
    if (!this.decider.admit(client, query, d)) {
      if (client.status === CLIENT_UNKNOWN && !this.refusals.allow(peer.address))
        d.outcome = decision.OUTCOME_DROP;
      return;
    }
    this.decider.decide(client, query, peer, d);
    if (client.lacksNamespace && d.rcode === dns.RCODE_NXDOMAIN && d.ede < 0)
      d.fail(dns.RCODE_NXDOMAIN, dns.EDE_NOT_READY, decision.TEXT_UNKNOWN_NAMESPACE);
  }

  /** With SYNC_PARTIAL: no source that is missing can describe the client's VPC. */
  private get isWhole(): boolean {
    const { vpc } = this.client;
    return vpc !== 0 && (this.view.words[vpc + layout.VPC_STALE] & layout.VPC_IS_WHOLE) !== 0;
  }

  /**
   * Decides while sources are missing that can describe the client's VPC: what there is may be given, as stale, but
   * nothing may be denied, refused or forwarded.
   */
  private isGivenEarly(peer: Peer): boolean {
    const { client, query, decision: d } = this;
    if (client.vpc === 0 || !this.decider.admit(client, query, d)) return false;
    this.decider.decide(client, query, peer, d);
    return d.outcome === decision.OUTCOME_ANSWER && d.rcode === 0 && d.data !== decision.DATA_NONE;
  }

  /** Encodes the decision of the last `judge`; `texts` for those that carry TXT strings. */
  encode(peer: Peer, out: Uint8Array, outStart: number, texts?: readonly Uint8Array[]): number {
    const limit = payloadLimit(this.query, peer.tcp);
    return this.encoder.encode(this.query, this.client, peer, this.decision, out, outStart, limit, texts);
  }

  private get isStarting(): boolean {
    return this.view.sync === layout.SYNC_STARTING;
  }

  private settleMalformed(result: number, peer: Peer): void {
    const { decision: d } = this;
    switch (result) {
      case parsed.PARSED_NOTIMP:
        d.fail(dns.RCODE_NOTIMP, dns.EDE_NOT_SUPPORTED, decision.TEXT_OPCODE);
        return;
      case parsed.PARSED_FORMERR:
        this.offerRecursion(peer);
        d.fail(dns.RCODE_FORMERR, dns.EDE_OTHER, decision.TEXT_MALFORMED);
        d.withQuestion = false;
        return;
      case parsed.PARSED_BAD_COOKIE:
        this.offerRecursion(peer);
        d.fail(dns.RCODE_FORMERR, dns.EDE_OTHER, decision.TEXT_COOKIE_LENGTH);
        this.query.cookieLength = 0;
        return;
      case parsed.PARSED_BADVERS:
        this.offerRecursion(peer);
        d.rcode = dns.RCODE_BADVERS;
        return;
      case parsed.PARSED_COOKIE_ONLY:
        this.offerRecursion(peer);
        return;
      default:
        d.outcome = decision.OUTCOME_DROP;
    }
  }

  /** RA for what is answered before the client is identified: whether that client could have outside names. */
  private offerRecursion(peer: Peer): void {
    if (this.isStarting) return;
    const { client, decision: d } = this;
    this.identifier.identify(peer, client, d);
    d.recursionAvailable = offersRecursion(this.view, client);
  }

  /** Class CH tells about the server; nothing else is served (RFC 4892). */
  private otherClass(): void {
    const { query, decision: d } = this;
    if (query.qclass !== dns.CLASS_CH) {
      d.fail(dns.RCODE_REFUSED, dns.EDE_NOT_AUTHORITATIVE, decision.TEXT_CLASS);
      return;
    }
    d.because(reason.READ_SERVER);
    if (!this.settings.chaos) {
      d.fail(dns.RCODE_REFUSED, dns.EDE_PROHIBITED, decision.TEXT_CHAOS);
      return;
    }
    const data = CHAOS.get(String.fromCharCode(...query.name.subarray(0, query.qnameLength)));
    if (data === undefined) {
      d.fail(dns.RCODE_REFUSED, dns.EDE_NOT_AUTHORITATIVE, decision.TEXT_CLASS);
      return;
    }
    d.authoritative = true;
    if (query.qtype === dns.TYPE_TXT || query.qtype === dns.TYPE_ANY) d.data = data;
    else if (query.qtype === dns.TYPE_SOA) d.data = decision.DATA_SOA;
    else {
      d.because(reason.NO_SUCH_TYPE);
      d.soaLabel = 0;
    }
  }
}

const CHAOS = new Map<string, number>([
  ['\x07version\x04bind\x00', decision.DATA_VERSION],
  ['\x07version\x06server\x00', decision.DATA_VERSION],
  ['\x02id\x06server\x00', decision.DATA_NODE_NAME],
  ['\x08hostname\x04bind\x00', decision.DATA_NODE_NAME],
]);

const BUCKETS = 1024;
/** Refusals per second and bucket; sources that fall into one bucket share them. */
const PER_SECOND = 50;

/** How often an unknown source is told that it is refused, before it is only dropped. */
export class RefusalLimit {
  private readonly counts = new Int32Array(BUCKETS);
  private second = 0;
  private readonly now: () => number;

  constructor(nowSeconds: () => number) {
    this.now = nowSeconds;
  }

  /** `address`: 16 octets. */
  allow(address: Uint8Array): boolean {
    const second = this.now();
    if (second !== this.second) {
      this.second = second;
      this.counts.fill(0);
    }
    let hash = 0;
    // An IPv6 source is its /64: within one, addresses are free.
    const ip6 = address[10] !== 0xff || address[11] !== 0xff || address[0] !== 0;
    for (let i = ip6 ? 0 : 12; i < (ip6 ? 8 : 16); i++) hash = (Math.imul(hash, 31) + address[i]) | 0;
    return ++this.counts[hash & (BUCKETS - 1)] <= PER_SECOND;
  }
}
