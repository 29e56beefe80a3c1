/** The owners of one name, more than a SET holds, while a transaction changes them: groups that answer alike. */
import type { Arena } from './arena.ts';
import { roundWords } from './arena.ts';
import { builtWords, stepWords } from './chunks.ts';
import type { ChunkTrees } from './chunks.ts';
import * as layout from '../layout.ts';
import { Cursor, putAid, totalOf } from '../read/members.ts';
import { aidTextAt, attachmentAfter, attachmentCount, attachmentsAt, portCount, portsAt } from '../record.ts';
import type { View } from '../read/view.ts';

interface Group {
  kind: number;
  root: number;
}

/** Where a record belongs: computed while the record can still be read. */
interface Place {
  likeness: string;
  key: number;
}

/** The most words of a CROWD record itself. */
const HEADER_WORDS = roundWords(layout.CROWD_LIST + layout.GROUP_ENTRY * layout.GROUPS_MAX);
const MIXED = '*';
const aid = new Uint8Array(256);

/** The most words of a crowd of so many records that is built as a whole. */
export function crowdWords(size: number): number {
  return HEADER_WORDS + builtWords(size, Math.min(size, layout.GROUPS_MAX));
}

/** Words that were allocated for a CROWD record. */
export function headerWords(words: Int32Array, crowd: number): number {
  return layout.CROWD_LIST + layout.GROUP_ENTRY * words[crowd + layout.CROWD_GROUPS];
}

/** The most words that one change of a published crowd allocates besides the CROWD record. */
function crowdStep(words: Int32Array, crowd: number): number {
  let level = 0;
  for (let i = words[crowd + layout.CROWD_GROUPS] - 1; i >= 0; i--) {
    const root = words[crowd + layout.CROWD_LIST + layout.GROUP_ENTRY * i + layout.GROUP_ROOT];
    level = Math.max(level, words[root + layout.CHUNK_LEVEL]);
  }
  // Changes before this one may have added a level.
  return stepWords(level + 1);
}

export class Crowd {
  /** The pod and the service whose own name it is, or 0. */
  pod = 0;
  service = 0;
  private readonly view: View;
  private readonly arena: Arena;
  private readonly trees: ChunkTrees;
  private readonly groups = new Map<string, Group>();
  private readonly added = new Map<number, Place>();
  private readonly removed = new Map<number, Place>();
  /** The most words that one change allocates. */
  private readonly step: number = stepWords(1);
  private total = 0;

  /** `crowd`: the CROWD record that it begins with, or 0. */
  constructor(view: View, arena: Arena, trees: ChunkTrees, crowd: number) {
    this.view = view;
    this.arena = arena;
    this.trees = trees;
    if (crowd === 0) return;
    const { words } = view;
    this.pod = words[crowd + layout.CROWD_POD];
    this.service = words[crowd + layout.CROWD_SERVICE];
    this.step = crowdStep(words, crowd);
    for (let i = words[crowd + layout.CROWD_GROUPS] - 1; i >= 0; i--) {
      const at = crowd + layout.CROWD_LIST + layout.GROUP_ENTRY * i;
      const kind = words[at + layout.GROUP_KIND];
      const root = words[at + layout.GROUP_ROOT];
      this.total += totalOf(words, root);
      this.groups.set(this.nameOf(kind, root), { kind, root });
    }
  }

  get size(): number {
    return this.total + this.added.size - this.removed.size;
  }

  /** The most words that `write` allocates. */
  get reserved(): number {
    const changes = this.added.size + this.removed.size;
    return Math.min(HEADER_WORDS + changes * this.step, crowdWords(this.size + this.removed.size));
  }

  add(record: number): void {
    this.added.set(record, this.placeOf(record));
  }

  delete(record: number): void {
    if (!this.added.delete(record)) this.removed.set(record, this.placeOf(record));
  }

  /** All owners of the name, in no order. */
  *members(): Iterable<number> {
    const cursor = new Cursor(this.view.words);
    for (const { root } of this.groups.values()) {
      cursor.seek(root, 0);
      for (let record = cursor.next(); record !== 0; record = cursor.next()) {
        if (!this.removed.has(record)) yield record;
      }
    }
    yield* this.added.keys();
  }

