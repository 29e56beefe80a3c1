/** IPv4 and IPv6 addresses between text, 32-bit numbers and 16 octets, fast enough to load a million pods. */

const DOT = 0x2e;
const COLON = 0x3a;

const DIGITS = Buffer.from('0123456789abcdef');

/** Value of a hexadecimal digit by its character code, -1 for any other ASCII character. */
const HEX_DIGIT = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16);
  HEX_DIGIT[character.charCodeAt(0)] = digit;
  HEX_DIGIT[character.toUpperCase().charCodeAt(0)] = digit;
}

/** Strict dotted quad to an unsigned 32-bit number; -1 when it is not one (leading zeros are refused). */
export function parse4(text: string): number {
  return parse4From(text, 0);
}

function parse4From(text: string, start: number): number {
  const length = text.length;
  if (length - start < 7 || length - start > 15) return -1;
  let address = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = start; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || dots === 3) return -1;
      address = (address << 8) | octet;
      dots++;
      octet = 0;
      digits = 0;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9) return -1;
    // A second digit after a zero: some systems would read the octet as octal.
    if (digits !== 0 && octet === 0) return -1;
    octet = octet * 10 + digit;
    if (octet > 255) return -1;
    digits++;
  }
  if (dots !== 3 || digits === 0) return -1;
  return ((address << 8) | octet) >>> 0;
}

/** The text that was parsed last, and its octets: on its way into the view, one address is needed several times. */
let lastText = '::';
const lastOctets = new Uint8Array(16);

/**
 * IPv6 text (RFC 4291 section 2.2, embedded IPv4 included) into 16 octets at `offset`.
 * No zone, no prefix length. When it returns false the 16 octets hold garbage.
 */
export function parse6(text: string, out: Uint8Array, offset: number): boolean {
  if (text === lastText) {
    for (let i = 0; i < 16; i++) out[offset + i] = lastOctets[i];
    return true;
  }
  if (!parseNew6(text, out, offset)) return false;
  lastText = text;
  for (let i = 0; i < 16; i++) lastOctets[i] = out[offset + i];
  return true;
}

function parseNew6(text: string, out: Uint8Array, offset: number): boolean {
  const length = text.length;
  if (length < 2 || length > 45) return false;
  let i = 0;
  let at = 0;
  let gap = -1;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = 0;
    i = 2;
  }
  while (i < length) {
    const groupStart = i;
    let group = 0;
    let code = 0;
    while (i < length) {
      code = text.charCodeAt(i);
      const digit = code < 128 ? HEX_DIGIT[code] : -1;
      if (digit < 0) break;
      group = (group << 4) | digit;
      i++;
    }
    if (i < length && code === DOT) {
      const quad = parse4From(text, groupStart);
      if (quad < 0 || at > 12) return false;
      put4(quad, out, offset + at);
      at += 4;
      break;
    }
    const digits = i - groupStart;
    if (digits === 0 || digits > 4 || at > 14) return false;
    out[offset + at] = group >>> 8;
    out[offset + at + 1] = group;
    at += 2;
    if (i === length) break;
    if (code !== COLON || ++i === length) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = at;
      i++;
    }
  }
  if (gap < 0) return at === 16;
  // `::` stands for one group at least.
  if (at === 16) return false;
  const shift = 16 - at;
  for (let from = offset + at - 1; from >= offset + gap; from--) out[from + shift] = out[from];
  for (let to = offset + gap; to < offset + gap + shift; to++) out[to] = 0;
  return true;
}

/** Either family into 16 octets, IPv4 as ::ffff:a.b.c.d. Returns the family; 0 when the text is no address. */
export function parseAddress(text: string, out: Uint8Array, offset: number): 0 | 4 | 6 {
  const value = parse4(text);
  if (value >= 0) {
    mapInto(value, out, offset);
    return 4;
  }
  if (!parse6(text, out, offset)) return 0;
  return isMapped(out, offset) ? 4 : 6;
}

