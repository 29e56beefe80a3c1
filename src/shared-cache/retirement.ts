/**
 * Blocks that no slot leads to any more, until every reader has been outside since: one that was inside when the
 * slot was emptied may still be copying.
 *
 * A reader counts whenever it enters and leaves. One whose count was even, or has changed since, has read the
 * slots anew or not at all. So neither readers nor the writer wait: the writer checks again at the next change.
 */
import { HEAD_READERS, READERS_MAX, READER_STRIDE } from './layout.ts';

export class Retired {
  private readonly head: Int32Array;
  private readonly give: (unit: number) => void;
  /** Those that wait for the readers in `seen`, and those that were retired after `seen` was filled. */
  private leaving: number[] = [];
  private next: number[] = [];
  private readonly seen = new Int32Array(READERS_MAX);

  constructor(head: Int32Array, give: (unit: number) => void) {
    this.head = head;
    this.give = give;
  }

  get length(): number {
    return this.leaving.length + this.next.length;
  }

  /** Its slot has been emptied. */
  add(unit: number): void {
    this.next.push(unit);
  }

  /** Gives back the blocks that no reader can be reading. */
  settle(): void {
    if (this.leaving.length > 0 && !this.haveLeft()) return;
    this.giveAll();
    if (this.next.length === 0) return;
    const { next } = this;
    this.next = this.leaving;
    this.leaving = next;
    for (let r = 0; r < READERS_MAX; r++) {
      this.seen[r] = Atomics.load(this.head, HEAD_READERS + r * READER_STRIDE);
    }
    if (this.haveLeft()) this.giveAll();
  }

  private haveLeft(): boolean {
    const { head, seen } = this;
    for (let r = 0; r < READERS_MAX; r++) {
      if ((seen[r] & 1) === 0) continue;
      if (Atomics.load(head, HEAD_READERS + r * READER_STRIDE) === seen[r]) return false;
      // It need not be checked again.
      seen[r] = 0;
    }
    return true;
  }

  private giveAll(): void {
    for (const unit of this.leaving) this.give(unit);
    this.leaving.length = 0;
  }
}
