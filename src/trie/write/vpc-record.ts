/** Writes the mutable words of a VPC's record: its serial, its forward policy, the roots of its own trees. */
import type { Arena } from './arena.ts';
import type { VpcState } from './directory.ts';
import * as layout from '../layout.ts';
import type { Nodes } from './nodes.ts';
import { OutsideTrees, isEmpty, leadsOut } from './outside-trees.ts';
import type { OutsideRules } from './outside-trees.ts';
import type { Tables } from './tables.ts';

interface Roots {
  /** Root for its own forward list, which has these names; 0 without one. */
  forward: number;
  forwardNames: readonly string[];
  dotted: number;
  /** Root for its own routes and hosts, which are these; 0 without any. */
  outside: number;
  outsideRules: OutsideRules;
}

export interface VpcRecordSettings {
  forward: 'on' | 'off' | 'refuse' | string[];
  /** Routes and hosts of the configuration, which hold for every VPC. */
  outside?: OutsideRules | undefined;
  /** False when nothing forwards: then `on` and lists mean `off`. */
  canForward: boolean;
  now: () => number;
}

const MARK_WORDS = 2;
const MODES = { on: layout.FORWARD_ON, off: layout.FORWARD_OFF, refuse: layout.FORWARD_REFUSE };
const NO_NAMES: readonly string[] = [];

export class VpcRecords {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly settings: VpcRecordSettings;
  private readonly trees: OutsideTrees;
  private readonly roots = new Map<VpcState, Roots>();
  /** Root for the configuration's list, which holds for every VPC without one of its own, or 0. */
  private commonRoot = 0;

  constructor(arena: Arena, tables: Tables, nodes: Nodes, settings: VpcRecordSettings) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.settings = settings;
    this.trees = new OutsideTrees(arena, tables, nodes);
  }

  /** Called once, in the first transaction. Returns the root for the configuration's routes and hosts, or 0. */
  plant(): number {
    const { forward, outside = {} } = this.settings;
    if (typeof forward !== 'string') this.commonRoot = this.plantList(namesOf(forward));
    return isEmpty(outside) ? 0 : this.trees.plant(outside);
  }

  /** The declaration of the VPC has changed: makes its own trees again where they differ. */
  declare(vpc: VpcState): void {
    const roots = this.rootsOf(vpc);
    this.plantOutside(roots, vpc.declared ?? {});
    const names = namesOf(vpc.declared?.forward);
    const { forwardNames } = roots;
    if (names.length === forwardNames.length && names.every((name, i) => name === forwardNames[i])) return;
    this.releaseForward(roots);
    roots.forward = names.length === 0 ? 0 : this.plantList(names);
    roots.forwardNames = names;
  }

  /**
   * Writes the words; the serial grows each time (RFC 1035 section 3.3.13), unless readers know what there is of the VPC by
   * the same serial already. Needs no room.
   */
  write(vpc: VpcState, isKnown = false): void {
    const roots = this.rootsOf(vpc);
    if (!isKnown) vpc.serial = Math.max(vpc.serial + 1, this.settings.now()) >>> 0;
    const own = vpc.declared?.forward;
    const forward = own ?? this.settings.forward;
    const asked = typeof forward === 'string' ? MODES[forward] : layout.FORWARD_LIST;
    const mode = this.settings.canForward || asked === layout.FORWARD_REFUSE ? asked : layout.FORWARD_OFF;
    const leads = leadsOut(this.settings.outside ?? {}) || leadsOut(roots.outsideRules);
    let policy = mode | (vpc.internal > 0 ? layout.VPC_HAS_INTERNAL : 0);
    if (leads && this.settings.canForward) policy |= layout.VPC_HAS_ROUTES;
    this.writeBoth(vpc, layout.VPC_SERIAL, vpc.serial | 0);
    this.writeBoth(vpc, layout.VPC_POLICY, policy);
    this.writeBoth(vpc, layout.VPC_FORWARD_ROOT, own === undefined ? this.commonRoot : roots.forward);
    this.writeBoth(vpc, layout.VPC_DOTTED_ROOT, roots.dotted);
    this.writeBoth(vpc, layout.VPC_OUTSIDE_ROOT, roots.outside);
  }

  release(vpc: VpcState): void {
    const roots = this.roots.get(vpc);
    if (roots === undefined) return;
    this.releaseForward(roots);
    this.plantOutside(roots, {});
    if (roots.dotted !== 0) this.tables.release(roots.dotted, layout.NODE_LABEL);
    this.roots.delete(vpc);
  }

  /** A name with dots has come to the namespaces of the VPC, or has gone from them. */
  setDotted(vpc: VpcState, name: string, present: boolean): void {
    const roots = this.rootsOf(vpc);
    if (roots.dotted === 0) roots.dotted = this.nodes.root();
    if (present) this.mark(roots.dotted, name, layout.SPECIAL_DOTTED);
    else this.unmark(roots.dotted, name);
  }

  private plantOutside(roots: Roots, { routes, hosts }: OutsideRules): void {
    const before = roots.outsideRules;
    if (before.routes === routes && before.hosts === hosts) return;
    if (roots.outside !== 0) this.trees.uproot(roots.outside, before);
    roots.outsideRules = { routes, hosts };
    roots.outside = isEmpty(roots.outsideRules) ? 0 : this.trees.plant(roots.outsideRules);
  }

  private plantList(names: readonly string[]): number {
    const root = this.nodes.root();
    for (const name of names) this.mark(root, name, layout.SPECIAL_FORWARD);
    return root;
  }

  /** Marks a name in a tree. */
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

  private rootsOf(vpc: VpcState): Roots {
    let roots = this.roots.get(vpc);
    if (roots === undefined) {
      roots = { forward: 0, forwardNames: NO_NAMES, dotted: 0, outside: 0, outsideRules: {} };
      this.roots.set(vpc, roots);
    }
    return roots;
  }

  private writeBoth(vpc: VpcState, word: number, value: number): void {
    this.tables.writeBoth(vpc.record + layout.VPC_COPIES + word, layout.VPC_BLOCK, value);
  }

  private releaseForward(roots: Roots): void {
    if (roots.forward === 0) return;
    for (const name of roots.forwardNames) this.unmark(roots.forward, name);
    this.tables.release(roots.forward, layout.NODE_LABEL);
    roots.forward = 0;
  }
}

/** The names of a forward list, in the form that they have in the tree. */
function namesOf(forward: string | readonly string[] | undefined): readonly string[] {
  if (forward === undefined || typeof forward === 'string') return NO_NAMES;
  return forward.map((name) => name.toLowerCase().replace(/\.$/, '')).filter((name) => name !== '');
}
