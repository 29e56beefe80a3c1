/** The packed form of a resource: a header of words and its content in octets, written and read here only. */
import type { Attachment, Kind, Overlay, Pod, Port, Protocol, Resource, Service, Vpc } from '../model.ts';
import { format4, format6, parse4, parse6 } from '../dns/address.ts';
import type { Interned } from './intern.ts';

// Word 0: length in words (15 bits), kind (3), flags (6), source (8).
export const KIND_SHIFT = 15;
export const KIND_MASK = 0x7;
export const SOURCE_SHIFT = 24;
/** Part of an open transaction: not yet said. */
export const STAGED = 1 << 18;
/** A staged deletion; its content is the name alone. */
export const DELETION = 1 << 19;
/** Freed; kept until its chunk is dropped. */
export const DEAD = 1 << 20;
/** Another source that is preferred says the same key. */
export const SHADOWED = 1 << 21;
/** Said again by the open full transaction of its source. */
export const SEEN = 1 << 22;
// Word 1: scope. Words 2 and 3: stamp, low 32 bits and high 21 bits.
export const STAMP_HIGH = 0x1fffff;
/** In word 3: a word with an interned revision follows the header; else the stamp is the revision. */
export const HAS_REVISION = 1 << 21;
/** In word 3: then three words, interned file, line and column. */
export const HAS_PLACE = 1 << 22;
export const HEADER_WORDS = 4;

/** By the number in the header. */
export const KIND_NAMES: readonly Kind[] = ['vpc', 'namespace', 'overlay', 'pod', 'service'];
export const KIND_NUMBERS: Readonly<Record<Kind, number>> = {
  vpc: 0,
  namespace: 1,
  overlay: 2,
  pod: 3,
  service: 4,
};
const POD = 3;
const SERVICE = 4;

const READY = 1;
const HAS_IP6 = 2;
/** The aid is the kind's letter and ten hex digits: five octets. */
const SHORT_AID = 4;
const HAS_NAMES = 8;
const HAS_OVERLAYS = 16;
const HAS_PORTS = 32;

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
const HEX: string[] = [];
for (let octet = 0; octet < 256; octet++) HEX.push(octet.toString(16).padStart(2, '0'));

/** Where content is written before it gets a place in the arena; word-aligned, the last word padded with 0. */
export const scratch = {
  bytes: Buffer.alloc(0),
  words: new Uint32Array(0),
  /** Octets written. */
  length: 0,
  /** Overlay names taken from the interned ones while writing: released again if the content is not kept. */
  taken: [] as number[],
};
let bytes = scratch.bytes;
let at = 0;
grow(1 << 16);

function grow(size: number): void {
  const buffer = new ArrayBuffer(Math.max((size + 3) & ~3, bytes.length * 2));
  const larger = Buffer.from(buffer);
  bytes.copy(larger, 0, 0, at);
  bytes = larger;
  scratch.bytes = larger;
  scratch.words = new Uint32Array(buffer);
}

/** Starts the content with the name by which the key is hashed; throws a RangeError above 255 octets. */
export function writeName(name: string): void {
  at = 0;
  scratch.taken.length = 0;
  writeText(name);
  if (at > 257) throw new RangeError(`catalog: name of more than 255 octets: ${name}`);
}

/** The rest of the content, after `writeName`, up to a whole word; `scratch` then holds it. */
export function writeContent(resource: Resource, overlays: Interned): void {
  switch (resource.kind) {
    case 'pod':
    case 'service':
      writeEndpoint(resource, overlays);
      break;
    default: {
      const text = Buffer.from(JSON.stringify(plainFields(resource)));
      room(text.length + 5);
      writeCount(text.length);
      at += text.copy(bytes, at);
    }
  }
  finish();
}

/** Pads what has been written to a whole word. */
export function finish(): void {
  room(4);
  while ((at & 3) !== 0) bytes[at++] = 0;
  scratch.length = at;
}

/** In one order whatever the order of the input, so that equal content has equal octets. */
function plainFields(resource: Exclude<Resource, Pod | Service>): object {
  switch (resource.kind) {
    case 'vpc': {
      const { id, net6, services6, forward, upstreams } = resource;
      return { id, net6, services6, forward, upstreams };
    }
    case 'namespace':
      return { created: resource.created, shadow: resource.shadow };
    case 'overlay': {
      const { aid, driver, net4, net6, internal } = resource;
      return { aid, driver, net4, net6, internal };
    }
  }
}

