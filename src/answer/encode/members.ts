/**
 * Goes through those of a name's owners that can answer a question, starting at any of them, as many as are wanted.
 */
import * as layout from '../../trie/layout.ts';
import { Cursor, totalOf } from '../../trie/read/members.ts';
import type { View } from '../../trie/read/view.ts';

/** Says whether a POD or SERVICE has what is asked for. Members of one group have it all or none. */
export interface Judge {
  accepts(member: number): boolean;
}

/** Steps (`View.steps`) for one RRset, over UDP and over TCP: what is not found within them is not answered. */
export const STEPS = 4096;
export const STEPS_TCP = 65536;

export class Members {
  /** Those that can answer; of a SET and of MIXED groups all, each is asked when it comes. */
  count = 0;
  /** The steps were used up before all were seen. */
  cut = false;
  private readonly view: View;
  private readonly cursor: Cursor;
  private readonly judge: Judge;
  private record = 0;
  /** Roots of the groups that can answer, a MIXED one's negative. */
  private readonly roots = new Int32Array(layout.GROUPS_MAX);
  private groups = 0;
  private group = 0;
  private at = 0;
  private left = 0;
  /** What `View.steps` may be at most. */
  private limit = 0;

  constructor(view: View, judge: Judge) {
    this.view = view;
    this.judge = judge;
    this.cursor = new Cursor(view.words);
  }

  /** True when some owner of `record` (POD, SERVICE, SET or CROWD) can answer, or there are too many to tell. */
  any(record: number): boolean {
    this.begin(record, 0, STEPS);
    return this.next() !== 0 || this.cut;
  }

  /** `next` begins at a place that the message id chooses: rotation without state. */
  begin(record: number, id: number, steps: number): void {
    const { view } = this;
    const { words } = view;
    this.record = record;
    this.limit = view.steps + steps;
    this.cut = false;
    this.groups = 0;
    const kind = words[record] & 0xff;
    if (kind === layout.RECORD_CROWD) this.chooseGroups(record);
    else if (kind === layout.RECORD_SET) {
      const tail = view.tail(record);
      const services = words[tail + layout.SET_SERVICES];
      this.count = services > 0 ? services : words[tail + layout.SET_TAKEN];
      this.record = tail + layout.SET_REFS + (services > 0 ? words[tail + layout.SET_PODS] : 0);
    } else this.count = 1;
    this.left = this.count;
    this.at = Math.floor((id * this.count) / 65536);
    if (this.groups > 0) this.seek(this.at);
    else if (kind !== layout.RECORD_SET) this.at = -1;
  }

  /** `next` gives no more members. */
  end(): void {
    this.left = 0;
  }

  /** The next that can answer, each once; 0 when all have been given, or the steps are used up. */
  next(): number {
    const { view, judge } = this;
    while (this.left > 0) {
      if (this.isOver()) return 0;
      view.steps++;
      this.left--;
      if (this.groups > 0) {
        const member = this.nextInGroups();
        if (this.roots[this.group] > 0 || judge.accepts(member)) return member;
        continue;
      }
      let member = this.record;
      if (this.at >= 0) {
        member = view.words[this.record + this.at];
        if (++this.at === this.count) this.at = 0;
      }
      if (judge.accepts(member)) return member;
    }
    return 0;
  }

  private isOver(): boolean {
    if (this.view.steps < this.limit) return false;
    this.cut = true;
    return true;
  }

  /** Keeps the groups whose first member can answer: their other members answer alike. */
  private chooseGroups(crowd: number): void {
    const { view, roots, cursor } = this;
    const { words } = view;
    this.count = 0;
    let at = crowd + layout.CROWD_LIST;
    const given = words[at + layout.GROUP_KIND] & layout.GROUP_KIND_MASK;
    for (let i = words[crowd + layout.CROWD_GROUPS]; i > 0; i--, at += layout.GROUP_ENTRY) {
      const kind = words[at + layout.GROUP_KIND];
      if ((kind & layout.GROUP_KIND_MASK) !== given || this.isOver()) return;
      const root = words[at + layout.GROUP_ROOT];
      const isMixed = (kind & layout.GROUP_MIXED) !== 0;
      view.steps++;
      if (!isMixed) {
        cursor.seek(root, 0);
        if (!this.judge.accepts(cursor.next())) continue;
      }
      roots[this.groups++] = isMixed ? -root : root;
      this.count += totalOf(words, root);
    }
  }

  /** Goes to the member with this rank among all groups. */
  private seek(rank: number): void {
    const { words } = this.view;
    for (let i = 0; ; i++) {
      const root = Math.abs(this.roots[i]);
      if (rank < totalOf(words, root)) {
        this.group = i;
        this.cursor.seek(root, rank);
        return;
      }
      rank -= totalOf(words, root);
    }
  }

  private nextInGroups(): number {
    const member = this.cursor.next();
    if (member !== 0) return member;
    if (++this.group === this.groups) this.group = 0;
    this.cursor.seek(Math.abs(this.roots[this.group]), 0);
    return this.cursor.next();
  }
}
