/** Reverse names: whose an address is, and the one name that a PTR gives for it. */
import { findOwner } from '../../trie/read/addresses.ts';
import { ReverseName, bitsOfLabel, parseReverse, zoneLabels } from '../../dns/arpa.ts';
import * as dns from '../../dns/constants.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import { isAbovePrefix, longestPrefix } from '../../trie/read/addresses.ts';
import { parsePrefix, sharesPrefix } from '../../trie/prefix.ts';
import { attachmentAfter, attachmentCount, attachmentsAt, nameCount } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import { missing, noData } from './decision.ts';
import type { Decision } from './decision.ts';
import { isListed } from './outside.ts';
import type { Peer } from '../peer.ts';
import { ABOVE_PRIVATE, PUBLIC, privateRange } from './private-ranges.ts';
import * as reason from './reasons.ts';
import { isTaken } from '../encode/visible-addresses.ts';
import type { VisibleAddresses } from '../encode/visible-addresses.ts';
import { findReplica } from '../encode/record-access.ts';
import { nodeNameLength, putReplicaLabel, replicaLabelLength } from '../encode/write.ts';

const LOOPBACK4 = parsePrefix('127.0.0.1')!.octets;
const LOOPBACK6 = parsePrefix('::1')!.octets;
const reverse = new ReverseName();

/** True when the decision is made; false for an outside name, or one that the VPC's forward list names. */
export function decideReverse(
  view: View,
  client: Client,
  query: Query,
  peer: Peer,
  zoneLength: number,
  visible: VisibleAddresses,
  d: Decision,
): boolean {
  parseReverse(query, 0, reverse);
  const { address, malformed } = reverse;
  const bits = reverse.bits + (reverse.family === 4 ? 96 : 0);
  const whole = bits === 128 && !malformed;
  const own = longestPrefix(view, client.vpc, address, bits);
  const range = privateRange(reverse.family, address, bits);
  const zone = zoneLabel(view, client, query, own, range);
  const asksPointer = query.qtype === dns.TYPE_PTR || query.qtype === dns.TYPE_ANY;
  if (whole) {
    view.setKey(address);
    if (sharesPrefix(peer.local, 0, address, 0, 128)) {
      d.because(reason.READ_SERVER);
      if (asksPointer) d.data = decision.DATA_OWN_NAME;
      else noData(d, query, zone);
      return true;
    }
    const record = findOwner(view, client.vpc);
    if (record !== 0) {
      visible.use(client);
      if (!asksPointer || !choosePointer(view, client, visible, record, zoneLength, d))
        noData(d, query, zone);
      return true;
    }
    if (sharesPrefix(LOOPBACK4, 0, address, 0, 128) || sharesPrefix(LOOPBACK6, 0, address, 0, 128)) {
      d.because(reason.READ_LOCALHOST);
      if (asksPointer) d.data = decision.DATA_LOCALHOST;
      else noData(d, query, zone);
      return true;
    }
  }
  if (own < 0) {
    if (!malformed && (reverse.bits === 0 || isAbovePrefix(view, client.vpc, address, bits))) {
      d.because(reason.READ_ANCESTOR);
      noData(d, query, zone);
      return true;
    }
    if (range === PUBLIC || (range === ABOVE_PRIVATE && malformed) || isListed(view, client, query))
      return false;
    d.because(range === ABOVE_PRIVATE ? reason.READ_ANCESTOR : reason.READ_SPECIAL);
  }
  // Whether an address is assigned below a partial name is not known without a walk: it exists (RFC 8020).
  if (whole || malformed) missing(d, zone);
  else noData(d, query, zone);
  return true;
}

/**
 * The label at which the zone begins: that of the VPC's longest prefix there, else of a private range, else the
 * root, which is no label of the question.
 */
function zoneLabel(view: View, client: Client, query: Query, own: number, range: number): number {
  const { address, family, bits } = reverse;
  const apex = query.labelCount - 2;
  const base = family === 4 ? 96 : 0;
  if (own >= 0) return apex - zoneLabels(family, Math.max(0, own - base));
  // A prefix longer than any zone: the zone reaches beyond it.
  const most = zoneLabels(family, 128 - base);
  const longest = most * bitsOfLabel(family);
  if (bits >= longest && isAbovePrefix(view, client.vpc, address, base + longest)) return apex - most;
  return range >= 0 ? apex - zoneLabels(family, range - base) : query.labelCount;
}

/**
 * The first name whose forward answer for this client holds the address in `view.key`: the resource's own name and
 * its further ones in their order, host-name-clean ones first; then its replica form below each of its further
 * names, and below its own.
 */
