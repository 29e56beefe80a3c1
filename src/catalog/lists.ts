/**
 * Lists of what the catalog holds, as it is at one moment: later changes do not show in a list that is being read.
 * Read it to its end or leave the loop: a list left hanging keeps memory.
 */
import { createHash } from 'node:crypto';
import { KINDS, type Kind, type Resource } from '../model.ts';
import type { EffectiveRecord, SaidRecord } from './change.ts';
import { KIND_NUMBERS, SHADOWED } from './layout.ts';
import { sortedReferences } from './order.ts';
import type { Settling } from './settling.ts';
import type { Store } from './store.ts';

export interface ListFilter {
  vpc?: string;
  namespace?: string;
}

export class Lists {
  readonly #store: Store;
  readonly #settling: Settling;

  constructor(store: Store, settling: Settling) {
    this.#store = store;
    this.#settling = settling;
  }

  /** The effective resources of a kind, in no order, or with `sorted` by VPC, namespace and name. */
  *list(kind: Kind, filter: ListFilter = {}, sorted = false): Generator<Resource, void, undefined> {
    const store = this.#store;
    store.pin();
    try {
      const references = this.#references((reference, scope) => {
        if (store.kind(reference) !== KIND_NUMBERS[kind] || !store.isEffective(reference)) return false;
        if (filter.vpc !== undefined && store.scopes.vpc(scope) !== filter.vpc) return false;
        return filter.namespace === undefined || store.scopes.namespace(scope) === filter.namespace;
      });
      const ordered = sorted ? sortedReferences(store, references) : references;
      if (kind === 'vpc') yield* Array.from(ordered, (reference) => this.#settling.resource(reference));
      else for (const reference of ordered) yield store.resource(reference);
    } finally {
      store.unpin();
    }
  }

  /** Effective resources of all kinds, with stamps, in no order but VPCs first: of some VPCs or of all. */
  *effective(vpcs?: ReadonlySet<string>): Generator<EffectiveRecord, void, undefined> {
    const store = this.#store;
    store.pin();
    try {
      const read = (reference: number): EffectiveRecord => {
        return { resource: this.#settling.resource(reference), stamp: store.stamp(reference) };
      };
      const references = this.#references(
        (reference, scope) => store.isEffective(reference) && (vpcs?.has(store.scopes.vpc(scope)) ?? true),
      );
      yield* Array.from(
        references.filter((reference) => store.kind(reference) === 0),
        read,
      );
      for (const reference of references) if (store.kind(reference) !== 0) yield read(reference);
    } finally {
      store.unpin();
    }
  }

  /** Everything that every source says, VPCs as they were said. */
  *records(): Generator<SaidRecord, void, undefined> {
    const store = this.#store;
    store.pin();
    try {
      // What may change in place is read now.
      const references = this.#references(() => true);
      const shadowed = references.map((reference) => (store.has(reference, SHADOWED) ? 1 : 0));
      const names = this.#settling.sources.map((source) => source?.name ?? '');
      for (let i = 0; i < references.length; i++) {
        const reference = references[i]!;
        yield {
          source: names[store.source(reference)]!,
          resource: store.resource(reference),
          revision: store.revision(reference),
          stamp: store.stamp(reference),
          shadowed: shadowed[i] === 1,
        };
      }
    } finally {
      store.unpin();
    }
  }

  /** 16 hex digits that are equal for equal effective resources, whatever their order. Slow: for comparison. */
  digest(vpc?: string): string {
    let sum = 0n;
    for (const kind of KINDS) {
      for (const resource of this.list(kind, vpc === undefined ? {} : { vpc })) {
        sum += createHash('sha256').update(JSON.stringify(resource)).digest().readBigUInt64BE(0);
      }
    }
    return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
  }

  #references(wanted: (reference: number, scope: number) => boolean): Uint32Array {
    let references = new Uint32Array(1024);
    let count = 0;
    for (const reference of this.#store.walk()) {
      if (!wanted(reference, this.#store.word(reference, 1))) continue;
      if (count === references.length) {
        const more = new Uint32Array(count * 2);
        more.set(references);
        references = more;
      }
      references[count++] = reference;
    }
    return references.subarray(0, count);
  }
}
