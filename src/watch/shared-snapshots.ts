/** The lists that are being read, each by all readers with the same selection that come while it is good. */
import type { Catalog } from '../catalog/catalog.ts';
import type { WatchHistory } from './watch-history.ts';
import type { WatchReader, SharedSnapshot } from './watch-reader.ts';
import { WatchSnapshot } from './watch-snapshot.ts';

export interface SnapshotLimits {
  /** Octets of a list that are kept for those who come later. */
  listShared: number;
  /** Octets between the fastest and the slowest reader of a longer list. */
  listWindow: number;
}

export class SharedSnapshots {
  private readonly catalog: Pick<Catalog, 'effective'>;
  private readonly history: WatchHistory;
  private readonly limits: SnapshotLimits;
  /** By selection, the one that newcomers read. */
  private readonly snapshots = new Map<string, SharedSnapshot>();

  constructor(catalog: Pick<Catalog, 'effective'>, history: WatchHistory, limits: SnapshotLimits) {
    this.catalog = catalog;
    this.history = history;
    this.limits = limits;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { list } of this.snapshots.values()) bytes += list.bytes;
    return bytes;
  }

  /** Puts the reader at the beginning of a list that the history continues. No revision may be half made. */
  begin(reader: WatchReader): void {
    this.leave(reader);
    const { history, limits } = this;
    const key = keyOf(reader);
    let snapshot = this.snapshots.get(key);
    if (snapshot === undefined || !snapshot.list.open || snapshot.list.count < history.floor) {
      if (snapshot?.readers.size === 0) snapshot.list.close();
      const records = this.catalog.effective(reader.selection?.vpcs);
      const { current } = history;
      const list = new WatchSnapshot(current, history.textOf(current), records, limits.listShared);
      this.snapshots.set(key, (snapshot = { list, readers: new Set() }));
    }
    snapshot.readers.add(reader);
    reader.snapshot = snapshot;
    reader.index = 0;
    reader.cursor = reader.outFrom = snapshot.list.count;
  }

  /**
   * The next piece; undefined after the last, `behind` for one that has been dropped. An empty piece:
   * ask again in a later slice.
   */
  next(reader: WatchReader): Buffer | undefined | 'behind' {
    const { list, readers } = reader.snapshot!;
    const piece = list.piece(reader.index);
    if (piece === undefined) return list.hasDropped(reader.index) ? 'behind' : undefined;
    if (piece.length === 0) return piece;
    reader.index++;
    if (list.bytes > this.limits.listShared) {
      let slowest = reader.index;
      for (const other of readers) if (other.index < slowest) slowest = other.index;
      list.passed(slowest);
      list.limit(this.limits.listWindow);
    }
    return piece;
  }

  leave(reader: WatchReader): void {
    const { snapshot } = reader;
    if (snapshot === undefined) return;
    reader.snapshot = undefined;
    snapshot.readers.delete(reader);
    // No newcomer reads a list that a newer one has replaced; the others stay until `clear`.
    if (snapshot.readers.size === 0 && this.snapshots.get(keyOf(reader)) !== snapshot) snapshot.list.close();
  }

  /** Closes the lists that have no readers. */
  clear(): void {
    for (const [key, { list, readers }] of this.snapshots) {
      if (readers.size > 0) continue;
      list.close();
      this.snapshots.delete(key);
    }
  }
}

function keyOf(reader: WatchReader): string {
  return reader.selection?.key ?? '';
}
