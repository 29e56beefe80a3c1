/** VPCs, namespaces and overlays by name, and the nodes and records of each. */
import { overlayPlace } from '../../model.ts';
import type { ARecords, Namespace, Overlay, Vpc } from '../../model.ts';
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import type { Nodes } from './nodes.ts';
import { parsePrefix } from '../prefix.ts';
import type { Prefix } from '../prefix.ts';
import type { Tables } from './tables.ts';

export interface OverlayState {
  name: string;
  namespace: NamespaceState;
  record: number;
  declared?: Overlay;
  prefixes: Prefix[];
  /** Number of pods attached to it. */
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
  /** The policy by which the records of its pods are built. */
  aRecords: ARecords;
  namespaces: Map<string, NamespaceState>;
  /** Names with dots of its pods and services, and the number of owners of each. */
  dotted: Map<string, number>;
  /** Number of overlays that are internal. */
  internal: number;
  serial: number;
}

/** What a VPC of an image is known by. */
export interface KnownVpc {
  number: number;
  /** Of its SOA. */
  serial: number;
}

const NOT_KNOWN: ReadonlyMap<string, KnownVpc> = new Map();
const OVERLAY_WORDS = 4;
const NAMESPACE_WORDS = 2;

export class Directory {
  readonly vpcs = new Map<string, VpcState>();
  /** VPCs that this transaction has changed. */
  readonly touched = new Set<VpcState>();
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly vpcRoot: number;
  private readonly policyOf: (vpc: string) => ARecords;
  private nextNumber = 1;
  /** VPCs of an image that readers use: they keep their numbers and serials. */
  private known: ReadonlyMap<string, KnownVpc> = NOT_KNOWN;
  private readonly overlayNames = new Map<number, OverlayState>();
  /** Namespaces and overlays that may have lost all that kept them. */
  private readonly suspectNamespaces = new Set<NamespaceState>();
  private readonly suspectOverlays = new Set<OverlayState>();

  constructor(
    arena: Arena,
    tables: Tables,
    nodes: Nodes,
    { vpcRoot, policyOf }: { vpcRoot: number; policyOf: (vpc: string) => ARecords },
  ) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.vpcRoot = vpcRoot;
    this.policyOf = policyOf;
  }

  /** The VPCs of an image go on with their numbers and serials; none when its time is over. */
  goOnFrom(known: ReadonlyMap<string, KnownVpc>): void {
    this.known = known;
    for (const { number } of known.values()) this.nextNumber = Math.max(this.nextNumber, number + 1);
  }

  *knownNumbers(): Generator<[name: string, number: number]> {
    for (const [name, { number }] of this.known) yield [name, number];
  }

  /** The VPC is one of the image that readers use. */
  isKnown(vpc: VpcState): boolean {
    return this.known.has(vpc.name);
  }

  vpc(name: string): VpcState {
    let state = this.vpcs.get(name);
    if (state === undefined) {
      const known = this.known.get(name);
      const words = layout.VPC_COPIES + 2 * layout.VPC_BLOCK;
      const record = this.arena.allocate(words);
      const node = this.nodes.ensureChild(this.vpcRoot, name, layout.NODE_VPC);
      this.arena.words.fill(0, record, record + words);
      this.arena.words[record] = layout.RECORD_VPC;
      this.arena.words[record + layout.VPC_NUMBER] = known?.number ?? this.nextNumber++;
      this.arena.words[record + layout.VPC_NODE] = node;
      this.nodes.setPayload(node, record);
      state = {
        name,
        record,
        node,
        net6: [],
        services6: [],
        aRecords: this.policyOf(name),
        namespaces: new Map(),
        dotted: new Map(),
        internal: 0,
        serial: known?.serial ?? 0,
      };
      this.vpcs.set(name, state);
    }
    this.touched.add(state);
    return state;
  }

  setVpc(state: VpcState, declared: Vpc | undefined): void {
    state.declared = declared;
    state.net6 = prefixesOf(declared?.net6 ?? []);
    state.services6 = prefixesOf(declared?.services6 ?? []);
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

  /** Undefined forgets the declaration. A namespace has a record only where it has a setting. */
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

  /** That which an attachment of a pod in this namespace names. */
  overlayOfPod(namespace: NamespaceState, overlay: string): OverlayState {
    if (!overlay.includes('/')) return this.overlay(namespace, overlay);
    const place = overlayPlace(overlay, namespace.name);
    const home =
      place.namespace === namespace.name ? namespace : this.namespace(namespace.vpc, place.namespace);
    return this.overlay(home, place.name);
  }

  setOverlay(state: OverlayState, declared: Overlay | undefined): void {
    const { vpc } = state.namespace;
    if (state.declared?.internal === true) vpc.internal--;
    if (declared?.internal === true) vpc.internal++;
    if (declared === undefined) this.suspectOverlays.add(state);
    state.declared = declared;
    state.prefixes = prefixesOf([declared?.net4, declared?.net6]);
    this.tables.writeBoth(
      state.record + layout.OVERLAY_INTERNAL_COPIES,
      1,
      declared?.internal === true ? 1 : 0,
    );
  }

  /** `by` more pods are attached to an overlay. */
  countPods(record: number, by: number): void {
    const state = this.overlayOf(record);
    state.pods += by;
    if (state.pods === 0) this.suspectOverlays.add(state);
  }

  overlayOf(record: number): OverlayState {
    return this.overlayNames.get(record)!;
  }

  /** Something was removed from the namespace: `sweep` checks whether anything keeps it. */
  suspect(namespace: NamespaceState): void {
    this.suspectNamespaces.add(namespace);
  }

  /** Removes overlays and namespaces that have neither a declaration nor anything inside; `forget` removes VPCs. */
  sweep(): void {
    for (const overlay of this.suspectOverlays) {
      if (overlay.declared !== undefined || overlay.pods > 0) continue;
      overlay.namespace.overlays.delete(overlay.name);
      this.overlayNames.delete(overlay.record);
      this.tables.release(overlay.record, OVERLAY_WORDS);
      this.suspectNamespaces.add(overlay.namespace);
    }
    this.suspectOverlays.clear();
    for (const namespace of this.suspectNamespaces) {
      const { declared, name, node, overlays, vpc } = namespace;
      if (declared !== undefined || overlays.size > 0 || this.nodes.children(node) > 0) continue;
      vpc.namespaces.delete(name);
      this.nodes.prune(node, vpc.node);
    }
    this.suspectNamespaces.clear();
  }

  forget(vpc: VpcState): void {
    if (vpc.declared !== undefined || vpc.namespaces.size > 0) return;
    this.vpcs.delete(vpc.name);
    this.nodes.setPayload(vpc.node, 0);
    this.nodes.prune(vpc.node, this.vpcRoot);
    this.tables.release(vpc.record, layout.VPC_COPIES + 2 * layout.VPC_BLOCK);
  }
}

function prefixesOf(texts: readonly (string | undefined)[]): Prefix[] {
  return texts
    .map((text) => (text === undefined ? undefined : parsePrefix(text)))
    .filter((prefix) => prefix !== undefined);
}
