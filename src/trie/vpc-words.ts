/** The words of a VPC's record that change: serial, forward policy, what is its own in reverse. */
import type { Arena } from './arena.ts';
import type { VpcState } from './directory.ts';
import * as layout from './layout.ts';
import { labelsIn, wordsOfPath } from './nodes.ts';
import type { Nodes } from './nodes.ts';
import { OutsideTrees, isEmpty, leadsOut, needsOf } from './outside-trees.ts';
import type { OutsideRules } from './outside-trees.ts';
import type { Prefix } from './prefix.ts';
import type { Tables } from './tables.ts';

interface Extras {
  prefixes: number;
  prefixWords: number;
  forwardRoot: number;
  forwardNames: string[];
  dottedRoot: number;
  outsideRoot: number;
  /** What the tree was made of. */
  outside: OutsideRules;
  internal: boolean;
  dirty: boolean;
}

export interface VpcWordsSettings {
  forward: 'on' | 'off' | 'refuse' | string[];
  /** False when nothing here forwards: then `on` and lists mean `off`. */
  canForward: boolean;
  /** Routes and hosts of the configuration. */
  outside?: OutsideRules | undefined;
  now: () => number;
}

const MARK_WORDS = 2;
const MODES = { on: layout.FORWARD_ON, off: layout.FORWARD_OFF, refuse: layout.FORWARD_REFUSE };

export class VpcWords {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly trees: OutsideTrees;
  private readonly settings: VpcWordsSettings;
  /** What a VPC that nobody has declared needs at the commit. */
  readonly implied = { names: 0, words: layout.PREFIXES_LIST + layout.NODE_LABEL };
  private readonly extras = new Map<VpcState, Extras>();
  /** Dirty ones: to be written at the commit, or again when there was no room. */
  readonly changed = new Set<VpcState>();

