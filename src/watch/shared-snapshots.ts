/** The lists that are being read, each by all readers with the same selection that come while it is good. */
import type { Catalog } from '../catalog/catalog.ts';
import type { History } from './watch-history.ts';
import type { Reader, Shelf } from './watch-reader.ts';
import { ViewList } from './watch-snapshot.ts';

export interface ShelfLimits {
  /** Octets of a list that are kept for those who come later. */
  listShared: number;
  /** Octets between the fastest and the slowest reader of a longer list. */
  listWindow: number;
}

export class Shelves {
  private readonly catalog: Pick<Catalog, 'effective'>;
  private readonly history: History;
  private readonly limits: ShelfLimits;
  /** By selection, the one that newcomers read. */
  private readonly shelves = new Map<string, Shelf>();

  constructor(catalog: Pick<Catalog, 'effective'>, history: History, limits: ShelfLimits) {
    this.catalog = catalog;
    this.history = history;
    this.limits = limits;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { list } of this.shelves.values()) bytes += list.bytes;
    return bytes;
  }

  /** Puts the reader at the beginning of a list that the history continues. No revision may be half made. */
  begin(reader: Reader): void {
    this.leave(reader);
    const { history, limits } = this;
    const key = keyOf(reader);
    let shelf = this.shelves.get(key);
    if (shelf === undefined || !shelf.list.open || shelf.list.count < history.floor) {
      if (shelf?.readers.size === 0) shelf.list.close();
      const records = this.catalog.effective(reader.selection?.vpcs);
      const { current } = history;
      const list = new ViewList(current, history.textOf(current), records, limits.listShared);
      this.shelves.set(key, (shelf = { list, readers: new Set() }));
    }
    shelf.readers.add(reader);
    reader.shelf = shelf;
    reader.index = 0;
    reader.cursor = reader.outFrom = shelf.list.count;
  }

  /**
   * The next piece; undefined behind the last, `behind` for one that nobody else waits for any more. An empty one:
   * ask again, after others have had their turn.
   */
  next(reader: Reader): Buffer | undefined | 'behind' {
    const { list, readers } = reader.shelf!;
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

  leave(reader: Reader): void {
    const { shelf } = reader;
    if (shelf === undefined) return;
    reader.shelf = undefined;
    shelf.readers.delete(reader);
    // One that was replaced by a newer list is nobody's any more; the others wait for newcomers until `clear`.
    if (shelf.readers.size === 0 && this.shelves.get(keyOf(reader)) !== shelf) shelf.list.close();
  }

  /** Gives up the lists that nobody reads. */
  clear(): void {
    for (const [key, { list, readers }] of this.shelves) {
      if (readers.size > 0) continue;
      list.close();
      this.shelves.delete(key);
    }
  }
}

function keyOf(reader: Reader): string {
  return reader.selection?.key ?? '';
}
