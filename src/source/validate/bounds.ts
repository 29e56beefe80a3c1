/** How large one record may be, checked before it is parsed: whatever a tenant writes costs the others little. */
import { excerpt } from '../../model-text.ts';

/** Far above any use. docs/watch.md has the same table for users, and a test holds the two equal. */
export const RECORD_MAX = {
  /** Octets of one record as JSON. */
  octets: 64 * 1024,
  /** Objects and lists inside each other, the record itself counted. */
  depth: 8,
  /** Values of all objects and lists together. */
  values: 4096,
};

/** What a line of a stream has around its record. */
const ENVELOPE_OCTETS = 4096;
export const LINE_OCTETS_MAX = RECORD_MAX.octets + ENVELOPE_OCTETS;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** Why the JSON text of a record must not be parsed; undefined where it may be. `around`: levels that hold it. */
export function boundFault(text: string, around = 0): string | undefined {
  const octets = text.length * 3 > RECORD_MAX.octets ? Buffer.byteLength(text) : 0;
  const most = around === 0 ? RECORD_MAX.octets : LINE_OCTETS_MAX;
  if (octets > most) return octetsFault(octets, most);
  const deepest = RECORD_MAX.depth + around;
  let depth = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      for (i++; i < text.length; i++) {
        const inside = text.charCodeAt(i);
        if (inside === QUOTE) break;
        if (inside === BACKSLASH) i++;
      }
    } else if (code === COMMA) values++;
    // `[` and `{`, then `]` and `}`, are two codes with one bit between them.
    else if ((code | 0x20) === 0x7b) {
      values++;
      if (++depth > deepest) return `is nested more than ${RECORD_MAX.depth} levels deep: write it flatter`;
    } else if ((code | 0x20) === 0x7d) depth--;
  }
  if (values > RECORD_MAX.values)
    return `holds more than ${RECORD_MAX.values} values: leave out what podns does not read`;
  return undefined;
}

/** A record is longer than it may be. */
export function octetsFault(octets: number, most: number = RECORD_MAX.octets): string {
  return `has ${octets} octets, at most ${most} are read: make it shorter`;
}

/** What the parser says of a text that is no JSON; it quotes from the text. */
export function jsonFault(error: unknown): string {
  return `not JSON: ${excerpt((error as Error).message, 120)}`;
}

/** A value of any shape as a message shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${excerpt(value)}"`;
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}
