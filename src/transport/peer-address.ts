/** Turns the address text that node:dgram and node:net give into the 16 octets of a peer, without allocating. */

/**
 * Writes `text` (as the system formats it: dotted quad, RFC 5952, maybe with `%scope`) to `out`, IPv4 as
 * ::ffff:a.b.c.d. Returns false, with `out` undefined, when it is neither.
 */
export function writeAddress(text: string, out: Uint8Array): boolean {
  let at = 0;
  let gap = -1;
  let i = 0;
  const end = text.length;
  if (end >= 2 && text.charCodeAt(0) === COLON && text.charCodeAt(1) === COLON) {
    gap = 0;
    i = 2;
  }
  while (i < end && at < 16) {
    const start = i;
    let value = 0;
    let code = 0;
    for (; i < end; i++) {
      code = text.charCodeAt(i);
      const digit = hexDigit(code);
      if (digit < 0) break;
      value = (value << 4) | digit;
    }
    if (i < end && code === DOT) {
      if (start === 0) {
        out.fill(0, 0, 10);
        out[10] = out[11] = 0xff;
        return writeQuad(text, 0, out, 12) === end;
      }
      if (at > 12) return false;
      i = writeQuad(text, start, out, at);
      if (i < 0) return false;
      at += 4;
      break;
    }
    if (i === start) {
      if (code === PERCENT) break;
      return false;
    }
    if (i - start > 4) return false;
    out[at++] = value >>> 8;
    out[at++] = value & 0xff;
    if (i === end || code === PERCENT) break;
    if (code !== COLON) return false;
    i++;
    if (i < end && text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = at;
      i++;
    } else if (i === end) return false;
  }
  if (i < end && text.charCodeAt(i) !== PERCENT) return false;
  if (gap < 0) return at === 16;
  if (at > 14) return false;
  const tail = at - gap;
  out.copyWithin(16 - tail, gap, at);
  out.fill(0, gap, 16 - tail);
  return true;
}

const COLON = 0x3a;
const DOT = 0x2e;
const PERCENT = 0x25;

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Writes a dotted quad; returns the index after it, or -1. */
function writeQuad(text: string, start: number, out: Uint8Array, at: number): number {
  let i = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(i++) !== DOT) return -1;
    let value = 0;
    const first = i;
    for (; i < text.length; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (i === first || i - first > 3 || value > 255) return -1;
    out[at + part] = value;
  }
  return i;
}
