/**
 * Reads a whole message, usually an answer, into plain objects with rdata as text, for `podns query` and for tests.
 */
import type { EdnsOption } from './build.ts';
import { CLASS_ANY, HEADER_LENGTH, OPTION_EDE, TYPE_OPT } from './constants.ts';
import * as flag from './flags.ts';
import { Cursor, MessageError, rdataText } from './rdata.ts';
import { classText, typeText } from './text.ts';

const CLASS_NONE = 254;
/** Octets of rdata that `skimMessage` keeps: as long as an address. */
const RDATA_KEPT = 16;

export interface Question {
  /** Presentation text with its final dot, letter case as received. */
  name: string;
  type: number;
  class: number;
}

export interface ResourceRecord {
  name: string;
  type: number;
  class: number;
  /** Seconds. */
  ttl: number;
  /** Rdata in presentation form. */
  data: string;
  /** Rdata as received, compression pointers included. */
  rdata: Uint8Array;
}

export interface ExtendedError {
  code: number;
  text: string;
}

export interface Edns {
  version: number;
  /** The sender's payload size. */
  size: number;
  do: boolean;
  /** All options in their order, those below included. */
  options: EdnsOption[];
  /** Extended errors (RFC 8914); control characters of their texts are replaced by `\DDD`. */
  errors: ExtendedError[];
}

export interface Message {
  id: number;
  qr: boolean;
  opcode: number;
  aa: boolean;
  tc: boolean;
  rd: boolean;
  ra: boolean;
  ad: boolean;
  cd: boolean;
  /** With the upper bits of the OPT record (RFC 6891 section 6.1.3). */
  rcode: number;
  question: Question | undefined;
  answer: ResourceRecord[];
  authority: ResourceRecord[];
  /** Without the OPT record. */
  additional: ResourceRecord[];
  edns: Edns | undefined;
  /** Octets read; what follows them in the packet is no part of the message. */
  length: number;
}

/**
 * Reads a message, in time linear to its octets whatever they hold.
 * @throws MessageError for anything that breaks the format, more than one question among it (RFC 9619).
 */
export function parseMessage(packet: Uint8Array): Message {
  return readMessage(packet, Infinity, undefined).message;
}

/** A message of which not all records were made into text. */
export interface Skimmed {
  message: Message;
  /** Records of answer, authority and additional section that come after those that were. */
  unread: [number, number, number];
}

/**
 * As `parseMessage`, but only the first `most` records of each section become text. `rdata`: is filled with the
 * rdata of all others too, the first 16 octets of each as characters, which is enough for addresses; without it the
 * message is read no further than `most` records of a section. @throws MessageError
 */
export function skimMessage(packet: Uint8Array, most: number, rdata?: Set<string>): Skimmed {
  return readMessage(packet, most, rdata);
}

function readMessage(packet: Uint8Array, most: number, rdata: Set<string> | undefined): Skimmed {
  const cursor = new Cursor(packet, 0, packet.length);
  if (packet.length < HEADER_LENGTH) throw new MessageError(`${packet.length} octets are less than a header`);
  const id = cursor.uint16();
  const flags = cursor.uint16();
  const questions = cursor.uint16();
  const counts = [cursor.uint16(), cursor.uint16(), cursor.uint16()];
  if (questions > 1) throw new MessageError(`${questions} questions`);
  const message: Message = {
    id,
    qr: (flags & flag.FLAG_QR) !== 0,
    opcode: (flags & flag.OPCODE_MASK) >>> 11,
    aa: (flags & flag.FLAG_AA) !== 0,
    tc: (flags & flag.FLAG_TC) !== 0,
    rd: (flags & flag.FLAG_RD) !== 0,
    ra: (flags & flag.FLAG_RA) !== 0,
    ad: (flags & flag.FLAG_AD) !== 0,
    cd: (flags & flag.FLAG_CD) !== 0,
    rcode: flags & flag.RCODE_MASK,
    question: undefined,
    answer: [],
    authority: [],
    additional: [],
    edns: undefined,
    length: 0,
  };
  if (questions === 1) {
    message.question = { name: cursor.domain(), type: cursor.uint16(), class: cursor.uint16() };
  }
  const sections = [message.answer, message.authority, message.additional];
  const skimmed: Skimmed = { message, unread: [0, 0, 0] };
  let isOver = false;
  sections.forEach((section, index) => {
    for (let i = 0; i < counts[index] && !isOver; i++) {
      if (readRecord(cursor, message, section, most, rdata)) continue;
      skimmed.unread[index]++;
      isOver = rdata === undefined;
      if (isOver) skimmed.unread[index] += counts[index] - i - 1;
    }
  });
  message.length = cursor.at;
  return skimmed;
}