function choosePointer(
  view: View,
  client: Client,
  visible: VisibleAddresses,
  record: number,
  zoneLength: number,
  d: Decision,
): boolean {
  const { words } = view;
  if ((words[record] & 0xff) !== layout.RECORD_HOLDERS)
    return pointsBack(view, visible, record, zoneLength, d);
  const { address } = reverse;
  if (client.pod === 0) {
    const holder = client.onAllOverlays ? view.find(client.namespace, layout.NAMESPACE_BITS) : 0;
    if (holder !== 0) return pointsBack(view, visible, holder, zoneLength, d);
    d.because(reason.LEFT_OVERLAY);
    return false;
  }
  const tail = view.tail(client.pod);
  const count = attachmentCount(words, tail);
  let at = attachmentsAt(words, tail);
  let isShared = false;
  view.steps += count;
  // On another overlay that the client shares, another pod may hold it too.
  for (let i = count; i > 0; i--, at = attachmentAfter(words, at)) {
    view.setKey(address);
    const holder = view.find(words[at + layout.ATTACHMENT_OVERLAY], layout.OVERLAY_BITS);
    if (holder === 0) continue;
    isShared = true;
    if (pointsBack(view, visible, holder, zoneLength, d)) return true;
  }
  if (!isShared) d.because(reason.LEFT_OVERLAY);
  return false;
}

/** The first name of the holder whose answer for this client has the address in `view.key`; false where there is none. */
function pointsBack(
  view: View,
  visible: VisibleAddresses,
  holder: number,
  zoneLength: number,
  d: Decision,
): boolean {
  const { words } = view;
  // Which of its addresses a client is given is the same for all names of it.
  if (!visible.isGiven(holder, holder)) return false;
  const tail = view.tail(holder);
  const names = nameCount(words, tail);
  const nameAt = (i: number): number =>
    words[i === 0 ? tail + layout.TAIL_NODE : tail + layout.TAIL_NAMES + i - 1];
  view.steps += names;
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i <= names; i++) {
      const node = nameAt(i);
      if (isClean(view, node) !== (pass === 0)) continue;
      if (isGivenBy(view, view.payloadOf(node), holder)) return pointTo(d, node, 0);
    }
  }
  if ((words[holder] & 0xff) !== layout.RECORD_POD) return false;
  const length = replicaLabelLength(view, holder) + zoneLength;
  putReplicaLabel(view, replica.name, 0, holder);
  for (let i = 1; i <= names + 1; i++) {
    const node = nameAt(i <= names ? i : 0);
    // Validation sees to it that a name fits below the zone, not that a label before it does too.
    if (length + nodeNameLength(view, node) > dns.NAME_LENGTH_MAX) continue;
    if (isReplicaOf(view, holder, node)) return pointTo(d, node, holder);
  }
  return false;
}

/** The label of a replica, as `findReplica` reads it out of a question. */
const replica = { name: new Uint8Array(64), labelOffsets: new Uint8Array(1) };

/** True when that label below the name means this pod: no name of its own is read so, and no other pod. */
function isReplicaOf(view: View, pod: number, node: number): boolean {
  if (view.step(node, replica.name, 0) && view.payload !== 0) return false;
  return findReplica(view, view.payloadOf(node), replica, 0) === pod;
}

/** True when the holder, which bears the name of `record`, is one of those that answer for it. */
function isGivenBy(view: View, record: number, holder: number): boolean {
  return record !== 0 && isTaken(view, record, holder);
}

function pointTo(d: Decision, node: number, head: number): boolean {
  d.data = decision.DATA_PTR;
  d.ptrNode = node;
  d.ptrHead = head;
  return true;
}

/** True when all labels of the name up to its namespace are host-name labels (RFC 1123 section 2.1). */
function isClean(view: View, node: number): boolean {
  const { words, bytes } = view;
  for (;;) {
    const meta = words[node + layout.NODE_META];
    if (((meta >>> 8) & 0xff) === layout.NODE_NAMESPACE) return true;
    const length = meta & 0xff;
    const from = (node + layout.NODE_LABEL) * 4;
    for (let i = 0; i < length; i++) {
      const octet = bytes[from + i];
      const isDash = octet === 0x2d;
      const isDigit = octet >= 0x30 && octet <= 0x39;
      const isLetter = octet >= 0x61 && octet <= 0x7a;
      if (!isDigit && !isLetter && !(isDash && i > 0 && i < length - 1)) return false;
    }
    node = words[node + layout.NODE_PARENT];
  }
}
