/** SRV records of a named port: targets uncompressed (RFC 2782), their addresses in additional. */
import * as dns from '../dns/constants.ts';
import { put16 } from '../dns/octets.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import { sharesOverlay } from './client.ts';
import type { Client } from './client.ts';
import type { Draft } from './draft.ts';
import { Ports, memberAt, memberCount, protocolOf } from './walk.ts';
import {
  nodeNameLength,
  putFixed,
  putNodeName,
  putOctets,
  putReplicaLabel,
  replicaLabelLength,
} from './wire.ts';
import type { ServerNames } from './wire.ts';

/** Highest offset that a compression pointer reaches. */
const POINTER_MAX = 0x3fff;

const ports = new Ports();

/**
 * Writes one SRV for each port that the question's first two labels name on a member of `record`, and then the
 * addresses of the targets as far as they fit; leaving those out does not truncate (RFC 2181 section 9).
 */
export function encodePorts(
  view: View,
  names: ServerNames,
  query: Query,
  client: Client,
  record: number,
  ttl: number,
  tcp: boolean,
  draft: Draft,
): void {
  const { out, base } = draft;
  const protocol = protocolOf(query, 1);
  const members = memberCount(view, record);
  let at = draft.at;
  const targets: number[] = [];
  let i = Math.floor((query.id * members) / 65536);
  members: for (let n = 0; n < members; n++, i = i + 1 === members ? 0 : i + 1) {
    const member = memberAt(view, record, i);
    ports.of(view, member);
    let port = ports.next(view, query, 0, protocol);
    if (port === 0) continue;
    chooseTarget(view, names, member, record);
    for (let first = true; port !== 0; port = ports.next(view, query, 0, protocol), first = false) {
      const rdata = at + 12;
      const end = rdata + 6 + target.length;
      if (end > draft.end) {
        draft.truncated = !tcp;
        break members;
      }
      put16(out, at, 0xc00c);
      put16(out, rdata, 0);
      // Not 0: HAProxy takes that for a server to drain.
      put16(out, rdata + 2, 1);
      put16(out, rdata + 4, port);
      let to = rdata + 6;
      if (target.head !== 0) to = putReplicaLabel(view, out, to, target.head);
      to = putNodeName(view, out, to, target.node);
      putOctets(out, to, names.zone, 0, names.zone.length);
      putFixed(out, at + 2, dns.TYPE_SRV, ttl, end - rdata);
      if (first) targets.push(rdata + 6 - base, member);
      at = end;
      draft.answers++;
    }
  }
  for (let t = 0; t < targets.length; t += 2) {
    if (targets[t] <= POINTER_MAX)
      at = putAddresses(view, client, targets[t], targets[t + 1], ttl, draft, at);
  }
  draft.at = at;
}

/** The last chosen target: a name node, the pod whose replica label comes before it or 0, its octets. */
const target = { node: 0, head: 0, length: 0 };

/**
 * `name.n.Z` where that name is this member's alone, else its replica form below the name that was asked; where
 * that would be no name any more (RFC 1035 section 2.3.4), the shared one.
 */
function chooseTarget(view: View, names: ServerNames, member: number, record: number): void {
  const { words } = view;
  const tail = view.tail(member);
  target.node = words[tail + layout.TAIL_NODE];
  target.head = 0;
  target.length = nodeNameLength(view, target.node) + names.zone.length;
  if ((words[member] & 0xff) !== layout.RECORD_POD || view.payloadOf(target.node) === member) return;
  let node = target.node;
  const named = (words[tail + layout.TAIL_COUNTS] >>> 16) & 0xff;
  for (let i = 0; i < named; i++) {
    const other = words[tail + layout.TAIL_NAMES + i];
    if (view.payloadOf(other) === record) node = other;
  }
  const length = replicaLabelLength(view, member) + nodeNameLength(view, node) + names.zone.length;
  if (length > dns.NAME_LENGTH_MAX) return;
  target.node = node;
  target.head = member;
  target.length = length;
}

function putAddresses(
  view: View,
  client: Client,
  owner: number,
  member: number,
  ttl: number,
  draft: Draft,
  at: number,
): number {
  const { words, bytes } = view;
  const { out } = draft;
  let word = member + layout.RRSET_AAAA;
  for (let n = words[member + layout.RRSET_AAAA_COUNT]; n > 0; n--, word += 4) {
    if (at + 28 > draft.end) return at;
    put16(out, at, 0xc000 | owner);
    at = putOctets(out, putFixed(out, at + 2, dns.TYPE_AAAA, ttl, 16), bytes, word * 4, 16);
    draft.additional++;
  }
  for (let n = words[member + layout.RRSET_A_COUNT]; n > 0; n--, word += 2) {
    if (!sharesOverlay(view, client, words[word + 1]) || isRepeated(view, client, member, word)) continue;
    if (at + 16 > draft.end) return at;
    put16(out, at, 0xc000 | owner);
    at = putOctets(out, putFixed(out, at + 2, dns.TYPE_A, ttl, 4), bytes, word * 4, 4);
    draft.additional++;
  }
  return at;
}

/** True when an entry before it gives the client the same IPv4, on another overlay that it shares. */
function isRepeated(view: View, client: Client, member: number, word: number): boolean {
  const { words } = view;
  let earlier = member + layout.RRSET_AAAA + 4 * words[member + layout.RRSET_AAAA_COUNT];
  for (; earlier < word; earlier += 2) {
    if (words[earlier] === words[word] && sharesOverlay(view, client, words[earlier + 1])) return true;
  }
  return false;
}
