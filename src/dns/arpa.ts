/**
 * Reverse names: reads addresses and prefixes out of in-addr.arpa and ip6.arpa names, and writes them (RFC 3596
 * section 2.5).
 */
import { isMapped } from './address.ts';
import { encodeName } from './name.ts';
import type { Query } from './query.ts';

/** Wire form, root octet included. */
const IN_ADDR_ARPA = encodeName('in-addr.arpa');
const IP6_ARPA = encodeName('ip6.arpa');

/** Bits that a label of a reverse name stands for. */
export const bitsOfLabel = (family: number): number => (family === 4 ? 8 : 4);

/**
 * Labels of the reverse zones that a prefix of this length is made of: rounded up, so that they never cover more
 * than the prefix; but no single address is a zone.
 */
export function zoneLabels(family: number, length: number): number {
  return Math.min(Math.ceil(length / bitsOfLabel(family)), family === 4 ? 3 : 31);
}

/** What a reverse name stands for; reused, so that reading one allocates nothing. */
export class ReverseName {
  /** 0 when the name is not below (or at) in-addr.arpa or ip6.arpa; then nothing else counts. */
  family: 0 | 4 | 6 = 0;
  /** Length of the prefix that the name's well-formed labels give: 0 (the apex) to 32 or 128. */
  bits = 0;
  /**
   * The prefix, the bits after it zero. IPv4 as ::ffff:a.b.c.d while `bits` counts from a. An ip6.arpa name of a
   * mapped address stays family 6.
   */
  readonly address = new Uint8Array(16);
  /** A label that can be no part of an address, or one too many, stands below the prefix. */
  malformed = false;
  /** Index among the question's labels at which the well-formed part begins; the apex at its deepest. */
  label = 0;
}

/**
 * Reads the question's name, without its leftmost `labelsDropped` labels, as a reverse name.
 * Returns whether it is one, which is `out.family !== 0`.
 */
export function parseReverse(query: Query, labelsDropped: number, out: ReverseName): boolean {
  out.family = 0;
  out.bits = 0;
  out.malformed = false;
  const apex = query.labelCount - 2;
  out.label = apex;
  if (apex < labelsDropped) return false;
  const at = query.labelOffsets[apex];
  const length = query.qnameLength - at;
  if (length === IP6_ARPA.length && same(query.name, at, IP6_ARPA)) out.family = 6;
  else if (length === IN_ADDR_ARPA.length && same(query.name, at, IN_ADDR_ARPA)) out.family = 4;
  else return false;

  const address = out.address;
  address.fill(0);
  if (out.family === 4) address[10] = address[11] = 0xff;
  for (let label = apex - 1; label >= labelsDropped; label--) {
    const offset = query.labelOffsets[label];
    const value = out.family === 4 ? octetOf(query.name, offset) : nibbleOf(query.name, offset);
    if (value < 0 || out.bits === (out.family === 4 ? 32 : 128)) {
      out.malformed = true;
      break;
    }
    if (out.family === 4) {
      address[12 + (out.bits >>> 3)] = value;
      out.bits += 8;
    } else {
      address[out.bits >>> 3] |= (out.bits & 4) === 0 ? value << 4 : value;
      out.bits += 4;
    }
    out.label = label;
  }
  return true;
}

/** Compares folded octets of the question's name with a whole wire name. */
function same(name: Uint8Array, at: number, wire: Uint8Array): boolean {
  for (let i = 0; i < wire.length; i++) if (name[at + i] !== wire[i]) return false;
  return true;
}

/** A decimal label 0 to 255 without leading zeros; -1 for anything else. */
function octetOf(name: Uint8Array, offset: number): number {
  const length = name[offset];
  if (length > 3 || (length > 1 && name[offset + 1] === 0x30)) return -1;
  let value = 0;
  for (let i = 1; i <= length; i++) {
    const digit = name[offset + i] - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value > 255 ? -1 : value;
}

/** A label of one hexadecimal digit, folded; -1 for anything else. */
function nibbleOf(name: Uint8Array, offset: number): number {
  if (name[offset] !== 1) return -1;
  const octet = name[offset + 1];
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  return octet >= 0x61 && octet <= 0x66 ? octet - 0x57 : -1;
}

/** The reverse name of an address, with its final dot; a mapped address gives its in-addr.arpa name. */
export function reverseText(address16: Uint8Array): string {
  if (isMapped(address16, 0)) {
    return `${address16[15]}.${address16[14]}.${address16[13]}.${address16[12]}.in-addr.arpa.`;
  }
  let text = '';
  for (let i = 15; i >= 0; i--)
    text += `${(address16[i] & 15).toString(16)}.${(address16[i] >>> 4).toString(16)}.`;
  return text + 'ip6.arpa.';
}
