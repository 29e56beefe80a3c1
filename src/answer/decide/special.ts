/** Finds the special name, if any, that a question is or lies below. */
import { encodeName } from '../../dns/name.ts';
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import { labelMark, lastLabelFilter } from '../../trie/write/specials.ts';
import type { SpecialSettings } from '../../trie/write/specials.ts';
import type { View } from '../../trie/read/view.ts';

/** More than any name has. */
const MORE_LABELS = 128;

export class SpecialNames {
  /** How many labels of the last question are the special name. */
  labels = 0;
  /** The last question is no special name itself, but lies above one: `internal` above the zone. */
  isAncestor = false;
  protected readonly view: View;
  private readonly filter: Int32Array;
  /** The canonical suffix in wire form, and its labels; none where another special name lies below it. */
  private readonly zone: Uint8Array;
  private readonly zoneLabels: number;

  constructor(view: View, settings: SpecialSettings) {
    this.view = view;
    this.filter = lastLabelFilter(settings);
    const nested = settings.suffixes.some(({ name }) => name.endsWith(`.${settings.zone}`));
    this.zone = encodeName(settings.zone);
    this.zoneLabels = nested ? MORE_LABELS : settings.zone.split('.').length;
  }

  /** What the deepest special name at or above the question is, one of SPECIAL_*; 0 for none. */
  find(query: Query): number {
    this.labels = 0;
    this.isAncestor = false;
    const { name } = query;
    const last = query.labelOffsets[query.labelCount - 1];
    const length = name[last];
    if ((this.filter[length] & labelMark(name[last + 1], name[last + length])) === 0) return 0;
    // Most qualified names end in the canonical suffix: comparing it costs less than walking to it.
    if (this.endsInZone(query)) {
      this.labels = this.zoneLabels;
      return layout.SPECIAL_SUFFIX;
    }
    const { view } = this;
    let node = view.specialRoot;
    let what = 0;
    let depth = 0;
    for (let i = query.labelCount - 1; i >= 0; i--) {
      if (!view.step(node, query.name, query.labelOffsets[i])) break;
      node = view.node;
      depth++;
      if (view.payload !== 0) {
        what = view.words[view.payload + layout.SPECIAL_WHAT];
        this.labels = depth;
      }
    }
    if (depth === query.labelCount) {
      // A name above served ones exists, also where it would not by itself: `local` above `svc.cluster.local`.
      const above = view.words[node + layout.NODE_CHILDREN] > 0;
      this.isAncestor = this.labels < depth || (what === layout.SPECIAL_NXDOMAIN && above);
    }
    return what;
  }

  private endsInZone(query: Query): boolean {
    const { zone } = this;
    const first = query.labelCount - this.zoneLabels;
    const offset = query.qnameLength - zone.length;
    if (first < 0 || query.labelOffsets[first] !== offset) return false;
    const { name } = query;
    for (let i = 0; i < zone.length; i++) if (name[offset + i] !== zone[i]) return false;
    return true;
  }
}
