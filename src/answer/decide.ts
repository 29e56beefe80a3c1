/**
 * The one function that decides: reads view, client and question, fills a Decision with what to answer and why.
 * A ladder of early returns in the order of the contract; it allocates nothing and writes nothing else.
 */
import * as dns from '../dns/constants.ts';
import { encodeName } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import * as who from './client.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import { missing, noData } from './decision.ts';
import type { Decision } from './decision.ts';
import { Locator } from './locate.ts';
import * as locate from './locate.ts';
import type { Peer } from './peer.ts';
import { decideOutside, forwardMode, goesOutside, hostOf, isListed } from './outside.ts';
import * as reason from './reasons.ts';
import { REVERSE_OUTSIDE, REVERSE_PRIVATE, decideReverse } from './reverse.ts';
import type { AnswerSettings } from './settings.ts';
import { decideLocalhost, decideServerName, decideText } from './server-names.ts';
import { SpecialNames } from './special.ts';
import { PortHolders } from './ports.ts';
import { A, AAAA, VisibleAddresses } from './visible.ts';
import { isLabel, protocolOf, walk } from './walk.ts';

const { RCODE_REFUSED, RCODE_SERVFAIL } = dns;

export class Decider {
  private readonly view: View;
  /** Octets of the canonical suffix on the wire. */
  private readonly zoneLength: number;
  private readonly special: SpecialNames;
  private readonly locator: Locator;
  private readonly ports: PortHolders;
  private readonly visible: VisibleAddresses;
  /** Set by `port`: the name behind the underscores is ours, or a single label, so the whole never leaves. */
  private portStays = false;

  constructor(view: View, settings: AnswerSettings) {
    this.view = view;
    this.zoneLength = encodeName(settings.zone).length;
    this.special = new SpecialNames(view, settings);
    this.locator = new Locator(view);
    this.ports = new PortHolders(view);
    this.visible = new VisibleAddresses(view);
  }

  /** The client stage: refusals and failures before the name is looked at. True when the name decides. */
  admit(client: Client, query: Query, d: Decision): boolean {
    switch (client.status) {
      case who.CLIENT_UNKNOWN:
        d.fail(RCODE_REFUSED, dns.EDE_PROHIBITED, decision.TEXT_UNKNOWN_CLIENT);
        return false;
      case who.CLIENT_FOREIGN:
        d.fail(RCODE_REFUSED, dns.EDE_PROHIBITED, decision.TEXT_FOREIGN);
        return false;
      case who.CLIENT_CONTRADICTED:
        d.fail(RCODE_SERVFAIL, dns.EDE_INVALID_DATA, decision.TEXT_CONTRADICTORY);
        return false;
      case who.CLIENT_SCOPE_UNKNOWN:
        d.fail(RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_UNKNOWN_SCOPE);
        return false;
    }
    d.vpc = client.vpc;
    d.recursionAvailable = goesOutside(this.view, client);
    if (query.qtype === dns.TYPE_AXFR || query.qtype === dns.TYPE_IXFR) {
      d.fail(RCODE_REFUSED, dns.EDE_PROHIBITED, decision.TEXT_TRANSFER);
      return false;
    }
    return true;
  }

  /** True when outside names are on for this client: RA. */
  offersRecursion(client: Client): boolean {
    const { status } = client;
    const isKnown = status === who.CLIENT_KNOWN || status === who.CLIENT_POD_UNKNOWN;
    return isKnown && goesOutside(this.view, client);
  }

