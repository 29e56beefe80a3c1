/** Reverse names: whose an address is, and the one name that a PTR gives for it. */
import { findOwner } from '../trie/address-owner.ts';
import { ReverseName, parseReverse } from '../dns/arpa.ts';
import * as dns from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import { isAbovePrefix, longestPrefix } from '../trie/own-prefixes.ts';
import { parsePrefix, sharesPrefix } from '../trie/prefix.ts';
import type { Prefix } from '../trie/prefix.ts';
import { attachmentWords } from '../trie/records.ts';
import type { View } from '../trie/view.ts';
import type { Client } from './client.ts';
import * as decision from './decision.ts';
import { missing, noData } from './decision.ts';
import type { Decision } from './decision.ts';
import type { Peer } from './peer.ts';
import * as reason from './reasons.ts';
import type { VisibleAddresses } from './visible.ts';
import { nodeNameLength, replicaLabelLength } from './wire.ts';

/** The address or zone is the VPC's, and the decision is made. */
export const REVERSE_OURS = 0;
/** In a private range that is nobody's here: NXDOMAIN is decided, unless a forward list names it. */
export const REVERSE_PRIVATE = 1;
export const REVERSE_OUTSIDE = 2;

/** RFC 6303, RFC 7793, and link-local. */
const PRIVATE: readonly Prefix[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
].map((text) => parsePrefix(text)!);

const reverse = new ReverseName();

export function decideReverse(
  view: View,
  client: Client,
  query: Query,
  peer: Peer,
  zoneLength: number,
  visible: VisibleAddresses,
  d: Decision,
): number {
  parseReverse(query, 0, reverse);
  const base = reverse.family === 4 ? 96 : 0;
  const bits = reverse.bits + base;
  const whole = bits === 128 && !reverse.malformed;
  if (whole) {
    view.setKey(reverse.address);
    if (sharesPrefix(peer.local, 0, reverse.address, 0, 128)) {
      d.because(reason.READ_SERVER);
      if (query.qtype === dns.TYPE_PTR || query.qtype === dns.TYPE_ANY) d.data = decision.DATA_OWN_NAME;
      else noData(d, query.labelCount);
      return REVERSE_OURS;
    }
    const record = findOwner(view, client.vpc);
    if (record !== 0) {
      const zone = zoneLabel(
        query,
        base,
        Math.max(longestPrefix(view, client.vpc, reverse.address, bits), base),
      );
      if (query.qtype !== dns.TYPE_PTR && query.qtype !== dns.TYPE_ANY) noData(d, zone);
      else {
        visible.use(client);
        if (!choosePointer(view, client, visible, record, zoneLength, d)) noData(d, zone);
      }
      return REVERSE_OURS;
    }
  }
  const inside = longestPrefix(view, client.vpc, reverse.address, bits);
  if (inside >= 0) {
    const zone = zoneLabel(query, base, inside);
    // Whether an address is assigned below a partial name is not known without a walk: it exists (RFC 8020).
    if (whole || reverse.malformed) missing(d, zone);
    else noData(d, zone);
    return REVERSE_OURS;
  }
  if (!reverse.malformed && isAbovePrefix(view, client.vpc, reverse.address, bits)) {
    d.because(reason.READ_ANCESTOR);
    noData(d, query.labelCount);
    return REVERSE_OURS;
  }
  for (const range of PRIVATE) {
    if (range.bits > bits || (range.bits < 96 && base === 96)) continue;
    if (!sharesPrefix(range.octets, 0, reverse.address, 0, range.bits)) continue;
    const zone = zoneLabel(query, base, range.bits);
    if (whole || reverse.malformed) missing(d, zone);
    else noData(d, zone);
    return REVERSE_PRIVATE;
  }
  if (reverse.bits === 0 && !reverse.malformed) {
    d.because(reason.READ_ANCESTOR);
    noData(d, query.labelCount);
    return REVERSE_OURS;
  }
  return REVERSE_OUTSIDE;
}

/** Label at which the zone begins: the prefix rounded up to a whole octet or nibble, so that it claims no more. */
function zoneLabel(query: Query, base: number, prefixBits: number): number {
  const labels = base === 96 ? Math.ceil((prefixBits - 96) / 8) : Math.ceil(prefixBits / 4);
  return Math.max(0, query.labelCount - 2 - labels);
}

/**
 * The first name whose forward answer for this client holds the address in `view.key`: the resource's own and
 * its other names, host-name-clean ones first, then the replica form.
 */
function choosePointer(
  view: View,
  client: Client,
  visible: VisibleAddresses,
  record: number,
  zoneLength: number,
  d: Decision,
): boolean {
  let holder = record;
  const { words } = view;
  if ((words[record] & 0xff) === layout.RECORD_HOLDERS) {
    holder = sharedHolder(view, client);
    if (holder === 0) {
      d.because(reason.LEFT_OVERLAY);
      return false;
    }
  }
  const tail = view.tail(holder);
  const names = (words[tail + layout.TAIL_COUNTS] >>> 16) & 0xff;
  const nameAt = (i: number): number =>
    words[i === 0 ? tail + layout.TAIL_NODE : tail + layout.TAIL_NAMES + i - 1];
  view.steps += names;
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i <= names; i++) {
      const node = nameAt(i);
      if (isClean(view, node) !== (pass === 0)) continue;
      if (visible.isGiven(view.payloadOf(node), holder)) return pointTo(d, node, 0);
    }
  }
  if ((words[holder] & 0xff) !== layout.RECORD_POD || !visible.isGiven(holder, holder)) return false;
  const node = nameAt(names > 0 ? 1 : 0);
  // Validation sees to it that a name fits below the zone, not that a label before it does too.
  if (replicaLabelLength(view, holder) + nodeNameLength(view, node) + zoneLength > dns.NAME_LENGTH_MAX)
    return false;
  return pointTo(d, node, holder);
}

/** The pod that holds the IPv4 in `view.key` on an overlay that the client shares, or 0. */
function sharedHolder(view: View, client: Client): number {
  if (client.pod === 0) {
    return client.onAllOverlays ? view.find(client.namespace, layout.NAMESPACE_BITS) : 0;
  }
  const { words } = view;
  const tail = view.tail(client.pod);
  const counts = words[tail + layout.TAIL_COUNTS];
  let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
  view.steps += counts >>> 24;
  for (let i = counts >>> 24; i > 0; i--, at += attachmentWords(words, at)) {
    const holder = view.find(words[at + layout.ATTACHMENT_OVERLAY], layout.OVERLAY_BITS);
    if (holder !== 0) return holder;
  }
  return 0;
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
