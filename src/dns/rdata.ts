/**
 * Rdata to presentation text, and names out of whole messages where compression pointers are legal (RFC 1035, 3597,
 * 9460).
 */
import { format4, format6 } from './address.ts';
import {
  CLASS_IN,
  HEADER_LENGTH,
  NAME_LENGTH_MAX,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_HTTPS,
  TYPE_MX,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_SVCB,
  TYPE_TXT,
} from './constants.ts';
import { labelText } from './name.ts';

const TYPE_HINFO = 13;
const TYPE_DNAME = 39;
const TYPE_SPF = 99;

/** A message that breaks the format; the text tells what is wrong and at which octet. */
export class MessageError extends Error {
  override name = 'MessageError';
}

/** Where reading stands in a message: it never passes `end`, but names may point back before it. */
export class Cursor {
  readonly message: Uint8Array;
  at: number;
  end: number;

  constructor(message: Uint8Array, at: number, end: number) {
    this.message = message;
    this.at = at;
    this.end = end;
  }

  /** Moves on by `length` octets and returns where they begin. @throws MessageError when they are not there. */
  take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw new MessageError(`cut off at octet ${this.end}`);
    this.at = start + length;
    return start;
  }

  uint8(): number {
    return this.message[this.take(1)];
  }

  uint16(): number {
    const at = this.take(2);
    return (this.message[at] << 8) | this.message[at + 1];
  }

  uint32(): number {
    return this.uint16() * 0x10000 + this.uint16();
  }

  bytes(length: number): Uint8Array {
    const at = this.take(length);
    return this.message.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.bytes(this.end - this.at);
  }

  /**
   * A name, with compression. Each pointer must lead before the place where the last run of labels began, so
   * that no chain of them is endless. @throws MessageError
   */
  domain(): string {
    const message = this.message;
    let text = '';
    let length = 1;
    let at = this.at;
    let runStart = at;
    let behind = -1;
    // Labels after a pointer lie in the message before the cursor, not within its bounds.
    let end = this.end;
    for (;;) {
      if (at >= end) throw new MessageError(`name cut off at octet ${end}`);
      const label = message[at];
      if (label === 0) break;
      if (label >= 0xc0) {
        if (at + 1 >= end) throw new MessageError(`pointer cut off at octet ${end}`);
        const target = ((label & 0x3f) << 8) | message[at + 1];
        if (target < HEADER_LENGTH || target >= runStart) {
          throw new MessageError(`pointer at octet ${at} to octet ${target} does not lead back to a name`);
        }
        if (behind < 0) behind = at + 2;
        end = message.length;
        at = runStart = target;
        continue;
      }
      if (label > 63) throw new MessageError(`unknown label type 0x${label.toString(16)} at octet ${at}`);
      length += label + 1;
      if (length > NAME_LENGTH_MAX) throw new MessageError(`name longer than 255 octets at octet ${this.at}`);
      if (label >= end - at) throw new MessageError(`label cut off at octet ${end}`);
      text += labelText(message, at + 1, label) + '.';
      at += label + 1;
    }
    this.at = behind < 0 ? at + 1 : behind;
    return text === '' ? '.' : text;
  }

  /** A character-string (RFC 1035 section 3.3) in quotes. */
  characterString(): string {
    return quoted(this.bytes(this.uint8()));
  }
}

/**
 * The rdata from `cursor.at` to `cursor.end` as presentation text; types that podns does not know in the form
 * `\# LENGTH HEX` (RFC 3597 section 5).
 * @throws MessageError when it is not what its type asks for.
 */
export function rdataText(type: number, recordClass: number, cursor: Cursor): string {
  const text = knownText(type, recordClass, cursor);
  if (text === undefined) return genericText(cursor.rest());
  if (cursor.at !== cursor.end) throw new MessageError(`rdata longer than its fields at octet ${cursor.at}`);
  return text;
}

/** `\# 4 0a000001`. */
function genericText(rdata: Uint8Array): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${hexText(rdata)}`;
}

function hexText(bytes: Uint8Array): string {
  let text = '';
  for (const octet of bytes) text += octet.toString(16).padStart(2, '0');
  return text;
}

function knownText(type: number, recordClass: number, cursor: Cursor): string | undefined {
  switch (type) {
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
    case TYPE_DNAME:
      return cursor.domain();
    case TYPE_SOA: {
      const names = `${cursor.domain()} ${cursor.domain()}`;
      return `${names} ${cursor.uint32()} ${cursor.uint32()} ${cursor.uint32()} ${cursor.uint32()} ${cursor.uint32()}`;
    }
    case TYPE_MX:
      return `${cursor.uint16()} ${cursor.domain()}`;
    case TYPE_TXT:
    case TYPE_SPF:
    case TYPE_HINFO: {
      const strings = [cursor.characterString()];
      while (cursor.at < cursor.end) strings.push(cursor.characterString());
      return strings.join(' ');
    }
  }
  if (recordClass !== CLASS_IN) return undefined;
  switch (type) {
    case TYPE_A:
      return quadText(cursor);
    case TYPE_AAAA:
      return format6(cursor.message, cursor.take(16));
    case TYPE_SRV:
      return `${cursor.uint16()} ${cursor.uint16()} ${cursor.uint16()} ${cursor.domain()}`;
    case TYPE_SVCB:
    case TYPE_HTTPS:
      return serviceText(cursor);
  }
  return undefined;
}

function quadText(cursor: Cursor): string {
  return format4(cursor.uint32());
}

const PARAMETER_NAMES = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint'];

function parameterName(key: number): string {
  return PARAMETER_NAMES[key] ?? `key${key}`;
}

/** SVCB and HTTPS (RFC 9460 section 2.1). */
function serviceText(cursor: Cursor): string {
  let text = `${cursor.uint16()} ${cursor.domain()}`;
  while (cursor.at < cursor.end) {
    const key = cursor.uint16();
    const length = cursor.uint16();
    const start = cursor.take(length);
    const value = parameterText(key, new Cursor(cursor.message, start, start + length));
    text += value === '' ? ` ${parameterName(key)}` : ` ${parameterName(key)}=${value}`;
  }
  return text;
}

function parameterText(key: number, value: Cursor): string {
  switch (key) {
    case 0:
      return listText(value, () => parameterName(value.uint16()));
    case 1:
      // A comma inside an identifier is escaped once for the list and once for the string (RFC 9460 appendix A.1).
      return listText(value, () => {
        const identifier = quoted(value.bytes(value.uint8())).slice(1, -1);
        return identifier.replaceAll('\\', '\\\\').replaceAll(',', '\\\\,');
      });
    case 3: {
      const port = value.uint16();
      if (value.at !== value.end) throw new MessageError(`port parameter too long at octet ${value.at}`);
      return String(port);
    }
    case 4:
      return listText(value, () => quadText(value));
    case 6:
      return listText(value, () => format6(value.message, value.take(16)));
    default:
      return value.at === value.end ? '' : quoted(value.rest());
  }
}

function listText(value: Cursor, item: () => string): string {
  const items: string[] = [];
  while (value.at < value.end) items.push(item());
  return items.join(',');
}

/** Octets in quotes: quote and backslash escaped, what does not print as `\DDD`. */
function quoted(octets: Uint8Array): string {
  let text = '"';
  for (const octet of octets) {
    if (octet < 0x20 || octet > 0x7e) text += '\\' + String(octet).padStart(3, '0');
    else if (octet === 0x22 || octet === 0x5c) text += '\\' + String.fromCharCode(octet);
    else text += String.fromCharCode(octet);
  }
  return text + '"';
}