  /** The name stage, for an admitted client of class IN. */
  decide(client: Client, query: Query, peer: Peer, d: Decision): void {
    d.authoritative = true;
    const labels = query.labelCount;
    if (labels === 0) {
      d.because(reason.READ_ROOT);
      if (forwardMode(this.view, client) === layout.FORWARD_ON && d.recursionAvailable)
        decideOutside(this.view, client, query, d);
      else noData(d, 0);
      return;
    }
    const special = this.special.find(query);
    if (special === layout.SPECIAL_LOCALHOST) {
      decideLocalhost(query, d);
      return;
    }
    if (special === layout.SPECIAL_REVERSE4 || special === layout.SPECIAL_REVERSE6) {
      d.because(reason.READ_REVERSE);
      const whose = decideReverse(this.view, client, query, peer, this.zoneLength, this.visible, d);
      if (whose === REVERSE_OUTSIDE || (whose === REVERSE_PRIVATE && isListed(this.view, client, query))) {
        decideOutside(this.view, client, query, d);
      }
      return;
    }
    if (special === layout.SPECIAL_SUFFIX || special === layout.SPECIAL_FLAT) {
      this.underSuffix(special, labels - this.special.labels, client, query, peer, d);
      return;
    }
    const specialAncestor = this.special.isAncestor;
    this.portStays = false;
    if (labels >= 2 && this.port(0, labels, client, query, d, labels)) return;
    const located = this.locator.locate(client, query, 0);
    if (this.host(located, client, query, d, located === locate.NOT_OURS ? labels : this.soaOf(query)))
      return;
    switch (located) {
      case locate.FOUND:
        d.because(this.locator.how);
        this.found(this.locator.record, query, client, d, this.soaOf(query));
        return;
      case locate.EXISTS:
        d.because(this.locator.how);
        noData(d, this.soaOf(query));
        return;
      case locate.MISSING:
        d.because(this.locator.how);
        missing(d, labels - 1);
        return;
      case locate.NEEDS_POD:
        this.needsPod(client, d);
        return;
      case locate.SHADOWED:
        d.because(reason.READ_SHADOW);
        decideOutside(this.view, client, query, d);
        return;
    }
    if (this.portStays) {
      d.because(reason.READ_PORT);
      missing(d, labels);
      return;
    }
    if (labels === 1) {
      this.dotless(specialAncestor, client, query, peer, d);
      return;
    }
    if (special !== 0 || specialAncestor) {
      if (isListed(this.view, client, query)) decideOutside(this.view, client, query, d);
      else if (specialAncestor || special === layout.SPECIAL_NODATA) {
        d.because(specialAncestor ? reason.READ_ANCESTOR : reason.READ_SPECIAL);
        noData(d, labels);
      } else {
        d.because(reason.READ_SPECIAL);
        missing(d, labels);
      }
      return;
    }
    decideOutside(this.view, client, query, d);
  }

  /** Below a suffix of ours, `rest` labels of the question come before it. */
  private underSuffix(
    what: number,
    rest: number,
    client: Client,
    query: Query,
    peer: Peer,
    d: Decision,
  ): void {
    d.because(reason.READ_SUFFIX);
    const soa = rest;
    if (rest === 0) {
      if (query.qtype === dns.TYPE_SOA || query.qtype === dns.TYPE_ANY) d.data = decision.DATA_SOA;
      else if (query.qtype === dns.TYPE_NS) d.data = decision.DATA_NS;
      else noData(d, soa);
      return;
    }
    if (what === layout.SPECIAL_SUFFIX && decideServerName(this.view, rest, client, query, peer, d)) return;
    if (rest >= 2 && this.port(0, rest, client, query, d, soa)) return;
    const result =
      what === layout.SPECIAL_FLAT
        ? this.locator.inOwnNamespace(client, query, 0, rest)
        : this.locator.inNamedNamespace(client, query, 0, rest);
    if (this.host(result, client, query, d, soa)) return;
    if (result === locate.FOUND) this.found(this.locator.record, query, client, d, soa);
    else if (result === locate.EXISTS) noData(d, soa);
    else if (result === locate.NEEDS_POD) this.needsPod(client, d);
    else if (this.special.isAncestor) noData(d, soa);
    else missing(d, soa);
    if (result === locate.FOUND || result === locate.EXISTS) d.because(this.locator.how);
  }

  /** A name under `hosts`, where it is nobody's: answered like a pod's. True when that settles the question. */
  private host(located: number, client: Client, query: Query, d: Decision, soa: number): boolean {
    if (located === locate.FOUND || located === locate.NEEDS_POD) return false;
    const record = hostOf(this.view, client, query);
    if (record === 0) return false;
    d.because(reason.READ_HOST);
    this.found(record, query, client, d, soa);
    return true;
  }

