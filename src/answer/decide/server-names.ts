/** Names that the server itself answers for: localhost, `ns` below a suffix, and the TXT names for people. */
import { isMapped } from '../../dns/address.ts';
import * as dns from '../../dns/constants.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import { noData } from './decision.ts';
import type { Decision } from './decision.ts';
import type { Peer } from '../peer.ts';
import * as reason from './reasons.ts';
import { isLabel, walk } from './labels.ts';

export function decideLocalhost(query: Query, d: Decision): void {
  d.because(reason.READ_LOCALHOST);
  const type = query.qtype;
  if (type === dns.TYPE_A) d.data = decision.DATA_LOOPBACK4;
  else if (type === dns.TYPE_AAAA || type === dns.TYPE_ANY) d.data = decision.DATA_LOOPBACK6;
  else noData(d, query, query.labelCount - 1);
}

/** `ns`, `_whoami`, `_namespaces` and `_pods.n` right below the suffix. */
export function decideServerName(
  view: View,
  rest: number,
  client: Client,
  query: Query,
  peer: Peer,
  d: Decision,
): boolean {
  if (rest === 1) {
    if (isLabel(query, 0, 'ns')) {
      d.because(reason.READ_SERVER);
      const ip4 = isMapped(peer.local, 0);
      const type = query.qtype;
      if (type === (ip4 ? dns.TYPE_A : dns.TYPE_AAAA) || type === dns.TYPE_ANY)
        d.data = decision.DATA_OWN_ADDRESS;
      else noData(d, query, rest);
      return true;
    }
    const data = isLabel(query, 0, '_whoami')
      ? decision.DATA_WHOAMI
      : isLabel(query, 0, '_namespaces')
        ? decision.DATA_NAMESPACES
        : 0;
    if (data === 0) return false;
    decideText(data, query, peer, d, rest);
    return true;
  }
  if (
    rest === 2 &&
    isLabel(query, 0, '_pods') &&
    walk(view, view.words[client.vpc + layout.VPC_NODE], query, 1, 2)
  ) {
    d.record = view.node;
    decideText(decision.DATA_PODS, query, peer, d, rest);
    return true;
  }
  return false;
}

export function decideText(data: number, query: Query, peer: Peer, d: Decision, soa: number): void {
  d.because(reason.READ_INVENTORY);
  if (query.qtype !== dns.TYPE_TXT && query.qtype !== dns.TYPE_ANY) {
    noData(d, query, soa);
    return;
  }
  d.data = data;
  if (peer.tcp || data === decision.DATA_WHOAMI) d.outcome = decision.OUTCOME_TEXT;
  else d.truncated = true;
}
