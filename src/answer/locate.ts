/** Finds what a name means: in the client's namespace, or in the namespace that its last label names. */
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/view.ts';
import { CLIENT_POD_UNKNOWN, WAIT_OVER } from './client.ts';
import type { Client } from './client.ts';
import * as reason from './reasons.ts';
import { findReplica, walk } from './walk.ts';

/** `record` answers for the name. */
export const FOUND = 0;
/** The name exists without any record: a namespace, an empty non-terminal. */
export const EXISTS = 1;
/** Below a namespace of the VPC, and there is no such name. */
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
  private readonly view: View;

  constructor(view: View) {
    this.view = view;
  }

  /** The labels from `first` to the end of the question, as a name in the client's namespace, then as `x.n`. */
  locate(client: Client, query: Query, first: number): number {
    const own = this.inOwnNamespace(client, query, first, query.labelCount);
    // A name with dots needs the namespace only where some namespace of the VPC has it.
    if (own === NEEDS_POD && query.labelCount - first > 1 && !this.isDotted(client, query, first)) {
      return this.inNamedNamespace(client, query, first, query.labelCount);
    }
    if (own !== MISSING) return own;
    return this.inNamedNamespace(client, query, first, query.labelCount);
  }

  /** FOUND, EXISTS, MISSING or NEEDS_POD. */
  inOwnNamespace(client: Client, query: Query, first: number, end: number): number {
    if (client.namespace === 0) {
      return client.status === CLIENT_POD_UNKNOWN && client.podWait !== WAIT_OVER ? NEEDS_POD : MISSING;
    }
    if (!walk(this.view, client.namespace, query, first, end)) return MISSING;
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
    if (walk(view, namespace, query, first, end - 1)) return this.settle();
    if (end - first >= 3 && walk(view, namespace, query, first + 1, end - 1) && view.payload !== 0) {
      const pod = findReplica(view, view.payload, query, first);
      if (pod !== 0) {
        this.record = pod;
        this.how = reason.READ_REPLICA;
        return FOUND;
      }
    }
    const shadow = payload !== 0 && (view.words[payload] & layout.NAMESPACE_SHADOW_FORWARD) !== 0;
    return shadow ? SHADOWED : MISSING;
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
