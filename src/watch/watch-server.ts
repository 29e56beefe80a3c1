/**
 * Serves the watch stream to any number of readers: a list at one revision, then what follows from the history.
 *
 * A reader is given octets only as fast as it takes them; what it has not taken stays where it is shared, in the
 * list or in the history. A reader that takes nothing for a while, or that both have left behind, is cut: it comes
 * back by itself, with its revision or without. `drained` and `left` of a reader are called by the owner of its
 * connection.
 */
import type { Catalog, Change } from '../catalog/catalog.ts';
import { WatchHistory } from './watch-history.ts';
import { bookmarkLine, watchLine } from './watch-encoding.ts';
import { WatchReader, type WatchOutput, type WatchReaderOwner } from './watch-reader.ts';
import { SharedSnapshots } from './shared-snapshots.ts';

export interface WatchServerOptions {
  catalog: Pick<Catalog, 'busy' | 'effective'>;
  /** Whether there is a whole view, and since when it is cut off (milliseconds since 1970, 0: it is not). */
  view: () => { whole: boolean; lostSince: number };
  /** Milliseconds, never going back. */
  now?: () => number;
  limits?: Partial<typeof LIMITS>;
}

/** `gone`: not a revision one can go on from. `unready`: no view yet. `full`: too many readers. */
export type Refusal = 'gone' | 'unready' | 'full';

export interface WatchServerFacts {
  readers: number;
  listing: number;
  opened: number;
  /** Readers that were cut: they took nothing for too long, or what they needed next was dropped. */
  cut: { stalled: number; behind: number };
  refused: Record<Refusal, number>;
  /** `revision`: the last of this process's own. */
  history: { revision: string; revisions: number; bytes: number };
  listBytes: number;
}

const LIMITS = {
  readers: 4096,
  /** Milliseconds. */
  bookmark: 10_000,
  stall: 10_000,
  /** The history is kept this long after the last reader has left. */
  forget: 600_000,
  historyBytes: 64 << 20,
  historyRevisions: 100_000,
  /** Octets of a list that are kept for those who come later. */
  listShared: 32 << 20,
  /** Octets between the fastest and the slowest reader of a longer list. */
  listWindow: 64 << 20,
};
/** Octets of one write. */
const SLICE = 64 * 1024;
/** Milliseconds of work in one pass of the event loop. */
const SLICE_MS = 3;
const TICK = 1000;

export class WatchServer implements WatchReaderOwner {
  private readonly options: WatchServerOptions;
  /** Read at each use, those of the history excepted. */
  readonly limits: typeof LIMITS;
  private readonly now: () => number;
  private readonly history: WatchHistory;
  private readonly readers = new Set<WatchReader>();
  private readonly snapshots: SharedSnapshots;
  private queue: WatchReader[] = [];
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private idleSince = 0;
  /** The state of the view, as last checked. */
  private lostSince = 0;
  private opened = 0;
  private readonly cuts = { stalled: 0, behind: 0 };
  private readonly refused = { gone: 0, unready: 0, full: 0 };

  constructor(options: WatchServerOptions) {
    this.options = options;
    this.limits = { ...LIMITS, ...options.limits };
    this.now = options.now ?? (() => performance.now());
    this.history = new WatchHistory({
      encode: watchLine,
      maxBytes: this.limits.historyBytes,
      maxRevisions: this.limits.historyRevisions,
    });
    this.snapshots = new SharedSnapshots(options.catalog, this.history, this.limits);
  }

  /** One effective change of a revision that is not visible yet. */
  change(change: Change, at: number | undefined): void {
    this.history.add(change, at);
  }

  /** The revision is visible. */
  commit(): void {
    if (!this.history.commit()) return;
    const emptied = this.history.revisions === 0;
    for (const reader of this.readers) {
      if (emptied) reader.mustList = true;
      this.enqueue(reader);
    }
  }

  /** The last revision of this process's own. */
  get revision(): string {
    return this.history.textOf(this.history.current);
  }

  /** `vpcs`: only those; empty: all. `begin` is called where the reader is welcome, before anything is written. */
  open(
    { revision, vpcs }: { revision?: string; vpcs: readonly string[] },
    begin: () => WatchOutput,
  ): WatchReader | Refusal {
    if (this.readers.size >= this.limits.readers) return this.refuse('full');
    const { whole, lostSince } = this.options.view();
    if (!whole) return this.refuse('unready');
    this.lostSince = lostSince;
    const count = revision === undefined ? undefined : this.history.countOf(revision);
    if (revision !== undefined && count === undefined) return this.refuse('gone');
    this.history.record(this.options.catalog.busy);
    this.timer ??= setInterval(() => this.tick(), TICK).unref();
    this.opened++;
    const sorted = [...new Set(vpcs)].sort();
    const selection = sorted.length === 0 ? undefined : { key: sorted.join(), vpcs: new Set(sorted) };
    const reader = new WatchReader(this, selection, begin(), this.now());
    if (count === undefined) reader.mustList = true;
    else reader.cursor = count;
    this.readers.add(reader);
    this.enqueue(reader);
    return reader;
  }

