/** Builds the records of pods and services, which answer for names, clients and reverse queries. */
import { parse4, parse6 } from '../../dns/address.ts';
import type { ARecords, Attachment, Pod, Port, Protocol, Service } from '../../model.ts';
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../record.ts';
import type { View } from '../read/view.ts';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
const addressBytes = new Uint8Array(16);
const addressWords = new Int32Array(addressBytes.buffer);
const ip4Bytes = new Uint8Array(4);
const ip4Word = new Int32Array(ip4Bytes.buffer);

/** An IPv4 address as the arena holds it: the octets of the rdata in one word. */
function wordOf4(text: string): number {
  const value = parse4(text);
  ip4Bytes[0] = value >>> 24;
  ip4Bytes[1] = value >>> 16;
  ip4Bytes[2] = value >>> 8;
  ip4Bytes[3] = value;
  return ip4Word[0];
}

/** What `buildRecord` needs besides the resource. */
export interface Placement {
  namespaceNode: number;
  node: number;
  nameNodes: number[];
  overlay(name: string): number;
  /** False for an address that another resource of the VPC owns, for an IPv4 on this overlay. */
  owns(address: string, overlay: string): boolean;
  /** Record of the overlay that a client must share to be given this IPv4, or 0. */
  gate(ip4: string, overlay: string): number;
  /**
   * The policy of the VPC. `pinned` is the default because musl and Go prefer IPv4 to unique-local IPv6: with an A record,
   * they would use the slower tunnel.
   */
  aRecords: ARecords;
}

/** Writes the record and returns its reference. */
export function buildRecord(arena: Arena, resource: Pod | Service, placement: Placement): number {
  const pod = resource.kind === 'pod' ? resource : undefined;
  const owned = (address: string | undefined, overlay: string): address is string =>
    address !== undefined && placement.owns(address, overlay);
  const six: string[] = owned(resource.ip6, '') ? [resource.ip6] : [];
  const places = (pod?.overlays ?? NO_ATTACHMENTS).map((attachment) => ({
    attachment,
    has4: owned(attachment.ip4, attachment.overlay),
    has6: owned(attachment.ip6, attachment.overlay),
    flags: attachment.pinned ? layout.ATTACHED_PINNED : 0,
  }));
  if (resource.ip6 === undefined) {
    for (const { attachment, has6 } of places)
      if (has6 && !six.includes(attachment.ip6!)) six.push(attachment.ip6!);
  }
  const four: number[] = [];
  let isChosen4 = isOnSeveral(places);
  const isChosen6 = isChosen4 && resource.ip6 === undefined && six.length > 0;
  for (const place of places) {
    const { ip4, overlay, pinned } = place.attachment;
    if (place.has4) place.flags |= layout.ATTACHED_IP4;
    if (place.has6) place.flags |= layout.ATTACHED_IP6;
    if (!place.has4 || placement.aRecords === 'none') continue;
    if (placement.aRecords !== 'all' && !pinned && six.length > 0) continue;
    place.flags |= layout.ATTACHED_GIVEN4;
    if (placement.gate(ip4!, overlay) !== 0) {
      place.flags |= layout.ATTACHED_SHARED4;
      isChosen4 = true;
    }
    const word = wordOf4(ip4!);
    if (!four.includes(word)) four.push(word);
  }
  isChosen4 &&= four.length > 0;
  const ready6 = isChosen6 ? 0 : six.length;
  const ready4 = isChosen4 ? 0 : four.length;
  const hexAid = isHexAid(resource.aid, pod === undefined ? 0x73 : 0x70);
  const ports = distinct(resource.ports);
  const octets = packTail(ports, resource.aid, hexAid);
  let size = layout.RRSET_AAAA + 4 * ready6 + ready4 + layout.TAIL_NAMES + placement.nameNodes.length;
  for (const { has6 } of places) size += layout.ATTACHMENT_IP6 + (has6 ? 4 : 0);
  const words = arena.words;
  const record = arena.allocate(size + ((octets.length + 3) >>> 2));
  words[record] =
    (pod ? layout.RECORD_POD : layout.RECORD_SERVICE) |
    (pod === undefined || pod.ready ? layout.POD_READY : 0) |
    (resource.ip6 === undefined ? 0 : layout.HAS_IP6) |
    (isChosen6 ? layout.CHOOSE_AAAA : 0) |
    (isChosen4 ? layout.CHOOSE_A : 0);
  words[record + layout.RRSET_AAAA_COUNT] = ready6;
  words[record + layout.RRSET_A_COUNT] = ready4;
  let at = record + layout.RRSET_AAAA;
  for (let i = 0; i < ready6; i++) at = putAddress(words, at, six[i]);
  for (let i = 0; i < ready4; i++) words[at++] = four[i];
  words[at + layout.TAIL_NAMESPACE] = placement.namespaceNode;
  words[at + layout.TAIL_NODE] = placement.node;
  words[at + layout.TAIL_COUNTS] = (placement.nameNodes.length << 16) | (places.length << 24);
  words[at + layout.TAIL_AID] =
    (hexAid ? parseInt(resource.aid.slice(1, 3), 16) : layout.AID_TEXT << 8) | (ports.length << 16);
  words[at + layout.TAIL_AID_REST] = hexAid ? parseInt(resource.aid.slice(3), 16) | 0 : resource.aid.length;
  at += layout.TAIL_NAMES;
  for (const node of placement.nameNodes) words[at++] = node;
  for (const { attachment, has4, has6, flags } of places) {
    words[at + layout.ATTACHMENT_OVERLAY] = placement.overlay(attachment.overlay);
    words[at + layout.ATTACHMENT_FLAGS] = flags;
    words[at + layout.ATTACHMENT_IP4] = has4 ? wordOf4(attachment.ip4!) : 0;
    at += layout.ATTACHMENT_IP6;
    if (has6) at = putAddress(words, at, attachment.ip6!);
  }
  if (octets.length > 0) new Uint8Array(words.buffer, at * 4, octets.length).set(octets);
  return record;
}

