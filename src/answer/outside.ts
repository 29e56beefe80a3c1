/** Outside names: which of them a client may ask, and what it is told of the others. */
import * as dns from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import { CLIENT_KNOWN, allOverlaysInternal } from './client.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import type { Decision } from './decision.ts';
import * as reason from './reasons.ts';

/** One of FORWARD_*. */
export function forwardMode(view: View, client: Client): number {
  return view.vpcWord(client.vpc, layout.VPC_POLICY) & layout.FORWARD_MASK;
}

/** True when outside names are on for this client: what RA says. */
export function goesOutside(view: View, client: Client): boolean {
  const policy = view.vpcWord(client.vpc, layout.VPC_POLICY);
  const mode = policy & layout.FORWARD_MASK;
  if (mode !== layout.FORWARD_ON && mode !== layout.FORWARD_LIST) return false;
  if ((policy & layout.VPC_HAS_INTERNAL) === 0) return true;
  return client.pod !== 0 ? !allOverlaysInternal(view, client.pod) : client.status === CLIENT_KNOWN;
}

/** True when the VPC's forward list names the question or a name above it. */
export function isListed(view: View, client: Client, query: Query): boolean {
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
 * Forwarded, blocked or refused. A name that is not forwarded is NXDOMAIN, because REFUSED from the only
 * nameserver makes musl wait for its time-out and c-ares fail; `refuse` is for pods that have a second one.
 */
export function decideOutside(view: View, client: Client, query: Query, d: Decision): void {
  d.because(reason.READ_OUTSIDE);
  const mode = forwardMode(view, client);
  d.rcode = dns.RCODE_NOERROR;
  d.soaLabel = -1;
  if (mode === layout.FORWARD_REFUSE) {
    d.authoritative = false;
    d.because(reason.OUTSIDE_REFUSED);
    d.fail(dns.RCODE_REFUSED, dns.EDE_NOT_AUTHORITATIVE, decision.TEXT_REFUSED);
    return;
  }
  const listed = mode === layout.FORWARD_LIST && isListed(view, client, query);
  if (listed) d.because(reason.FORWARD_LISTED);
  const forwards = listed || mode === layout.FORWARD_ON;
  if (forwards && d.recursionAvailable) {
    d.authoritative = false;
    d.outcome = decision.OUTCOME_OUTSIDE;
    return;
  }
  if (forwards && client.pod === 0) {
    // The pod may turn out to be internal: not yet.
    d.authoritative = false;
    d.fail(dns.RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_POD_UNKNOWN);
    return;
  }
  d.because(forwards ? reason.OUTSIDE_INTERNAL : reason.OUTSIDE_OFF);
  d.fail(dns.RCODE_NXDOMAIN, dns.EDE_BLOCKED, forwards ? decision.TEXT_INTERNAL : decision.TEXT_BLOCKED);
  d.soaLabel = query.labelCount;
}
