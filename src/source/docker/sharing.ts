/** Which container shares the network of which, and which containers want the same name. */

/** Chains of containers that share a network are followed so far. */
const CHAIN_MAX = 8;

export class Sharing {
  private readonly owners = new Map<string, string>();
  private readonly sharers = new Index();

  /** `owner`: the container whose network this one shares, which need not exist. Returns the one before. */
  set(id: string, owner: string | undefined): string | undefined {
    const before = this.owners.get(id);
    if (before === owner) return before;
    this.sharers.move(before, owner, id);
    if (owner === undefined) this.owners.delete(id);
    else this.owners.set(id, owner);
    return before;
  }

  shares(id: string): boolean {
    return this.owners.has(id);
  }

  /** This one, and those whose networks it shares, up the chain. */
  *chain(id: string): Generator<string> {
    let at: string | undefined = id;
    for (let steps = 0; at !== undefined && steps <= CHAIN_MAX; steps++) {
      yield at;
      at = this.owners.get(at);
    }
  }

  /** The container at the end of the chain; undefined where a chain is too long, or has no end. */
  ownerOf(id: string): string | undefined {
    let last: string | undefined;
    for (const at of this.chain(id)) last = at;
    return last === undefined || this.owners.has(last) ? undefined : last;
  }

  /** All that share the network of this container, or of one that shares it. */
  below(id: string): Set<string> {
    const all = new Set<string>();
    let level = [id];
    for (let steps = 0; steps < CHAIN_MAX && level.length > 0; steps++) {
      const next: string[] = [];
      for (const at of level)
        for (const sharer of this.sharers.get(at)) {
          if (sharer === id || all.has(sharer)) continue;
          all.add(sharer);
          next.push(sharer);
        }
      level = next;
    }
    return all;
  }
}

export class Claims {
  private readonly ofContainer = new Map<string, string>();
  private readonly claimants = new Index();

  /** Returns those that want the name that it wanted, or wants now, where the two differ. */
  set(id: string, claim: string | undefined): string[] {
    const before = this.ofContainer.get(id);
    if (before === claim) return [];
    this.claimants.move(before, claim, id);
    if (claim === undefined) this.ofContainer.delete(id);
    else this.ofContainer.set(id, claim);
    return [before, claim].flatMap((one) => (one === undefined ? [] : [...this.claimants.get(one)]));
  }

  get(claim: string): ReadonlySet<string> {
    return this.claimants.get(claim);
  }
}

const NOBODY: ReadonlySet<string> = new Set();

class Index {
  private readonly sets = new Map<string, Set<string>>();

  get(key: string): ReadonlySet<string> {
    return this.sets.get(key) ?? NOBODY;
  }

  move(from: string | undefined, to: string | undefined, id: string): void {
    if (from !== undefined) {
      const set = this.sets.get(from);
      set?.delete(id);
      if (set?.size === 0) this.sets.delete(from);
    }
    if (to === undefined) return;
    const set = this.sets.get(to);
    if (set === undefined) this.sets.set(to, new Set([id]));
    else set.add(id);
  }
}
