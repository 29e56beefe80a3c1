/** Who bears the name, and why each address of theirs was given to this client or left out. */
import * as decision from '../answer/decide/decision.ts';
import * as reason from '../answer/decide/reasons.ts';
import { SharedOverlays } from '../answer/overlays.ts';
import type { Responder } from '../answer/responder.ts';
import { protocolOf } from '../answer/decide/labels.ts';
import { Ports } from '../answer/encode/record-access.ts';
import { A, AAAA, VisibleAddresses, isTaken } from '../answer/encode/visible-addresses.ts';
import { ReverseName, parseReverse } from '../dns/arpa.ts';
import { format6, formatAddress, mapInto, parse4, parseAddress } from '../dns/address.ts';
import { TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_PTR } from '../dns/constants.ts';
import type { Pod, Service } from '../model.ts';
import { placeText } from '../model.ts';
import * as layout from '../trie/layout.ts';
import { findOwner } from '../trie/read/addresses.ts';
import { Cursor, totalOf } from '../trie/read/members.ts';
import { keyOfRecord } from '../trie/read/names.ts';
import type { View } from '../trie/read/view.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../trie/record.ts';
import { labelsText } from './trace.ts';
import type { Candidate, CandidateAddress, ProvenanceExplained } from './explanation.ts';
import type { ExplainFacts } from './facts.ts';

/** Candidates that are listed; each is a resource to be parsed. */
export const CANDIDATES_MAX = 32;
/** Addresses of one candidate that are listed. */
const ADDRESSES_MAX = 16;

export interface Candidates {
  list: Candidate[];
  more: number;
  /** Codes of reasons.ts that they have shown. */
  reasons: number[];
}

interface Found {
  facts: ExplainFacts;
  responder: Responder;
  visible: VisibleAddresses;
  overlays: SharedOverlays;
  record: number;
  reasons: Set<number>;
}

const reverse = new ReverseName();

/**
 * Of the question that the responder has just judged. `record`: what was found for the name, 0 for none. `rdata`: of the
 * records that the answer holds, see `skimMessage`.
 */
export function explainCandidates(
  facts: ExplainFacts,
  responder: Responder,
  record: number,
  rdata: ReadonlySet<string>,
): Candidates {
  const { view, client, query } = responder;
  const visible = new VisibleAddresses(view);
  const overlays = new SharedOverlays(view);
  visible.use(client);
  overlays.load(client);
  const found: Found = { facts, responder, visible, overlays, record, reasons: new Set() };
  if (record === 0) return reverseCandidates(found);
  if ((view.words[record] & 0xff) === layout.RECORD_OUTSIDE) return hostCandidate(found, rdata);
  const { members, total, notReady } = membersOf(view, record, CANDIDATES_MAX);
  const wanted = query.qtype === TYPE_ANY ? responder.decision.data : wantedData(query.qtype);
  const list = members.map((member) => explainMember(found, member, wanted, rdata));
  // All that bear it are not ready, and so all are given.
  if (notReady && list.length > 0 && !list.some(({ why }) => why !== null))
    found.reasons.add(reason.NONE_READY);
  return { list, more: total - list.length, reasons: [...found.reasons] };
}

/** The data that a type asks for. */
function wantedData(type: number): number {
  return type === TYPE_AAAA ? decision.DATA_AAAA : type === TYPE_A ? decision.DATA_A : decision.DATA_NONE;
}

/** Those that bear the name of `record`, the given ones first, at most so many. */
function membersOf(
  view: View,
  record: number,
  most: number,
): { members: number[]; total: number; notReady: boolean } {
  const { words } = view;
  const kind = words[record] & 0xff;
  if (kind === layout.RECORD_SET) {
    const tail = view.tail(record);
    const pods = words[tail + layout.SET_PODS];
    const services = words[tail + layout.SET_SERVICES];
    const at = tail + layout.SET_REFS;
    // Services stand after the pods that they hide.
    const order = [...words.subarray(at + pods, at + pods + services), ...words.subarray(at, at + pods)];
    return cut(view, order, most, order.length);
  }
  if (kind !== layout.RECORD_CROWD) return cut(view, [record], most, 1);
  const members: number[] = [];
  let total = 0;
  const cursor = new Cursor(words);
  let at = record + layout.CROWD_LIST;
  for (let i = words[record + layout.CROWD_GROUPS]; i > 0; i--, at += layout.GROUP_ENTRY) {
    const root = words[at + layout.GROUP_ROOT];
    total += totalOf(words, root);
    cursor.seek(root, 0);
    for (let member = cursor.next(); member !== 0 && members.length < most; member = cursor.next())
      members.push(member);
  }
  return cut(view, members, most, total);
}

