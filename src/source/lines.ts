/**
 * Bytes in chunks to lines of text, numbered, bounded, and strict about UTF-8.
 *
 * split2 is not used here: it gives out a line that the end of the stream cut in half as if it were whole, applies
 * its limit only to lines that are still open at the end of a chunk, and scans an open line again at each chunk.
 */

import { isUtf8 } from 'node:buffer';

/** Without its line end. `error` is set, and `text` empty, for a line that was too long or not UTF-8. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
  error?: string;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class LineSplitter {
  private readonly maxBytes: number;
  /** The open line's chunks so far; empty while an oversized line is being skipped. */
  private parts: Uint8Array[] = [];
  private openBytes = 0;
  private skipping = false;
  private count = 0;

  /** `maxBytes`: of one line, its line end not counted. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The lines that this chunk completed, and errors as soon as they are certain. Blank lines only count. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) {
        this.hold(chunk.subarray(from), lines);
        break;
      }
      this.finish(chunk.subarray(from, end), lines);
      from = end + 1;
    }
    return lines;
  }

  /** Octets of a line that has begun and not ended: at the end of the stream, of one that was cut. */
  get pending(): number {
    return this.openBytes;
  }

  private hold(part: Uint8Array, lines: Line[]): void {
    if (this.skipping) return;
    this.openBytes += part.length;
    if (this.openBytes > this.maxBytes) {
      this.skipping = true;
      this.parts = [];
      lines.push(this.tooLong(this.count + 1));
    } else {
      this.parts.push(part);
    }
  }

  private finish(last: Uint8Array, lines: Line[]): void {
    this.count++;
    const skipped = this.skipping;
    const parts = this.parts;
    const bytes = this.openBytes + last.length;
    this.parts = [];
    this.openBytes = 0;
    this.skipping = false;
    if (skipped) return;
    if (bytes > this.maxBytes) {
      lines.push(this.tooLong(this.count));
      return;
    }
    const line = decode(parts.length === 0 ? last : Buffer.concat([...parts, last]), this.count);
    if (line.error !== undefined || line.text !== '') lines.push(line);
  }

  private tooLong(number: number): Line {
    return { number, text: '', error: `the line is longer than ${this.maxBytes} octets` };
  }
}

function decode(bytes: Uint8Array, number: number): Line {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === CARRIAGE_RETURN) end--;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8').trim();
  // A replacement character is either really there, or stands for octets that were not UTF-8.
  if (text.includes('\ufffd') && !isUtf8(bytes)) return { number, text: '', error: 'the line is not UTF-8' };
  return { number, text };
}
