/**
 * The one function that decides: reads view, client and question, fills a Decision with what to answer and why.
 * A ladder of early returns in the order of the contract; it allocates nothing and writes nothing else.
 */
import * as dns from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import { lastLabelFilter } from '../trie/specials.ts';
import type { View } from '../trie/view.ts';
import * as who from './client.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import type { Decision } from './decision.ts';
import { Locator } from './locate.ts';
import * as locate from './locate.ts';
import type { Peer } from './peer.ts';
import * as reason from './reasons.ts';
import { REVERSE_OUTSIDE, REVERSE_PRIVATE, decideReverse } from './reverse.ts';
import type { AnswerSettings } from './settings.ts';
import { hasPort, protocolOf, walk } from './walk.ts';

const { RCODE_NXDOMAIN, RCODE_REFUSED, RCODE_SERVFAIL } = dns;

export class Decider {
  private readonly view: View;
  private readonly filter: Int32Array;
  private readonly locator: Locator;
  /** Set by `special`: how many labels of the question are special, and whether it only lies above one. */
  private specialLabels = 0;
  private specialAncestor = false;
  /** Set by `port`: the name behind the underscores is ours, or a single label, so the whole never leaves. */
  private portStays = false;

  constructor(view: View, settings: AnswerSettings) {
    this.view = view;
    this.filter = lastLabelFilter(settings);
    this.locator = new Locator(view);
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
    d.recursionAvailable = this.goesOutside(client);
    if (query.qtype === dns.TYPE_AXFR || query.qtype === dns.TYPE_IXFR) {
      d.fail(RCODE_REFUSED, dns.EDE_PROHIBITED, decision.TEXT_TRANSFER);
      return false;
    }
    return true;
  }

  /** The name stage, for an admitted client of class IN. */
  decide(client: Client, query: Query, peer: Peer, d: Decision): void {
    d.authoritative = true;
    const labels = query.labelCount;
    if (labels === 0) {
      d.because(reason.READ_ROOT);
      if (this.mode(client) === layout.FORWARD_ON && d.recursionAvailable) this.outside(client, query, d);
      else this.noData(d, 0);
      return;
    }
    const special = this.special(query);
    if (special === layout.SPECIAL_LOCALHOST) {
      this.localhost(query, d);
      return;
    }
    if (special === layout.SPECIAL_REVERSE4 || special === layout.SPECIAL_REVERSE6) {
      d.because(reason.READ_REVERSE);
      const whose = decideReverse(this.view, client, query, peer, d);
      if (whose === REVERSE_OUTSIDE || (whose === REVERSE_PRIVATE && this.listed(client, query))) {
        this.outside(client, query, d);
      }
      return;
    }
    if (special === layout.SPECIAL_SUFFIX || special === layout.SPECIAL_FLAT) {
      this.underSuffix(special, labels - this.specialLabels, client, query, peer, d);
      return;
    }
    const { specialAncestor } = this;
    this.portStays = false;
    if (labels >= 2 && this.port(0, labels, client, query, d, labels)) return;
    switch (this.locator.locate(client, query, 0)) {
      case locate.FOUND:
        d.because(this.locator.how);
        this.found(this.locator.record, query, client, d, this.soaOf(query));
        return;
      case locate.EXISTS:
        d.because(this.locator.how);
        this.noData(d, this.soaOf(query));
        return;
      case locate.MISSING:
        d.because(this.locator.how);
        this.missing(d, labels - 1);
        return;
      case locate.NEEDS_POD:
        this.needsPod(client, d);
        return;
      case locate.SHADOWED:
        d.because(reason.READ_SHADOW);
        this.outside(client, query, d);
        return;
    }
    if (this.portStays) {
      d.because(reason.READ_PORT);
      this.missing(d, labels);
      return;
    }
    if (labels === 1) {
      this.dotless(specialAncestor, client, query, peer, d);
      return;
    }
    if (special !== 0 || specialAncestor) {
      if (this.listed(client, query)) this.outside(client, query, d);
      else if (specialAncestor || special === layout.SPECIAL_NODATA) {
        d.because(specialAncestor ? reason.READ_ANCESTOR : reason.READ_SPECIAL);
        this.noData(d, labels);
      } else {
        d.because(reason.READ_SPECIAL);
        this.missing(d, labels);
      }
      return;
    }
    this.outside(client, query, d);
  }

  /** Deepest special name at or above the question; `specialLabels` is its length, `specialAncestor`: only above one. */
  private special(query: Query): number {
    this.specialLabels = 0;
    this.specialAncestor = false;
    const last = query.labelOffsets[query.labelCount - 1];
    const length = query.name[last];
    if ((this.filter[length] & (1 << (query.name[last + 1] & 31))) === 0) return 0;
    const { view } = this;
    let node = view.specialRoot;
    let what = 0;
    let depth = 0;
    for (let i = query.labelCount - 1; i >= 0; i--) {
      if (!view.step(node, query.name, query.labelOffsets[i])) break;
      node = view.node;
      depth++;
      if (view.payload !== 0) {
        what = view.words[view.payload + layout.SPECIAL_WHAT];
        this.specialLabels = depth;
      }
    }
    // Nothing special itself, but something below it is: `internal` above the zone.
    this.specialAncestor = depth === query.labelCount && this.specialLabels < depth;
    return what;
  }

