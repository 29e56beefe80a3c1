/** Builds the records of pods and services, which answer for names, clients and reverse queries. */
import { parse4, parse6 } from '../../dns/address.ts';
import type { ARecords, Attachment, Pod, Port, Protocol, Service } from '../../model.ts';
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { MAPPED_WORD } from '../prefix.ts';
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
  nameNodes: readonly number[];
  overlay(name: string): number;
  /** False for an address that another resource of the VPC owns, for an IPv4 on this overlay. */
  owns(address: string, overlay: string): boolean;
  /** Whether a client must share this overlay to be given this IPv4. */
  isShared(ip4: string): boolean;
  /**
   * The policy of the VPC. `pinned` is the default because musl and Go prefer IPv4 to unique-local IPv6: with an A record,
   * they would use the slower tunnel.
   */
  aRecords: ARecords;
}

/** More than a resource may have of overlays. */
const MOST = 256;
/** Of each attachment of the record that is being built: ATTACHED_*, and the IPv4. */
const flags = new Uint8Array(MOST);
const words4 = new Int32Array(MOST);
/** The distinct addresses of its RRsets, and their numbers. */
const four = new Int32Array(MOST);
const six = new Int32Array(4 * (MOST + 1));
let fours = 0;
let sixes = 0;

function add4(word: number): void {
  for (let i = 0; i < fours; i++) if (four[i] === word) return;
  four[fours++] = word;
}

function add6(address: string): void {
  putAddress(six, 4 * sixes, address);
  const last = 4 * sixes;
  for (let at = 0; at < last; at += 4) {
    let same = 0;
    while (same < 4 && six[at + same] === six[last + same]) same++;
    if (same === 4) return;
  }
  sixes++;
}