function writeEndpoint(resource: Pod | Service, overlays: Interned): void {
  room(64);
  const bitsAt = at++;
  let bits = 0;
  if (resource.ip6 !== undefined) {
    bits |= HAS_IP6;
    writeIp6(resource.ip6);
  }
  if (writeShortAid(resource.aid, resource.kind === 'pod' ? 0x70 : 0x73)) bits |= SHORT_AID;
  else writeText(resource.aid);
  if (resource.kind === 'pod') {
    if (resource.ready) bits |= READY;
    if (resource.overlays.length !== 0) {
      bits |= HAS_OVERLAYS;
      writeOverlays(resource.overlays, overlays);
    }
  }
  if (resource.names.length !== 0) {
    bits |= HAS_NAMES;
    writeCount(resource.names.length);
    for (const name of resource.names) writeText(name);
  }
  if (resource.ports.length !== 0) {
    bits |= HAS_PORTS;
    writeCount(resource.ports.length);
    for (const port of resource.ports) {
      writeText(port.name);
      room(8);
      bytes[at++] = PROTOCOLS.indexOf(port.protocol);
      bytes[at++] = port.port >>> 8;
      bytes[at++] = port.port;
    }
  }
  bytes[bitsAt] = bits;
}

function writeOverlays(attachments: readonly Attachment[], overlays: Interned): void {
  writeCount(attachments.length);
  for (const attachment of attachments) {
    room(32);
    const id = overlays.take(attachment.overlay);
    scratch.taken.push(id);
    writeCount(id);
    const bits =
      (attachment.ip4 === undefined ? 0 : 1) |
      (attachment.ip6 === undefined ? 0 : 2) |
      (attachment.pinned ? 4 : 0);
    bytes[at++] = bits;
    if (attachment.ip4 !== undefined) {
      const address = parse4(attachment.ip4);
      if (address < 0) throw new TypeError(`catalog: not an IPv4 address: ${attachment.ip4}`);
      bytes[at++] = address >>> 24;
      bytes[at++] = address >>> 16;
      bytes[at++] = address >>> 8;
      bytes[at++] = address;
    }
    if (attachment.ip6 !== undefined) writeIp6(attachment.ip6);
  }
}

function writeIp6(text: string): void {
  if (!parse6(text, bytes, at)) throw new TypeError(`catalog: not an IPv6 address: ${text}`);
  at += 16;
}

function writeShortAid(aid: string, letter: number): boolean {
  if (aid.length !== 11 || aid.charCodeAt(0) !== letter) return false;
  let octet = 0;
  for (let i = 1; i < 11; i++) {
    const code = aid.charCodeAt(i);
    const digit =
      code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
    if (digit < 0) return false;
    octet = (octet << 4) | digit;
    if ((i & 1) === 0) bytes[at + (i >> 1) - 1] = octet;
  }
  at += 5;
  return true;
}

/** Length, then UTF-8. */
function writeText(text: string): void {
  const length = text.length;
  room(length * 3 + 8);
  const start = at;
  if (length < 0x80) {
    bytes[at++] = length;
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      bytes[at++] = code;
    }
    if (i === length) return;
    at = start;
  }
  const encoded = Buffer.from(text);
  writeCount(encoded.length);
  at += encoded.copy(bytes, at);
}

