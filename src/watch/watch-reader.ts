/** One reader of the watch stream: where it is, and what it is being given. */
import type { Selection } from './watch-history.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';

/** A list and who reads it. */
export interface SharedSnapshot {
  readonly list: WatchSnapshot;
  readonly readers: Set<WatchReader>;
}

/** The connection of a reader. */
export interface WatchOutput {
  /** Takes octets, which must not be changed; false: write again after `drained`. */
  write(bytes: Uint8Array): boolean;
  /** Breaks the connection. */
  cut(): void;
}

/** The owner of a reader. */
export interface WatchReaderOwner {
  enqueue(reader: WatchReader): void;
  remove(reader: WatchReader): void;
}

/** `drained` and `left` are for the owner of the connection, all else is the watch server's. */
export class WatchReader {
  readonly selection: Selection | undefined;
  readonly output: WatchOutput;
  private readonly owner: WatchReaderOwner;
  /** All up to this revision has been given out, or is in `out`. */
  cursor = -1;
  /** The list that is being read, and its next piece. */
  snapshot: SharedSnapshot | undefined;
  index = 0;
  /** What is being given out, from `offset` on; it follows the revision `outFrom`. */
  out: Buffer | undefined;
  offset = 0;
  outFrom = 0;
  /** The next thing is a list: at the start, and where a change was too large for the history. */
  mustList = false;
  /** Since when the connection takes nothing, -1 while it does. */
  blockedAt = -1;
  lastWrite: number;
  /** The last revision and the last loss that the other side was told. */
  toldRevision = -1;
  toldLost = 0;
  queued = false;
  gone = false;

  constructor(owner: WatchReaderOwner, selection: Selection | undefined, output: WatchOutput, now: number) {
    this.owner = owner;
    this.selection = selection;
    this.output = output;
    this.lastWrite = now;
  }

  /** The connection takes octets again. */
  drained(): void {
    this.blockedAt = -1;
    this.owner.enqueue(this);
  }

  /** The connection is closed. */
  left(): void {
    this.owner.remove(this);
  }
}
