/** The overlays that one client is on, looked up without going through its attachments for each address. */
import * as layout from '../trie/layout.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../trie/record.ts';
import type { View } from '../trie/read/view.ts';
import type { Client } from './decide/client.ts';

/** More than twice what a pod can be on. */
const SLOTS = 512;
/** Before marks begin anew. */
const MARK_MAX = 0x7fffffff;

export class SharedOverlays {
  private readonly view: View;
  /** Namespace whose overlays the client is on, all of them, or 0: then those in the table. */
  private namespace = 0;
  private readonly table = new Int32Array(SLOTS);
  private readonly marks = new Int32Array(SLOTS);
  /** Slots with another mark are empty. */
  private mark = 0;

  constructor(view: View) {
    this.view = view;
  }

  load(client: Client): void {
    const { view, table, marks } = this;
    const { words } = view;
    this.namespace = 0;
    if (++this.mark === MARK_MAX) {
      this.marks.fill(0);
      this.mark = 1;
    }
    if (client.pod === 0) {
      if (client.onAllOverlays) this.namespace = client.namespace;
      return;
    }
    const tail = view.tail(client.pod);
    const count = attachmentCount(words, tail);
    let at = attachmentsAt(words, tail);
    view.steps += count;
    for (let i = count; i > 0; i--, at = attachmentAfter(words, at)) {
      const slot = this.slotOf(words[at + layout.ATTACHMENT_OVERLAY]);
      table[slot] = words[at + layout.ATTACHMENT_OVERLAY];
      marks[slot] = this.mark;
    }
  }

  has(overlay: number): boolean {
    if (this.namespace !== 0) {
      return this.view.words[overlay + layout.OVERLAY_NAMESPACE] === this.namespace;
    }
    return this.marks[this.slotOf(overlay)] === this.mark;
  }

  /** Where the overlay stands, or would. */
  private slotOf(overlay: number): number {
    const { table, marks, mark } = this;
    let slot = Math.imul(overlay, 0x9e3779b1) >>> 23;
    while (marks[slot] === mark && table[slot] !== overlay) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}
