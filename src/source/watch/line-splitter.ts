/**
 * Splits chunks of octets into lines of text: numbers them, limits their length, and checks UTF-8.
 *
 * split2 does not fit: it returns the incomplete last line of a cut stream as a whole one, applies its limit only to
 * lines that are open at the end of a chunk, and scans an open line again for each chunk.
 */

import { isUtf8 } from 'node:buffer';
import { octetsFault } from '../validate/bounds.ts';
import { keepMembers, outlineOf, outliner, type JsonCutter } from './json-cutter.ts';
import type { Outline } from '../validate/json-outline.ts';

/** A line without its line end. A line that is too long or not UTF-8 has an `error`, and an empty `text`. */
export interface Line<Read = never> {
  /** From 1. */
  number: number;
  text: string;
  error?: string;
  /** The outline of a line with an error, if requested and readable. */
  outline?: Outline;
  /** What the line says, where `LineReader` has read it; then `text` is empty. */
  read?: Read;
}

/** Reads the octets of a line, from one to another; undefined where somebody else is to do it. */
export type LineReader<Read> = (octets: Uint8Array, from: number, to: number) => Read | undefined;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class LineSplitter<Read = never> {
  private readonly maxBytes: number;
  private readonly outlineAt: readonly string[] | undefined;
  private readonly reader: LineReader<Read> | undefined;
  /** Reads the rest of an open line that is too long to keep. */
  private outliner: JsonCutter | undefined;
  private members = new Map<string, string>();
  /** The chunks of the open line; empty while a line that is too long is skipped. */
  private parts: Uint8Array[] = [];
  private openBytes = 0;
  private count = 0;

  /**
   * `maxBytes`: the maximum of a line without its line end. `outlineAt`: lines are JSON, and the outline of a line that
   * is too long contains the short members of this container. `reader` is asked first what a line says.
   */
  constructor(maxBytes: number, outlineAt?: readonly string[], reader?: LineReader<Read>) {
    this.maxBytes = maxBytes;
    this.outlineAt = outlineAt;
    this.reader = reader;
  }

  /** The lines that end in this chunk. Blank lines only count. */
  push(chunk: Uint8Array): Line<Read>[] {
    const lines: Line<Read>[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) {
        this.hold(chunk.subarray(from));
        break;
      }
      const line = this.finish(chunk, from, end);
      if (line !== undefined) lines.push(line);
      from = end + 1;
    }
    return lines;
  }

  /** The octets of the open line; after the end of the stream, those of a line that was cut. */
  get pending(): number {
    return this.openBytes;
  }

  private hold(part: Uint8Array): void {
    this.openBytes += part.length;
    if (this.openBytes <= this.maxBytes) this.parts.push(part);
    else this.skip(part);
  }

  /** `from` and `to`: the last part of the line. */
  private finish(chunk: Uint8Array, from: number, to: number): Line<Read> | undefined {
    this.count++;
    const octets = this.openBytes + to - from;
    if (octets > this.maxBytes) return this.tooLong(octets, chunk.subarray(from, to));
    if (this.parts.length > 0) {
      chunk = Buffer.concat([...this.parts, chunk.subarray(from, to)]);
      from = 0;
      to = octets;
      this.parts = [];
      this.openBytes = 0;
    }
    const read = this.reader?.(chunk, from, to);
    if (read !== undefined) return { number: this.count, text: '', read };
    const line = this.decode(chunk.subarray(from, to));
    return line.error !== undefined || line.text !== '' ? line : undefined;
  }

  /** Keeps only the outline of a line that is too long. */
  private skip(part: Uint8Array): void {
    if (this.outlineAt !== undefined) {
      this.outliner ??= outliner(this.outlineAt);
      for (const held of [...this.parts, part]) keepMembers(this.outliner.push(held), this.members);
    }
    this.parts = [];
  }

  private tooLong(bytes: number, last: Uint8Array): Line<Read> {
    this.skip(last);
    const line: Line<Read> = { number: this.count, text: '', error: octetsFault(bytes, this.maxBytes) };
    const ended = this.outliner?.end();
    if (ended !== undefined && ended.fault === undefined)
      line.outline = { frame: ended.frame, members: this.members };
    this.outliner = undefined;
    this.members = new Map();
    this.openBytes = 0;
    return line;
  }

  private decode(bytes: Uint8Array): Line<Read> {
    const number = this.count;
    let end = bytes.length;
    if (end > 0 && bytes[end - 1] === CARRIAGE_RETURN) end--;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8').trim();
    // A replacement character is either part of the text, or stands for octets that are not UTF-8.
    if (!text.includes('\ufffd') || isUtf8(bytes)) return { number, text };
    const line: Line<Read> = { number, text: '', error: 'the line is not UTF-8' };
    if (this.outlineAt !== undefined) line.outline = outlineOf(bytes, this.outlineAt);
    return line;
  }
}
