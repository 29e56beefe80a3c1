/** The maximum size of a record, checked before it is parsed, so that no record of a tenant delays others. */
import type { Resource } from '../../model.ts';
import { excerpt } from '../../model-text.ts';

/** Far above any use. docs/watch.md has the same table for users, and a test compares the two. */
export const RECORD_MAX = {
  /** Octets of one record as JSON. */
  octets: 64 * 1024,
  /** Objects and lists inside each other, the record itself counted. */
  depth: 8,
  /** Values in all objects and lists together. */
  values: 4096,
};

/** Octets of a line of a stream around its record. */
const ENVELOPE_OCTETS = 4096;
export const LINE_OCTETS_MAX = RECORD_MAX.octets + ENVELOPE_OCTETS;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** Why a record must not be parsed; undefined if it may be. `around`: the levels of the text around the record. */
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
    // The codes of `[` and `{` differ in one bit, and so do those of `]` and `}`.
    else if ((code | 0x20) === 0x7b) {
      values++;
      if (++depth > deepest) return `is nested more than ${RECORD_MAX.depth} levels deep: nest it less`;
    } else if ((code | 0x20) === 0x7d) depth--;
  }
  if (values > RECORD_MAX.values)
    return `holds more than ${RECORD_MAX.values} values: leave out what podns does not read`;
  return undefined;
}

/** The reason for a record that is too long. */
export function octetsFault(octets: number, most: number = RECORD_MAX.octets): string {
  return `has ${octets} octets, at most ${most} are read: make it shorter`;
}

/** Why a resource does not fit in a line of the watch stream, as which the watch server sends it; undefined if it does. */
export function sizeFault(resource: Resource): string | undefined {
  if (resource.kind === 'namespace' || resource.kind === 'overlay') return undefined;
  if (resource.kind !== 'vpc') {
    const { names, ports } = resource;
    const overlays = resource.kind === 'pod' ? resource.overlays.length : 0;
    // Each entry has at most 300 octets.
    if (names.length + ports.length + overlays < 200) return undefined;
  }
  const octets = Buffer.byteLength(JSON.stringify(resource));
  return octets <= RECORD_MAX.octets ? undefined : octetsFault(octets);
}

/** The parser's reason for text that is not JSON; it quotes the text. */
export function jsonFault(error: unknown): string {
  return `not JSON: ${excerpt((error as Error).message, 120)}`;
}

/** A value of any type, as messages show it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${excerpt(value)}"`;
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}
