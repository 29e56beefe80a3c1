/** Builds and reads the records of pods and services: what a name, a client and a reverse query need of them. */
import { format4, format6, parse4, parse6 } from '../dns/address.ts';
import type { ARecords } from './policy.ts';
import type { Attachment, Pod, Port, Protocol, Service } from '../model.ts';
import type { Arena } from './arena.ts';
import * as layout from './layout.ts';
import { MAPPED_WORD } from './mapped.ts';
import type { View } from './view.ts';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
const addressBytes = new Uint8Array(16);
const addressWords = new Int32Array(addressBytes.buffer);
const ip4Bytes = new Uint8Array(4);
const ip4Word = new Int32Array(ip4Bytes.buffer);

/** An IPv4 address as the arena holds it: the octets of the wire in one word. */
export function wordOf4(text: string): number {
  const value = parse4(text);
  ip4Bytes[0] = value >>> 24;
  ip4Bytes[1] = value >>> 16;
  ip4Bytes[2] = value >>> 8;
  ip4Bytes[3] = value;
  return ip4Word[0];
}

export function textOf4(word: number): string {
  ip4Word[0] = word;
  return format4(((ip4Bytes[0] << 24) | (ip4Bytes[1] << 16) | (ip4Bytes[2] << 8) | ip4Bytes[3]) >>> 0);
}

/** What the builder must be told besides the resource. */
export interface Placement {
  namespaceNode: number;
  node: number;
  nameNodes: number[];
  stamp: bigint;
  overlay(name: string): number;
  /** False for an address that another resource of the VPC owns (an IPv4: on this overlay). */
  owns(address: string, overlay: string): boolean;
  /** The overlay a client must share to be given this IPv4, or 0. */
  gate(ip4: string, overlay: string): number;
  aRecords: ARecords;
}

/** Writes the record and returns its reference. */
export function buildRecord(arena: Arena, resource: Pod | Service, placement: Placement): number {
  const pod = resource.kind === 'pod' ? resource : undefined;
  const owned = (address: string | undefined, overlay: string): address is string =>
    address !== undefined && placement.owns(address, overlay);
  const six: string[] = owned(resource.ip6, '') ? [resource.ip6] : [];
  const attachments = pod?.overlays ?? NO_ATTACHMENTS;
  if (resource.ip6 === undefined) {
    for (const { ip6, overlay } of attachments) if (owned(ip6, overlay) && !six.includes(ip6)) six.push(ip6);
  }
  const four: { word: number; gate: number }[] = [];
  for (const { ip4, overlay, pinned } of attachments) {
    if (!owned(ip4, overlay) || placement.aRecords === 'none') continue;
    if (placement.aRecords !== 'all' && !pinned && six.length > 0) continue;
    const word = wordOf4(ip4);
    const gate = placement.gate(ip4, overlay);
    if (!four.some((entry) => entry.word === word && entry.gate === gate)) four.push({ word, gate });
  }
  const hexAid = isHexAid(resource.aid, pod === undefined ? 0x73 : 0x70);
  const octets = packTail(resource, hexAid);
  let size =
    layout.RRSET_AAAA + 4 * six.length + 2 * four.length + layout.TAIL_NAMES + placement.nameNodes.length;
  for (const { ip6, overlay } of attachments) size += layout.ATTACHMENT_IP6 + (owned(ip6, overlay) ? 4 : 0);
  const words = arena.words;
  const record = arena.allocate(size + ((octets.length + 3) >>> 2));
  words[record] =
    (pod ? layout.RECORD_POD : layout.RECORD_SERVICE) |
    (pod === undefined || pod.ready ? layout.POD_READY : 0) |
    (resource.ip6 === undefined ? 0 : layout.HAS_IP6);
  words[record + layout.RRSET_AAAA_COUNT] = six.length;
  words[record + layout.RRSET_A_COUNT] = four.length;
  let at = record + layout.RRSET_AAAA;
  for (const address of six) at = putAddress(words, at, address);
  for (const { word, gate } of four) {
    words[at++] = word;
    words[at++] = gate;
  }
  words[at + layout.TAIL_NAMESPACE] = placement.namespaceNode;
  words[at + layout.TAIL_NODE] = placement.node;
  writeStamp(words, at, placement.stamp);
  words[at + layout.TAIL_COUNTS] = (placement.nameNodes.length << 16) | (attachments.length << 24);
  words[at + layout.TAIL_AID] =
    (hexAid ? parseInt(resource.aid.slice(1, 3), 16) : layout.AID_TEXT << 8) | (resource.ports.length << 16);
  words[at + layout.TAIL_AID_REST] = hexAid ? parseInt(resource.aid.slice(3), 16) | 0 : resource.aid.length;
  at += layout.TAIL_NAMES;
  for (const node of placement.nameNodes) words[at++] = node;
  for (const attachment of attachments) {
    const has4 = owned(attachment.ip4, attachment.overlay);
    const has6 = owned(attachment.ip6, attachment.overlay);
    words[at + layout.ATTACHMENT_OVERLAY] = placement.overlay(attachment.overlay);
    words[at + layout.ATTACHMENT_FLAGS] =
      (has4 ? layout.ATTACHED_IP4 : 0) |
      (has6 ? layout.ATTACHED_IP6 : 0) |
      (attachment.pinned ? layout.ATTACHED_PINNED : 0);
    words[at + layout.ATTACHMENT_IP4] = has4 ? wordOf4(attachment.ip4!) : 0;
    at += layout.ATTACHMENT_IP6;
    if (has6) at = putAddress(words, at, attachment.ip6!);
  }
  if (octets.length > 0) new Uint8Array(words.buffer, at * 4, octets.length).set(octets);
  return record;
}

