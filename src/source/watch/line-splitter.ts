/**
 * Bytes in chunks to lines of text, numbered, bounded, and strict about UTF-8.
 *
 * split2 is not used here: it gives out a line that the end of the stream cut in half as if it were whole, applies
 * its limit only to lines that are still open at the end of a chunk, and scans an open line again at each chunk.
 */

import { isUtf8 } from 'node:buffer';
import { octetsFault } from '../validate/bounds.ts';
import { keepMembers, outlineOf, outliner, type JsonCutter } from './json-cutter.ts';
import type { Outline } from '../validate/json-outline.ts';

/** Without its line end. `error` is set, and `text` empty, for a line that was too long or not UTF-8. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
  error?: string;
  /** Of a line with an error, where it was asked for and could be read. */
  outline?: Outline;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class LineSplitter {
  private readonly maxBytes: number;
  private readonly outlineAt: readonly string[] | undefined;
  /** Reads the open line on, which is too long to be kept. */
  private outliner: JsonCutter | undefined;
  private members = new Map<string, string>();
  /** The open line's chunks so far; empty while one that is too long is being skipped. */
  private parts: Uint8Array[] = [];
  private openBytes = 0;
  private count = 0;

  /**
   * `maxBytes`: of one line, its line end not counted. `outlineAt`: lines are JSON, and of one that is too long
   * that container's short members are wanted.
   */
  constructor(maxBytes: number, outlineAt?: readonly string[]) {
    this.maxBytes = maxBytes;
    this.outlineAt = outlineAt;
  }

  /** The lines that this chunk completed. Blank lines only count. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) {
        this.hold(chunk.subarray(from));
        break;
      }
      const line = this.finish(chunk.subarray(from, end));
      if (line !== undefined) lines.push(line);
      from = end + 1;
    }
    return lines;
  }

  /** Octets of a line that has begun and not ended: at the end of the stream, of one that was cut. */
  get pending(): number {
    return this.openBytes;
  }

  private hold(part: Uint8Array): void {
    this.openBytes += part.length;
    if (this.openBytes <= this.maxBytes) this.parts.push(part);
    else this.skip(part);
  }

  private finish(last: Uint8Array): Line | undefined {
    this.count++;
    const bytes = this.openBytes + last.length;
    if (bytes > this.maxBytes) return this.tooLong(bytes, last);
    const { parts } = this;
    this.parts = [];
    this.openBytes = 0;
    const line = this.decode(parts.length === 0 ? last : Buffer.concat([...parts, last]));
    return line.error !== undefined || line.text !== '' ? line : undefined;
  }

  /** Of a line that is too long nothing is kept but its outline. */
  private skip(part: Uint8Array): void {
    if (this.outlineAt !== undefined) {
      this.outliner ??= outliner(this.outlineAt);
      for (const held of [...this.parts, part]) keepMembers(this.outliner.push(held), this.members);
    }
    this.parts = [];
  }

  private tooLong(bytes: number, last: Uint8Array): Line {
    this.skip(last);
    const line: Line = { number: this.count, text: '', error: octetsFault(bytes, this.maxBytes) };
    const ended = this.outliner?.end();
    if (ended !== undefined && ended.fault === undefined)
      line.outline = { frame: ended.frame, members: this.members };
    this.outliner = undefined;
    this.members = new Map();
    this.openBytes = 0;
    return line;
  }

  private decode(bytes: Uint8Array): Line {
    const number = this.count;
    let end = bytes.length;
    if (end > 0 && bytes[end - 1] === CARRIAGE_RETURN) end--;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8').trim();
    // A replacement character is either really there, or stands for octets that were not UTF-8.
    if (!text.includes('\ufffd') || isUtf8(bytes)) return { number, text };
    const line: Line = { number, text: '', error: 'the line is not UTF-8' };
    if (this.outlineAt !== undefined) line.outline = outlineOf(bytes, this.outlineAt);
    return line;
  }
}