/** True when there are addresses on several overlays: then a client on one of them is not given those on the others. */
function isOnSeveral(places: { attachment: Attachment; has4: boolean; has6: boolean }[]): boolean {
  let first: string | undefined;
  for (const { attachment, has4, has6 } of places) {
    if (!has4 && !has6) continue;
    first ??= attachment.overlay;
    if (attachment.overlay !== first) return true;
  }
  return false;
}

/** True for the letter of the kind, `p` or `s`, and ten lower-case hex digits. */
function isHexAid(aid: string, letter: number): boolean {
  if (aid.length !== 11 || aid.charCodeAt(0) !== letter) return false;
  for (let i = 1; i < 11; i++) {
    const octet = aid.charCodeAt(i);
    if (!((octet >= 0x30 && octet <= 0x39) || (octet >= 0x61 && octet <= 0x66))) return false;
  }
  return true;
}

const NO_ATTACHMENTS: Attachment[] = [];
const NO_OCTETS = new Uint8Array(0);

function putAddress(words: Int32Array, at: number, address: string): number {
  parse6(address, addressBytes, 0);
  for (let i = 0; i < 4; i++) words[at + i] = addressWords[i];
  return at + 4;
}

/** Each port once, because an RRset is a set (RFC 2181 section 5). */
function distinct(ports: readonly Port[]): readonly Port[] {
  if (ports.length < 2) return ports;
  return [...new Map(ports.map((one) => [`${one.protocol} ${one.port} ${one.name}`, one])).values()];
}

/** The octets after the attachments: ports, and the aid where it is kept as text. */
function packTail(ports: readonly Port[], aid: string, hexAid: boolean): Uint8Array {
  if (ports.length === 0 && hexAid) return NO_OCTETS;
  const octets: number[] = [];
  for (const { name, protocol, port } of ports) {
    octets.push(PROTOCOLS.indexOf(protocol), port >>> 8, port & 0xff, name.length);
    for (let i = 0; i < name.length; i++) octets.push(name.charCodeAt(i));
  }
  if (!hexAid) for (let i = 0; i < aid.length; i++) octets.push(aid.charCodeAt(i));
  return Uint8Array.from(octets);
}

/** The most words of a resource's record: those that it has when it owns all addresses that it claims. */
export function mostWords(resource: Pod | Service): number {
  const places = resource.kind === 'pod' ? resource.overlays.length : 0;
  let words = 32 + 14 * places + resource.names.length + (resource.aid.length >>> 2);
  for (const { name } of resource.ports) words += 2 + (name.length >>> 2);
  return words;
}

/** Sets `view.key` to each address that the record owns, and calls `visit`; an address may come twice. */
export function eachKey(view: View, record: number, visit: () => void): void {
  const { words, key } = view;
  const set = (at: number): void => {
    for (let k = 0; k < 4; k++) key[k] = words[at + k];
    visit();
  };
  for (let i = 0; i < words[record + layout.RRSET_AAAA_COUNT]; i++) set(record + layout.RRSET_AAAA + 4 * i);
  const tail = view.tail(record);
  let at = attachmentsAt(words, tail);
  for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
    const flags = words[at + layout.ATTACHMENT_FLAGS];
    if ((flags & layout.ATTACHED_IP4) !== 0) {
      view.setKeyIpv4(words[at + layout.ATTACHMENT_IP4]);
      visit();
    }
    if ((flags & layout.ATTACHED_IP6) !== 0) set(at + layout.ATTACHMENT_IP6);
  }
}