  /** `_port._proto.REST`, and `_proto.REST` above it. True when that settles the question. */
  private port(
    first: number,
    end: number,
    client: Client,
    query: Query,
    d: Decision,
    soaUnderSuffix: number,
  ): boolean {
    const { locator } = this;
    this.portStays = false;
    const direct = end - first >= 3 ? protocolOf(query, first + 1) : -1;
    const above = protocolOf(query, first);
    if (direct < 0 && above < 0) return false;
    const underSuffix = end < query.labelCount;
    for (let label = first + 1; label >= first; label--) {
      const protocol = label > first ? direct : above;
      if (protocol < 0 || (label > first && query.name[query.labelOffsets[first] + 1] !== 0x5f)) continue;
      const result = underSuffix
        ? this.specialIsFlat(query, end)
          ? locator.inOwnNamespace(client, query, label + 1, end)
          : locator.inNamedNamespace(client, query, label + 1, end)
        : locator.locate(client, query, label + 1);
      if (result === locate.NEEDS_POD) {
        this.needsPod(client, d);
        return true;
      }
      const alone = end - label === 2 && !isListed(this.view, client, query);
      if (result === locate.FOUND || alone) this.portStays = true;
      if (result !== locate.FOUND) continue;
      const record = locator.record;
      const soa = underSuffix ? soaUnderSuffix : this.soaOf(query);
      if (label === first) {
        if (!this.ports.any(record, query, -1, protocol)) continue;
        d.because(reason.READ_PORT);
        noData(d, soa);
        return true;
      }
      if (!this.ports.any(record, query, first, protocol)) continue;
      d.because(reason.READ_PORT);
      if (query.qtype === dns.TYPE_SRV || query.qtype === dns.TYPE_ANY) {
        d.data = decision.DATA_SRV;
        d.record = record;
      } else noData(d, soa);
      return true;
    }
    return false;
  }

  private specialIsFlat(query: Query, end: number): boolean {
    const { view } = this;
    return (
      walk(view, view.specialRoot, query, end, query.labelCount) &&
      view.words[view.payload + layout.SPECIAL_WHAT] === layout.SPECIAL_FLAT
    );
  }

  /** The name exists and `record` answers for it. */
  private found(record: number, query: Query, client: Client, d: Decision, soa: number): void {
    const flags = this.view.words[record];
    const kind = flags & 0xff;
    const isSet = kind === layout.RECORD_SET || kind === layout.RECORD_CROWD;
    if (isSet && (flags & layout.SET_SERVICE) !== 0) d.because(reason.TOOK_SERVICES);
    const type = query.qtype;
    const isAny = type === dns.TYPE_ANY;
    if ((type === dns.TYPE_AAAA || isAny) && this.gives(client, record, AAAA, d)) {
      d.data = decision.DATA_AAAA;
      d.record = record;
    } else if ((type === dns.TYPE_A || isAny) && this.gives(client, record, A, d)) {
      d.data = decision.DATA_A;
      d.record = record;
    } else noData(d, soa);
  }

  /** True when the name has addresses of this family for the client. */
  private gives(client: Client, record: number, family: number, d: Decision): boolean {
    const { words } = this.view;
    const is6 = family === AAAA;
    if (words[record + (is6 ? layout.RRSET_AAAA_COUNT : layout.RRSET_A_COUNT)] > 0) return true;
    if ((words[record] & (is6 ? layout.CHOOSE_AAAA : layout.CHOOSE_A)) === 0) return false;
    this.visible.use(client);
    if (this.visible.any(record, family)) return true;
    if ((words[record] & 0xff) !== layout.RECORD_CROWD) d.because(reason.LEFT_OVERLAY);
    return false;
  }

  private needsPod(client: Client, d: Decision): void {
    d.because(reason.NEEDS_NAMESPACE);
    if (client.podWait === who.WAIT_HOLD) d.outcome = decision.OUTCOME_HOLD_POD;
    else {
      d.authoritative = false;
      d.fail(RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_POD_UNKNOWN);
    }
  }

  /** The SOA of a name of ours outside the suffixes: its namespace for `x.n` and `n`, else the root. */
  private soaOf(query: Query): number {
    return this.locator.how === reason.READ_OWN_NAMESPACE ? query.labelCount : query.labelCount - 1;
  }

  private dotless(ancestor: boolean, client: Client, query: Query, peer: Peer, d: Decision): void {
    const type = query.qtype;
    if (isLabel(query, 0, 'vpc')) {
      decideText(decision.DATA_INVENTORY, query, peer, d, 1);
      return;
    }
    if (ancestor) {
      d.because(reason.READ_ANCESTOR);
      noData(d, 1);
      return;
    }
    if (isListed(this.view, client, query)) {
      decideOutside(this.view, client, query, d);
      return;
    }
    d.because(reason.READ_DOTLESS);
    const delegation =
      type === dns.TYPE_NS || type === dns.TYPE_SOA || type === dns.TYPE_DS || type === dns.TYPE_DNSKEY;
    if (delegation && d.recursionAvailable && forwardMode(this.view, client) === layout.FORWARD_ON)
      decideOutside(this.view, client, query, d);
    else missing(d, 1);
  }
}