/** True for ::ffff:0:0/96, the form in which IPv4 addresses travel through podns (RFC 4291 section 2.5.5.2). */
export function isMapped(bytes: Uint8Array, offset: number): boolean {
  if (bytes[offset + 10] !== 0xff || bytes[offset + 11] !== 0xff) return false;
  for (let i = offset; i < offset + 10; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Writes the 16 octets of ::ffff:a.b.c.d; `value4` as `parse4` returns it. */
export function mapInto(value4: number, out: Uint8Array, offset: number): void {
  for (let i = offset; i < offset + 10; i++) out[i] = 0;
  out[offset + 10] = 0xff;
  out[offset + 11] = 0xff;
  put4(value4, out, offset + 12);
}

function put4(value: number, out: Uint8Array, offset: number): void {
  out[offset] = value >>> 24;
  out[offset + 1] = value >>> 16;
  out[offset + 2] = value >>> 8;
  out[offset + 3] = value;
}

function read4(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** The longest text of an address, ::ffff:255.255.255.255 or 39 digits and colons, fits. */
const text = Buffer.alloc(48);

/** Dotted quad of a 32-bit number, signed or unsigned. */
export function format4(value: number): string {
  return text.toString('latin1', 0, write4(value, text, 0));
}

/** The octets of `format4` from `at` on; returns where they end. */
export function write4(value: number, out: Uint8Array, at: number): number {
  at = writeOctet(value >>> 24, out, at);
  out[at++] = DOT;
  at = writeOctet((value >>> 16) & 255, out, at);
  out[at++] = DOT;
  at = writeOctet((value >>> 8) & 255, out, at);
  out[at++] = DOT;
  return writeOctet(value & 255, out, at);
}

function writeOctet(value: number, out: Uint8Array, at: number): number {
  if (value >= 100) out[at++] = 0x30 + ((value / 100) | 0);
  if (value >= 10) out[at++] = 0x30 + (((value / 10) | 0) % 10);
  out[at++] = 0x30 + (value % 10);
  return at;
}

/** Canonical text of 16 octets (RFC 5952); a mapped address as ::ffff:1.2.3.4. */
export function format6(bytes: Uint8Array, offset: number): string {
  return text.toString('latin1', 0, write6(bytes, offset, text, 0));
}

/** The octets of `format6` from `at` on; returns where they end. */
export function write6(bytes: Uint8Array, offset: number, out: Uint8Array, at: number): number {
  const groups = isMapped(bytes, offset) ? 6 : 8;
  // The longest run of two or more zero groups is shortened, the first of equals (RFC 5952 section 4.2).
  let bestStart = -1;
  let bestLength = 1;
  let runStart = 0;
  for (let i = 0; i <= groups; i++) {
    if (i < groups && (bytes[offset + 2 * i] | bytes[offset + 2 * i + 1]) === 0) continue;
    if (i - runStart > bestLength) {
      bestStart = runStart;
      bestLength = i - runStart;
    }
    runStart = i + 1;
  }
  for (let i = 0; i < groups; i++) {
    if (i === bestStart) {
      out[at++] = COLON;
      out[at++] = COLON;
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i !== bestStart + bestLength) out[at++] = COLON;
    const group = (bytes[offset + 2 * i] << 8) | bytes[offset + 2 * i + 1];
    if (group >= 0x1000) out[at++] = DIGITS[group >>> 12];
    if (group >= 0x100) out[at++] = DIGITS[(group >>> 8) & 15];
    if (group >= 0x10) out[at++] = DIGITS[(group >>> 4) & 15];
    out[at++] = DIGITS[group & 15];
  }
  if (groups === 8) return at;
  out[at++] = COLON;
  return write4(read4(bytes, offset + 12), out, at);
}

/** Text of 16 octets as people write it: a mapped address as a dotted quad, else RFC 5952. */
export function formatAddress(bytes16: Uint8Array, offset: number): string {
  return isMapped(bytes16, offset) ? format4(read4(bytes16, offset + 12)) : format6(bytes16, offset);
}

const scratch = new Uint8Array(16);

/** True for addresses of 127.0.0.0/8 and ::1, which only this host can reach; false for all else, names included. */
export function isLoopback(text: string): boolean {
  const family = parseAddress(text, scratch, 0);
  return family === 4 ? scratch[12] === 127 : family === 6 && format6(scratch, 0) === '::1';
}
