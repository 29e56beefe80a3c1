/** Outside names: which of them a client may ask, and what it is told of the others. */
import * as dns from '../../dns/constants.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import type { Decision } from './decision.ts';
import * as reason from './reasons.ts';
import { walk } from './labels.ts';

/** The record of `hosts` whose name the question is, of the VPC before that of the configuration; 0: none. */
export function hostOf(view: View, client: Client, query: Query): number {
  const own = hostIn(view, view.vpcWord(client.vpc, layout.VPC_OUTSIDE_ROOT), query);
  return own !== 0 ? own : hostIn(view, view.outsideRoot, query);
}

function hostIn(view: View, root: number, query: Query): number {
  if (root === 0 || !walk(view, root, query, 0, query.labelCount) || view.payload === 0) return 0;
  return (view.words[view.payload] & layout.OUTSIDE_HOST) !== 0 ? view.payload : 0;
}

/** The record of the longest route that the question is at or below, the VPC's among equals; 0: none. */
export function routeOf(view: View, client: Client, query: Query): number {
  const own = routeIn(view, view.vpcWord(client.vpc, layout.VPC_OUTSIDE_ROOT), query);
  const ownLabels = routeLabels;
  const configured = routeIn(view, view.outsideRoot, query);
  return configured !== 0 && (own === 0 || routeLabels > ownLabels) ? configured : own;
}

/** Labels of the route that was found last. */
let routeLabels = 0;

function routeIn(view: View, root: number, query: Query): number {
  let route = 0;
  let node = root;
  for (let i = query.labelCount - 1; node !== 0 && i >= 0; i--) {
    if (!view.step(node, query.name, query.labelOffsets[i])) break;
    node = view.node;
    const { payload } = view;
    if (payload === 0 || (view.words[payload] & (layout.OUTSIDE_ROUTED | layout.OUTSIDE_BLOCKED)) === 0)
      continue;
    route = payload;
    routeLabels = query.labelCount - i;
  }
  return route;
}

/** One of FORWARD_*. */
export function forwardMode(view: View, client: Client): number {
  return view.vpcWord(client.vpc, layout.VPC_POLICY) & layout.FORWARD_MASK;
}

/** True when a route or the VPC's forward list names the question or a name above it: then it is an outside name. */
export function isListed(view: View, client: Client, query: Query): boolean {
  if (routeOf(view, client, query) !== 0) return true;
  let node = view.vpcWord(client.vpc, layout.VPC_FORWARD_ROOT);
  if (node === 0) return false;
  for (let i = query.labelCount - 1; i >= 0; i--) {
    if (!view.step(node, query.name, query.labelOffsets[i])) return false;
    if (view.payload !== 0) return true;
    node = view.node;
  }
  return false;
}

/**
 * Forwarded, blocked or refused. A route permits forwarding, whatever `forward` is. A name that is not forwarded is
 * NXDOMAIN, because REFUSED from the only nameserver makes musl wait for its time-out and c-ares fail; `refuse` is for
 * pods that have a second one.
 */
export function decideOutside(view: View, client: Client, query: Query, d: Decision): void {
  d.because(reason.READ_OUTSIDE);
  const mode = forwardMode(view, client);
  d.rcode = dns.RCODE_NOERROR;
  d.soaLabel = -1;
  const route = routeOf(view, client, query);
  if (route !== 0 && (view.words[route] & layout.OUTSIDE_BLOCKED) !== 0) {
    d.because(reason.ROUTE_BLOCKED);
    d.fail(dns.RCODE_NXDOMAIN, dns.EDE_BLOCKED, decision.TEXT_ROUTE_BLOCKED);
    d.soaLabel = query.labelCount;
    return;
  }
  if (route === 0 && mode === layout.FORWARD_REFUSE) {
    d.authoritative = false;
    d.because(reason.OUTSIDE_REFUSED);
    d.fail(dns.RCODE_REFUSED, dns.EDE_NOT_AUTHORITATIVE, decision.TEXT_REFUSED);
    return;
  }
  const listed = mode === layout.FORWARD_LIST && isListed(view, client, query);
  if (route !== 0) d.because(reason.ROUTED);
  else if (listed) d.because(reason.FORWARD_LISTED);
  const forwards = route !== 0 || listed || mode === layout.FORWARD_ON;
  if (forwards && d.recursionAvailable) {
    d.authoritative = false;
    d.outcome = decision.OUTCOME_OUTSIDE;
    return;
  }
  if (forwards && client.pod === 0) {
    // The pod may prove to be internal: not yet.
    d.authoritative = false;
    d.fail(dns.RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_POD_UNKNOWN);
    return;
  }
  d.because(forwards ? reason.OUTSIDE_INTERNAL : reason.OUTSIDE_OFF);
  d.fail(dns.RCODE_NXDOMAIN, dns.EDE_BLOCKED, forwards ? decision.TEXT_INTERNAL : decision.TEXT_BLOCKED);
  d.soaLabel = query.labelCount;
}
