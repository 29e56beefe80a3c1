/**
 * Finds what a name means: in the client's namespace or below a name there, in the namespace that its last label
 * names.
 */
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import type { View } from '../../trie/read/view.ts';
import { CLIENT_POD_UNKNOWN, WAIT_OVER } from './client.ts';
import type { Client } from './client.ts';
import * as reason from './reasons.ts';
import { isTopLevel } from './top-level.ts';
import { findReplica } from '../encode/record-access.ts';
import { walk } from './labels.ts';

/** `record` answers for the name. */
export const FOUND = 0;
/** The name exists without any record: a namespace, an empty non-terminal. */
export const EXISTS = 1;
/** There is no such name below a namespace of the VPC, or below a name of the client's own. */
export const MISSING = 2;
/** Cannot be told before the client's namespace is known. */
export const NEEDS_POD = 3;
/** Below a namespace that forwards what it does not have. */
export const SHADOWED = 4;
export const NOT_OURS = 5;

export class Locator {
  /** The POD, SERVICE or SET of the last FOUND. */
  record = 0;
  /** How the name was read, one of READ_*. */
  how = 0;
  protected readonly view: View;
  /** The longest name of the client's namespace that the last question ends in: record (0: none), first label. */
  protected ownRecord = 0;
  protected ownLabel = 0;

  constructor(view: View) {
    this.view = view;
  }

  /**
   * The labels from `first` to the end of the question: as a name in the client's namespace, as `x.n`, as what lies
   * below a name of the client's namespace. What has records goes before an empty non-terminal.
   */
  locate(client: Client, query: Query, first: number): number {
    const end = query.labelCount;
    const own = this.inOwnNamespace(client, query, first, end);
    if (own === FOUND) return FOUND;
    // A name with dots needs the namespace only where some namespace of the VPC has it.
    if (own === NEEDS_POD && (end - first === 1 || this.isDotted(client, query, first))) return NEEDS_POD;
    const named = this.inNamedNamespace(client, query, first, end);
    if (named === FOUND || named === EXISTS) return named;
    if (own === NEEDS_POD) {
      if (named !== NOT_OURS) return named;
      return this.mayBeBelow(client, query, first) ? NEEDS_POD : NOT_OURS;
    }
    const result = named === NOT_OURS ? this.belowOwnName(query, first) : named;
    if (result === FOUND || own !== EXISTS) return result;
    this.how = reason.READ_OWN_NAMESPACE;
    return EXISTS;
  }

  /** FOUND, EXISTS, MISSING or NEEDS_POD. */
  inOwnNamespace(client: Client, query: Query, first: number, end: number): number {
    const { view } = this;
    this.ownRecord = 0;
    if (client.namespace === 0) {
      return client.status === CLIENT_POD_UNKNOWN && client.podWait !== WAIT_OVER ? NEEDS_POD : MISSING;
    }
    let node = client.namespace;
    for (let i = end - 1; i >= first; i--) {
      if (!view.stepAlong(node, query.name, query.labelOffsets[i])) return MISSING;
      node = view.node;
      if (view.payload === 0) continue;
      this.ownRecord = view.payload;
      this.ownLabel = i;
    }
    this.how = reason.READ_OWN_NAMESPACE;
    return this.settle();
  }

  /** `x.n`, then `h.x.n`. Everything below a namespace of the VPC is ours, whether it exists or not. */
  inNamedNamespace(client: Client, query: Query, first: number, end: number): number {
    const { view } = this;
    const vpcNode = view.words[client.vpc + layout.VPC_NODE];
    if (!view.stepToSpace(vpcNode, query.name, query.labelOffsets[end - 1])) return NOT_OURS;
    const namespace = view.node;
    const payload = view.payload;
    this.how = reason.READ_NAMESPACE;
    if (end - first === 1) return EXISTS;
    const exists = walk(view, namespace, query, first, end - 1);
    if (exists && this.settle() === FOUND) return FOUND;
    if (end - first >= 3 && walk(view, namespace, query, first + 1, end - 1) && view.payload !== 0) {
      const pod = findReplica(view, view.payload, query, first);
      if (pod !== 0) {
        this.record = pod;
        this.how = reason.READ_REPLICA;
        return FOUND;
      }
    }
    if (exists) return EXISTS;
    const shadow = payload !== 0 && (view.words[payload] & layout.NAMESPACE_SHADOW_FORWARD) !== 0;
    return shadow ? SHADOWED : MISSING;
  }

  /** True when the last label of the question is a namespace of the VPC. */
  isNamespace(client: Client, { name, labelOffsets, labelCount }: Query): boolean {
    const { view } = this;
    return view.step(view.words[client.vpc + layout.VPC_NODE], name, labelOffsets[labelCount - 1]);
  }

  /** A replica of a name of the client's namespace; nothing else is below it, and nothing of it leaves. */
  protected belowOwnName(query: Query, first: number): number {
    const { view, ownRecord, ownLabel } = this;
    if (ownRecord === 0) return NOT_OURS;
    if (ownLabel === first + 1) {
      this.record = findReplica(view, ownRecord, query, first);
      this.how = reason.READ_OWN_REPLICA;
      if (this.record !== 0) return FOUND;
    }
    // A pod called `app` must not swallow all of .app.
    if (ownLabel === query.labelCount - 1 && this.isPublic(query)) return NOT_OURS;
    this.how = reason.READ_BELOW_OWN;
    return MISSING;
  }

  /** True when the name may lie below a name of some namespace of the VPC. */
  private mayBeBelow(client: Client, query: Query, first: number): boolean {
    if (!this.isPublic(query)) return true;
    const { view } = this;
    let node = view.vpcWord(client.vpc, layout.VPC_DOTTED_ROOT);
    if (node === 0) return false;
    for (let i = query.labelCount - 1; i > first; i--) {
      if (!view.step(node, query.name, query.labelOffsets[i])) return false;
      if (view.payload !== 0) return true;
      node = view.node;
    }
    return false;
  }

  /** True when the last label is a public top-level domain. */
  private isPublic({ name, labelOffsets, labelCount }: Query): boolean {
    return isTopLevel(name, labelOffsets[labelCount - 1]);
  }

  private settle(): number {
    this.record = this.view.payload;
    return this.record === 0 ? EXISTS : FOUND;
  }

  private isDotted(client: Client, query: Query, first: number): boolean {
    const root = this.view.vpcWord(client.vpc, layout.VPC_DOTTED_ROOT);
    return root !== 0 && walk(this.view, root, query, first, query.labelCount);
  }
}