/** False for a record that is one too many to be read. */
function readRecord(
  cursor: Cursor,
  message: Message,
  section: ResourceRecord[],
  most: number,
  known: Set<string> | undefined,
): boolean {
  const start = cursor.at;
  const isMore = section.length >= most;
  // Most owners are pointers, and nobody reads those of the rest.
  const isPointer = isMore && cursor.message[start] >= 0xc0;
  if (isPointer) cursor.take(2);
  const name = isPointer ? '' : cursor.domain();
  const type = cursor.uint16();
  const recordClass = cursor.uint16();
  const ttl = cursor.uint32();
  const length = cursor.uint16();
  const at = cursor.take(length);
  const rdata = new Cursor(cursor.message, at, at + length);
  if (type === TYPE_OPT) {
    if (section !== message.additional || cursor.message[start] !== 0 || message.edns !== undefined) {
      throw new MessageError(`OPT record out of its place at octet ${start}`);
    }
    message.edns = readEdns(recordClass, ttl, rdata);
    message.rcode |= Math.floor(ttl / 0x1000000) << 4;
    return true;
  }
  if (known !== undefined && section !== message.authority) {
    const octets = Buffer.from(
      cursor.message.buffer,
      cursor.message.byteOffset + at,
      Math.min(length, RDATA_KEPT),
    );
    known.add(octets.toString('latin1'));
  }
  if (isMore) return false;
  // In classes ANY and NONE records of any type may lack rdata (RFC 2136 section 2.4).
  const bare = length === 0 && (recordClass === CLASS_ANY || recordClass === CLASS_NONE);
  const data = bare ? '\\# 0' : rdataText(type, recordClass, rdata);
  section.push({ name, type, class: recordClass, ttl, data, rdata: cursor.message.slice(at, at + length) });
  return true;
}

function readEdns(size: number, ttl: number, rdata: Cursor): Edns {
  const edns: Edns = {
    version: (ttl >>> 16) & 255,
    size,
    do: (ttl & flag.EDNS_DO) !== 0,
    options: [],
    errors: [],
  };
  while (rdata.at < rdata.end) {
    const code = rdata.uint16();
    const data = rdata.bytes(rdata.uint16()).slice();
    edns.options.push({ code, data });
    if (code === OPTION_EDE) {
      if (data.length < 2) throw new MessageError('extended error of less than 2 octets');
      edns.errors.push({ code: (data[0] << 8) | data[1], text: safeText(data.subarray(2)) });
    }
  }
  return edns;
}

/** Data of the first option with this code. */
export function optionData(edns: Edns | undefined, code: number): Uint8Array | undefined {
  return edns?.options.find((option) => option.code === code)?.data;
}

/** One line as in a zone file: `db. 1 IN AAAA fdfd:1a8::2:1`. */
export function recordText(record: ResourceRecord): string {
  return `${record.name} ${record.ttl} ${classText(record.class)} ${typeText(record.type)} ${record.data}`;
}

/** UTF-8 for a terminal: it must not be steered by what a server sent. A closing NUL is dropped. */
function safeText(octets: Uint8Array): string {
  const whole = octets.at(-1) === 0 ? octets.subarray(0, -1) : octets;
  const text = new TextDecoder().decode(whole);
  return text.replace(/\p{Cc}/gu, (control) => '\\' + String(control.codePointAt(0)).padStart(3, '0'));
}
