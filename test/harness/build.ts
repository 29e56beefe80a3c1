/** Writes queries octet by octet, the sound ones and the broken ones. */
import { typeNumber } from './wire-text.ts';

export interface QueryOptions {
  size?: number;
  do?: boolean;
  version?: number;
  /** Upper octet of the extended rcode, as written by nobody sane. */
  extended?: number;
  /** The reserved bits behind DO. */
  z?: number;
  options?: { code: number; hex?: string; text?: string }[];
}

export interface QueryParts {
  id?: number;
  opcode?: number;
  /** Words of rd cd ad aa tc ra z; default rd. */
  flags?: string;
  rcode?: number;
  name: string;
  type?: string;
  class?: string;
  edns?: QueryOptions | undefined;
  /** Records put into additional before OPT, as wire octets. */
  additional?: Uint8Array[];
  /** Records put into authority. */
  authority?: Uint8Array[];
  trailing?: Uint8Array;
}

const CLASSES: Record<string, number> = { IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 };

export function classNumber(text: string): number {
  const known = CLASSES[text];
  if (known !== undefined) return known;
  const match = /^CLASS(\d+)$/.exec(text);
  if (match === null) throw new Error(`unknown class ${text}`);
  return Number(match[1]);
}

const BITS: Record<string, number> = {
  aa: 0x400,
  tc: 0x200,
  rd: 0x100,
  ra: 0x80,
  z: 0x40,
  ad: 0x20,
  cd: 0x10,
};

export function flagBits(text: string): number {
  let bits = 0;
  for (const word of text.split(' ').filter((word) => word !== '')) {
    const bit = BITS[word];
    if (bit === undefined) throw new Error(`unknown flag ${word}`);
    bits |= bit;
  }
  return bits;
}

/** Labels of a presentation name: `a\.b.shop`, `\000x.`; the final dot may be missing. */
export function splitName(text: string): string[] {
  if (text === '.' || text === '') return [];
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '.') {
      labels.push(label);
      label = '';
    } else if (char === '\\' && /^\d{3}$/.test(text.slice(i + 1, i + 4))) {
      label += String.fromCharCode(Number(text.slice(i + 1, i + 4)));
      i += 3;
    } else if (char === '\\') {
      label += text[++i] ?? '';
    } else {
      label += char;
    }
  }
  if (label !== '') labels.push(label);
  return labels;
}

/** Wire form, no compression, root octet included; lengths are not checked, so that broken ones can be made. */
export function encodeName(text: string): Buffer {
  const parts: Buffer[] = [];
  for (const label of splitName(text)) {
    parts.push(Buffer.from([label.length & 0xff]), Buffer.from(label, 'latin1'));
  }
  parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

export function u16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}

export function encodeRecord(
  name: string,
  type: number,
  klass: number,
  ttl: number,
  rdata: Uint8Array,
): Buffer {
  const ttlOctets = Buffer.alloc(4);
  ttlOctets.writeUInt32BE(ttl >>> 0);
  return Buffer.concat([encodeName(name), u16(type), u16(klass), ttlOctets, u16(rdata.length), rdata]);
}

export function encodeOpt(edns: QueryOptions): Buffer {
  const options = (edns.options ?? []).map((option) => {
    const data =
      option.text !== undefined
        ? Buffer.from(option.text)
        : Buffer.from(option.hex?.replace(/\s/g, '') ?? '', 'hex');
    return Buffer.concat([u16(option.code), u16(data.length), data]);
  });
  const ttl =
    ((edns.extended ?? 0) << 24) |
    ((edns.version ?? 0) << 16) |
    (edns.do === true ? 0x8000 : 0) |
    ((edns.z ?? 0) & 0x7fff);
  return encodeRecord('.', 41, edns.size ?? 1232, ttl, Buffer.concat(options));
}

export function encodeQuery(parts: QueryParts): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(parts.id ?? 0x1234, 0);
  const word = ((parts.opcode ?? 0) << 11) | flagBits(parts.flags ?? 'rd') | (parts.rcode ?? 0);
  header.writeUInt16BE(word, 2);
  header.writeUInt16BE(1, 4);
  const additional = [...(parts.additional ?? [])];
  if (parts.edns !== undefined) additional.push(encodeOpt(parts.edns));
  header.writeUInt16BE(parts.authority?.length ?? 0, 8);
  header.writeUInt16BE(additional.length, 10);
  return Buffer.concat([
    header,
    encodeName(parts.name),
    u16(typeNumber(parts.type ?? 'AAAA')),
    u16(classNumber(parts.class ?? 'IN')),
    ...(parts.authority ?? []),
    ...additional,
    parts.trailing ?? Buffer.alloc(0),
  ]);
}

/** The reverse name of an address in text form. */
export function arpaName(address: string): string {
  if (!address.includes(':')) return address.split('.').reverse().join('.') + '.in-addr.arpa.';
  return [...expandIp6(address)].reverse().join('.') + '.ip6.arpa.';
}

/** 32 hex digits of an IPv6 address in text form. */
export function expandIp6(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  const groups = [...left, ...middle, ...right];
  if (groups.length !== 8) throw new Error(`not an IPv6 address: ${address}`);
  return groups.map((group) => group.padStart(4, '0')).join('');
}