export function writeStamp(words: Int32Array, tail: number, stamp: bigint): void {
  words[tail + layout.TAIL_STAMP] = Number(BigInt.asIntN(32, stamp));
  words[tail + layout.TAIL_STAMP + 1] = Number(BigInt.asIntN(32, stamp >> 32n));
}

/** `p` or `s` (as the kind has it) and ten lower-case hex digits. */
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

/** Ports (protocol, port, name) and the aid where it is not of the default form. */
function packTail(resource: Pod | Service, hexAid: boolean): Uint8Array {
  if (resource.ports.length === 0 && hexAid) return NO_OCTETS;
  const octets: number[] = [];
  for (const { name, protocol, port } of resource.ports) {
    octets.push(PROTOCOLS.indexOf(protocol), port >>> 8, port & 0xff, name.length);
    for (let i = 0; i < name.length; i++) octets.push(name.charCodeAt(i));
  }
  if (!hexAid) for (let i = 0; i < resource.aid.length; i++) octets.push(resource.aid.charCodeAt(i));
  return Uint8Array.from(octets);
}

/** Word index behind the attachments of a POD or SERVICE: where its ports begin. */
export function portsAt(words: Int32Array, tail: number): number {
  const counts = words[tail + layout.TAIL_COUNTS];
  let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
  for (let i = counts >>> 24; i > 0; i--) {
    at += layout.ATTACHMENT_IP6 + ((words[at + layout.ATTACHMENT_FLAGS] & layout.ATTACHED_IP6) !== 0 ? 4 : 0);
  }
  return at;
}

/** Words of a record as allocated, to release it. */
export function recordWords(words: Int32Array, bytes: Uint8Array, record: number): number {
  const tail =
    record +
    layout.RRSET_AAAA +
    4 * words[record + layout.RRSET_AAAA_COUNT] +
    2 * words[record + layout.RRSET_A_COUNT];
  if ((words[record] & 0xff) === layout.RECORD_SET) {
    const refs = words[tail + layout.SET_PODS] + words[tail + layout.SET_SERVICES];
    return tail + layout.SET_REFS + refs - record;
  }
  const start = portsAt(words, tail);
  let octets = 0;
  for (let n = words[tail + layout.TAIL_AID] >>> 16; n > 0; n--) octets += 4 + bytes[start * 4 + octets + 3];
  if (((words[tail + layout.TAIL_AID] >>> 8) & 0xff) === layout.AID_TEXT)
    octets += words[tail + layout.TAIL_AID_REST];
  return start + ((octets + 3) >>> 2) - record;
}

/** What only text can say of a record: the writer reads it back when two claim one address. */
export interface RecordTexts {
  /** Dotted name of a name node inside the namespace. */
  path(node: number): string;
  overlay(record: number): string;
  vpc: string;
  namespace: string;
}

