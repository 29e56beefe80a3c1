/** Reads the content of a packed record back into a resource. */
import type { Attachment, Overlay, Pod, Port, Resource, Service, Vpc } from '../model.ts';
import { format4, format6 } from '../dns/address.ts';
import type { StringPool } from './string-pool.ts';
import {
  HAS_IP6,
  HAS_NAMES,
  HAS_OVERLAYS,
  HAS_PORTS,
  POD,
  PROTOCOLS,
  READY,
  SERVICE,
  SHORT_AID,
} from './layout.ts';

const HEX: string[] = [];
for (let octet = 0; octet < 256; octet++) HEX.push(octet.toString(16).padStart(2, '0'));

/** `toString('utf8', …)` without its checks of arguments: half the time for a short name. */
type SliceBuffer = Buffer & { utf8Slice(start: number, end: number): string };

// What is being read: the chunk, and the next octet in it.
let source: Buffer = Buffer.alloc(0);
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

/** A resource from the content at `start`; a `vpc` has all the prefixes that were reported. */
export function readResource(
  chunk: Buffer,
  start: number,
  kind: number,
  vpc: string,
  namespace: string,
  overlays: StringPool,
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
  overlays: StringPool,
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

function readOverlays(overlays: StringPool): Attachment[] {
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

/** Calls `use` with the overlay name, as a number of the string pool, of each attachment in the content at `start`. */
export function eachOverlay(chunk: Buffer, start: number, kind: number, use: (id: number) => void): void {
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
    use(readCount());
    const attached = source[cursor++]!;
    cursor += ((attached & 1) === 0 ? 0 : 4) + ((attached & 2) === 0 ? 0 : 16);
  }
}