  private localhost(query: Query, d: Decision): void {
    d.because(reason.READ_LOCALHOST);
    const type = query.qtype;
    if (type === dns.TYPE_A) d.data = decision.DATA_LOOPBACK4;
    else if (type === dns.TYPE_AAAA || type === dns.TYPE_ANY) d.data = decision.DATA_LOOPBACK6;
    else this.noData(d, query.labelCount - 1);
  }

  /** Below a suffix of ours, `rest` labels of the question come before it. */
  private underSuffix(what: number, rest: number, client: Client, query: Query, peer: Peer, d: Decision): void {
    d.because(reason.READ_SUFFIX);
    const soa = rest;
    if (rest === 0) {
      if (query.qtype === dns.TYPE_SOA || query.qtype === dns.TYPE_ANY) d.data = decision.DATA_SOA;
      else if (query.qtype === dns.TYPE_NS) d.data = decision.DATA_NS;
      else this.noData(d, soa);
      return;
    }
    if (what === layout.SPECIAL_SUFFIX && this.serverName(rest, client, query, peer, d)) return;
    if (rest >= 2 && this.port(0, rest, client, query, d, soa)) return;
    const result =
      what === layout.SPECIAL_FLAT
        ? this.locator.inOwnNamespace(client, query, 0, rest)
        : this.locator.inNamedNamespace(client, query, 0, rest);
    if (result === locate.FOUND) this.found(this.locator.record, query, client, d, soa);
    else if (result === locate.EXISTS) this.noData(d, soa);
    else if (result === locate.NEEDS_POD) this.needsPod(client, d);
    else if (this.specialAncestor) this.noData(d, soa);
    else this.missing(d, soa);
    if (result === locate.FOUND || result === locate.EXISTS) d.because(this.locator.how);
  }

  /** `ns`, `_whoami`, `_namespaces` and `_pods.n` right below the suffix. */
  private serverName(rest: number, client: Client, query: Query, peer: Peer, d: Decision): boolean {
    const { view } = this;
    if (rest === 1) {
      if (isLabel(query, 0, 'ns')) {
        d.because(reason.READ_SERVER);
        const ip4 = peer.local[10] === 0xff && peer.local[11] === 0xff && peer.local[0] === 0;
        const type = query.qtype;
        if (type === (ip4 ? dns.TYPE_A : dns.TYPE_AAAA) || type === dns.TYPE_ANY) d.data = decision.DATA_OWN_ADDRESS;
        else this.noData(d, rest);
        return true;
      }
      const data = isLabel(query, 0, '_whoami')
        ? decision.DATA_WHOAMI
        : isLabel(query, 0, '_namespaces')
          ? decision.DATA_NAMESPACES
          : 0;
      if (data === 0) return false;
      this.text(data, query, peer, d, rest);
      return true;
    }
    if (rest === 2 && isLabel(query, 0, '_pods') && walk(view, view.words[client.vpc + layout.VPC_NODE], query, 1, 2)) {
      d.record = view.node;
      this.text(decision.DATA_PODS, query, peer, d, rest);
      return true;
    }
    return false;
  }

  private text(data: number, query: Query, peer: Peer, d: Decision, soa: number): void {
    d.because(reason.READ_INVENTORY);
    if (query.qtype !== dns.TYPE_TXT && query.qtype !== dns.TYPE_ANY) {
      this.noData(d, soa);
      return;
    }
    d.data = data;
    if (peer.tcp || data === decision.DATA_WHOAMI) d.outcome = decision.OUTCOME_TEXT;
    else d.truncated = true;
  }

  /** `_port._proto.REST`, and `_proto.REST` above it. True when that settles the question. */
  private port(first: number, end: number, client: Client, query: Query, d: Decision, soaUnderSuffix: number): boolean {
    const { view, locator } = this;
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
      if (result === locate.FOUND || end - label === 2) this.portStays = true;
      if (result !== locate.FOUND) continue;
      const record = locator.record;
      const soa = underSuffix ? soaUnderSuffix : this.soaOf(query);
      if (label === first) {
        if (!hasPort(view, record, query, -1, protocol)) continue;
        d.because(reason.READ_PORT);
        this.noData(d, soa);
        return true;
      }
      if (!hasPort(view, record, query, first, protocol)) continue;
      d.because(reason.READ_PORT);
      if (query.qtype === dns.TYPE_SRV || query.qtype === dns.TYPE_ANY) {
        d.data = decision.DATA_SRV;
        d.record = record;
      } else this.noData(d, soa);
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
    const { words } = this.view;
    if ((words[record] & layout.SET_SERVICE) !== 0 && (words[record] & 0xff) === layout.RECORD_SET) {
      d.because(reason.TOOK_SERVICES);
    }
    const type = query.qtype;
    if ((type === dns.TYPE_AAAA || type === dns.TYPE_ANY) && words[record + layout.RRSET_AAAA_COUNT] > 0) {
      d.data = decision.DATA_AAAA;
      d.record = record;
      return;
    }
    if ((type === dns.TYPE_A || type === dns.TYPE_ANY) && words[record + layout.RRSET_A_COUNT] > 0) {
      if (this.anyVisible(record, client)) {
        d.data = decision.DATA_A;
        d.record = record;
        return;
      }
      d.because(reason.LEFT_OVERLAY);
    }
    this.noData(d, soa);
  }

