/**
 * Cuts a JSON text of any length, chunk by chunk, into pieces to parse one by one, and the frame around them.
 *
 * One JSON.parse of a long text would block the thread, and one bad piece would spoil the rest. The pieces are the
 * values of given containers; a path of keys names each container.
 */
import { isUtf8 } from 'node:buffer';
import { jsonFault, octetsFault } from '../validate/bounds.ts';
import { keyOf, type Outline } from '../validate/json-outline.ts';
import { JsonString } from './json-string.ts';

export interface Piece {
  /** The index of the path to its container. */
  path: number;
  /** The JSON text of its key, quotes included; '' in a list. */
  key: string;
  octets: number;
  /** '' if `fault` has the reason why the piece must not be parsed. */
  text: string;
  fault?: string;
  /** The outline of a piece with a fault, if readable. */
  outline?: Outline;
}

export interface Cuts {
  /** Each path has the keys from the top to a container of pieces. */
  paths: readonly (readonly string[])[];
  /** The maximum octets of a piece. */
  most: number;
  /** The container whose members form the outline of a piece that is too long; undefined: no outline. */
  outline?: readonly string[];
}

/** The maximum octets of a frame, and of a key or a member of an outline; names are shorter. */
const FRAME_MAX = 16 * 1024;
const MEMBER_MAX = 1024;
const KEY_MAX = 1024;
const MEMBERS_MAX = 64;
const FRAME_DEPTH = 16;

/** What may come next inside a container of pieces. */
const FIRST_KEY = 0;
const KEY = 1;
const COLON = 2;
const FIRST_VALUE = 3;
const VALUE = 4;
const COMMA = 5;

export class JsonCutter {
  private readonly cuts: Cuts;
  /** The open containers of the frame, from the top: whether each is an object, and which paths continue in it. */
  private readonly objects: boolean[] = [false];
  private readonly masks: number[] = [0];
  /** The paths that the next value is on. */
  private mask: number;
  private depth = 0;
  /** The depth of the current container of pieces; 0 outside of one. */
  private holder = 0;
  private path = 0;
  private expected = FIRST_KEY;
  private inPiece = false;
  private readonly string = new JsonString();
  /** In the frame: true if the string is a key. */
  private atKey = false;
  private keyParts: Uint8Array[] = [];
  private keyOctets = 0;
  private parts: Uint8Array[] = [];
  private octets = 0;
  private outliner: JsonCutter | undefined;
  private members: Map<string, string> | undefined;
  private frame: Uint8Array[] = [];
  private frameOctets = 0;
  private seen = 0;
  private fault: string | undefined;

  constructor(cuts: Cuts) {
    this.cuts = cuts;
    this.mask = (1 << cuts.paths.length) - 1;
  }

  /** The octets so far. */
  get total(): number {
    return this.seen;
  }

  /** Returns the pieces that end in this chunk. */
  push(chunk: Uint8Array): Piece[] {
    const pieces: Piece[] = [];
    for (let i = 0; i < chunk.length && this.fault === undefined;)
      i = this.holder === 0 ? this.inFrame(chunk, i) : this.inHolder(chunk, i, pieces);
    this.seen += chunk.length;
    return pieces;
  }

  /** The frame with empty containers, undefined for a blank text; or the reason why the text is not JSON. */
  end(): { frame: unknown; fault?: undefined } | { frame?: undefined; fault: string } {
    if (this.fault !== undefined) return { fault: this.fault };
    if (this.depth > 0) return { fault: 'not JSON: it ends early' };
    const text = Buffer.concat(this.frame).toString('utf8');
    if (text.trim() === '') return { frame: undefined };
    try {
      return { frame: JSON.parse(text) as unknown };
    } catch (error) {
      return { fault: jsonFault(error) };
    }
  }

  /** Reads the frame from `from` to the end of the chunk, or to the start of a container of pieces. */
  private inFrame(chunk: Uint8Array, from: number): number {
    let i = from;
    while (i < chunk.length && this.holder === 0 && this.fault === undefined) {
      if (this.string.open) {
        const start = i;
        i = this.string.end(chunk, i);
        if (this.atKey) this.keepKey(chunk.subarray(start, i));
        continue;
      }
      const code = chunk[i++]!;
      switch (code) {
        case 0x22:
          this.string.open = true;
          this.keyParts = [];
          this.keyOctets = 0;
          break;
        case 0x3a:
          this.mask = this.maskOf(this.masks[this.depth]!);
          this.atKey = false;
          break;
        case 0x2c:
          this.atKey = this.objects[this.depth]!;
          this.mask = 0;
          break;
        case 0x5b:
        case 0x7b:
          this.open(code === 0x7b);
          break;
        case 0x5d:
        case 0x7d:
          this.depth = Math.max(0, this.depth - 1);
          this.atKey = false;
          break;
      }
    }
    this.frameOctets += i - from;
    if (this.frameOctets > FRAME_MAX) this.fault = `has more than ${FRAME_MAX} octets besides its records`;
    else this.frame.push(chunk.subarray(from, i));
    return i;
  }

  private open(object: boolean): void {
    if (++this.depth > FRAME_DEPTH) {
      this.fault = 'is nested too deeply';
      return;
    }
    this.objects[this.depth] = object;
    this.masks[this.depth] = this.mask;
    this.atKey = object;
    this.path = this.cuts.paths.findIndex(
      (path, p) => (this.mask & (1 << p)) !== 0 && path.length === this.depth - 1,
    );
    this.mask = 0;
    if (this.path === -1) return;
    this.holder = this.depth;
    this.keyParts = [];
    this.expected = object ? FIRST_KEY : FIRST_VALUE;
  }