/** Seven bits an octet, the lowest first. */
function writeCount(value: number): void {
  while (value >= 0x80) {
    bytes[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  bytes[at++] = value;
}

function room(size: number): void {
  if (at + size > bytes.length) grow(at + size);
}

/** `toString('utf8', …)` without its checks of arguments: half the time for a short name. */
type SliceBuffer = Buffer & { utf8Slice(start: number, end: number): string };

// Reading: `source` is the chunk, `cursor` the next octet.
let source: Buffer = bytes;
let cursor = 0;

function readCount(): number {
  let value = source[cursor++]!;
  if (value < 0x80) return value;
  value &= 0x7f;
  for (let shift = 7; ; shift += 7) {
    const octet = source[cursor++]!;
    value |= (octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
}

function readText(): string {
  const length = readCount();
  const start = cursor;
  cursor += length;
  return (source as SliceBuffer).utf8Slice(start, cursor);
}

function skipText(): void {
  const length = readCount();
  cursor += length;
}

function readIp6(): string {
  cursor += 16;
  return format6(source, cursor - 16);
}

function readIp4(): string {
  const start = cursor;
  cursor += 4;
  return format4(source.readUInt32BE(start));
}

/** The octets of the name at the head of the content at `start`: the place and the length of the text. */
export function nameSpan(chunk: Buffer, start: number): { start: number; length: number } {
  source = chunk;
  cursor = start;
  const length = readCount();
  return { start: cursor, length };
}

export function readName(chunk: Buffer, start: number): string {
  source = chunk;
  cursor = start;
  return readText();
}

/** A resource from the content at `start`; a `vpc` has all the prefixes that were said. */
export function readResource(
  chunk: Buffer,
  start: number,
  kind: number,
  vpc: string,
  namespace: string,
  overlays: Interned,
): Resource {
  source = chunk;
  cursor = start;
  const name = readText();
  if (kind === POD || kind === SERVICE) return readEndpoint(kind, vpc, namespace, name, overlays);
  const fields = JSON.parse(readText()) as object;
  if (kind === 0) return { kind: 'vpc', name: vpc, ...(fields as Omit<Vpc, 'kind' | 'name'>) };
  if (kind === 1) return { kind: 'namespace', vpc, name: namespace, ...fields };
  return { kind: 'overlay', vpc, namespace, name, ...(fields as Pick<Overlay, 'aid' | 'driver'>) };
}

function readEndpoint(
  kind: number,
  vpc: string,
  namespace: string,
  name: string,
  overlays: Interned,
): Pod | Service {
  const bits = source[cursor++]!;
  const ip6 = (bits & HAS_IP6) === 0 ? undefined : readIp6();
  let aid: string;
  if ((bits & SHORT_AID) === 0) aid = readText();
  else {
    aid =
      (kind === POD ? 'p' : 's') +
      HEX[source[cursor]!]! +
      HEX[source[cursor + 1]!]! +
      HEX[source[cursor + 2]!]! +
      HEX[source[cursor + 3]!]! +
      HEX[source[cursor + 4]!]!;
    cursor += 5;
  }
  const attachments = (bits & HAS_OVERLAYS) === 0 ? [] : readOverlays(overlays);
  const names: string[] = [];
  if ((bits & HAS_NAMES) !== 0) for (let left = readCount(); left > 0; left--) names.push(readText());
  const ports: Port[] = [];
  if ((bits & HAS_PORTS) !== 0) {
    for (let left = readCount(); left > 0; left--) {
      const portName = readText();
      const protocol = PROTOCOLS[source[cursor]!]!;
      ports.push({ name: portName, protocol, port: source.readUInt16BE(cursor + 1) });
      cursor += 3;
    }
  }
  if (kind === SERVICE) {
    return ip6 === undefined
      ? { kind: 'service', vpc, namespace, name, aid, names, ports }
      : { kind: 'service', vpc, namespace, name, aid, names, ip6, ports };
  }
  const ready = (bits & READY) !== 0;
  return ip6 === undefined
    ? { kind: 'pod', vpc, namespace, name, aid, names, overlays: attachments, ports, ready }
    : { kind: 'pod', vpc, namespace, name, aid, names, ip6, overlays: attachments, ports, ready };
}

function readOverlays(overlays: Interned): Attachment[] {
  const attachments: Attachment[] = [];
  for (let left = readCount(); left > 0; left--) {
    const overlay = overlays.text(readCount());
    const bits = source[cursor++]!;
    const ip4 = (bits & 1) === 0 ? undefined : readIp4();
    const ip6 = (bits & 2) === 0 ? undefined : readIp6();
    const pinned = (bits & 4) !== 0;
    if (ip6 === undefined)
      attachments.push(ip4 === undefined ? { overlay, pinned } : { overlay, ip4, pinned });
    else attachments.push(ip4 === undefined ? { overlay, ip6, pinned } : { overlay, ip4, ip6, pinned });
  }
  return attachments;
}

/** Releases the overlay names that the content at `start` holds. */
export function releaseOverlays(chunk: Buffer, start: number, kind: number, overlays: Interned): void {
  if (kind !== POD) return;
  source = chunk;
  cursor = start;
  skipText();
  const bits = source[cursor++]!;
  if ((bits & HAS_OVERLAYS) === 0) return;
  if ((bits & HAS_IP6) !== 0) cursor += 16;
  if ((bits & SHORT_AID) !== 0) cursor += 5;
  else skipText();
  for (let left = readCount(); left > 0; left--) {
    overlays.release(readCount());
    const attached = source[cursor++]!;
    cursor += ((attached & 1) === 0 ? 0 : 4) + ((attached & 2) === 0 ? 0 : 16);
  }
}
