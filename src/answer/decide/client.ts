/** Who is asking: finds VPC, namespace and pod of a packet's sender, by the first rule that decides; and what it may. */
import { findNet6Owner, findSource, longestPrefix } from '../../trie/read/addresses.ts';
import { isMappedKey, parsePrefix, sharesPrefix } from '../../trie/prefix.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';
import * as layout from '../../trie/layout.ts';
import { encodeName } from '../../dns/name.ts';
import type { Decision } from './decision.ts';
import { EngineHosts, isLoopback } from '../engine-hosts.ts';
import type { Engines } from '../engine-hosts.ts';
import type { Listener, Peer } from '../peer.ts';
import * as reason from './reasons.ts';
import type { ClientRule } from '../settings.ts';

export const CLIENT_KNOWN = 0;
/** The VPC is known, the pod is not, and no rule fixes a namespace. */
export const CLIENT_POD_UNKNOWN = 1;
export const CLIENT_UNKNOWN = 2;
/** On a scoped listener, from inside another VPC's net6. */
export const CLIENT_FOREIGN = 3;
/** A pod of one VPC with an address of another's prefix. */
export const CLIENT_CONTRADICTED = 4;
/** The listener's VPC does not exist (yet). */
export const CLIENT_SCOPE_UNKNOWN = 5;

/** What to do with a name that needs the namespace of a pod that is unknown. */
export const WAIT_HOLD = 0;
export const WAIT_FAIL = 1;
export const WAIT_OVER = 2;

export class Client {
  status = CLIENT_UNKNOWN;
  /** VPC record, namespace node, pod record; 0 where unknown. */
  vpc = 0;
  namespace = 0;
  pod = 0;
  /** No pod, but a namespace that a rule fixed: counts as being on all overlays of that namespace. */
  onAllOverlays = false;
  /** The listener or the rule fixes a namespace that does not exist. */
  lacksNamespace = false;
  podWait = WAIT_HOLD;
}

/** What a listener or a rule fixes, and what that is in the view of this generation. */
export interface Scope {
  vpc: Uint8Array;
  namespace: Uint8Array | undefined;
  /** Whose scope it is; undefined for that of a rule. */
  listener: Listener | undefined;
  /** The number of the engine that is the VPC, or -1. */
  engine: number;
  generation: number;
  vpcRecord: number;
  namespaceNode: number;
}

interface Rule {
  bits: number;
  octets: Uint8Array;
  scope: Scope;
}

function scopeOf(vpc: string, namespace: string, engine = -1, listener?: Listener): Scope {
  return {
    listener,
    engine,
    vpc: encodeName(vpc),
    namespace: namespace === '' ? undefined : encodeName(namespace),
    generation: -1,
    vpcRecord: 0,
    namespaceNode: 0,
  };
}

export class Identifier {
  private readonly view: View;
  private readonly scopes: (Scope | undefined)[] = [];
  private readonly rules: Rule[];
  private readonly hosts: EngineHosts | undefined;
  /** The VPCs of the engines. */
  private readonly engines: Scope[];

  constructor(view: View, rules: readonly ClientRule[], engines?: Engines) {
    this.view = view;
    this.hosts = engines === undefined ? undefined : new EngineHosts(engines);
    this.engines = (engines?.vpcs ?? []).map((vpc, engine) => scopeOf(vpc, '', engine));
    this.rules = rules.map(({ from, vpc, namespace }) => {
      const prefix = parsePrefix(from);
      if (prefix === undefined) throw new TypeError(`clients: ${from} is not a prefix`);
      return { bits: prefix.bits, octets: prefix.octets, scope: scopeOf(vpc, namespace) };
    });
  }

  /** Fills `client`; leaves the sender's address in `view.key`. */
  identify(peer: Peer, client: Client, decision: Decision): void {
    const { view } = this;
    view.setKey(peer.address);
    client.status = CLIENT_UNKNOWN;
    client.vpc = 0;
    client.namespace = 0;
    client.pod = 0;
    client.onAllOverlays = false;
    client.lacksNamespace = false;
    client.podWait = WAIT_HOLD;
    const mapped = isMappedKey(view.key);
    if (peer.listener.vpc !== '') this.identifyScoped(peer, client, decision, mapped);
    else this.identifyBySource(peer, client, decision, mapped);
  }

