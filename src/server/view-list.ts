/** The whole view of one revision as lines, encoded piece by piece as they are asked for, once for all who read it. */
import type { EffectiveRecord } from '../catalog/change.ts';
import { stampJson } from './lines.ts';

/** Octets of a piece, about: a millisecond of encoding. */
const PIECE = 64 * 1024;

/**
 * Pieces are numbered from 0. They are kept while the list is short enough to be shared with who comes later;
 * a longer one keeps only what its slowest reader still has to read, and takes no new readers.
 */
export class ViewList {
  /** The count of the revision, see `History`. */
  readonly count: number;
  private readonly revision: string;
  private readonly records: Iterator<EffectiveRecord, void>;
  private readonly shared: number;
  private readonly pieces: (Buffer | undefined)[] = [];
  private kept = 0;
  /** Octets kept. */
  private size = 0;
  private next: EffectiveRecord | undefined;
  private state: 'begin' | 'records' | 'end' = 'begin';

  /** The records are fixed here; `shared`: octets up to which all pieces are kept. */
  constructor(count: number, revision: string, records: Iterator<EffectiveRecord, void>, shared: number) {
    this.count = count;
    this.revision = revision;
    this.records = records;
    this.shared = shared;
    this.next = this.take();
  }

  /** Whether someone may begin to read it. */
  get open(): boolean {
    return this.kept === 0;
  }

  get bytes(): number {
    return this.size;
  }

  /** The piece of this number; undefined behind the last, and for one that is no longer kept. */
  piece(index: number): Buffer | undefined {
    if (index < this.kept) return undefined;
    while (index >= this.pieces.length && this.state !== 'end') {
      const piece = Buffer.from(this.encode());
      this.pieces.push(piece);
      this.size += piece.length;
    }
    return this.pieces[index];
  }

  /** Whether the piece of this number was there, and is not any more. */
  hasDropped(index: number): boolean {
    return index < this.kept;
  }

  /** All readers have read the pieces before this one. */
  passed(index: number): void {
    if (this.size > this.shared) this.drop(index);
  }

  /** Keeps at most the last `most` octets: whoever is behind them has lost. */
  limit(most: number): void {
    while (this.size > most && this.kept < this.pieces.length - 1) this.drop(this.kept + 1);
  }

  /** Nobody reads it any more. */
  close(): void {
    if (this.state === 'end') return;
    this.state = 'end';
    this.records.return?.();
  }

  private drop(before: number): void {
    for (; this.kept < Math.min(before, this.pieces.length); this.kept++) {
      this.size -= this.pieces[this.kept]!.length;
      this.pieces[this.kept] = undefined;
    }
  }

  private take(): EffectiveRecord | undefined {
    const { value, done } = this.records.next();
    return done === true ? undefined : value!;
  }

  private encode(): string {
    const { revision } = this;
    let text = '';
    if (this.state === 'begin') {
      text = `{"type":"snapshot","revision":"${revision}"}\n`;
      this.state = 'records';
    }
    const start = `{"type":"put","revision":"${revision}","stamp":`;
    while (this.next !== undefined && text.length < PIECE) {
      text += `${start}${stampJson(this.next.stamp)},"object":${JSON.stringify(this.next.resource)}}\n`;
      this.next = this.take();
    }
    if (this.next !== undefined) return text;
    this.state = 'end';
    return `${text}{"type":"synced","revision":"${revision}"}\n`;
  }
}
