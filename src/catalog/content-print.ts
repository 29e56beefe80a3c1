/**
 * Prints the content of packed pods and services as the JSON that `JSON.stringify` gives of their resource, without
 * making one: a saved view has a million of them.
 */
import { write4, write6 } from '../dns/address.ts';
import { HAS_IP6, HAS_NAMES, HAS_OVERLAYS, HAS_PORTS, POD, PROTOCOLS, READY, SHORT_AID } from './layout.ts';
import type { StringPool } from './string-pool.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const HEX = Buffer.from('0123456789abcdef');
/** What `room` keeps free for text of a fixed length: keys, addresses, numbers. */
const FIXED = 256;

/** Text as octets, which grows. */
export class Printer {
  bytes = Buffer.allocUnsafe(1 << 12);
  length = 0;

  /** Room for so many octets and a little more. */
  room(octets: number): void {
    const wanted = this.length + octets + FIXED;
    if (wanted <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Short ASCII text, for which there is room. */
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /** Any text. */
  text(text: string): void {
    this.room(text.length * 3);
    this.length += this.bytes.write(text, this.length);
  }

  /** A string in quotes. False where it is one that JSON escapes, or not ASCII. */
  quoted(text: string): boolean {
    this.room(text.length);
    this.bytes[this.length++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (!isPlain(code)) return false;
      this.bytes[this.length++] = code;
    }
    this.bytes[this.length++] = QUOTE;
    return true;
  }
}

function isPlain(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== QUOTE && code !== 0x5c;
}

// What is being printed: the chunk, and the next octet in it.
let source: Buffer = Buffer.alloc(0);
let cursor = 0;

/** Seven bits an octet, the lowest first; see `writeCount`. */
function count(): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const octet = source[cursor++]!;
    value |= (octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
}

/** The text at the cursor, in quotes; as `quoted`. */
function printText(out: Printer): boolean {
  const end = count() + cursor;
  out.room(end - cursor);
  const { bytes } = out;
  let at = out.length;
  bytes[at++] = QUOTE;
  for (; cursor < end; cursor++) {
    const octet = source[cursor]!;
    if (!isPlain(octet)) return false;
    bytes[at++] = octet;
  }
  bytes[at++] = QUOTE;
  out.length = at;
  return true;
}

function print6(out: Printer): void {
  out.length = write6(source, cursor, out.bytes, out.length);
  cursor += 16;
}

/**
 * The resource whose content is at `start`. False where some text in it has to be escaped or is not ASCII; then what
 * was printed is good for nothing.
 */
export function printEndpoint(
  out: Printer,
  chunk: Buffer,
  start: number,
  kind: number,
  vpc: string,
  namespace: string,
  overlays: StringPool,
): boolean {
  source = chunk;
  cursor = start;
  out.room(0);
  out.ascii(kind === POD ? '{"kind":"pod","vpc":' : '{"kind":"service","vpc":');
  if (!out.quoted(vpc)) return false;
  out.ascii(',"namespace":');
  if (!out.quoted(namespace)) return false;
  out.ascii(',"name":');
  if (!printText(out)) return false;
  const bits = source[cursor++]!;
  // The address comes first in the content, and after the names in the text.
  const address = cursor;
  if ((bits & HAS_IP6) !== 0) cursor += 16;
  out.ascii(',"aid":');
  if ((bits & SHORT_AID) === 0) {
    if (!printText(out)) return false;
  } else printShortAid(out, kind);
  const attachments = cursor;
  if ((bits & HAS_OVERLAYS) !== 0) skipOverlays();
  out.room(0);
  out.ascii(',"names":[');
  if ((bits & HAS_NAMES) !== 0) {
    for (let left = count(); left > 0; left--) {
      if (!printText(out)) return false;
      if (left > 1) out.bytes[out.length++] = COMMA;
    }
  }
  const ports = cursor;
  out.room(0);
  out.ascii(']');
  if ((bits & HAS_IP6) !== 0) {
    out.ascii(',"ip6":"');
    cursor = address;
    print6(out);
    out.ascii('"');
  }
  if (kind === POD) {
    out.ascii(',"overlays":[');
    cursor = attachments;
    if ((bits & HAS_OVERLAYS) !== 0 && !printOverlays(out, overlays)) return false;
    out.ascii(']');
  }
  out.ascii(',"ports":[');
  cursor = ports;
  if ((bits & HAS_PORTS) !== 0 && !printPorts(out)) return false;
  out.ascii(kind !== POD ? ']}' : (bits & READY) !== 0 ? '],"ready":true}' : '],"ready":false}');
  return true;
}

function printShortAid(out: Printer, kind: number): void {
  const { bytes } = out;
  bytes[out.length++] = QUOTE;
  bytes[out.length++] = kind === POD ? 0x70 : 0x73;
  for (let i = 0; i < 5; i++) {
    const octet = source[cursor++]!;
    bytes[out.length++] = HEX[octet >>> 4]!;
    bytes[out.length++] = HEX[octet & 15]!;
  }
  bytes[out.length++] = QUOTE;
}

function skipOverlays(): void {
  for (let left = count(); left > 0; left--) {
    count();
    const bits = source[cursor++]!;
    cursor += ((bits & 1) === 0 ? 0 : 4) + ((bits & 2) === 0 ? 0 : 16);
  }
}

function printOverlays(out: Printer, overlays: StringPool): boolean {
  for (let left = count(); left > 0; left--) {
    out.room(0);
    out.ascii('{"overlay":');
    if (!out.quoted(overlays.text(count()))) return false;
    const bits = source[cursor++]!;
    if ((bits & 1) !== 0) {
      out.ascii(',"ip4":"');
      out.length = write4(source.readUInt32BE(cursor), out.bytes, out.length);
      out.ascii('"');
      cursor += 4;
    }
    if ((bits & 2) !== 0) {
      out.ascii(',"ip6":"');
      print6(out);
      out.ascii('"');
    }
    out.ascii((bits & 4) === 0 ? ',"pinned":false}' : ',"pinned":true}');
    if (left > 1) out.bytes[out.length++] = COMMA;
  }
  out.room(0);
  return true;
}

function printPorts(out: Printer): boolean {
  for (let left = count(); left > 0; left--) {
    out.room(0);
    out.ascii('{"name":');
    if (!printText(out)) return false;
    out.ascii(',"protocol":"');
    out.ascii(PROTOCOLS[source[cursor]!]!);
    out.ascii('","port":');
    out.ascii(String(source.readUInt16BE(cursor + 1)));
    out.ascii(left > 1 ? '},' : '}');
    cursor += 3;
  }
  out.room(0);
  return true;
}