function cut(
  { words }: View,
  all: number[],
  most: number,
  total: number,
): { members: number[]; total: number; notReady: boolean } {
  const isPod = (record: number): boolean => (words[record] & 0xff) === layout.RECORD_POD;
  const notReady = all.every((one) => isPod(one) && (words[one] & layout.POD_READY) === 0);
  return { members: all.slice(0, most), total, notReady };
}

function explainMember(found: Found, member: number, wanted: number, rdata: ReadonlySet<string>): Candidate {
  const { facts, responder, record } = found;
  const { view } = responder;
  const key = keyOfRecord(view, member);
  const resource = facts.catalog.get(key);
  const taken = isTaken(view, record, member);
  const why = taken ? null : whyLeftOut(found, member, key.kind === 'service');
  const bearer = resource?.kind === 'pod' || resource?.kind === 'service' ? resource : undefined;
  return {
    kind: key.kind === 'service' ? 'service' : 'pod',
    name: `${key.namespace}/${key.name}`,
    aid: bearer?.aid ?? null,
    taken,
    why,
    addresses: bearer === undefined ? [] : addressesOf(found, member, bearer, taken ? wanted : -1, rdata),
    ports: portsOf(responder, member),
    provenance: provenanceOf(facts, key),
  };
}

/** Of one that `isTaken` does not take. */
function whyLeftOut(found: Found, member: number, isService: boolean): string {
  const { reasons, responder } = found;
  const { words } = responder.view;
  if (!isService && (words[member] & layout.POD_READY) === 0 && !servicesHide(found)) {
    reasons.add(reason.LEFT_NOT_READY);
    return 'not ready, and others are';
  }
  return 'a service of this name hides it';
}

function servicesHide({ responder, record }: Found): boolean {
  const { words } = responder.view;
  const kind = words[record] & 0xff;
  return (
    (kind === layout.RECORD_SET || kind === layout.RECORD_CROWD) && (words[record] & layout.SET_SERVICE) !== 0
  );
}

/** The flags of each attachment, by the overlay's place among the pod's. */
function flagsOf(view: View, member: number): number[] {
  const { words } = view;
  const tail = view.tail(member);
  const flags: number[] = [];
  let at = attachmentsAt(words, tail);
  for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at))
    flags.push(words[at + layout.ATTACHMENT_FLAGS]);
  return flags;
}

/** The addresses of one family that this client is given of a member. */
function givenOf({ visible, responder }: Found, member: number, family: number): Set<string> {
  const { bytes } = responder.view;
  const given = new Set<string>();
  visible.beginOne(member, family);
  for (let at = visible.next(); at !== 0; at = visible.next()) {
    const octets = bytes.subarray(at * 4, at * 4 + family * 4);
    given.add(family === AAAA ? format6(octets, 0) : octets.join('.'));
  }
  return given;
}

function rdataOf(address: string): string {
  const octets = new Uint8Array(16);
  const family = parseAddress(address, octets, 0);
  return String.fromCharCode(...(family === 4 ? octets.subarray(12) : octets));
}