  constructor(arena: Arena, tables: Tables, nodes: Nodes, settings: VpcWordsSettings) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.trees = new OutsideTrees(arena, tables, nodes);
    this.settings = settings;
    if (typeof settings.forward === 'string') return;
    for (const name of settings.forward) {
      this.implied.names += labelsIn(name);
      this.implied.words += wordsOfPath(name);
    }
  }

  /** Its prefixes, its overlays or its policy changed. */
  dirty(vpc: VpcState): void {
    this.extrasOf(vpc).dirty = true;
    this.changed.add(vpc);
  }

  /** Name slots that `write` will need at most for what is dirty, and for `next` when it becomes so. */
  nameDebt(next: VpcState | undefined): number {
    let names = 0;
    for (const vpc of this.changed) names += this.namesOf(vpc);
    if (next !== undefined && !this.changed.has(next)) names += this.namesOf(next);
    return names;
  }

  /** Words, likewise. */
  wordDebt(next: VpcState | undefined): number {
    let words = 0;
    for (const vpc of this.changed) words += this.wordsOf(vpc);
    if (next !== undefined && !this.changed.has(next)) words += this.wordsOf(next);
    return words;
  }

  private namesOf(vpc: VpcState): number {
    let { names } = this.outsideNeeds(vpc);
    for (const name of this.forwardOf(vpc)) names += labelsIn(name);
    return names;
  }

  private wordsOf(vpc: VpcState): number {
    let prefixes = vpc.net6.length + vpc.services6.length;
    for (const { overlays } of vpc.namespaces.values()) {
      for (const overlay of overlays.values()) prefixes += overlay.prefixes.length;
    }
    let words = layout.PREFIXES_LIST + layout.PREFIX_ENTRY * (prefixes + 2) + layout.NODE_LABEL;
    words += this.outsideNeeds(vpc).words;
    for (const name of this.forwardOf(vpc)) words += wordsOfPath(name);
    return words;
  }

  /** Writes what this transaction changed; the serial always (RFC 1035 section 3.3.13). */
  write(vpc: VpcState): void {
    const extras = this.extrasOf(vpc);
    vpc.serial = Math.max(vpc.serial + 1, this.settings.now()) >>> 0;
    if (extras.dirty) {
      extras.internal = hasInternal(vpc);
      if (this.arena.fits(Math.ceil((this.wordsOf(vpc) * 9) / 8)) && this.tables.fits(this.namesOf(vpc), 0)) {
        extras.dirty = false;
        this.changed.delete(vpc);
        this.writePrefixes(vpc, extras);
        this.writeForward(vpc, extras);
        this.writeOutside(extras, vpc.declared ?? {});
      }
    }
    const forward = vpc.declared?.forward ?? this.settings.forward;
    const asked = typeof forward === 'string' ? MODES[forward] : layout.FORWARD_LIST;
    const mode = this.settings.canForward || asked === layout.FORWARD_REFUSE ? asked : layout.FORWARD_OFF;
    let policy = mode | (extras.internal ? layout.VPC_HAS_INTERNAL : 0);
    const leads = leadsOut(this.settings.outside ?? {}) || leadsOut(extras.outside);
    if (leads && this.settings.canForward) policy |= layout.VPC_HAS_ROUTES;
    this.poke(vpc, layout.VPC_SERIAL, vpc.serial | 0);
    this.poke(vpc, layout.VPC_POLICY, policy);
    // A list that found no room yet forwards nothing; what an older one named may be forbidden now.
    this.poke(vpc, layout.VPC_FORWARD_ROOT, extras.dirty ? 0 : extras.forwardRoot);
    this.poke(vpc, layout.VPC_PREFIXES, extras.prefixes);
    this.poke(vpc, layout.VPC_DOTTED_ROOT, extras.dottedRoot);
    this.poke(vpc, layout.VPC_OUTSIDE_ROOT, extras.outsideRoot);
  }

  release(vpc: VpcState): void {
    this.changed.delete(vpc);
    const extras = this.extras.get(vpc);
    if (extras === undefined) return;
    this.releaseForward(extras);
    this.writeOutside(extras, {});
    if (extras.dottedRoot !== 0) this.tables.release(extras.dottedRoot, layout.NODE_LABEL);
    if (extras.prefixes !== 0) this.tables.release(extras.prefixes, extras.prefixWords);
    this.extras.delete(vpc);
  }

  /** A name with dots has come to, or gone from, the namespaces of the VPC. */
  setDotted(vpc: VpcState, name: string, present: boolean): void {
    const extras = this.extrasOf(vpc);
    if (extras.dottedRoot === 0) extras.dottedRoot = this.nodes.root();
    if (present) this.mark(extras.dottedRoot, name, layout.SPECIAL_DOTTED);
    else this.unmark(extras.dottedRoot, name);
  }

  /** Puts a mark under a name of a tree of marks. */
  private mark(root: number, name: string, what: number): void {
    const node = this.nodes.ensurePath(root, name);
    if (this.nodes.payload(node) !== 0) return;
    const record = this.arena.allocate(MARK_WORDS);
    this.arena.words[record] = layout.RECORD_SPECIAL;
    this.arena.words[record + layout.SPECIAL_WHAT] = what;
    this.nodes.setPayload(node, record);
  }

  private unmark(root: number, name: string): void {
    const node = this.nodes.findPath(root, name);
    const record = node === 0 ? 0 : this.nodes.payload(node);
    if (record === 0) return;
    this.tables.release(record, MARK_WORDS);
    this.nodes.setPayload(node, 0);
    this.nodes.prune(node, root);
  }

  private forwardOf(vpc: VpcState): string[] {
    const forward = vpc.declared?.forward ?? this.settings.forward;
    return typeof forward === 'string' ? [] : forward;
  }

  private extrasOf(vpc: VpcState): Extras {
    let extras = this.extras.get(vpc);
    if (extras === undefined) {
      extras = {
        prefixes: 0,
        prefixWords: 0,
        forwardRoot: 0,
        forwardNames: [],
        dottedRoot: 0,
        outsideRoot: 0,
        outside: {},
        internal: false,
        dirty: true,
      };
      this.extras.set(vpc, extras);
    }
    return extras;
  }

  private poke(vpc: VpcState, word: number, value: number): void {
    this.tables.poke(vpc.record + layout.VPC_COPIES + word, layout.VPC_BLOCK, value);
  }

  private writePrefixes(vpc: VpcState, extras: Extras): void {
    const all: Prefix[] = [...vpc.net6, ...vpc.services6];
    for (const { overlays } of vpc.namespaces.values()) {
      for (const overlay of overlays.values()) all.push(...overlay.prefixes);
    }
    if (extras.prefixes !== 0) this.tables.release(extras.prefixes, extras.prefixWords);
    const { words } = this.arena;
    extras.prefixWords = layout.PREFIXES_LIST + layout.PREFIX_ENTRY * all.length;
    extras.prefixes = this.arena.allocate(extras.prefixWords);
    words[extras.prefixes] = layout.RECORD_PREFIXES;
    words[extras.prefixes + layout.PREFIXES_COUNT] = all.length;
    let at = extras.prefixes + layout.PREFIXES_LIST;
    for (const prefix of all) {
      words[at] = prefix.bits;
      words.set(prefix.words, at + 1);
      at += layout.PREFIX_ENTRY;
    }
  }

  private outsideNeeds(vpc: VpcState): { names: number; words: number } {
    const { routes, hosts } = vpc.declared ?? {};
    const { outside } = this.extrasOf(vpc);
    const same = outside.routes === routes && outside.hosts === hosts;
    return needsOf(same ? {} : { routes, hosts });
  }

  /** Only where they are others than before: overlays come and go far more often. */
  private writeOutside(extras: Extras, { routes, hosts }: OutsideRules): void {
    const { outside } = extras;
    if (outside.routes === routes && outside.hosts === hosts) return;
    if (extras.outsideRoot !== 0) this.trees.uproot(extras.outsideRoot, outside);
    extras.outside = { routes, hosts };
    extras.outsideRoot = isEmpty(extras.outside) ? 0 : this.trees.plant(extras.outside);
  }

  private writeForward(vpc: VpcState, extras: Extras): void {
    this.releaseForward(extras);
    const forward = vpc.declared?.forward ?? this.settings.forward;
    if (typeof forward === 'string') return;
    extras.forwardRoot = this.nodes.root();
    extras.forwardNames = forward
      .map((name) => name.toLowerCase().replace(/\.$/, ''))
      .filter((name) => name !== '');
    for (const name of extras.forwardNames) this.mark(extras.forwardRoot, name, layout.SPECIAL_FORWARD);
  }

  private releaseForward(extras: Extras): void {
    if (extras.forwardRoot === 0) return;
    for (const name of extras.forwardNames) this.unmark(extras.forwardRoot, name);
    this.tables.release(extras.forwardRoot, layout.NODE_LABEL);
    extras.forwardRoot = 0;
    extras.forwardNames = [];
  }
}

function hasInternal(vpc: VpcState): boolean {
  for (const { overlays } of vpc.namespaces.values()) {
    for (const { declared } of overlays.values()) if (declared?.internal === true) return true;
  }
  return false;
}
