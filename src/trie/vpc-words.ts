/** The words of a VPC's record that change: serial, forward policy, what is its own in reverse. */
import type { Arena } from './arena.ts';
import type { VpcState } from './directory.ts';
import * as layout from './layout.ts';
import type { Nodes } from './nodes.ts';
import type { Prefix } from './prefix.ts';
import type { Tables } from './tables.ts';

interface Extras {
  prefixes: number;
  prefixWords: number;
  forwardRoot: number;
  forwardNames: string[];
  internal: boolean;
  dirty: boolean;
}

export interface VpcWordsSettings {
  forward: 'on' | 'off' | 'refuse' | string[];
  /** False when nothing here forwards: then `on` and lists mean `off`. */
  canForward: boolean;
  now: () => number;
}

const MODES = { on: layout.FORWARD_ON, off: layout.FORWARD_OFF, refuse: layout.FORWARD_REFUSE };

export class VpcWords {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly settings: VpcWordsSettings;
  private readonly extras = new Map<VpcState, Extras>();

  constructor(arena: Arena, tables: Tables, nodes: Nodes, settings: VpcWordsSettings) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.settings = settings;
  }

  /** Its prefixes, its overlays or its policy changed. */
  dirty(vpc: VpcState): void {
    this.extrasOf(vpc).dirty = true;
  }

  /** Writes what this transaction changed; the serial always (RFC 1035 section 3.3.13). */
  write(vpc: VpcState): void {
    const extras = this.extrasOf(vpc);
    vpc.serial = Math.max(vpc.serial + 1, this.settings.now()) >>> 0;
    if (extras.dirty) {
      extras.dirty = false;
      this.writePrefixes(vpc, extras);
      this.writeForward(vpc, extras);
    }
    const forward = vpc.declared?.forward ?? this.settings.forward;
    const asked = typeof forward === 'string' ? MODES[forward] : layout.FORWARD_LIST;
    const mode = this.settings.canForward || asked === layout.FORWARD_REFUSE ? asked : layout.FORWARD_OFF;
    const policy =
      mode | (extras.internal ? layout.VPC_HAS_INTERNAL : 0) | (vpc.dotted > 0 ? layout.VPC_HAS_DOTTED : 0);
    this.poke(vpc, layout.VPC_SERIAL, vpc.serial | 0);
    this.poke(vpc, layout.VPC_POLICY, policy);
    this.poke(vpc, layout.VPC_FORWARD_ROOT, extras.forwardRoot);
    this.poke(vpc, layout.VPC_PREFIXES, extras.prefixes);
  }

  release(vpc: VpcState): void {
    const extras = this.extras.get(vpc);
    if (extras === undefined) return;
    this.releaseForward(extras);
    if (extras.prefixes !== 0) this.tables.release(extras.prefixes, extras.prefixWords);
    this.extras.delete(vpc);
  }

  private extrasOf(vpc: VpcState): Extras {
    let extras = this.extras.get(vpc);
    if (extras === undefined) {
      extras = {
        prefixes: 0,
        prefixWords: 0,
        forwardRoot: 0,
        forwardNames: [],
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
    extras.internal = false;
    for (const namespace of vpc.namespaces.values()) {
      for (const overlay of namespace.overlays.values()) {
        all.push(...overlay.prefixes);
        if (overlay.declared?.internal === true) extras.internal = true;
      }
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

  private writeForward(vpc: VpcState, extras: Extras): void {
    this.releaseForward(extras);
    const forward = vpc.declared?.forward ?? this.settings.forward;
    if (typeof forward === 'string') return;
    extras.forwardRoot = this.nodes.root();
    extras.forwardNames = forward
      .map((name) => name.toLowerCase().replace(/\.$/, ''))
      .filter((name) => name !== '');
    for (const name of extras.forwardNames) {
      const node = this.nodes.ensurePath(extras.forwardRoot, name);
      if (this.nodes.payload(node) !== 0) continue;
      const record = this.arena.allocate(2);
      this.arena.words[record] = layout.RECORD_SPECIAL;
      this.arena.words[record + layout.SPECIAL_WHAT] = layout.SPECIAL_FORWARD;
      this.nodes.setPayload(node, record);
    }
  }

  private releaseForward(extras: Extras): void {
    if (extras.forwardRoot === 0) return;
    for (const name of extras.forwardNames) {
      const node = this.nodes.findPath(extras.forwardRoot, name);
      if (node === 0) continue;
      const record = this.nodes.payload(node);
      if (record === 0) continue;
      this.tables.release(record, 2);
      this.nodes.setPayload(node, 0);
      this.nodes.prune(node, extras.forwardRoot);
    }
    this.tables.release(extras.forwardRoot, layout.NODE_LABEL);
    extras.forwardRoot = 0;
    extras.forwardNames = [];
  }
}
