/** The whole view of one revision as lines, encoded piece by piece as they are asked for, once for all who read it. */
import type { EffectiveRecord } from '../catalog/change.ts';
import { MomentLost } from '../catalog/moments.ts';
import { stampJson } from './watch-encoding.ts';

/** Octets of a piece, about: a millisecond of encoding. */
const PIECE = 64 * 1024;

/**
 * Pieces are numbered from 0. They are kept while the list is short enough to be shared with who comes later;
 * a longer one keeps only what its slowest reader still has to read, and takes no new readers.
 */
export class WatchSnapshot {
  /** The count of the revision, see `WatchHistory`. */
  readonly count: number;
  private readonly revision: string;
  private readonly records: Iterator<EffectiveRecord | undefined, void>;
  private readonly shared: number;
  private readonly pieces: (Buffer | undefined)[] = [];
  private kept = 0;
  /** Octets kept. */
  private size = 0;
  /** The step that has been taken and not been encoded. */
  private next: IteratorResult<EffectiveRecord | undefined, void>;
  private state: 'begin' | 'records' | 'end' | 'lost' = 'begin';

  /** The records are fixed here; `shared`: octets up to which all pieces are kept. */
  constructor(
    count: number,
    revision: string,
    records: Iterator<EffectiveRecord | undefined, void>,
    shared: number,
  ) {
    this.count = count;
    this.revision = revision;
    this.records = records;
    this.shared = shared;
    this.next = records.next();
  }

  /** Whether a reader may begin with it. */
  get open(): boolean {
    return this.kept === 0 && this.state !== 'lost';
  }

  get bytes(): number {
    return this.size;
  }

  /**
   * The piece of this number; undefined after the last, and for one that is no longer kept. An empty piece: ask
   * again in a later slice.
   */
  piece(index: number): Buffer | undefined {
    if (index < this.kept) return undefined;
    if (index === this.pieces.length && (this.state === 'begin' || this.state === 'records')) {
      const piece = Buffer.from(this.encode());
      if (piece.length === 0) return piece;
      this.pieces.push(piece);
      this.size += piece.length;
    }
    return this.pieces[index];
  }

  /** Whether the piece of this number was there or would have come, and will not any more. */
  hasDropped(index: number): boolean {
    return index < this.kept || (this.state === 'lost' && index >= this.pieces.length);
  }

  /** All readers have read the pieces before this one. */
  passed(index: number): void {
    if (this.size > this.shared) this.drop(index);
  }

  /** Keeps at most the last `most` octets: readers that still need older ones are cut. */
  limit(most: number): void {
    while (this.size > most && this.kept < this.pieces.length - 1) this.drop(this.kept + 1);
  }

  /** It has no more readers. */
  close(): void {
    this.state = 'end';
    this.records.return?.();
  }

  private drop(before: number): void {
    for (; this.kept < Math.min(before, this.pieces.length); this.kept++) {
      this.size -= this.pieces[this.kept]!.length;
      this.pieces[this.kept] = undefined;
    }
  }

  private encode(): string {
    const { revision } = this;
    let text = '';
    if (this.state === 'begin') {
      text = `{"type":"snapshot","revision":"${revision}"}\n`;
      this.state = 'records';
    }
    const start = `{"type":"put","revision":"${revision}","stamp":`;
    while (this.next.done !== true && text.length < PIECE) {
      const { value } = this.next;
      if (value !== undefined) {
        text += `${start}${stampJson(value.stamp)},"object":${JSON.stringify(value.resource)}}\n`;
      }
      try {
        this.next = this.records.next();
      } catch (error) {
        if (!(error instanceof MomentLost)) throw error;
        this.state = 'lost';
        return text;
      }
      if (value === undefined) return text;
    }
    if (this.next.done !== true) return text;
    this.state = 'end';
    return `${text}{"type":"synced","revision":"${revision}"}\n`;
  }
}