/** The resource a record was built from. Exact, unless addresses were lost to another: those are not in it. */
export function readRecord(
  words: Int32Array,
  bytes: Uint8Array,
  record: number,
  texts: RecordTexts,
): { resource: Pod | Service; stamp: bigint } {
  const isPod = (words[record] & 0xff) === layout.RECORD_POD;
  const sixCount = words[record + layout.RRSET_AAAA_COUNT];
  const tail = record + layout.RRSET_AAAA + 4 * sixCount + 2 * words[record + layout.RRSET_A_COUNT];
  const counts = words[tail + layout.TAIL_COUNTS];
  const nameCount = (counts >>> 16) & 0xff;
  const names: string[] = [];
  for (let i = 0; i < nameCount; i++) names.push(texts.path(words[tail + layout.TAIL_NAMES + i]));
  const overlays: Attachment[] = [];
  let at = tail + layout.TAIL_NAMES + nameCount;
  for (let i = counts >>> 24; i > 0; i--) {
    const flags = words[at + layout.ATTACHMENT_FLAGS];
    const attachment: Attachment = {
      overlay: texts.overlay(words[at + layout.ATTACHMENT_OVERLAY]),
      pinned: (flags & layout.ATTACHED_PINNED) !== 0,
    };
    if ((flags & layout.ATTACHED_IP4) !== 0) attachment.ip4 = textOf4(words[at + layout.ATTACHMENT_IP4]);
    at += layout.ATTACHMENT_IP6;
    if ((flags & layout.ATTACHED_IP6) !== 0) {
      attachment.ip6 = format6(bytes, at * 4);
      at += 4;
    }
    overlays.push(attachment);
  }
  let octet = at * 4;
  const ports: Port[] = [];
  for (let n = words[tail + layout.TAIL_AID] >>> 16; n > 0; n--) {
    const length = bytes[octet + 3];
    ports.push({
      name: ascii(bytes, octet + 4, length),
      protocol: PROTOCOLS[bytes[octet]],
      port: (bytes[octet + 1] << 8) | bytes[octet + 2],
    });
    octet += 4 + length;
  }
  let aid: string;
  if (((words[tail + layout.TAIL_AID] >>> 8) & 0xff) === layout.AID_TEXT) {
    aid = ascii(bytes, octet, words[tail + layout.TAIL_AID_REST]);
  } else {
    const first = (words[tail + layout.TAIL_AID] & 0xff).toString(16).padStart(2, '0');
    aid =
      (isPod ? 'p' : 's') + first + (words[tail + layout.TAIL_AID_REST] >>> 0).toString(16).padStart(8, '0');
  }
  const common = {
    vpc: texts.vpc,
    namespace: texts.namespace,
    name: texts.path(words[tail + layout.TAIL_NODE]),
    aid,
    names,
    ports,
  };
  // A pod without an address of its own shows those of its overlays; they are not its `ip6`.
  const own = sixCount > 0 && (words[record] & layout.HAS_IP6) !== 0;
  const ip6 = own ? { ip6: format6(bytes, (record + layout.RRSET_AAAA) * 4) } : {};
  const high = BigInt(words[tail + layout.TAIL_STAMP + 1] >>> 0);
  const stamp = (high << 32n) | BigInt(words[tail + layout.TAIL_STAMP] >>> 0);
  const resource: Pod | Service = isPod
    ? { kind: 'pod', ...common, ...ip6, overlays, ready: (words[record] & layout.POD_READY) !== 0 }
    : { kind: 'service', ...common, ...ip6 };
  return { resource, stamp };
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]);
  return text;
}

/** Calls back with `view.key` set to each address the record owns; an address may come twice. */
export function eachKey(view: View, record: number, visit: () => void): void {
  const { words, key } = view;
  const set = (at: number): void => {
    for (let k = 0; k < 4; k++) key[k] = words[at + k];
    visit();
  };
  for (let i = 0; i < words[record + layout.RRSET_AAAA_COUNT]; i++) set(record + layout.RRSET_AAAA + 4 * i);
  const tail = view.tail(record);
  const counts = words[tail + layout.TAIL_COUNTS];
  let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
  for (let i = counts >>> 24; i > 0; i--) {
    const flags = words[at + layout.ATTACHMENT_FLAGS];
    if ((flags & layout.ATTACHED_IP4) !== 0) {
      key[0] = 0;
      key[1] = 0;
      key[2] = MAPPED_WORD;
      key[3] = words[at + layout.ATTACHMENT_IP4];
      visit();
    }
    at += layout.ATTACHMENT_IP6;
    if ((flags & layout.ATTACHED_IP6) !== 0) {
      set(at);
      at += 4;
    }
  }
}
