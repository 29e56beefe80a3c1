/** The A entries of a record that one client is given: those tied to no overlay, and those of overlays it shares. */
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import { sharesOverlay } from './client.ts';
import type { Client } from './client.ts';

export class VisibleA {
  /** Word indices of the rdata, valid up to what `collect` returned. */
  at = new Int32Array(64);

  /** Collects each address once; an RRset is a set (RFC 2181 section 5). */
  collect(view: View, client: Client, record: number): number {
    const { words } = view;
    const total = words[record + layout.RRSET_A_COUNT];
    if (total > this.at.length) this.at = new Int32Array(total * 2);
    const found = this.at;
    let at = record + layout.RRSET_AAAA + 4 * words[record + layout.RRSET_AAAA_COUNT];
    let count = 0;
    for (let n = 0; n < total; n++, at += 2) {
      if (words[at + 1] !== 0) {
        if (!sharesOverlay(view, client, words[at + 1])) continue;
        let twice = false;
        for (let k = 0; k < count && !twice; k++) twice = words[found[k]] === words[at];
        if (twice) continue;
      }
      found[count++] = at;
    }
    return count;
  }
}

export function anyVisible(view: View, client: Client, record: number): boolean {
  const { words } = view;
  let at = record + layout.RRSET_AAAA + 4 * words[record + layout.RRSET_AAAA_COUNT];
  for (let n = words[record + layout.RRSET_A_COUNT]; n > 0; n--, at += 2) {
    if (sharesOverlay(view, client, words[at + 1])) return true;
  }
  return false;
}
