/** A strict reader of answers: walks every octet, and throws on anything a careful stub could stumble over. */

import { ip6Text, nameText, typeText, type Labels } from './wire-text.ts';

export interface Flags {
  qr: boolean;
  opcode: number;
  aa: boolean;
  tc: boolean;
  rd: boolean;
  ra: boolean;
  z: boolean;
  ad: boolean;
  cd: boolean;
}

export interface WireQuestion {
  name: Labels;
  type: number;
  class: number;
}

export interface WireRecord {
  name: Labels;
  /** True when the owner began with a compression pointer. */
  pointer: boolean;
  /** Target of that pointer. */
  pointerTo: number;
  type: number;
  class: number;
  ttl: number;
  rdata: Uint8Array;
  /** Presentation form of the rdata; unknown types in RFC 3597 form. */
  text: string;
}

export interface WireEdns {
  size: number;
  version: number;
  do: boolean;
  options: { code: number; data: Uint8Array }[];
}

export interface WireMessage {
  id: number;
  flags: Flags;
  /** With the upper bits of the OPT record. */
  rcode: number;
  question: WireQuestion[];
  answer: WireRecord[];
  authority: WireRecord[];
  /** Without OPT. */
  additional: WireRecord[];
  edns: WireEdns | undefined;
  length: number;
}

export class WireError extends Error {}

class Walker {
  at = 0;
  readonly bytes: Uint8Array;
  /** Every offset at which a label of some name was written: the only legal pointer targets. */
  readonly labelStarts = new Set<number>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  need(count: number, what: string): void {
    if (this.at + count > this.bytes.length) throw new WireError(`${what} ends past the message`);
  }

  u8(what: string): number {
    this.need(1, what);
    return this.bytes[this.at++]!;
  }

  u16(what: string): number {
    this.need(2, what);
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!;
    this.at += 2;
    return value;
  }

  u32(what: string): number {
    return this.u16(what) * 65536 + this.u16(what);
  }

  /** A name; pointers must lead back to where a label was written before (RFC 1035 section 4.1.4). */
  name(what: string, compressible: boolean): Labels {
    const labels: Labels = [];
    const started: number[] = [];
    let octets = 1;
    let at = this.at;
    let jumped = false;
    for (;;) {
      if (at >= this.bytes.length) throw new WireError(`${what} ends past the message`);
      const length = this.bytes[at]!;
      if (length >= 0xc0) {
        if (!compressible) throw new WireError(`${what} is compressed, and must not be`);
        if (at + 1 >= this.bytes.length) throw new WireError(`${what}: half a pointer`);
        const target = ((length & 0x3f) << 8) | this.bytes[at + 1]!;
        if (target >= at) throw new WireError(`${what}: pointer forward from ${at} to ${target}`);
        if (!this.labelStarts.has(target)) throw new WireError(`${what}: pointer into the void at ${target}`);
        if (!jumped) this.at = at + 2;
        jumped = true;
        at = target;
        continue;
      }
      if (length > 63) throw new WireError(`${what}: label type 0x${length.toString(16)}`);
      if (!jumped) started.push(at);
      if (length === 0) {
        if (!jumped) this.at = at + 1;
        break;
      }
      octets += length + 1;
      if (octets > 255) throw new WireError(`${what}: over 255 octets`);
      if (at + 1 + length > this.bytes.length) throw new WireError(`${what} ends past the message`);
      labels.push(Buffer.from(this.bytes.subarray(at + 1, at + 1 + length)).toString('latin1'));
      at += 1 + length;
    }
    for (const offset of started) this.labelStarts.add(offset);
    return labels;
  }
}

function rdataText(walker: Walker, type: number, end: number, what: string): string {
  const start = walker.at;
  const raw = walker.bytes.subarray(start, end);
  switch (type) {
    case 1:
      if (raw.length !== 4) throw new WireError(`${what}: A of ${raw.length} octets`);
      walker.at = end;
      return raw.join('.');
    case 28:
      if (raw.length !== 16) throw new WireError(`${what}: AAAA of ${raw.length} octets`);
      walker.at = end;
      return ip6Text(raw);
    case 2:
    case 5:
    case 12:
      return nameText(walker.name(`${what} rdata`, true));
    case 6: {
      const mname = nameText(walker.name(`${what} MNAME`, true));
      const rname = nameText(walker.name(`${what} RNAME`, true));
      const numbers = [0, 0, 0, 0, 0].map(() => walker.u32(`${what} SOA`));
      return `${mname} ${rname} ${numbers.join(' ')}`;
    }
    case 33: {
      const numbers = [0, 0, 0].map(() => walker.u16(`${what} SRV`));
      return `${numbers.join(' ')} ${nameText(walker.name(`${what} SRV target`, false))}`;
    }
    case 16: {
      if (raw.length === 0) throw new WireError(`${what}: TXT without a string`);
      const strings: string[] = [];
      while (walker.at < end) {
        const length = walker.u8(`${what} TXT`);
        if (walker.at + length > end) throw new WireError(`${what}: TXT string past its rdata`);
        const text = Buffer.from(walker.bytes.subarray(walker.at, walker.at + length)).toString('latin1');
        strings.push(JSON.stringify(text));
        walker.at += length;
      }
      return strings.join(' ');
    }
    default:
      walker.at = end;
      return `\\# ${raw.length} ${Buffer.from(raw).toString('hex')}`.trimEnd();
  }
}

