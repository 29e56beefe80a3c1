/** SRV records of a named port: targets uncompressed (RFC 2782), their addresses in additional. */
import * as dns from '../dns/constants.ts';
import { put16 } from '../dns/octets.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import { sharesOverlay } from './client.ts';
import type { Client } from './client.ts';
import type { Draft } from './draft.ts';
import { memberAt, memberCount, portOf, protocolOf } from './walk.ts';
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
/** Type, class, TTL and RDLENGTH. */
const RECORD_FIXED = 10;

/**
 * Writes one SRV for each member of `record` that has the port which the question's first two labels name, and
 * then the addresses of the targets, whole RRsets as far as they fit; leaving those out does not truncate (RFC 2181
 * section 9).
 */
export function encodePorts(
  view: View,
  names: ServerNames,
  query: Query,
  client: Client,
  record: number,
  ttl: number,
  draft: Draft,
): void {
  const { out, base } = draft;
  const protocol = protocolOf(query, 1);
  const members = memberCount(view, record);
  let at = draft.at;
  const targets: number[] = [];
  let i = Math.floor((query.id * members) / 65536);
  for (let n = 0; n < members; n++, i = i + 1 === members ? 0 : i + 1) {
    const member = memberAt(view, record, i);
    const port = portOf(view, member, query, 0, protocol);
    if (port === 0) continue;
    chooseTarget(view, names, member, record);
    const rdata = at + 12;
    const end = rdata + 6 + target.length;
    if (end > draft.end) {
      draft.truncated = true;
      break;
    }
    put16(out, at, 0xc00c);
    put16(out, rdata, 0);
    put16(out, rdata + 2, 0);
    put16(out, rdata + 4, port);
    let to = rdata + 6;
    if (target.head !== 0) to = putReplicaLabel(view, out, to, target.head);
    to = putNodeName(view, out, to, target.node);
    putOctets(out, to, names.zone, 0, names.zone.length);
    putFixed(out, at + 2, dns.TYPE_SRV, ttl, end - rdata);
    targets.push(rdata + 6 - base, target.length, member);
    at = end;
    draft.answers++;
  }
  draft.at = at;
  for (let t = 0; t < targets.length; t += 3) {
    // Two ports of one member have one target.
    if (t > 0 && targets[t + 2] === targets[t - 1]) continue;
    putAddresses(view, client, targets[t], targets[t + 1], targets[t + 2], ttl, draft);
  }
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

/** The AAAA and A RRset of a target, whose name stands at `owner`: each whole or not at all. */
function putAddresses(
  view: View,
  client: Client,
  owner: number,
  ownerLength: number,
  member: number,
  ttl: number,
  draft: Draft,
): void {
  const { words, bytes } = view;
  const { out, base, end } = draft;
  const pointed = owner <= POINTER_MAX;
  const prefix = (pointed ? 2 : ownerLength) + RECORD_FIXED;
  const first4 = member + layout.RRSET_AAAA + 4 * words[member + layout.RRSET_AAAA_COUNT];
  const end4 = first4 + 2 * words[member + layout.RRSET_A_COUNT];
  let { at } = draft;
  if (at + words[member + layout.RRSET_AAAA_COUNT] * (prefix + 16) <= end) {
    for (let word = member + layout.RRSET_AAAA; word < first4; word += 4) {
      at = putOwner(out, at, base, owner, ownerLength, pointed);
      at = putOctets(out, putFixed(out, at, dns.TYPE_AAAA, ttl, 16), bytes, word * 4, 16);
      draft.additional++;
    }
  }
  let count = 0;
  for (let word = first4; word < end4; word += 2) if (isGiven(view, client, member, word)) count++;
  if (at + count * (prefix + 4) <= end) {
    for (let word = first4; word < end4; word += 2) {
      if (!isGiven(view, client, member, word)) continue;
      at = putOwner(out, at, base, owner, ownerLength, pointed);
      at = putOctets(out, putFixed(out, at, dns.TYPE_A, ttl, 4), bytes, word * 4, 4);
      draft.additional++;
    }
  }
  draft.at = at;
}

/** A pointer to a target, or its octets again where no pointer reaches it. */
function putOwner(
  out: Uint8Array,
  at: number,
  base: number,
  owner: number,
  length: number,
  pointed: boolean,
): number {
  if (!pointed) return putOctets(out, at, out, base + owner, length);
  put16(out, at, 0xc000 | owner);
  return at + 2;
}

/** True for an IPv4 that this client is given, and that no entry before this one has given it. */
function isGiven(view: View, client: Client, member: number, word: number): boolean {
  const overlay = view.words[word + 1];
  return sharesOverlay(view, client, overlay) && !isRepeated(view, client, member, word);
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