  enqueue(reader: WatchReader): void {
    if (reader.queued || reader.gone || reader.blockedAt >= 0) return;
    reader.queued = true;
    this.queue.push(reader);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.run());
  }

  remove(reader: WatchReader): void {
    if (reader.gone) return;
    reader.gone = true;
    reader.out = undefined;
    this.snapshots.leave(reader);
    this.readers.delete(reader);
    this.idleSince = this.now();
  }

  /** Bookmarks, cuts and clearing up; runs every second while there are readers or a history. */
  tick(): void {
    const now = this.now();
    const { stall, forget } = this.limits;
    this.lostSince = this.options.view().lostSince;
    for (const reader of this.readers) {
      if (reader.blockedAt >= 0 && now - reader.blockedAt >= stall) this.cut(reader, 'stalled');
      else if (this.isBehind(reader)) this.cut(reader, 'behind');
      else if (this.owesBookmark(reader, now)) this.enqueue(reader);
    }
    this.snapshots.clear();
    if (this.readers.size > 0 || now - this.idleSince < forget) return;
    this.history.forget();
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Cuts all readers. */
  close(): void {
    clearInterval(this.timer);
    for (const reader of this.readers) {
      reader.output.cut();
      this.remove(reader);
    }
    this.snapshots.clear();
  }

  facts(): WatchServerFacts {
    const { history } = this;
    let listing = 0;
    for (const { snapshot } of this.readers) if (snapshot !== undefined) listing++;
    return {
      readers: this.readers.size,
      listing,
      opened: this.opened,
      cut: { ...this.cuts },
      refused: { ...this.refused },
      history: { revision: this.revision, revisions: history.revisions, bytes: history.bytes },
      listBytes: this.snapshots.bytes,
    };
  }

  private refuse(why: Refusal): Refusal {
    this.refused[why]++;
    return why;
  }

  /** All queued readers, one write each, until the queue is empty or the slice is over. */
  private run(): void {
    const until = performance.now() + SLICE_MS;
    let at = 0;
    while (at < this.queue.length && performance.now() < until) {
      const reader = this.queue[at++]!;
      reader.queued = false;
      if (!reader.gone && reader.blockedAt < 0) this.step(reader);
    }
    this.queue = this.queue.slice(at);
    this.scheduled = this.queue.length > 0;
    if (this.scheduled) setImmediate(() => this.run());
  }

  private step(reader: WatchReader): void {
    if (reader.out === undefined) this.fetch(reader);
    const { out, offset } = reader;
    if (out === undefined) return;
    if (out.length === 0) {
      reader.out = undefined;
      return this.enqueue(reader);
    }
    const slice = offset === 0 && out.length <= SLICE ? out : out.subarray(offset, offset + SLICE);
    reader.offset += slice.length;
    if (reader.offset >= out.length) reader.out = undefined;
    reader.lastWrite = this.now();
    if (reader.output.write(slice)) this.enqueue(reader);
    else reader.blockedAt = reader.lastWrite;
  }

  /** Puts what the reader gets next into `out`, if there is anything. */
  private fetch(reader: WatchReader): void {
    reader.offset = 0;
    reader.outFrom = reader.cursor;
    if (reader.mustList) {
      // The end of the revision that is half made calls again.
      if (this.options.catalog.busy) return;
      reader.mustList = false;
      this.snapshots.begin(reader);
    }
    if (reader.snapshot !== undefined) {
      const piece = this.snapshots.next(reader);
      if (piece === 'behind') return this.cut(reader, 'behind');
      if (piece !== undefined) {
        reader.out = piece;
        return;
      }
      this.snapshots.leave(reader);
      // The other side takes the end of a list as live.
      reader.toldLost = 0;
      reader.toldRevision = reader.cursor;
    }
    const { history } = this;
    if (reader.cursor < history.current) {
      const piece = history.after(reader.cursor, reader.selection, SLICE);
      if (piece === undefined) return this.cut(reader, 'behind');
      reader.cursor = piece.to;
      reader.out = piece.bytes;
      if (piece.bytes !== undefined) {
        reader.toldRevision = piece.to;
        return;
      }
      if (piece.to < history.current) return this.enqueue(reader);
    }
    if (this.owesBookmark(reader, this.now())) reader.out = this.bookmark(reader);
  }

  /** What the reader holds, or will need, is no longer in the history. */
  private isBehind(reader: WatchReader): boolean {
    if (reader.mustList) return false;
    const needed = reader.out === undefined || reader.snapshot !== undefined ? reader.cursor : reader.outFrom;
    return needed < this.history.floor;
  }

  private owesBookmark(reader: WatchReader, now: number): boolean {
    if (reader.mustList || reader.snapshot !== undefined || reader.cursor < this.history.current)
      return false;
    if (reader.toldRevision < 0 || reader.toldLost !== this.lostSince) return true;
    // A reader whose VPCs do not change still needs revisions that it can go on from.
    const { dropping, revisions } = this.history;
    if (dropping && reader.cursor - reader.toldRevision > revisions / 2) return true;
    return now - reader.lastWrite >= this.limits.bookmark;
  }

  private bookmark(reader: WatchReader): Buffer {
    const { lostSince } = this;
    reader.toldRevision = reader.cursor;
    reader.toldLost = lostSince;
    return Buffer.from(bookmarkLine(this.history.textOf(reader.cursor), lostSince));
  }

  private cut(reader: WatchReader, why: 'stalled' | 'behind'): void {
    this.cuts[why]++;
    reader.output.cut();
    this.remove(reader);
  }
}