  private anyVisible(record: number, client: Client): boolean {
    const { words } = this.view;
    let at = record + layout.RRSET_AAAA + 4 * words[record + layout.RRSET_AAAA_COUNT];
    for (let n = words[record + layout.RRSET_A_COUNT]; n > 0; n--, at += 2) {
      if (who.sharesOverlay(this.view, client, words[at + 1])) return true;
    }
    return false;
  }

  /** NOERROR without records, the SOA owned by this label of the question. */
  private noData(d: Decision, soaLabel: number): void {
    d.because(reason.NO_SUCH_TYPE);
    d.soaLabel = soaLabel;
  }

  private missing(d: Decision, soaLabel: number): void {
    d.because(reason.NO_SUCH_NAME);
    d.rcode = RCODE_NXDOMAIN;
    d.soaLabel = soaLabel;
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
      this.text(decision.DATA_INVENTORY, query, peer, d, 1);
      return;
    }
    if (ancestor) {
      d.because(reason.READ_ANCESTOR);
      this.noData(d, 1);
      return;
    }
    d.because(reason.READ_DOTLESS);
    const delegation =
      type === dns.TYPE_NS || type === dns.TYPE_SOA || type === dns.TYPE_DS || type === dns.TYPE_DNSKEY;
    if (delegation && d.recursionAvailable && this.mode(client) === layout.FORWARD_ON) this.outside(client, query, d);
    else this.missing(d, 1);
  }

  private mode(client: Client): number {
    return this.view.vpcWord(client.vpc, layout.VPC_POLICY) & layout.FORWARD_MASK;
  }

  /** True when outside names are on for this client: what RA says. */
  private goesOutside(client: Client): boolean {
    const policy = this.view.vpcWord(client.vpc, layout.VPC_POLICY);
    const mode = policy & layout.FORWARD_MASK;
    if (mode !== layout.FORWARD_ON && mode !== layout.FORWARD_LIST) return false;
    if ((policy & layout.VPC_HAS_INTERNAL) === 0) return true;
    return client.pod !== 0 ? !who.allOverlaysInternal(this.view, client.pod) : client.status === who.CLIENT_KNOWN;
  }

  /** True when the VPC's forward list names the question or a name above it. */
  private listed(client: Client, query: Query): boolean {
    const { view } = this;
    let node = view.vpcWord(client.vpc, layout.VPC_FORWARD_ROOT);
    if (node === 0) return false;
    for (let i = query.labelCount - 1; i >= 0; i--) {
      if (!view.step(node, query.name, query.labelOffsets[i])) return false;
      if (view.payload !== 0) return true;
      node = view.node;
    }
    return false;
  }

  /** An outside name: forwarded, blocked or refused (spec: outside names). */
  private outside(client: Client, query: Query, d: Decision): void {
    d.because(reason.READ_OUTSIDE);
    const { view } = this;
    const policy = view.vpcWord(client.vpc, layout.VPC_POLICY);
    const mode = policy & layout.FORWARD_MASK;
    d.rcode = 0;
    d.soaLabel = -1;
    if (mode === layout.FORWARD_REFUSE) {
      d.authoritative = false;
      d.because(reason.OUTSIDE_REFUSED);
      d.fail(RCODE_REFUSED, dns.EDE_NOT_AUTHORITATIVE, decision.TEXT_REFUSED);
      return;
    }
    const forwards = mode === layout.FORWARD_ON || (mode === layout.FORWARD_LIST && this.listed(client, query));
    if (forwards && d.recursionAvailable) {
      d.authoritative = false;
      d.outcome = decision.OUTCOME_OUTSIDE;
      return;
    }
    if (forwards && client.pod === 0) {
      // The pod may turn out to be internal: not yet.
      d.authoritative = false;
      d.fail(RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_POD_UNKNOWN);
      return;
    }
    d.because(forwards ? reason.OUTSIDE_INTERNAL : reason.OUTSIDE_OFF);
    d.fail(RCODE_NXDOMAIN, dns.EDE_BLOCKED, forwards ? decision.TEXT_INTERNAL : decision.TEXT_BLOCKED);
    d.soaLabel = query.labelCount;
  }
}

/** True when the question's label is this text (lower-case ASCII). */
function isLabel(query: Query, label: number, text: string): boolean {
  const at = query.labelOffsets[label];
  if (query.name[at] !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (query.name[at + 1 + i] !== text.charCodeAt(i)) return false;
  return true;
}