  /** Writes the CROWD record of the name `node`. Returns 0 when there is no room; then nothing is changed. */
  write(node: number): number {
    const changes = this.added.size + this.removed.size;
    const inSteps = HEADER_WORDS + changes * this.step;
    if (changes * 8 <= this.size && this.arena.fits(inSteps)) this.change();
    else if (this.arena.fits(crowdWords(this.size))) this.rebuild();
    else if (this.arena.fits(inSteps)) this.change();
    else return 0;
    const { words } = this.view;
    const groups = [...this.groups.values()].sort(
      (a, b) => (a.kind & layout.GROUP_KIND_MASK) - (b.kind & layout.GROUP_KIND_MASK),
    );
    const crowd = this.arena.allocate(layout.CROWD_LIST + layout.GROUP_ENTRY * groups.length);
    const hidden = (groups[0].kind & layout.GROUP_KIND_MASK) === layout.GROUP_SERVICE;
    words[crowd] =
      layout.RECORD_CROWD | layout.CHOOSE_AAAA | layout.CHOOSE_A | (hidden ? layout.SET_SERVICE : 0);
    words[crowd + layout.RRSET_AAAA_COUNT] = 0;
    words[crowd + layout.RRSET_A_COUNT] = 0;
    words[crowd + layout.CROWD_NODE] = node;
    words[crowd + layout.CROWD_POD] = this.pod;
    words[crowd + layout.CROWD_SERVICE] = this.service;
    words[crowd + layout.CROWD_GROUPS] = groups.length;
    let at = crowd + layout.CROWD_LIST;
    for (const { kind, root } of groups) {
      words[at + layout.GROUP_KIND] = kind;
      words[at + layout.GROUP_ROOT] = root;
      at += layout.GROUP_ENTRY;
    }
    return crowd;
  }

  /** Releases all trees: a SET or a single record takes the crowd's place, or the name has no owner left. */
  release(): void {
    for (const { root } of this.groups.values()) this.trees.release(root);
  }

  /** Changes the trees one record at a time. */
  private change(): void {
    const { trees } = this;
    for (const [record, { likeness, key }] of this.removed) {
      for (const name of [likeness, likeness[0] + MIXED]) {
        const group = this.groups.get(name);
        if (group === undefined) continue;
        group.root = trees.remove(group.root, key, record);
        if (group.root === 0) this.groups.delete(name);
        if (trees.found) break;
      }
    }
    for (const [record, { likeness, key }] of this.added) {
      const group = this.groupFor(likeness);
      group.root = trees.insert(group.root, key, record);
    }
  }

  /** Builds all trees again, where much changes. */
  private rebuild(): void {
    const { trees, view } = this;
    const rows = new Map<Group, number[]>();
    const cursor = new Cursor(view.words);
    for (const group of this.groups.values()) {
      const row: number[] = [];
      cursor.seek(group.root, 0);
      for (let record = cursor.next(); record !== 0; record = cursor.next()) {
        if (!this.removed.has(record)) row.push(cursor.key * 2 ** 32 + record);
      }
      rows.set(group, row);
    }
    for (const [name, group] of this.groups) if (rows.get(group)!.length === 0) this.groups.delete(name);
    for (const [record, { likeness, key }] of this.added) {
      const group = this.groupFor(likeness);
      const row = rows.get(group);
      if (row === undefined) rows.set(group, [key * 2 ** 32 + record]);
      else row.push(key * 2 ** 32 + record);
    }
    for (const [group, row] of rows) {
      trees.release(group.root);
      group.root = trees.build(Float64Array.from(row).sort());
    }
  }

  private groupFor(likeness: string): Group {
    let group = this.groups.get(likeness);
    if (group !== undefined) return group;
    let kind = Number(likeness[0]);
    if (this.groups.size >= layout.GROUPS_ALIKE) {
      likeness = likeness[0] + MIXED;
      kind |= layout.GROUP_MIXED;
      group = this.groups.get(likeness);
      if (group !== undefined) return group;
    }
    group = { kind, root: 0 };
    this.groups.set(likeness, group);
    return group;
  }

  private nameOf(kind: number, root: number): string {
    if ((kind & layout.GROUP_MIXED) !== 0) return (kind & layout.GROUP_KIND_MASK) + MIXED;
    const cursor = new Cursor(this.view.words);
    cursor.seek(root, 0);
    return this.likenessOf(cursor.next());
  }

  private placeOf(record: number): Place {
    const { view } = this;
    putAid(view, aid, 0, record);
    return { likeness: this.likenessOf(record), key: view.hashLabel(0, aid, 0) >>> (31 - layout.KEY_BITS) };
  }

  /** All that decides what a record answers, apart from the addresses themselves. It begins with one of GROUP_*. */
  private likenessOf(record: number): string {
    const { words, bytes } = this.view;
    const flags = words[record];
    const isService = (flags & 0xff) === layout.RECORD_SERVICE;
    const isReady = (flags & layout.POD_READY) !== 0;
    const kind = isService ? layout.GROUP_SERVICE : isReady ? layout.GROUP_READY : layout.GROUP_NOT_READY;
    const chosen = flags & (layout.CHOOSE_AAAA | layout.CHOOSE_A);
    const has6 = words[record + layout.RRSET_AAAA_COUNT] > 0 ? '6' : '';
    let text = `${kind}${has6}${words[record + layout.RRSET_A_COUNT] > 0 ? '4' : ''}:${chosen}`;
    const tail = this.view.tail(record);
    if (chosen !== 0) {
      let at = attachmentsAt(words, tail);
      for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at))
        text += ` ${words[at + layout.ATTACHMENT_OVERLAY]}:${words[at + layout.ATTACHMENT_FLAGS]}`;
    }
    if (portCount(words, tail) === 0) return text;
    const end = aidTextAt(words, bytes, tail);
    for (let i = portsAt(words, tail) * 4; i < end; i++) text += String.fromCharCode(bytes[i]);
    return text;
  }
}