  private identifyScoped(peer: Peer, client: Client, decision: Decision, mapped: boolean): void {
    const { view } = this;
    const scope = this.scopeOfListener(peer.listener);
    decision.because(reason.BY_LISTENER);
    const vpc = scope.vpcRecord;
    if (vpc === 0) {
      client.status = CLIENT_SCOPE_UNKNOWN;
      return;
    }
    const pod = this.podAt(vpc, mapped, decision);
    if (!mapped) {
      const owner = findNet6Owner(view);
      if (owner !== 0 && owner !== vpc) {
        client.status = pod === 0 ? CLIENT_FOREIGN : CLIENT_CONTRADICTED;
        return;
      }
    }
    client.vpc = vpc;
    client.pod = pod;
    client.status = CLIENT_KNOWN;
    if (scope.namespace !== undefined) {
      client.namespace = scope.namespaceNode;
      client.lacksNamespace = scope.namespaceNode === 0;
      client.onAllOverlays = pod === 0;
    } else if (pod !== 0) client.namespace = view.namespaceOfRecord(pod);
    else {
      const rule = this.rules.length === 0 ? undefined : this.ruleFor(peer);
      if (rule !== undefined && rule.vpcRecord === vpc) {
        client.namespace = rule.namespaceNode;
        client.lacksNamespace = rule.namespace !== undefined && rule.namespaceNode === 0;
        client.onAllOverlays = true;
        decision.because(reason.BY_RULE);
      } else if (this.isHost(peer, scope.engine)) decision.because(reason.BY_HOST);
      else client.status = CLIENT_POD_UNKNOWN;
    }
  }

  private identifyBySource(peer: Peer, client: Client, decision: Decision, mapped: boolean): void {
    const { view } = this;
    const rule = this.rules.length === 0 ? undefined : this.ruleFor(peer);
    if (rule !== undefined) {
      decision.because(reason.BY_RULE);
      client.vpc = rule.vpcRecord;
      client.namespace = rule.namespaceNode;
      client.lacksNamespace = rule.namespace !== undefined && rule.namespaceNode === 0;
      client.onAllOverlays = true;
      client.status = rule.vpcRecord === 0 ? CLIENT_SCOPE_UNKNOWN : CLIENT_KNOWN;
      return;
    }
    const vpc = this.vpcOfKey();
    if (vpc === 0) return;
    decision.because(mapped ? reason.BY_ONLY_VPC : reason.BY_PREFIX);
    const pod = this.podAt(vpc, mapped, decision);
    if (pod === 0 && view.isElsewhere) {
      client.status = CLIENT_CONTRADICTED;
      return;
    }
    if (pod === 0 && this.engines.length > 0 && this.isGatewayOf(vpc, peer)) {
      decision.because(reason.BY_HOST);
      client.vpc = vpc;
      client.status = CLIENT_KNOWN;
      return;
    }
    // With one VPC any IPv4 could be its own; only an unknown one of its subnets is a pod to wait for.
    if (pod === 0 && mapped && longestPrefix(view, vpc, peer.address, 128) < 0) return;
    client.vpc = vpc;
    client.pod = pod;
    client.status = pod === 0 ? CLIENT_POD_UNKNOWN : CLIENT_KNOWN;
    if (pod !== 0) client.namespace = view.namespaceOfRecord(pod);
  }

  /**
   * True when the host of the engine asks, on a listener with its VPC: from a gateway of its networks, over loopback, or
   * from the very address that it asks, as programs of the host do unless they choose another one.
   */
  private isHost(peer: Peer, engine: number): boolean {
    const { hosts } = this;
    if (engine < 0 || hosts === undefined) return false;
    const { address, local } = peer;
    return isLoopback(address) || sharesPrefix(address, 0, local, 0, 128) || hosts.has(engine, address);
  }

