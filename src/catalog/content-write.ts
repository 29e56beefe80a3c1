/** Writes the content of a resource in octets, into a scratch buffer from which the arena gets its copy. */
import type { Attachment, Pod, Resource, Service } from '../model.ts';
import { parse4, parse6 } from '../dns/address.ts';
import type { StringPool } from './string-pool.ts';
import { HAS_IP6, HAS_NAMES, HAS_OVERLAYS, HAS_PORTS, PROTOCOLS, READY, SHORT_AID } from './layout.ts';

/** Where content is written before it gets a place in the arena; word-aligned, the last word padded with 0. */
export const scratch = {
  bytes: Buffer.alloc(0),
  words: new Uint32Array(0),
  /** Octets written. */
  length: 0,
  /** Overlay names taken from the string pool while writing: released again if the content is not kept. */
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
export function writeContent(resource: Resource, overlays: StringPool): void {
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
      const { id, created, net6, services6, a_records, forward, upstreams, routes, hosts } = resource;
      return { id, created, net6, services6, a_records, forward, upstreams, routes, hosts };
    }
    case 'namespace':
      return { created: resource.created, shadow: resource.shadow };
    case 'overlay': {
      const { aid, driver, net4, net6, internal } = resource;
      return { aid, driver, net4, net6, internal };
    }
  }
}

function writeEndpoint(resource: Pod | Service, overlays: StringPool): void {
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

function writeOverlays(attachments: readonly Attachment[], overlays: StringPool): void {
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
