/** Domain names between presentation text, wire form and their lower-case form (RFC 1035 sections 3.1 and 5.1). */
import { NAME_LENGTH_MAX } from './constants.ts';

const LABEL_LENGTH_MAX = 63;

/** A name that cannot be written on the wire; the message is the reason. */
export class NameError extends Error {
  override name = 'NameError';
}

/** Each octet's ASCII lower case. Length octets (0 to 63) map to themselves, so whole wire names can be folded. */
const FOLD = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) FOLD[octet] = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;

/** ASCII lower case of one octet (RFC 4343). */
export function fold(octet: number): number {
  return FOLD[octet];
}

/** Copies `length` octets of a wire name, folded. `out` may be `wire` itself. */
export function foldInto(
  wire: Uint8Array,
  offset: number,
  length: number,
  out: Uint8Array,
  outOffset: number,
): void {
  for (let i = 0; i < length; i++) out[outOffset + i] = FOLD[wire[offset + i]];
}

/** ASCII lower case of text. Unlike `toLowerCase` it keeps other letters: U+212A must not become `k`. */
export function foldText(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Presentation text to wire form, root octet included; a final dot makes no difference, `.` is the root.
 * Escapes are `\DDD` and `\X`. Letter case is kept.
 * @throws NameError with the reason.
 */
export function encodeName(text: string): Uint8Array {
  if (text === '') throw new NameError('empty name');
  if (text === '.') return new Uint8Array(1);
  const wire = new Uint8Array(NAME_LENGTH_MAX);
  let lengthAt = 0;
  let at = 1;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === 0x2e) {
      closeLabel(wire, lengthAt, at, text);
      lengthAt = at++;
      continue;
    }
    if (code === 0x5c) {
      const escape = readEscape(text, i);
      code = escape & 0xff;
      i += escape >>> 8;
    } else if (code > 0x7e || code < 0x20) {
      throw new NameError(`${characterText(text, i)} in ${quote(text)} must be written as \\DDD`);
    }
    if (at - lengthAt > LABEL_LENGTH_MAX)
      throw new NameError(`label longer than 63 octets in ${quote(text)}`);
    if (at >= NAME_LENGTH_MAX - 1) throw new NameError(`name longer than 255 octets: ${quote(text)}`);
    wire[at++] = code;
  }
  if (at === lengthAt + 1) {
    // A final dot: the label it opened is the root.
    return wire.slice(0, at);
  }
  closeLabel(wire, lengthAt, at, text);
  return wire.slice(0, at + 1);
}

function closeLabel(wire: Uint8Array, lengthAt: number, at: number, text: string): void {
  if (at === lengthAt + 1) throw new NameError(`empty label in ${quote(text)}`);
  wire[lengthAt] = at - lengthAt - 1;
}

/** Octet in the low 8 bits, the number of characters after the backslash above them. */
function readEscape(text: string, i: number): number {
  const first = text.charCodeAt(i + 1);
  if (i + 1 >= text.length) throw new NameError(`backslash at the end of ${quote(text)}`);
  if (first > 0x7e || first < 0x20) {
    throw new NameError(`${characterText(text, i + 1)} in ${quote(text)} must be written as \\DDD`);
  }
  if (first < 0x30 || first > 0x39) return (1 << 8) | first;
  const digits = text.slice(i + 1, i + 4);
  if (!/^[0-9]{3}$/.test(digits) || Number(digits) > 255) {
    throw new NameError(`escape \\${digits} in ${quote(text)} is not \\000 to \\255`);
  }
  return (3 << 8) | Number(digits);
}

/** One label's octets (without its length octet) as presentation text, escaped. */
export function labelText(wire: Uint8Array, offset: number, length: number): string {
  let text = '';
  for (let i = offset; i < offset + length; i++) text += OCTET_TEXT[wire[i]];
  return text;
}

const OCTET_TEXT: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(octet);
  if (octet <= 0x20 || octet >= 0x7f) return '\\' + String(octet).padStart(3, '0');
  return '."\\;()@$'.includes(character) ? '\\' + character : character;
});

/** A host name's label: letters, digits and inner hyphens, 1 to 63 (RFC 1123 section 2.1). */
function isHostLabel(label: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label);
}

/** Every label is a host label and the whole fits on the wire; a final dot is allowed. */
export function isHostName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return name.length <= NAME_LENGTH_MAX - 2 && name.split('.').every(isHostLabel);
}

/** `character "ä"`, or its number where it would not show. */
function characterText(text: string, i: number): string {
  const point = text.codePointAt(i) as number;
  const shows = point > 0x20 && (point < 0x7f || point > 0xa0) && (point < 0xd800 || point > 0xdfff);
  if (shows) return `character "${String.fromCodePoint(point)}"`;
  return `character U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Quoted for an error text: control characters escaped, long names cut. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? text.slice(0, 77) + '...' : text);
}