/** `wanted`: the data that the question asks for, -1 where nothing of the member is given. */
function addressesOf(
  found: Found,
  member: number,
  bearer: Pod | Service,
  wanted: number,
  rdata: ReadonlySet<string>,
): CandidateAddress[] {
  const { view } = found.responder;
  const given6 = givenOf(found, member, AAAA);
  const given4 = givenOf(found, member, A);
  const flags = flagsOf(view, member);
  const shares = bearer.kind === 'pod' && sharesAny(found, member);
  const all: CandidateAddress[] = [];
  const add = (address: string, overlay: string | null, left: () => string): void => {
    if (all.some((one) => one.address === address && one.overlay === overlay)) return;
    const is6 = address.includes(':');
    const given = (is6 ? given6 : given4).has(address);
    const asked = wanted === (is6 ? decision.DATA_AAAA : decision.DATA_A);
    let why: string | null = null;
    if (!given) why = left();
    else if (rdata.has(rdataOf(address))) why = null;
    else if (asked) {
      found.reasons.add(reason.LEFT_CUT);
      why = 'it did not fit into the message';
    } else if (wanted >= 0) why = is6 ? 'AAAA was not asked for' : 'A was not asked for';
    all.push({ address, overlay, given: given && wanted !== -1, why });
  };
  if (bearer.ip6 !== undefined) add(bearer.ip6, null, () => contested(found, bearer.ip6!));
  if (bearer.kind === 'pod') {
    bearer.overlays.forEach(({ overlay, ip4, ip6, pinned }, i) => {
      const flag = flags[i] ?? 0;
      if (ip6 !== undefined) add(ip6, overlay, () => leftOut6(found, bearer, ip6, flag));
      if (ip4 !== undefined)
        add(ip4, overlay, () => leftOut4(found, bearer, { address: ip4, flags: flag, pinned }, shares));
    });
  }
  return all.slice(0, ADDRESSES_MAX);
}

function leftOut6(found: Found, pod: Pod, address: string, flags: number): string {
  if ((flags & layout.ATTACHED_IP6) === 0) return contested(found, address);
  if (pod.ip6 !== undefined) {
    found.reasons.add(reason.LEFT_SECOND_IP6);
    return 'the pod has an address in the VPC';
  }
  found.reasons.add(reason.LEFT_OTHER_OVERLAY);
  return 'the client shares another overlay with the pod';
}

function leftOut4(
  found: Found,
  pod: Pod,
  place: { address: string; flags: number; pinned: boolean },
  shares: boolean,
): string {
  const { reasons } = found;
  const { address, flags, pinned } = place;
  if ((flags & layout.ATTACHED_IP4) === 0) return contested(found, address);
  if ((flags & layout.ATTACHED_GIVEN4) === 0) {
    const { catalog, settings } = found.facts;
    const vpc = catalog.get({ kind: 'vpc', vpc: pod.vpc, namespace: '', name: '' });
    const own = vpc?.kind === 'vpc' ? vpc.a_records : undefined;
    const isNone = pinned || (own ?? settings.aRecords) === 'none';
    reasons.add(isNone ? reason.LEFT_A_RECORDS : reason.LEFT_NOT_PINNED);
    const of = own === undefined ? '' : ' of the VPC';
    return isNone
      ? `A records are off (a_records: none${of})`
      : 'not pinned, and the pod has an IPv6 address';
  }
  if (shares) {
    reasons.add(reason.LEFT_OTHER_OVERLAY);
    return 'the client shares another overlay with the pod';
  }
  reasons.add(reason.LEFT_OVERLAY);
  return 'another pod holds it on another overlay, and the client is on neither';
}

/** The client is on an overlay on which the pod has an address. */
function sharesAny({ responder, overlays }: Found, member: number): boolean {
  const { view } = responder;
  const { words } = view;
  const tail = view.tail(member);
  let at = attachmentsAt(words, tail);
  for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
    const has = words[at + layout.ATTACHMENT_FLAGS] & (layout.ATTACHED_IP4 | layout.ATTACHED_IP6);
    if (has !== 0 && overlays.has(words[at + layout.ATTACHMENT_OVERLAY])) return true;
  }
  return false;
}

/** Whose the address is instead; only ever of the client's VPC. */
function contested({ reasons, responder }: Found, address: string): string {
  const { view, client } = responder;
  reasons.add(reason.LEFT_CONTESTED);
  const octets = new Uint8Array(16);
  if (address.includes(':')) parseAddress(address, octets, 0);
  else mapInto(parse4(address), octets, 0);
  view.setKey(octets);
  const owner = findOwner(view, client.vpc);
  const kind = owner === 0 ? 0 : view.words[owner] & 0xff;
  if (kind !== layout.RECORD_POD && kind !== layout.RECORD_SERVICE)
    return 'another claims it too, and owns it';
  const key = keyOfRecord(view, owner);
  return `${key.kind} ${key.namespace}/${key.name} claims it too, and owns it`;
}

