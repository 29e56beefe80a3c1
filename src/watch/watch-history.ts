/**
 * The last changes of the effective view as lines, each revision encoded once for all readers: bounded, and counted
 * in revisions of this process alone.
 *
 * A revision is a count, 12 digits that go on growing over restarts as the clock does, and 8 random digits of this
 * process: of a revision that comes back it is certain whether it is ours, and the ones we gave follow each other
 * without a gap. A reader that asks for any other revision must list.
 */
import { randomInt } from 'node:crypto';
import type { Change } from '../catalog/change.ts';
import { keyOf } from '../model.ts';

/** Which VPCs a reader wants; `key` is equal for equal sets. */
export interface Selection {
  key: string;
  vpcs: ReadonlySet<string>;
}

/** Lines from somewhere up to the revision `to`; undefined bytes: nothing of it is wanted. */
export interface Piece {
  bytes: Buffer | undefined;
  to: number;
}

export interface WatchHistoryOptions {
  /** A line as a JSON object without its last brace, so that `more` may follow. */
  encode: (change: Change, revision: string, at: number | undefined) => string;
  maxBytes: number;
  maxRevisions: number;
  /** For tests: the first count, and the process's digits. */
  start?: number;
  id?: string;
}

/** Lines of one revision. `runs`: where the lines of several VPCs end, in order; undefined with one VPC. */
interface Entry {
  bytes: Buffer;
  vpc: string;
  runs: { vpc: string; end: number }[] | undefined;
}

const END = '}\n';
const MORE = ',"more":true}\n';
const COUNT_DIGITS = 12;
const ID_DIGITS = 8;
/** Answers that are kept for others who ask the same. */
const PIECES = 256;
/** What an entry costs besides its lines. */
const OVERHEAD = 150;

export class WatchHistory {
  /** The last revision, as its count. */
  current: number;
  /** The oldest revision that a reader can go on from. */
  floor: number;
  private readonly options: WatchHistoryOptions;
  private readonly id: string;
  /** The revisions `floor + 1` to `current`; those before `first` are gone. */
  private entries: Entry[] = [];
  private first = 0;
  private size = 0;
  private recording = false;
  /** It is full: the oldest revisions go as new ones come. */
  dropping = false;
  /** The revision that is being made: finished runs, and the line that may be the last. */
  private runs: { vpc: string; text: string }[] = [];
  private last: { vpc: string; text: string } | undefined;
  private length = 0;
  private changes = 0;
  private tooLong = false;
  private readonly pieces = new Map<string, Piece>();

  constructor(options: WatchHistoryOptions) {
    this.options = options;
    this.id = options.id ?? String(randomInt(10 ** ID_DIGITS)).padStart(ID_DIGITS, '0');
    // Hundredths of seconds have 12 digits until the year 2286.
    this.current = this.floor = options.start ?? Math.floor(Date.now() / 10);
  }

  get bytes(): number {
    return this.size;
  }

  get revisions(): number {
    return this.entries.length - this.first;
  }

  textOf(count: number): string {
    return `${String(count).padStart(COUNT_DIGITS, '0')}${this.id}`;
  }

  /** The count of a revision that one can go on from; undefined for every other text. */
  countOf(revision: string): number | undefined {
    if (revision.length !== COUNT_DIGITS + ID_DIGITS || !revision.endsWith(this.id)) return undefined;
    const count = Number(revision.slice(0, COUNT_DIGITS));
    return count >= this.floor && count <= this.current ? count : undefined;
  }

  /** Begins to keep changes. `busy`: in the middle of a revision, which then cannot be kept. */
  record(busy: boolean): void {
    if (this.recording) return;
    this.recording = true;
    this.tooLong = busy;
  }

  /** Keeps nothing from now on, and forgets. */
  forget(): void {
    this.recording = false;
    this.empty();
  }

  /** One change of the revision that is being made. */
  add(change: Change, at: number | undefined): void {
    this.changes++;
    if (!this.recording || this.tooLong) return;
    const vpc = change.type === 'put' ? keyOf(change.resource).vpc : change.key.vpc;
    const text = this.options.encode(change, this.textOf(this.current + 1), at);
    this.length += text.length + MORE.length;
    if (this.length > this.options.maxBytes) {
      this.tooLong = true;
      this.runs = [];
      this.last = undefined;
      return;
    }
    if (this.last !== undefined) this.append(this.last.vpc, this.last.text + MORE);
    this.last = { vpc, text };
  }

