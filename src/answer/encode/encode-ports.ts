/** SRV records of a named port: targets uncompressed (RFC 2782), their addresses in additional. */
import * as dns from '../../dns/constants.ts';
import { put16 } from '../../dns/octets.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import { nameCount } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';
import type { ResponseBuffer, ServerNames } from './write.ts';
import { STEPS, STEPS_TCP } from './members.ts';
import type { PortHolders } from './ports.ts';
import { A, AAAA } from './visible-addresses.ts';
import type { VisibleAddresses } from './visible-addresses.ts';
import { protocolOf } from '../decide/labels.ts';
import { Ports } from './record-access.ts';
import {
  nodeNameLength,
  putFixed,
  putNodeName,
  putOctets,
  putReplicaLabel,
  replicaLabelLength,
} from './write.ts';

/** Highest offset that a compression pointer reaches. */
const POINTER_MAX = 0x3fff;
/** Type, class, TTL and RDLENGTH. */
const RECORD_FIXED = 10;

const ports = new Ports();

/**
 * Writes one SRV for each port that the question's first two labels name on a member of `record`, and then the
 * addresses of the targets, whole RRsets as far as they fit; leaving those out does not truncate (RFC 2181
 * section 9).
 */
export function encodePorts(
  view: View,
  names: ServerNames,
  query: Query,
  holders: PortHolders,
  visible: VisibleAddresses,
  record: number,
  ttl: number,
  tcp: boolean,
  response: ResponseBuffer,
): void {
  const { out, base } = response;
  const protocol = protocolOf(query, 1);
  let at = response.at;
  const targets: number[] = [];
  holders.begin(record, query, 0, protocol, tcp ? STEPS_TCP : STEPS);
  members: for (let member = holders.next(); member !== 0; member = holders.next()) {
    chooseTarget(view, names, member, record);
    ports.of(view, member);
    let port = ports.next(view, query, 0, protocol);
    for (let isFirst = true; port !== 0; port = ports.next(view, query, 0, protocol), isFirst = false) {
      const rdata = at + 12;
      const end = rdata + 6 + target.length;
      if (end > response.end) {
        response.truncated = true;
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
      if (isFirst) targets.push(rdata + 6 - base, target.length, member);
      at = end;
      response.answers++;
    }
  }
  if (holders.cut) response.truncated = true;
  response.at = at;
  for (let t = 0; t < targets.length; t += 3) {
    putAddresses(view, visible, targets[t], targets[t + 1], targets[t + 2], ttl, response);
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
  const node = nameOf(view, tail, record);
  const length = replicaLabelLength(view, member) + nodeNameLength(view, node) + names.zone.length;
  if (length > dns.NAME_LENGTH_MAX) return;
  target.node = node;
  target.head = member;
  target.length = length;
}

/** The name among those of the pod with this tail for which `record` answers; its own where none is. */
function nameOf(view: View, tail: number, record: number): number {
  const { words } = view;
  if ((words[record] & 0xff) === layout.RECORD_CROWD) return words[record + layout.CROWD_NODE];
  const named = nameCount(words, tail);
  view.steps += named;
  for (let i = named - 1; i >= 0; i--) {
    const node = words[tail + layout.TAIL_NAMES + i];
    if (view.payloadOf(node) === record) return node;
  }
  return words[tail + layout.TAIL_NODE];
}

/** The AAAA and A RRset of a target, whose name stands at `owner`: each whole or not at all. */
function putAddresses(
  view: View,
  visible: VisibleAddresses,
  owner: number,
  ownerLength: number,
  member: number,
  ttl: number,
  response: ResponseBuffer,
): void {
  const { out, base, end } = response;
  const pointed = owner <= POINTER_MAX;
  const ownerOctets = pointed ? 2 : ownerLength;
  for (const family of FAMILIES) {
    const length = family * 4;
    const type = family === AAAA ? dns.TYPE_AAAA : dns.TYPE_A;
    const { additional } = response;
    let { at } = response;
    visible.beginOne(member, family);
    for (let word = visible.next(); word !== 0; word = visible.next()) {
      if (at + ownerOctets + RECORD_FIXED + length > end) {
        response.additional = additional;
        at = response.at;
        break;
      }
      at = putOwner(out, at, base, owner, ownerLength, pointed);
      at = putOctets(out, putFixed(out, at, type, ttl, length), view.bytes, word * 4, length);
      response.additional++;
    }
    response.at = at;
  }
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

const FAMILIES = [AAAA, A];