  /** True when the VPC is an engine's, and one of its networks has this gateway. */
  private isGatewayOf(vpc: number, peer: Peer): boolean {
    for (const scope of this.engines) {
      this.resolve(scope);
      if (scope.vpcRecord === vpc && this.hosts!.has(scope.engine, peer.address)) return true;
    }
    return false;
  }

  /** The one pod that owns the address in `view.key` inside the VPC, or 0. */
  private podAt(vpc: number, mapped: boolean, decision: Decision): number {
    const { view } = this;
    if (mapped && view.isIpv4Blind) return 0;
    const record = findSource(view, vpc);
    const kind = record === 0 ? 0 : view.words[record] & 0xff;
    if (kind === layout.RECORD_POD) {
      decision.because(reason.POD_BY_ADDRESS);
      return record;
    }
    decision.because(kind === layout.RECORD_HOLDERS ? reason.POD_AMBIGUOUS : reason.POD_UNKNOWN);
    return 0;
  }

  private ruleFor(peer: Peer): Scope | undefined {
    for (const { bits, octets, scope } of this.rules) {
      if (sharesPrefix(octets, 0, peer.address, 0, bits)) {
        this.resolve(scope);
        return scope;
      }
    }
    return undefined;
  }

  /** The VPC record that a listener fixes, or 0. */
  vpcOfListener(listener: Listener): number {
    return listener.vpc === '' ? 0 : this.scopeOfListener(listener).vpcRecord;
  }

  /** The VPC record that an unscoped listener takes the source in `view.key` for, or 0; rules are not asked. */
  vpcOfKey(): number {
    const { view } = this;
    if (!isMappedKey(view.key)) return findNet6Owner(view);
    return view.isIpv4Blind ? 0 : view.head[layout.HEAD_ONLY_VPC + view.copy];
  }

  scopeOfListener(listener: Listener): Scope {
    let scope = this.scopes[listener.id];
    // The number of a listener that was closed is given again, to one of another scope maybe.
    if (scope === undefined || scope.listener !== listener) {
      const engine = this.hosts === undefined ? -1 : this.hosts.engineOf(listener.vpc);
      scope = scopeOf(listener.vpc, listener.namespace, engine, listener);
      this.scopes[listener.id] = scope;
    }
    this.resolve(scope);
    return scope;
  }

  private resolve(scope: Scope): void {
    const { view } = this;
    if (scope.generation === view.generation) return;
    scope.generation = view.generation;
    scope.vpcRecord = 0;
    scope.namespaceNode = 0;
    if (!view.step(view.vpcRoot, scope.vpc, 0)) return;
    scope.vpcRecord = view.payload;
    if (scope.namespace !== undefined && view.step(view.node, scope.namespace, 0))
      scope.namespaceNode = view.node;
  }
}

/** True when outside names are on for this client: what RA tells. */
export function offersRecursion(view: View, client: Client): boolean {
  if (client.status !== CLIENT_KNOWN && client.status !== CLIENT_POD_UNKNOWN) return false;
  const policy = view.vpcWord(client.vpc, layout.VPC_POLICY);
  const mode = policy & layout.FORWARD_MASK;
  const leads = (policy & layout.VPC_HAS_ROUTES) !== 0;
  if (!leads && mode !== layout.FORWARD_ON && mode !== layout.FORWARD_LIST) return false;
  if ((policy & layout.VPC_HAS_INTERNAL) === 0) return true;
  return client.pod !== 0 ? !allOverlaysInternal(view, client.pod) : client.status === CLIENT_KNOWN;
}

/** True when the pod has overlays and all of them are internal: it gets no outside names. */
function allOverlaysInternal(view: View, pod: number): boolean {
  const { words } = view;
  const tail = view.tail(pod);
  const count = attachmentCount(words, tail);
  let at = attachmentsAt(words, tail);
  for (let i = count; i > 0; i--, at = attachmentAfter(words, at)) {
    const overlay = words[at + layout.ATTACHMENT_OVERLAY];
    if (words[overlay + layout.OVERLAY_INTERNAL_COPIES + view.copy] === 0) return false;
  }
  return count > 0;
}
