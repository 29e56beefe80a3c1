/** Parsers of simple fields: times, ports as text, port names, free text. */
import type { Port } from '../../model.ts';
import { foldLabel, quote, whyNotLabel } from './names.ts';

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** A date and time of RFC 3339 section 5.6; refuses days that the month does not have. */
export function isRfc3339(text: string): boolean {
  const match = RFC3339.exec(text);
  if (match === null) return false;
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= days;
}

/** One to 63 printable ASCII characters without spaces. */
export function isPrintable(text: string): boolean {
  return /^[!-~]{1,63}$/.test(text);
}

/** `80/tcp`, or `80`, which means tcp; undefined if the text is neither. */
export function parsePortText(text: string): Omit<Port, 'name'> | undefined {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  if (match === null) return undefined;
  const port = Number(match[1]);
  if (port < 1 || port > 65535) return undefined;
  return { protocol: (match[2] ?? 'tcp').toLowerCase() as Port['protocol'], port };
}

/** The folded name of a port: a label of up to 62 octets, so that an underscore fits before it; else undefined. */
export function foldPortName(text: string): string | undefined {
  return text.length > 62 || text.charCodeAt(0) === 0x5f ? undefined : foldLabel(text);
}

/** Why `foldPortName` has returned undefined. */
export function whyNotPortName(text: string): string {
  if (text.startsWith('_')) return `${quote(text)}: write it without the underscore`;
  if (text.length === 63) return `${quote(text)} has 63 octets, at most 62 are allowed`;
  return whyNotLabel(text);
}