function readRecord(walker: Walker, what: string): WireRecord {
  const first = walker.bytes[walker.at] ?? 0;
  const pointer = first >= 0xc0;
  const pointerTo = pointer ? ((first & 0x3f) << 8) | (walker.bytes[walker.at + 1] ?? 0) : 0;
  const name = walker.name(`${what} owner`, true);
  const type = walker.u16(what);
  const klass = walker.u16(what);
  const ttl = walker.u32(what);
  const length = walker.u16(what);
  const end = walker.at + length;
  if (end > walker.bytes.length) throw new WireError(`${what}: rdata past the message`);
  if (type !== 41 && ttl > 0x7fffffff) throw new WireError(`${what}: TTL ${ttl} has its first bit set`);
  const rdata = walker.bytes.subarray(walker.at, end);
  const text = rdataText(walker, type, end, what);
  if (walker.at !== end) throw new WireError(`${what}: ${end - walker.at} octets left in its rdata`);
  return { name, pointer, pointerTo, type, class: klass, ttl, rdata, text };
}

function readEdns(record: WireRecord): WireEdns {
  if (record.name.length !== 0) throw new WireError('OPT not owned by the root');
  const options: WireEdns['options'] = [];
  let at = 0;
  while (at < record.rdata.length) {
    if (at + 4 > record.rdata.length) throw new WireError('OPT: half an option');
    const code = (record.rdata[at]! << 8) | record.rdata[at + 1]!;
    const length = (record.rdata[at + 2]! << 8) | record.rdata[at + 3]!;
    at += 4;
    if (at + length > record.rdata.length) throw new WireError(`OPT: option ${code} past the record`);
    options.push({ code, data: record.rdata.subarray(at, at + length) });
    at += length;
  }
  if ((record.ttl & 0x7fff) !== 0) throw new WireError('OPT: Z bits set');
  return {
    size: record.class,
    version: (record.ttl >>> 16) & 0xff,
    do: (record.ttl & 0x8000) !== 0,
    options,
  };
}

function checkSet(records: WireRecord[], section: string): void {
  const seen = new Set<string>();
  for (const record of records) {
    const key = `${nameText(record.name).toLowerCase()} ${record.class} ${record.type} ${record.text}`;
    if (seen.has(key)) throw new WireError(`${section}: ${key} twice; an RRset is a set`);
    seen.add(key);
  }
}

/** Reads a whole message; throws WireError where it is not well formed to the last octet. */
export function parseWire(bytes: Uint8Array): WireMessage {
  if (bytes.length < 12) throw new WireError(`message of ${bytes.length} octets`);
  const walker = new Walker(bytes);
  const id = walker.u16('header');
  const word = walker.u16('header');
  const counts = [0, 0, 0, 0].map(() => walker.u16('header'));
  const question: WireQuestion[] = [];
  for (let i = 0; i < counts[0]!; i++) {
    const name = walker.name('question', false);
    question.push({ name, type: walker.u16('question'), class: walker.u16('question') });
  }
  const sections: WireRecord[][] = [[], [], []];
  const names = ['answer', 'authority', 'additional'];
  for (let s = 0; s < 3; s++) {
    for (let i = 0; i < counts[s + 1]!; i++) sections[s]!.push(readRecord(walker, `${names[s]} ${i}`));
    checkSet(sections[s]!, names[s]!);
  }
  if (walker.at !== bytes.length)
    throw new WireError(`${bytes.length - walker.at} octets behind the message`);
  const [answer, authority, all] = sections as [WireRecord[], WireRecord[], WireRecord[]];
  if (answer.concat(authority).some((record) => record.type === 41)) throw new WireError('OPT out of place');
  const opts = all.filter((record) => record.type === 41);
  if (opts.length > 1) throw new WireError('two OPT records');
  // RFC 6891 lets OPT stand anywhere in additional; every mature server puts it last.
  if (opts.length === 1 && all.at(-1) !== opts[0]) throw new WireError('OPT is not last');
  const edns = opts.length === 1 ? readEdns(opts[0]!) : undefined;
  const extended = opts.length === 1 ? (opts[0]!.ttl >>> 24) << 4 : 0;
  return {
    id,
    flags: {
      qr: (word & 0x8000) !== 0,
      opcode: (word >> 11) & 15,
      aa: (word & 0x400) !== 0,
      tc: (word & 0x200) !== 0,
      rd: (word & 0x100) !== 0,
      ra: (word & 0x80) !== 0,
      z: (word & 0x40) !== 0,
      ad: (word & 0x20) !== 0,
      cd: (word & 0x10) !== 0,
    },
    rcode: (word & 15) | extended,
    question,
    answer,
    authority,
    additional: all.filter((record) => record.type !== 41),
    edns,
    length: bytes.length,
  };
}

/** `aa tc rd` in header order. */
export function flagsText(flags: Flags): string {
  const words: string[] = [];
  for (const word of ['aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd'] as const) if (flags[word]) words.push(word);
  return words.join(' ');
}

/** `owner TYPE rdata`, owner in the case of the wire. */
export function recordText(record: WireRecord): string {
  return `${nameText(record.name)} ${typeText(record.type)} ${record.text}`;
}
