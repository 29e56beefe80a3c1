/**
 * Claims to prefixes in a radix tree: which standing ones lie above and below a prefix is found without reading
 * others.
 */

export interface Claim {
  readonly vpc: string;
  /** As it was reported. */
  readonly prefix: string;
  /** The rank of the VPC's effective source in the order of preference. */
  readonly rank: number;
  /** The stamp of the VPC; lower is older. Compares only with those of the same rank. */
  readonly age: bigint;
  readonly node: Node;
}

/** A prefix that a VPC claims, or that joins two claimed ones. */
export interface Node {
  /** The prefix as a text of 0s and 1s: one prefix holds another exactly if its text begins the other's. */
  readonly bits: string;
  up: Node | undefined;
  /** By the next bit. */
  readonly below: [Node | undefined, Node | undefined];
  /** The oldest first. */
  readonly claims: Claim[];
  standing: Claim | undefined;
  /** Among the standing claims here and below: the oldest, and the oldest of any other VPC. */
  oldest: Claim | undefined;
  second: Claim | undefined;
  /** Those that the claim standing here keeps from standing, and those that keep off one here. */
  readonly awaited: Set<Node>;
  readonly awaits: Set<Node>;
}

/** Whether the claim of `a` counts as older; ties go to the name of the VPC. */
export function olderFirst(a: Claim, b: Claim): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.age === b.age ? a.vpc < b.vpc : a.age < b.age;
}

export class PrefixTree {
  private readonly root = newNode('');
  /** Nodes visited. */
  steps = 0;

  /** Nothing stands by that. */
  add(said: Omit<Claim, 'node'>, bits: string): Claim {
    const node = this.ensure(bits);
    const claim: Claim = { ...said, node };
    node.claims.splice(placeOf(node.claims, claim), 0, claim);
    return claim;
  }

  remove(claim: Claim): void {
    const { claims } = claim.node;
    let at = placeOf(claims, claim);
    while (claims[at] !== claim) at++;
    claims.splice(at, 1);
  }

  /** Some older claim that stands for another VPC above or below; the one above of the widest prefix first. */
  against(claim: Claim): Claim | undefined {
    const { node, vpc } = claim;
    let found: Claim | undefined;
    for (let above = node.up; above !== undefined; above = above.up) {
      this.steps++;
      const { standing } = above;
      if (standing !== undefined && standing.vpc !== vpc && olderFirst(standing, claim)) found = standing;
    }
    if (found !== undefined) return found;
    for (const child of node.below) {
      const other = child?.oldest?.vpc === vpc ? child.second : child?.oldest;
      if (other !== undefined && olderFirst(other, claim)) return other;
    }
    return undefined;
  }

  /** Prefixes at which a younger claim of another VPC stands, above or below this one. */
  youngerAround(claim: Claim): Node[] {
    const found: Node[] = [];
    const look = (node: Node): void => {
      this.steps++;
      const { standing } = node;
      if (standing !== undefined && standing.vpc !== claim.vpc && olderFirst(claim, standing))
        found.push(node);
    };
    for (let above = claim.node.up; above !== undefined; above = above.up) look(above);
    const pending = claim.node.below.filter((child) => child !== undefined);
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      look(node);
      if (node.oldest?.vpc === claim.vpc && node.second === undefined) continue;
      for (const child of node.below) if (child?.oldest !== undefined) pending.push(child);
    }
    return found;
  }

  stand(node: Node, claim: Claim | undefined): void {
    node.standing = claim;
    for (let each: Node | undefined = node; each !== undefined && this.sum(each);) each = each.up;
  }

  /** `node` is to be decided anew when what stands at `other` falls. */
  await(node: Node, other: Node): void {
    node.awaits.add(other);
    other.awaited.add(node);
  }

  forgive(node: Node): void {
    for (const other of node.awaits) other.awaited.delete(node);
    node.awaits.clear();
  }

  /** Takes out what is neither claimed nor joins two. */
  prune(node: Node): void {
    for (let each: Node | undefined = node; each?.up !== undefined;) {
      const { up, claims, below, bits } = each as Node & { up: Node };
      const [zero, one] = below;
      if (claims.length > 0 || (zero !== undefined && one !== undefined)) return;
      const child = zero ?? one;
      up.below[side(bits, up)] = child;
      if (child !== undefined) child.up = up;
      each.up = undefined;
      this.forgive(each);
      each = child === undefined ? up : undefined;
    }
  }

  private ensure(bits: string): Node {
    let node = this.root;
    for (;;) {
      this.steps++;
      if (node.bits.length === bits.length) return node;
      const at = side(bits, node);
      const child = node.below[at];
      const common = child === undefined ? bits.length : commonLength(child.bits, bits);
      if (child === undefined || common < child.bits.length) {
        const made = newNode(bits.slice(0, common));
        made.up = node;
        node.below[at] = made;
        if (child !== undefined) {
          made.below[side(child.bits, made)] = child;
          child.up = made;
          this.sum(made);
        }
        node = made;
      } else node = child;
    }
  }

  /** Works out what stands here and below anew; false when that is as it was. */
  private sum(node: Node): boolean {
    this.steps++;
    const { below, standing } = node;
    const [zero, one] = below;
    const all = [standing, zero?.oldest, zero?.second, one?.oldest, one?.second];
    let oldest: Claim | undefined;
    let second: Claim | undefined;
    for (const claim of all) {
      if (claim !== undefined && (oldest === undefined || olderFirst(claim, oldest))) oldest = claim;
    }
    for (const claim of all) {
      if (claim === undefined || claim.vpc === oldest!.vpc) continue;
      if (second === undefined || olderFirst(claim, second)) second = claim;
    }
    const isChanged = oldest !== node.oldest || second !== node.second;
    node.oldest = oldest;
    node.second = second;
    return isChanged;
  }
}

function newNode(bits: string): Node {
  return {
    bits,
    up: undefined,
    below: [undefined, undefined],
    claims: [],
    standing: undefined,
    oldest: undefined,
    second: undefined,
    awaited: new Set(),
    awaits: new Set(),
  };
}

/** On which side of a node a longer prefix lies. */
function side(bits: string, { bits: above }: Node): 0 | 1 {
  return bits.charCodeAt(above.length) === 0x31 ? 1 : 0;
}

function commonLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one.charCodeAt(at) === other.charCodeAt(at)) at++;
  return at;
}

/** Index of the first claim that is not older. */
function placeOf(claims: readonly Claim[], claim: Claim): number {
  let low = 0;
  let high = claims.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (olderFirst(claims[middle]!, claim)) low = middle + 1;
    else high = middle;
  }
  return low;
}