/** Those that an SRV question names. */
function portsOf({ query, view, decision: d }: Responder, member: number): string[] {
  const protocol = query.labelCount >= 3 ? protocolOf(query, 1) : -1;
  if (d.data !== decision.DATA_SRV || protocol < 0) return [];
  const ports = new Ports();
  ports.of(view, member);
  const texts: string[] = [];
  for (
    let port = ports.next(view, query, 0, protocol);
    port !== 0;
    port = ports.next(view, query, 0, protocol)
  )
    texts.push(`${port}/${['tcp', 'udp', 'sctp'][protocol]}`);
  return texts;
}

export function provenanceOf(
  { catalog, age }: ExplainFacts,
  key: ReturnType<typeof keyOfRecord>,
): ProvenanceExplained | null {
  const said = catalog.said(key);
  if (said === undefined) return null;
  const { source, revision, place, shadowed } = said;
  return {
    source,
    revision,
    place: place === undefined ? null : placeText(place),
    age: age(source, revision) ?? null,
    shadowed: [...shadowed],
  };
}

/** An entry under `hosts` has no record of anybody's. */
function hostCandidate(found: Found, rdata: ReadonlySet<string>): Candidates {
  const { responder, record } = found;
  const { view, query } = responder;
  const { words, bytes } = view;
  const six = words[record + layout.RRSET_AAAA_COUNT];
  const four = words[record + layout.RRSET_A_COUNT];
  const addresses: CandidateAddress[] = [];
  for (let i = 0; i < six + four; i++) {
    const is6 = i < six;
    const at = record + layout.RRSET_AAAA + (is6 ? 4 * i : 4 * six + (i - six));
    const octets = bytes.subarray(at * 4, at * 4 + (is6 ? 16 : 4));
    const address = is6 ? format6(octets, 0) : octets.join('.');
    const asked = wantedData(query.qtype) === (is6 ? decision.DATA_AAAA : decision.DATA_A);
    const isIn = rdata.has(rdataOf(address));
    const why = isIn
      ? null
      : asked
        ? 'it did not fit into the message'
        : 'of the type that was not asked for';
    addresses.push({ address, overlay: null, given: true, why });
  }
  const name = labelsText(query, 0, query.labelCount);
  const host: Candidate = {
    kind: 'host',
    name,
    aid: null,
    taken: true,
    why: null,
    addresses,
    ports: [],
    provenance: null,
  };
  return { list: [host], more: 0, reasons: [] };
}

/** Whoever holds the address of a reverse name. */
function reverseCandidates(found: Found): Candidates {
  const { responder, facts } = found;
  const { view, client, query, decision: d } = responder;
  const none: Candidates = { list: [], more: 0, reasons: [] };
  const isReverse = d.reasons.subarray(0, d.reasonCount).includes(reason.READ_REVERSE);
  if (!isReverse || !parseReverse(query, 0, reverse) || reverse.malformed) return none;
  if (reverse.bits + (reverse.family === 4 ? 96 : 0) !== 128) return none;
  view.setKey(reverse.address);
  const owner = findOwner(view, client.vpc);
  const kind = owner === 0 ? 0 : view.words[owner] & 0xff;
  if (kind !== layout.RECORD_POD && kind !== layout.RECORD_SERVICE) return none;
  const key = keyOfRecord(view, owner);
  const resource = facts.catalog.get(key);
  const taken = d.data === decision.DATA_PTR;
  const address = formatAddress(reverse.address, 0);
  const asksPointer = query.qtype === TYPE_PTR || query.qtype === TYPE_ANY;
  const missing = asksPointer ? 'none of its names gives this address to this client' : 'only a PTR names it';
  const why = taken ? null : missing;
  const bearer = resource?.kind === 'pod' || resource?.kind === 'service' ? resource : undefined;
  const holder: Candidate = {
    kind: key.kind === 'service' ? 'service' : 'pod',
    name: `${key.namespace}/${key.name}`,
    aid: bearer?.aid ?? null,
    taken,
    why,
    addresses: [{ address, overlay: null, given: taken, why: null }],
    ports: [],
    provenance: provenanceOf(facts, key),
  };
  return { list: [holder], more: 0, reasons: [] };
}
