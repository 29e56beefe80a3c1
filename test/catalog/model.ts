/** The catalog's rules once more with Maps, slow and plain: what the packed one is held against. */
import { Address6 } from 'ip-address';
import type { Resource, Vpc } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';

interface Said {
  resource: Resource;
  stamp: number;
  revision: string;
  /** Prefix → stamp of the claim. */
  claims: Map<string, number>;
}

export interface Step {
  source: string;
  full: boolean;
  revision: string;
  operations: { put?: Resource; revision?: string; delete?: Resource }[];
}

export class Model {
  order: string[];
  readonly said = new Map<string, Map<string, Said>>();
  readonly #clocks = new Map<string, number>();

  constructor(order: string[]) {
    this.order = order;
  }

  setSources(order: string[]): void {
    for (const name of this.order) {
      if (order.includes(name)) continue;
      this.said.delete(name);
      this.#clocks.delete(name);
    }
    this.order = order;
  }

  apply(step: Step): void {
    const before = this.said.get(step.source) ?? new Map<string, Said>();
    const clock = this.#clocks.get(step.source) ?? 0;
    const after = new Map<string, Said>(step.full ? [] : before);
    let highest = clock;
    for (const operation of step.operations) {
      if (operation.delete !== undefined) after.delete(keyText(keyOf(operation.delete)));
      if (operation.put === undefined) continue;
      const revision = operation.revision ?? step.revision;
      const number =
        /^(0|[1-9]\d*)$/.test(revision) && Number.isSafeInteger(+revision) ? +revision : clock + 1;
      const resource = operation.put;
      const key = keyText(keyOf(resource));
      const old = before.get(key);
      if (old !== undefined && same(old.resource, resource) && old.stamp <= number) {
        after.set(key, old);
        continue;
      }
      highest = Math.max(highest, number);
      after.set(key, { resource, stamp: number, revision, claims: new Map() });
    }
    for (const [key, said] of after) {
      const { resource, stamp } = said;
      if (resource.kind !== 'vpc' || before.get(key) === said) continue;
      for (const prefix of resource.net6) {
        said.claims.set(prefix, Math.min(before.get(key)?.claims.get(prefix) ?? stamp, stamp));
      }
    }
    this.said.set(step.source, after);
    this.#clocks.set(step.source, highest);
  }

  /** Key → who is heard. */
  effective(): Map<string, { source: string; stamp: number; resource: Resource }> {
    const view = new Map<string, { source: string; stamp: number; resource: Resource }>();
    const claims: { vpc: string; prefix: string; stamp: number }[] = [];
    for (const source of this.order) {
      for (const [key, said] of this.said.get(source) ?? []) {
        if (view.has(key)) continue;
        view.set(key, { source, stamp: said.stamp, resource: said.resource });
        if (said.resource.kind !== 'vpc') continue;
        for (const [prefix, stamp] of said.claims) claims.push({ vpc: said.resource.name, prefix, stamp });
      }
    }
    claims.sort((a, b) => a.stamp - b.stamp || (a.vpc < b.vpc ? -1 : a.vpc > b.vpc ? 1 : 0));
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

function same(one: Resource, other: Resource): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function overlap(one: string, other: string): boolean {
  const a = new Address6(one);
  const b = new Address6(other);
  return a.isInSubnet(b) || b.isInSubnet(a);
}
