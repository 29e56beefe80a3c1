/** Which VPC may have which `net6` prefix: of two VPCs whose prefixes overlap, the older one's stands. */
import { parse6 } from '../dns/address.ts';
import { PrefixTree, olderFirst } from './prefix-tree.ts';
import type { Claim, Node } from './prefix-tree.ts';

const octets = new Uint8Array(16);

function bitsOf(prefix: string): string {
  const slash = prefix.indexOf('/');
  if (!parse6(slash < 0 ? prefix : prefix.slice(0, slash), octets, 0)) {
    throw new TypeError(`catalog: not an IPv6 prefix: ${prefix}`);
  }
  let text = '';
  for (const octet of octets) text += octet.toString(2).padStart(8, '0');
  return text.slice(0, slash < 0 ? 128 : Number(prefix.slice(slash + 1)));
}

/**
 * All claims. In the order of their sources, then of their ages, then of their VPCs' names, each claim stands unless
 * it overlaps a standing one of another VPC; so the outcome depends on the set of claims alone, not on how it came
 * about.
 *
 * At most one VPC stands at one prefix. A prefix where another is kept from standing waits for the one that keeps it,
 * and is decided anew when that falls, or when an older one comes to stand: what a change does not touch is not
 * read.
 */
export class Overlaps {
  readonly #tree = new PrefixTree();
  readonly #byVpc = new Map<string, Claim[]>();
  /** To be decided in `settle`. */
  readonly #open = new Set<Node>();
  /** The prefixes that are refused. */
  readonly #disputed = new Set<Node>();
  /** VPCs of which a standing claim fell or a refused one stands, since the last `settle`. */
  #changed = new Set<string>();

  /** Nodes visited so far, for those who measure. */
  get steps(): number {
    return this.#tree.steps;
  }

  /** Replaces the claims of a VPC. Takes effect in `settle`. */
  set(vpc: string, prefixes: readonly string[], rank: number, age: bigint): void {
    const list: Claim[] = [];
    const wanted = new Set(prefixes);
    for (const claim of this.#byVpc.get(vpc) ?? []) {
      if (claim.rank === rank && claim.age === age && wanted.delete(claim.prefix)) list.push(claim);
      else this.#remove(claim);
    }
    for (const prefix of wanted) {
      const claim = this.#tree.add({ vpc, prefix, rank, age }, bitsOf(prefix));
      list.push(claim);
      this.#open.add(claim.node);
    }
    if (list.length === 0) this.#byVpc.delete(vpc);
    else this.#byVpc.set(vpc, list);
  }

  /** Decides anew where claims have changed; the VPCs of which a standing claim fell or a refused one stands. */
  settle(): Set<string> {
    const decided = new Set<Node>();
    while (this.#open.size > 0) {
      // Which claims the oldest ones refuse follows from them.
      const queue = [...this.#open].sort(byAge);
      this.#open.clear();
      for (const node of queue) {
        decided.add(node);
        this.#decide(node);
      }
    }
    for (const node of decided) this.#tree.prune(node);
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** The refused prefixes of a VPC, each with the VPC whose claim stands against it. */
  refused(vpc: string): { prefix: string; by: string }[] {
    const list: { prefix: string; by: string }[] = [];
    for (const claim of this.#byVpc.get(vpc) ?? []) {
      if (isRefused(claim)) list.push({ prefix: claim.prefix, by: this.#against(claim) });
    }
    return list;
  }

  /** All refused prefixes, in no order. */
  *allRefused(): Generator<{ vpc: string; prefix: string; by: string }> {
    for (const node of this.#disputed) {
      for (const claim of node.claims) {
        if (isRefused(claim)) yield { vpc: claim.vpc, prefix: claim.prefix, by: this.#against(claim) };
      }
    }
  }

  #remove(claim: Claim): void {
    const { node } = claim;
    this.#tree.remove(claim);
    this.#open.add(node);
    if (node.standing === claim) this.#stand(node, undefined);
  }

  #decide(node: Node): void {
    this.#tree.forgive(node);
    this.#stand(node, this.#winner(node));
    const isDisputed = node.claims.some(isRefused);
    if (isDisputed) this.#disputed.add(node);
    else this.#disputed.delete(node);
  }

  /**
   * Who may stand at a prefix: the oldest, unless an older claim of another VPC stands above or below; then that
   * one keeps off all others too, but for its own VPC.
   */
  #winner(node: Node): Claim | undefined {
    const first = node.claims[0];
    if (first === undefined) return undefined;
    const against = this.#tree.against(first);
    if (against === undefined) return first;
    this.#tree.await(node, against.node);
    const own = this.#byVpc.get(against.vpc)?.find((claim) => claim.node === node);
    if (own === undefined) return undefined;
    const further = this.#tree.against(own);
    if (further !== undefined) this.#tree.await(node, further.node);
    return further === undefined ? own : undefined;
  }

  /** From now on this claim stands at the prefix, or none. */
  #stand(node: Node, claim: Claim | undefined): void {
    const before = node.standing;
    if (before === claim) return;
    this.#tree.stand(node, claim);
    if (before !== undefined) {
      this.#changed.add(before.vpc);
      for (const waiting of node.awaited) this.#open.add(waiting);
    }
    if (claim === undefined) return;
    this.#changed.add(claim.vpc);
    for (const other of this.#tree.youngerAround(claim)) this.#open.add(other);
  }

  /** The VPC whose claim stands against a refused one. */
  #against(claim: Claim): string {
    return (claim.node.standing ?? this.#tree.against(claim))!.vpc;
  }
}

/** Two claims of one VPC to one prefix stand together. */
function isRefused({ vpc, node }: Claim): boolean {
  return node.standing?.vpc !== vpc;
}

function byAge(one: Node, other: Node): number {
  const a = one.claims[0];
  const b = other.claims[0];
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  return a === b ? 0 : olderFirst(a, b) ? -1 : 1;
}
