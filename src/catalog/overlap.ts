/** Which VPC may have which `net6` prefix: of two VPCs whose prefixes overlap, the older one's stands. */
import { parse6 } from '../dns/address.ts';

interface Claim {
  vpc: string;
  /** As it was said. */
  prefix: string;
  /** The prefix as a text of 0s and 1s: one prefix holds another exactly if its text begins the other's. */
  bits: string;
  /** Of the source that is heard for the VPC: the order of preference. */
  rank: number;
  /** Of the VPC; lower is older. Compares only with those of the same rank. */
  age: bigint;
  /** The VPC whose claim stands against this one. */
  refusedBy: string | undefined;
}

/** Marks prefixes below which several VPCs hold something. */
const SEVERAL = '\0';
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
 */
export class Overlaps {
  readonly #byVpc = new Map<string, Claim[]>();
  /** By `bits`; whole after `settle`. */
  #sorted: Claim[] = [];
  #added: Claim[] = [];
  #removed = new Set<Claim>();
  /** How many claims there are of each prefix, and how many prefixes of each length. */
  readonly #prefixes = new Map<string, number>();
  readonly #lengths = new Map<number, number>();
  readonly #refused = new Set<Claim>();

  /** Replaces the claims of a VPC. Takes effect in `settle`. */
  set(vpc: string, prefixes: readonly string[], rank: number, age: bigint): void {
    const before = this.#byVpc.get(vpc) ?? [];
    const wanted = new Set(prefixes);
    const isSame = (claim: Claim): boolean =>
      claim.rank === rank && claim.age === age && wanted.has(claim.prefix);
    if (before.length === wanted.size && before.every(isSame)) return;
    for (const claim of before) {
      this.#removed.add(claim);
      this.#refused.delete(claim);
      this.#count(claim.bits, -1);
    }
    const list: Claim[] = [];
    for (const prefix of wanted) {
      const claim: Claim = { vpc, prefix, bits: bitsOf(prefix), rank, age, refusedBy: undefined };
      list.push(claim);
      this.#added.push(claim);
      this.#count(claim.bits, 1);
    }
    if (list.length === 0) this.#byVpc.delete(vpc);
    else this.#byVpc.set(vpc, list);
  }

  /** Decides anew where claims have changed; the VPCs of which a standing claim fell or a refused one stands. */
  settle(): Set<string> {
    const changed = new Set<string>();
    const touched = [...this.#removed, ...this.#added];
    this.#merge();
    const tops = new Set<string>();
    for (const claim of touched) tops.add(this.#top(claim.bits));
    for (const top of tops) this.#decide(top, changed);
    return changed;
  }

  /** The refused prefixes of a VPC, each with the VPC whose claim stands against it. */
  refused(vpc: string): { prefix: string; by: string }[] {
    const list: { prefix: string; by: string }[] = [];
    for (const claim of this.#byVpc.get(vpc) ?? []) {
      if (claim.refusedBy !== undefined) list.push({ prefix: claim.prefix, by: claim.refusedBy });
    }
    return list;
  }

  /** All refused prefixes, in no order. */
  *allRefused(): Generator<{ vpc: string; prefix: string; by: string }> {
    for (const { vpc, prefix, refusedBy } of this.#refused) yield { vpc, prefix, by: refusedBy! };
  }

  #count(bits: string, by: number): void {
    const prefixes = (this.#prefixes.get(bits) ?? 0) + by;
    if (prefixes === 0) this.#prefixes.delete(bits);
    else this.#prefixes.set(bits, prefixes);
    const lengths = (this.#lengths.get(bits.length) ?? 0) + by;
    if (lengths === 0) this.#lengths.delete(bits.length);
    else this.#lengths.set(bits.length, lengths);
  }

  #merge(): void {
    // A few are moved in place; a whole list is sorted once.
    const few = this.#added.length + this.#removed.size <= 16;
    if (this.#removed.size > 0) {
      if (few) {
        for (const claim of this.#removed) {
          let at = this.#lowest(claim.bits);
          while (at < this.#sorted.length && this.#sorted[at] !== claim) at++;
          if (at < this.#sorted.length) this.#sorted.splice(at, 1);
        }
      } else this.#sorted = this.#sorted.filter((claim) => !this.#removed.has(claim));
    }
    // A claim may have been replaced before it was ever merged.
    const added = this.#added.filter((claim) => !this.#removed.has(claim));
    if (few) for (const claim of added) this.#sorted.splice(this.#lowest(claim.bits), 0, claim);
    else {
      this.#sorted = this.#sorted.concat(added);
      this.#sorted.sort((a, b) => (a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0));
    }
    this.#added = [];
    this.#removed = new Set();
  }

  #lowest(bits: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]!.bits < bits) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The widest claimed prefix that holds this one, or itself. */
  #top(bits: string): string {
    let shortest = bits.length;
    for (const length of this.#lengths.keys()) {
      if (length < shortest && this.#prefixes.has(bits.slice(0, length))) shortest = length;
    }
    return bits.slice(0, shortest);
  }

  #decide(top: string, changed: Set<string>): void {
    const claims: Claim[] = [];
    for (let at = this.#lowest(top); at < this.#sorted.length; at++) {
      const claim = this.#sorted[at]!;
      if (!claim.bits.startsWith(top)) break;
      claims.push(claim);
    }
    claims.sort(compare);
    const lengths = [...this.#lengths.keys()];
    /** Standing claims by their prefix, and by every wider prefix that anyone claims: who is below it. */
    const standing = new Map<string, string>();
    const below = new Map<string, string>();
    const example = new Map<string, string>();
    for (const claim of claims) {
      const { bits, vpc } = claim;
      let by: string | undefined;
      const under = below.get(bits);
      if (under !== undefined && under !== vpc)
        by = under === SEVERAL ? otherThan(vpc, bits, example) : under;
      for (const length of lengths) {
        if (by !== undefined || length > bits.length) continue;
        const owner = standing.get(bits.slice(0, length));
        if (owner !== undefined && owner !== vpc) by = owner;
      }
      if (by === undefined) {
        standing.set(bits, vpc);
        for (const length of lengths) {
          if (length >= bits.length) continue;
          const wider = bits.slice(0, length);
          const known = below.get(wider);
          if (known === undefined) {
            below.set(wider, vpc);
            example.set(wider, vpc);
          } else if (known !== vpc && known !== SEVERAL) {
            below.set(wider, SEVERAL);
            example.set(wider + SEVERAL, vpc);
          }
        }
      }
      if ((by === undefined) !== (claim.refusedBy === undefined)) changed.add(vpc);
      claim.refusedBy = by;
      if (by === undefined) this.#refused.delete(claim);
      else this.#refused.add(claim);
    }
  }
}

/** Of the first two VPCs that stand below a prefix, one that is not `vpc`. */
function otherThan(vpc: string, bits: string, example: ReadonlyMap<string, string>): string {
  const first = example.get(bits)!;
  return first === vpc ? example.get(bits + SEVERAL)! : first;
}

function compare(one: Claim, other: Claim): number {
  if (one.rank !== other.rank) return one.rank - other.rank;
  if (one.age !== other.age) return one.age < other.age ? -1 : 1;
  return one.vpc < other.vpc ? -1 : one.vpc > other.vpc ? 1 : 0;
}