/** Writes the record and returns its reference. */
export function buildRecord(arena: Arena, resource: Pod | Service, placement: Placement): number {
  const isPod = resource.kind === 'pod';
  const places = isPod ? resource.overlays : NO_ATTACHMENTS;
  const { ip6: address, aid } = resource;
  fours = sixes = 0;
  if (address !== undefined && placement.owns(address, '')) add6(address);
  // With addresses on several overlays, a client on one of them is not given those on the others.
  let first: string | undefined;
  let isOnSeveral = false;
  for (let i = 0; i < places.length; i++) {
    const { overlay, ip4, ip6, pinned } = places[i];
    let shown = pinned ? layout.ATTACHED_PINNED : 0;
    if (ip4 !== undefined && placement.owns(ip4, overlay)) {
      shown |= layout.ATTACHED_IP4;
      words4[i] = wordOf4(ip4);
    }
    if (ip6 !== undefined && placement.owns(ip6, overlay)) {
      shown |= layout.ATTACHED_IP6;
      if (address === undefined) add6(ip6);
    }
    flags[i] = shown;
    if ((shown & (layout.ATTACHED_IP4 | layout.ATTACHED_IP6)) === 0) continue;
    first ??= overlay;
    isOnSeveral ||= overlay !== first;
  }
  let isChosen4 = isOnSeveral;
  const isChosen6 = isOnSeveral && address === undefined && sixes > 0;
  const { aRecords } = placement;
  for (let i = 0; i < places.length; i++) {
    if ((flags[i] & layout.ATTACHED_IP4) === 0 || aRecords === 'none') continue;
    const { ip4, pinned } = places[i];
    if (aRecords !== 'all' && !pinned && sixes > 0) continue;
    flags[i] |= layout.ATTACHED_GIVEN4;
    if (placement.isShared(ip4!)) {
      flags[i] |= layout.ATTACHED_SHARED4;
      isChosen4 = true;
    }
    add4(words4[i]);
  }
  isChosen4 &&= fours > 0;
  const ready6 = isChosen6 ? 0 : sixes;
  const ready4 = isChosen4 ? 0 : fours;
  const hexAid = isHexAid(aid, isPod ? 0x70 : 0x73);
  const ports = distinct(resource.ports);
  const octets = packTail(ports, aid, hexAid);
  const { nameNodes } = placement;
  let size = layout.RRSET_AAAA + 4 * ready6 + ready4 + layout.TAIL_NAMES + nameNodes.length;
  for (let i = 0; i < places.length; i++)
    size += layout.ATTACHMENT_IP6 + ((flags[i] & layout.ATTACHED_IP6) === 0 ? 0 : 4);
  const words = arena.words;
  const record = arena.allocate(size + ((octets.length + 3) >>> 2));
  words[record] =
    (isPod ? layout.RECORD_POD : layout.RECORD_SERVICE) |
    (!isPod || resource.ready ? layout.POD_READY : 0) |
    (address === undefined ? 0 : layout.HAS_IP6) |
    (isChosen6 ? layout.CHOOSE_AAAA : 0) |
    (isChosen4 ? layout.CHOOSE_A : 0);
  words[record + layout.RRSET_AAAA_COUNT] = ready6;
  words[record + layout.RRSET_A_COUNT] = ready4;
  let at = record + layout.RRSET_AAAA;
  for (let i = 0; i < 4 * ready6; i++) words[at++] = six[i];
  for (let i = 0; i < ready4; i++) words[at++] = four[i];
  words[at + layout.TAIL_NAMESPACE] = placement.namespaceNode;
  words[at + layout.TAIL_NODE] = placement.node;
  words[at + layout.TAIL_COUNTS] = (nameNodes.length << 16) | (places.length << 24);
  words[at + layout.TAIL_AID] = (hexAid ? hexWord(aid, 1, 3) : layout.AID_TEXT << 8) | (ports.length << 16);
  words[at + layout.TAIL_AID_REST] = hexAid ? hexWord(aid, 3, 11) : aid.length;
  at += layout.TAIL_NAMES;
  for (let i = 0; i < nameNodes.length; i++) words[at++] = nameNodes[i];
  for (let i = 0; i < places.length; i++) {
    words[at + layout.ATTACHMENT_OVERLAY] = placement.overlay(places[i].overlay);
    words[at + layout.ATTACHMENT_FLAGS] = flags[i];
    words[at + layout.ATTACHMENT_IP4] = (flags[i] & layout.ATTACHED_IP4) === 0 ? 0 : words4[i];
    at += layout.ATTACHMENT_IP6;
    if ((flags[i] & layout.ATTACHED_IP6) !== 0) {
      putAddress(words, at, places[i].ip6!);
      at += 4;
    }
  }
  if (octets.length > 0) new Uint8Array(words.buffer, at * 4, octets.length).set(octets);
  return record;
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

function putAddress(words: Int32Array, at: number, address: string): void {
  parse6(address, addressBytes, 0);
  for (let i = 0; i < 4; i++) words[at + i] = addressWords[i];
}

/** The number of lower-case hex digits, at most eight of them. */
function hexWord(text: string, from: number, to: number): number {
  let word = 0;
  for (let i = from; i < to; i++) {
    const octet = text.charCodeAt(i);
    word = (word << 4) | (octet <= 0x39 ? octet - 0x30 : octet - 0x57);
  }
  return word;
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

/** The most words of keys that `keysOf` writes: an RRset of AAAA, and two addresses of each attachment. */
export const KEYS_WORDS = 4 * (MOST + 1 + 2 * MOST);

/** Writes each address that the record owns to `keys`, four words each, and returns how many; an address may come twice. */
export function keysOf(view: View, record: number, keys: Int32Array): number {
  const { words } = view;
  let to = 4 * words[record + layout.RRSET_AAAA_COUNT];
  for (let i = 0; i < to; i++) keys[i] = words[record + layout.RRSET_AAAA + i];
  const tail = view.tail(record);
  let at = attachmentsAt(words, tail);
  for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
    const shown = words[at + layout.ATTACHMENT_FLAGS];
    if ((shown & layout.ATTACHED_IP4) !== 0) {
      keys[to] = keys[to + 1] = 0;
      keys[to + 2] = MAPPED_WORD;
      keys[to + 3] = words[at + layout.ATTACHMENT_IP4];
      to += 4;
    }
    if ((shown & layout.ATTACHED_IP6) !== 0)
      for (let k = 0; k < 4; k++) keys[to++] = words[at + layout.ATTACHMENT_IP6 + k];
  }
  return to >>> 2;
}
