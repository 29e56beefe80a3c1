/** The records of one upstream message: which of them count, and the message written anew without the others. */
import { HEADER_LENGTH, TYPE_ANY, TYPE_CNAME } from '../../dns/constants.ts';
import { get16, put16 } from '../../dns/octets.ts';
import { MessageNames, mix } from './message-names.ts';
import type { Question } from '../question.ts';
import { copyRdata, rdataHash, readRdata } from './rdata-layout.ts';

const MESSAGE_MAX = 65535;
const ROOM = 2 * MESSAGE_MAX + 4096;
const RECORDS_MAX = 65536 / 11 + 1;
/** Records of one hash that are compared: more are never honest. */
const COMPARED = 8;
/** Aliases that are followed. */
const ALIASES = 64;

/**
 * Reused for every message. An RRset is a set: a record that a section holds already is left out (RFC 2181 section 5).
 */
export class Records {
  count = 0;
  /** Those of `count` that were left out: their rdata is broken, or they are duplicates. */
  dropped = 0;
  /** Behind the record read last, and where its type stands. */
  private fixedAt = 0;
  private readonly names = new MessageNames();
  private message: Uint8Array = new Uint8Array(0);
  private readonly starts = new Uint16Array(RECORDS_MAX);
  private readonly fixed = new Uint16Array(RECORDS_MAX);
  private readonly ends = new Uint32Array(RECORDS_MAX);
  private readonly kept = new Uint8Array(RECORDS_MAX);
  /** In the section under way: the last record with this hash, and for each the one before it. */
  private readonly latest = new Map<number, number>();
  private readonly before = new Int32Array(RECORDS_MAX);
  private qnameHash = 0;
  /** In the answer section: where an alias leads, and which names have the type asked for. */
  private readonly aliases = new Map<number, number>();
  private readonly owners = new Set<number>();
  /** Capacity for a message as long as may be, and one record more. */
  private readonly left = new Uint8Array(ROOM);
  private readonly right = new Uint8Array(ROOM);

  begin(message: Uint8Array, questionEnd: number): void {
    this.message = message;
    this.count = 0;
    this.dropped = 0;
    // Clearing makes a new table.
    if (this.aliases.size > 0) this.aliases.clear();
    if (this.owners.size > 0) this.owners.clear();
    this.names.begin(message);
    if (questionEnd > 0) this.names.read(HEADER_LENGTH, questionEnd);
    this.qnameHash = this.names.hash;
  }

  beginSection(): void {
    if (this.latest.size > 0) this.latest.clear();
  }

  /** Reads the frame of the record at `at`: the offset after it, -1 when it is broken. `type` is set. */
  read(at: number): number {
    const { message } = this;
    this.fixedAt = this.names.read(at, message.length);
    if (this.fixedAt < 0 || message.length - this.fixedAt < 10) return -1;
    const end = this.fixedAt + 10 + get16(message, this.fixedAt + 8);
    return end > message.length ? -1 : end;
  }

  get type(): number {
    return get16(this.message, this.fixedAt);
  }

  /**
   * Adds the record that was read from `at` to `end`; `question`: it is in the section of answers. False where its
   * rdata is broken.
   */
  add(at: number, end: number, question: Question | undefined): boolean {
    const { message, names, count, fixedAt } = this;
    const owner = names.hash;
    const type = get16(message, fixedAt);
    const recordClass = get16(message, fixedAt + 2);
    this.count++;
    this.starts[count] = at;
    this.fixed[count] = fixedAt;
    this.ends[count] = end;
    const sound = readRdata(message, names, type, recordClass, fixedAt + 10, end);
    const target = names.hash;
    const hash = mix(mix(mix(owner, type), recordClass), rdataHash);
    const counts = sound && !this.isThere(count, hash);
    this.kept[count] = counts ? 1 : 0;
    if (!counts) this.dropped++;
    if (question === undefined || !sound || recordClass !== question.class) {
      // Empty rdata carries nothing, so nothing is lost with it.
      return sound || end === fixedAt + 10;
    }
    if (type === question.type || question.type === TYPE_ANY) this.owners.add(owner);
    if (type === TYPE_CNAME) this.aliases.set(owner, target);
    return true;
  }

  /** Where the TTLs of all records stand in the message as it came. */
  ttlOffsets(): Uint16Array {
    const offsets = this.fixed.slice(0, this.count);
    for (let i = 0; i < offsets.length; i++) offsets[i] += 4;
    return offsets;
  }

  /**
   * True when the answers hold what was asked for, at the name asked or where its aliases lead (RFC 2308 section 2).
   */
  get found(): boolean {
    let name: number | undefined = this.qnameHash;
    for (let i = 0; i <= ALIASES && name !== undefined; i++) {
      if (this.owners.has(name)) return true;
      name = this.aliases.get(name);
    }
    return false;
  }

  /**
   * Header, question and the records that count, with names in full but for those of the question, and where their
   * TTLs stand. Undefined when that is no message any more.
   */
  rewritten(recordsAt: number): { octets: Uint8Array; ttlOffsets: Uint16Array } | undefined {
    const { message, names, left: out } = this;
    const ttlOffsets = new Uint16Array(this.count - this.dropped);
    out.set(message.subarray(0, recordsAt));
    let to = recordsAt;
    let written = 0;
    for (let i = 0; i < this.count; i++) {
      if (this.kept[i] === 0) continue;
      if (names.same(this.starts[i], HEADER_LENGTH)) {
        put16(out, to, 0xc000 | HEADER_LENGTH);
        to += 2;
      } else to = names.copy(this.starts[i], out, to, false);
      const fixedAt = this.fixed[i];
      out.set(message.subarray(fixedAt, fixedAt + 8), to);
      ttlOffsets[written++] = to + 4;
      const end = copyRdata(message, names, this.rdataOf(i), out, to + 10, false);
      put16(out, to + 8, end - to - 10);
      to = end;
      if (to > MESSAGE_MAX) return undefined;
    }
    return { octets: out.slice(0, to), ttlOffsets };
  }

  private rdataOf(index: number): { type: number; recordClass: number; at: number; end: number } {
    const fixedAt = this.fixed[index];
    const { message } = this;
    return {
      type: get16(message, fixedAt),
      recordClass: get16(message, fixedAt + 2),
      at: fixedAt + 10,
      end: this.ends[index],
    };
  }

  private isThere(index: number, hash: number): boolean {
    const { latest, before } = this;
    const last = latest.get(hash) ?? -1;
    for (let n = 0, other = last; other >= 0 && n < COMPARED; n++, other = before[other]) {
      if (this.isSame(index, other)) return true;
    }
    before[index] = last;
    latest.set(hash, index);
    return false;
  }

  private isSame(a: number, b: number): boolean {
    const { message, names, left, right } = this;
    const one = this.rdataOf(a);
    const two = this.rdataOf(b);
    if (one.type !== two.type || one.recordClass !== two.recordClass) return false;
    if (!names.same(this.starts[a], this.starts[b])) return false;
    const length = copyRdata(message, names, one, left, 0, true);
    if (copyRdata(message, names, two, right, 0, true) !== length) return false;
    for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
    return true;
  }
}
