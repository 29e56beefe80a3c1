/** The catalog's rules once more with Maps, slow and plain: what the packed one is held against. */
import { Address6 } from 'ip-address';
import type { Resource, Vpc } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';

interface Provenance {
  resource: Resource;
  /** Of a VPC without a number: 2^63 and more, and only their order counts. */
  stamp: bigint;
  revision: string;
}

export interface Operation {
  put?: Resource;
  delete?: Resource;
  /** Refused: what the source said of it before stays. */
  keep?: Resource;
  revision?: string;
  stamp?: string;
}

export interface Step {
  source: string;
  full: boolean;
  revision: string;
  operations: Operation[];
}

export const PLACED = 2n ** 63n;
const MOST = 2n ** 64n - 1n;

export class Model {
  order: string[];
  readonly said = new Map<string, Map<string, Provenance>>();
  readonly #familyOf: (source: string) => string;
  readonly #clocks = new Map<string, number>();
  /** Source → VPCs without a valid version, and their ages. */
  readonly #unborn = new Map<string, Map<string, bigint>>();
  #places = 0n;

  constructor(order: string[], familyOf: (source: string) => string = (source) => source) {
    this.order = order;
    this.#familyOf = familyOf;
  }

  setSources(order: string[]): void {
    for (const name of this.order) {
      if (order.includes(name)) continue;
      this.said.delete(name);
      this.#clocks.delete(name);
      this.#unborn.delete(name);
    }
    this.order = order;
  }

  apply(step: Step): void {
    const before = this.said.get(step.source) ?? new Map<string, Provenance>();
    const clock = this.#clocks.get(step.source) ?? 0;
    const after = new Map<string, Provenance>(step.full ? [] : before);
    const deleted = new Set<string>();
    const unborn = step.full ? new Map<string, bigint>() : (this.#unborn.get(step.source) ?? new Map());
    this.#unborn.set(step.source, unborn);
    let highest = clock;
    const take = (key: string, resource: Resource, revision: string, stamp: string | undefined): void => {
      let age: bigint;
      if (stamp !== undefined) age = BigInt(stamp);
      else if (resource.kind === 'vpc')
        age = after.get(key)?.stamp ?? unborn.get(key) ?? PLACED + ++this.#places;
      else age = BigInt(/^(0|[1-9]\d{0,19})$/.test(revision) ? revision : clock + 1);
      if (age > MOST) age = MOST;
      if (resource.kind !== 'vpc') highest = Math.max(highest, Number(age));
      unborn.delete(key);
      after.set(key, { resource, stamp: age, revision });
    };
    for (const operation of step.operations) {
      if (operation.delete !== undefined) {
        const key = keyText(keyOf(operation.delete));
        after.delete(key);
        deleted.add(key);
        unborn.delete(key);
      }
      const { put, keep, revision = step.revision, stamp } = operation;
      if (put !== undefined) take(keyText(keyOf(put)), put, revision, stamp);
      if (keep === undefined) continue;
      const key = keyText(keyOf(keep));
      const old = after.get(key) ?? before.get(key);
      if (old === undefined || (!step.full && deleted.has(key) && !after.has(key))) {
        if (keep.kind === 'vpc' && stamp === undefined && !unborn.has(key))
          unborn.set(key, PLACED + ++this.#places);
      } else if (old.resource.kind === 'vpc') take(key, old.resource, old.revision, stamp);
      else after.set(key, old);
    }
    this.said.set(step.source, after);
    this.#clocks.set(step.source, highest);
  }

  /** Key → who is heard. */
  effective(): Map<string, { source: string; stamp: bigint; resource: Resource }> {
    const view = new Map<string, { source: string; stamp: bigint; resource: Resource }>();
    const claims: { vpc: string; prefix: string; rank: number; stamp: bigint }[] = [];
    this.order.forEach((source, own) => {
      const family = this.#familyOf(source);
      const first = this.order.findIndex((other) => this.#familyOf(other) === family);
      for (const [key, { resource, stamp }] of this.said.get(source) ?? []) {
        if (view.has(key)) continue;
        view.set(key, { source, stamp, resource });
        if (resource.kind !== 'vpc') continue;
        const rank = stamp < PLACED ? first : own;
        for (const prefix of resource.net6) claims.push({ vpc: resource.name, prefix, rank, stamp });
      }
    });
    claims.sort(
      (a, b) =>
        a.rank - b.rank ||
        (a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0) ||
        (a.vpc < b.vpc ? -1 : a.vpc > b.vpc ? 1 : 0),
    );
    const standing: typeof claims = [];
    for (const claim of claims) {
      const against = standing.some(({ vpc, prefix }) => vpc !== claim.vpc && overlap(prefix, claim.prefix));
      if (!against) {
        standing.push(claim);
        continue;
      }
      const key = keyText({ kind: 'vpc', vpc: claim.vpc, namespace: '', name: '' });
      const entry = view.get(key)!;
      const vpc = entry.resource as Vpc;
      const net6 = vpc.net6.filter((prefix) => prefix !== claim.prefix);
      view.set(key, { ...entry, resource: { ...vpc, net6 } });
    }
    return view;
  }

  shadowed(): number {
    let all = 0;
    for (const said of this.said.values()) all += said.size;
    return all - this.effective().size;
  }
}

function overlap(one: string, other: string): boolean {
  const a = new Address6(one);
  const b = new Address6(other);
  return a.isInSubnet(b) || b.isInSubnet(a);
}
