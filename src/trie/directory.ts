/** VPCs, namespaces and overlays: the few that are known by name, and what the trie holds for each. */
import type { Namespace, Overlay, Vpc } from '../model.ts';
import type { Arena } from './arena.ts';
import * as layout from './layout.ts';
import type { Nodes } from './nodes.ts';
import { parsePrefix } from './prefix.ts';
import type { Prefix } from './prefix.ts';
import type { Tables } from './tables.ts';

export interface OverlayState {
  name: string;
  namespace: NamespaceState;
  record: number;
  declared?: Overlay;
  prefixes: Prefix[];
  /** Pods attached to it. */
  pods: number;
}

export interface NamespaceState {
  name: string;
  vpc: VpcState;
  node: number;
  declared?: Namespace;
  overlays: Map<string, OverlayState>;
}

export interface VpcState {
  name: string;
  record: number;
  node: number;
  declared?: Vpc;
  net6: Prefix[];
  services6: Prefix[];
  namespaces: Map<string, NamespaceState>;
  /** Names with dots of its pods and services, and how many bear each. */
  dotted: Map<string, number>;
  serial: number;
}

const OVERLAY_WORDS = 4;
const NAMESPACE_WORDS = 2;

export class Directory {
  readonly vpcs = new Map<string, VpcState>();
  /** Those of which something changed in this transaction. */
  readonly touched = new Set<VpcState>();
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly vpcRoot: number;
  private nextNumber = 1;
  private readonly overlayNames = new Map<number, OverlayState>();

  constructor(arena: Arena, tables: Tables, nodes: Nodes, vpcRoot: number) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.vpcRoot = vpcRoot;
  }

  vpc(name: string): VpcState {
    let state = this.vpcs.get(name);
    if (state === undefined) {
      const words = layout.VPC_COPIES + 2 * layout.VPC_BLOCK;
      const record = this.arena.allocate(words);
      const node = this.nodes.ensureChild(this.vpcRoot, name, layout.NODE_VPC);
      this.arena.words.fill(0, record, record + words);
      this.arena.words[record] = layout.RECORD_VPC;
      this.arena.words[record + layout.VPC_NUMBER] = this.nextNumber++;
      this.arena.words[record + layout.VPC_NODE] = node;
      this.nodes.setPayload(node, record);
      state = {
        name,
        record,
        node,
        net6: [],
        services6: [],
        namespaces: new Map(),
        dotted: new Map(),
        serial: 0,
      };
      this.vpcs.set(name, state);
    }
    this.touched.add(state);
    return state;
  }

  setVpc(vpc: Vpc): VpcState {
    const state = this.vpc(vpc.name);
    state.declared = vpc;
    state.net6 = vpc.net6.map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined);
    state.services6 = vpc.services6.map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined);
    return state;
  }

  namespace(vpc: VpcState, name: string): NamespaceState {
    let state = vpc.namespaces.get(name);
    if (state === undefined) {
      const node = this.nodes.ensureChild(vpc.node, name, layout.NODE_NAMESPACE, vpc.record);
      state = { name, vpc, node, overlays: new Map() };
      vpc.namespaces.set(name, state);
    }
    return state;
  }

  /** Declares or, with undefined, forgets. Most have no payload: only what is said of one needs a record. */
  setNamespace(state: NamespaceState, declared: Namespace | undefined): void {
    state.declared = declared;
    const old = this.nodes.payload(state.node);
    const isShadow = declared?.shadow === 'forward';
    if (isShadow === (old !== 0)) return;
    const payload = isShadow ? this.arena.allocate(NAMESPACE_WORDS) : 0;
    if (isShadow) this.arena.words[payload] = layout.RECORD_NAMESPACE | layout.NAMESPACE_SHADOW_FORWARD;
    this.nodes.setPayload(state.node, payload);
    if (old !== 0) this.tables.release(old, NAMESPACE_WORDS);
  }

  overlay(namespace: NamespaceState, name: string): OverlayState {
    let state = namespace.overlays.get(name);
    if (state === undefined) {
      const record = this.arena.allocate(OVERLAY_WORDS);
      this.arena.words.fill(0, record, record + OVERLAY_WORDS);
      this.arena.words[record] = layout.RECORD_OVERLAY;
      this.arena.words[record + layout.OVERLAY_NAMESPACE] = namespace.node;
      state = { name, namespace, record, prefixes: [], pods: 0 };
      namespace.overlays.set(name, state);
      this.overlayNames.set(record, state);
    }
    return state;
  }

  setOverlay(state: OverlayState, declared: Overlay | undefined): void {
    state.declared = declared;
    state.prefixes = [declared?.net4, declared?.net6]
      .map((text) => (text === undefined ? undefined : parsePrefix(text)))
      .filter((prefix) => prefix !== undefined);
    this.tables.poke(state.record + layout.OVERLAY_INTERNAL_COPIES, 1, declared?.internal === true ? 1 : 0);
  }

  overlayOf(record: number): OverlayState {
    return this.overlayNames.get(record)!;
  }

  /** Lets go of what neither a declaration nor anything inside keeps; the VPC itself is left to `forget`. */
  sweep(namespace: NamespaceState): void {
    for (const overlay of namespace.overlays.values()) {
      if (overlay.declared !== undefined || overlay.pods > 0) continue;
      namespace.overlays.delete(overlay.name);
      this.overlayNames.delete(overlay.record);
      this.tables.release(overlay.record, OVERLAY_WORDS);
    }
    if (
      namespace.declared === undefined &&
      namespace.overlays.size === 0 &&
      this.nodes.children(namespace.node) === 0
    ) {
      namespace.vpc.namespaces.delete(namespace.name);
      this.nodes.prune(namespace.node, namespace.vpc.node);
    }
  }

  forget(vpc: VpcState): void {
    if (vpc.declared !== undefined || vpc.namespaces.size > 0) return;
    this.vpcs.delete(vpc.name);
    this.nodes.setPayload(vpc.node, 0);
    this.nodes.prune(vpc.node, this.vpcRoot);
    this.tables.release(vpc.record, layout.VPC_COPIES + 2 * layout.VPC_BLOCK);
  }
}