  /** The revision is whole and visible. False where it changed nothing, and so makes no revision. */
  commit(): boolean {
    const { last, tooLong, changes } = this;
    this.tooLong = false;
    this.length = this.changes = 0;
    this.last = undefined;
    if (changes === 0) return false;
    this.pieces.clear();
    this.current++;
    if (!this.recording || tooLong || last === undefined) {
      this.runs = [];
      this.empty();
      return true;
    }
    this.append(last.vpc, last.text + END);
    this.keep(this.runs);
    this.runs = [];
    return true;
  }

  /**
   * What follows the revision `from`, whole revisions up to about `most` octets together; undefined when it is no
   * longer here. Equal questions get the same buffer until the next revision.
   */
  after(from: number, selection: Selection | undefined, most: number): Piece | undefined {
    if (from < this.floor) return undefined;
    const key = `${from} ${selection?.key ?? ''}`;
    let piece = this.pieces.get(key);
    if (piece !== undefined) return piece;
    piece = this.join(from, selection, most);
    if (this.pieces.size >= PIECES) this.pieces.clear();
    this.pieces.set(key, piece);
    return piece;
  }

  private append(vpc: string, text: string): void {
    const run = this.runs.at(-1);
    if (run?.vpc === vpc) run.text += text;
    else this.runs.push({ vpc, text });
  }

  private keep(runs: { vpc: string; text: string }[]): void {
    const vpc = runs[0]!.vpc;
    let entry: Entry;
    if (runs.length === 1) entry = { bytes: Buffer.from(runs[0]!.text), vpc, runs: undefined };
    else {
      const parts = runs.map(({ text }) => Buffer.from(text));
      let end = 0;
      entry = {
        bytes: Buffer.concat(parts),
        vpc,
        runs: runs.map((run, i) => ({ vpc: run.vpc, end: (end += parts[i]!.length) })),
      };
    }
    this.entries.push(entry);
    this.size += entry.bytes.length + OVERHEAD;
    const { maxBytes, maxRevisions } = this.options;
    while (this.size > maxBytes || this.revisions > maxRevisions) {
      this.size -= this.entries[this.first]!.bytes.length + OVERHEAD;
      // The slot is freed now, the array itself now and then.
      this.entries[this.first++] = GONE;
      this.floor++;
      this.dropping = true;
    }
    if (this.first > 1024 && this.first * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.first);
      this.first = 0;
    }
  }

  private empty(): void {
    this.entries = [];
    this.first = this.size = 0;
    this.dropping = false;
    this.floor = this.current;
    this.pieces.clear();
  }

  private join(from: number, selection: Selection | undefined, most: number): Piece {
    const parts: Buffer[] = [];
    let bytes = 0;
    let to = from;
    while (to < this.current && bytes < most) {
      const part = selected(this.entries[this.first + to - this.floor]!, selection);
      to++;
      if (part === undefined) continue;
      parts.push(part);
      bytes += part.length;
    }
    return {
      bytes: parts.length === 0 ? undefined : parts.length === 1 ? parts[0] : Buffer.concat(parts),
      to,
    };
  }
}

const GONE: Entry = { bytes: Buffer.alloc(0), vpc: '', runs: undefined };

/** The lines of an entry that are wanted, the last of them without `more`. */
function selected(entry: Entry, selection: Selection | undefined): Buffer | undefined {
  if (selection === undefined) return entry.bytes;
  if (entry.runs === undefined) return selection.vpcs.has(entry.vpc) ? entry.bytes : undefined;
  const parts: Buffer[] = [];
  let start = 0;
  for (const { vpc, end } of entry.runs) {
    if (selection.vpcs.has(vpc)) parts.push(entry.bytes.subarray(start, end));
    start = end;
  }
  const last = parts.at(-1);
  if (last === undefined) return undefined;
  const more = Buffer.from(MORE);
  if (last.subarray(-more.length).equals(more))
    parts.splice(-1, 1, last.subarray(0, -more.length), Buffer.from(END));
  return Buffer.concat(parts);
}