  /** The paths that continue with the current key. */
  private maskOf(mask: number): number {
    if (mask === 0 || this.keyOctets > KEY_MAX) return 0;
    const key = Buffer.concat(this.keyParts).toString('latin1').slice(0, -1);
    let through = 0;
    for (const [p, path] of this.cuts.paths.entries())
      if ((mask & (1 << p)) !== 0 && path[this.depth - 1] === key) through |= 1 << p;
    return through;
  }

  /** Inside a container of pieces: reads what is between pieces, or continues with the open one. */
  private inHolder(chunk: Uint8Array, from: number, pieces: Piece[]): number {
    if (this.inPiece) return this.onPiece(chunk, from, pieces);
    if (this.string.open) {
      const end = this.string.end(chunk, from);
      this.keepKey(chunk.subarray(from, end));
      if (!this.string.open) this.expected = COLON;
      return end;
    }
    const code = chunk[from]!;
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) return from + 1;
    const { expected } = this;
    const object = this.objects[this.holder]!;
    const closes = code === (object ? 0x7d : 0x5d);
    if (closes && (expected === COMMA || expected === FIRST_KEY || expected === FIRST_VALUE)) {
      this.holder = 0;
      this.atKey = false;
      // The bracket belongs to the frame, which lowers the depth.
      return from;
    }
    if (expected === FIRST_VALUE || expected === VALUE) {
      if (code === 0x2c || code === 0x3a || code === 0x5d || code === 0x7d) return this.broken(from);
      this.inPiece = true;
      return this.onPiece(chunk, from, pieces);
    }
    if (expected === COMMA && code === 0x2c) this.expected = object ? KEY : VALUE;
    else if (expected === COLON && code === 0x3a) this.expected = VALUE;
    else if ((expected === FIRST_KEY || expected === KEY) && code === 0x22) {
      this.string.open = true;
      this.keyParts = [];
      this.keyOctets = 0;
    } else return this.broken(from);
    return from + 1;
  }

  private onPiece(chunk: Uint8Array, from: number, pieces: Piece[]): number {
    const { holder } = this;
    let { depth } = this;
    let i = from;
    let ended = false;
    while (i < chunk.length && !ended) {
      if (this.string.open) {
        i = this.string.end(chunk, i);
        ended = !this.string.open && depth === holder;
        continue;
      }
      const code = chunk[i]!;
      if (code === 0x22) this.string.open = true;
      else if (code === 0x7b || code === 0x5b) depth++;
      else if (code === 0x7d || code === 0x5d) {
        // A number or a literal ends before the bracket of its container.
        if (depth === holder) break;
        ended = --depth === holder;
      } else if (depth === holder && (code === 0x2c || code <= 0x20)) break;
      i++;
    }
    this.depth = depth;
    this.keep(chunk.subarray(from, i));
    if (ended || i < chunk.length) this.finish(pieces);
    return i;
  }

  private keep(part: Uint8Array): void {
    this.octets += part.length;
    if (this.outliner !== undefined) this.addOutline(part);
    else if (this.octets <= this.cuts.most) this.parts.push(part);
    else {
      if (this.cuts.outline !== undefined) {
        this.outliner = outliner(this.cuts.outline);
        this.members = new Map();
        for (const held of this.parts) this.addOutline(held);
        this.addOutline(part);
      }
      this.parts = [];
    }
  }

  private addOutline(part: Uint8Array): void {
    keepMembers(this.outliner!.push(part), this.members!);
  }

  private finish(pieces: Piece[]): void {
    const key = Buffer.concat(this.keyParts).toString('utf8');
    const piece: Piece = { path: this.path, key: key === '' ? '' : `"${key}`, octets: this.octets, text: '' };
    if (this.octets > this.cuts.most) {
      piece.fault = octetsFault(this.octets, this.cuts.most);
      const ended = this.outliner?.end();
      if (ended !== undefined && ended.fault === undefined)
        piece.outline = { frame: ended.frame, members: this.members! };
    } else {
      const whole = Buffer.concat(this.parts);
      const text = whole.toString('utf8');
      // A replacement character is either part of the text, or stands for octets that are not UTF-8.
      if (!text.includes('\ufffd') || isUtf8(whole)) piece.text = text;
      else {
        piece.fault = 'is not UTF-8';
        if (this.cuts.outline !== undefined) piece.outline = outlineOf(whole, this.cuts.outline);
      }
    }
    pieces.push(piece);
    this.outliner = this.members = undefined;
    this.parts = [];
    this.keyParts = [];
    this.octets = 0;
    this.inPiece = false;
    this.expected = COMMA;
  }

  private keepKey(part: Uint8Array): void {
    this.keyOctets += part.length;
    if (this.keyOctets <= KEY_MAX) this.keyParts.push(part);
    // A key of this length is not a valid name, so its piece is refused.
    else if (this.keyParts.length > 0) this.keyParts = [];
  }

  private broken(at: number): number {
    this.fault = `not JSON: unexpected character at octet ${this.seen + at + 1}`;
    return at + 1;
  }
}

/** Makes the outline of the text that is pushed into it, by `keepMembers`. */
export function outliner(at: readonly string[]): JsonCutter {
  return new JsonCutter({ paths: [at], most: MEMBER_MAX });
}

export function keepMembers(pieces: readonly Piece[], members: Map<string, string>): void {
  for (const { key, text, fault } of pieces)
    if (fault === undefined && members.size < MEMBERS_MAX) members.set(keyOf(key), text);
}

/** The frame and the short members of the container at `at`; undefined if the text around it is broken. */
export function outlineOf(octets: Uint8Array, at: readonly string[]): Outline | undefined {
  const cutter = outliner(at);
  const members = new Map<string, string>();
  keepMembers(cutter.push(octets), members);
  const { frame, fault } = cutter.end();
  return fault === undefined ? { frame, members } : undefined;
}
