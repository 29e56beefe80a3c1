/**
 * Lists of what the catalog holds at one moment, between commits: what changes later does not show in a list that is
 * being read. A list of one VPC or namespace reads nothing else.
 *
 * Lists that are paced yield `undefined` now and then, after little work, so that their reader can let others have
 * a turn. Read a list to its end or leave the loop: a list left hanging keeps memory, and throws MomentLost when
 * that becomes too much.
 */
import { createHash } from 'node:crypto';
import { KINDS, type Kind, type Resource, type Vpc } from '../model.ts';
import type { EffectiveRecord, SourceRecord } from './change.ts';
import { KIND_NUMBERS } from './layout.ts';
import { Members } from './members.ts';
import type { Moment } from './moments.ts';
import { byName, byScope, compareScopes, sortPaced } from './order.ts';
import type { ScopeNames } from './order.ts';
import type { Precedence } from './precedence.ts';
import type { Store } from './store.ts';

export interface ListFilter {
  vpc?: string | undefined;
  namespace?: string | undefined;
}

export type Paced<T> = Generator<T | undefined, void, undefined>;

/** Records or scopes that are read between two pauses. */
const LOOKED_AT = 256;
const VPC = KIND_NUMBERS.vpc;
const NAMESPACE = KIND_NUMBERS.namespace;

export class Lists {
  readonly #store: Store;
  readonly #precedence: Precedence;

  constructor(store: Store, precedence: Precedence) {
    this.#store = store;
    this.#precedence = precedence;
  }

  /** The effective resources of a kind, in no order, or with `sorted` by VPC, namespace and name. */
  *list(kind: Kind, filter: ListFilter, sorted: boolean): Paced<Resource> {
    const number = KIND_NUMBERS[kind];
    const moment = this.#open();
    try {
      for (const scope of yield* this.#scopes(filter, sorted)) {
        if (moment.count(Members.place(scope, number)) === 0) continue;
        yield* this.#listScope(moment, number, scope, sorted);
      }
    } finally {
      this.#store.closeMoment(moment);
    }
  }

  /** As `list`, sorted, of VPCs or namespaces; also those that are only referred to, for pods can ask for them. */
  *referred(kind: 'vpc' | 'namespace', filter: ListFilter): Paced<Resource> {
    const moment = this.#open();
    try {
      let last: string | undefined;
      for (const { vpc, namespace, scope } of this.#withImplied(
        moment,
        yield* this.#scopes(filter, true),
        filter,
      )) {
        if (kind === 'vpc') {
          if (vpc === last) continue;
          last = vpc;
          yield this.#vpc(moment, vpc) ?? { kind, name: vpc, net6: [], services6: [] };
        } else if (namespace === '') continue;
        else if (scope < 0 || moment.count(Members.place(scope, NAMESPACE)) === 0)
          yield { kind, vpc, name: namespace };
        else yield* this.#listScope(moment, NAMESPACE, scope, false);
      }
    } finally {
      this.#store.closeMoment(moment);
    }
  }

  /** Sorted scopes that have something effective, and among them, without a number, those of `#implied`. */
  *#withImplied(
    moment: Moment,
    sorted: Iterable<number>,
    filter: ListFilter,
  ): Generator<ScopeNames & { scope: number }> {
    const { scopes } = this.#store;
    const implied = this.#implied(moment, filter);
    let at = 0;
    for (const scope of sorted) {
      if (!this.#isReferred(moment, scope)) continue;
      const names = { vpc: scopes.vpc(scope), namespace: scopes.namespace(scope) };
      while (at < implied.length && compareScopes(implied[at]!, names) < 0)
        yield { ...implied[at++]!, scope: -1 };
      yield { ...names, scope };
    }
    while (at < implied.length) yield { ...implied[at++]!, scope: -1 };
  }

  /** Effective resources of all kinds, with stamps, in no order but VPCs first: of some VPCs or of all. */
  *effective(vpcs?: ReadonlySet<string>): Paced<EffectiveRecord> {
    const moment = this.#open();
    try {
      for (let kind = 0; kind < KINDS.length; kind++) {
        for (const vpc of vpcs ?? [undefined]) {
          for (const scope of yield* this.#scopes({ vpc }, false)) {
            if (moment.count(Members.place(scope, kind)) === 0) continue;
            for (const reference of this.#heardIn(moment, Members.place(scope, kind))) {
              yield reference === undefined ? undefined : this.#effective(moment, reference);
            }
          }
        }
      }
    } finally {
      this.#store.closeMoment(moment);
    }
  }

  /** Everything that every source reported at a moment. */
  *references(moment: Moment): Paced<number> {
    let looked = 0;
    for (const reference of this.#store.walkAll()) {
      if (moment.has(reference)) yield reference;
      else if (++looked % LOOKED_AT === 0) yield;
      else continue;
      moment.check();
    }
  }

  /** One that was reported at that moment; a VPC as it was reported. */
  saidRecord(moment: Moment, reference: number): SourceRecord {
    const store = this.#store;
    const said: SourceRecord = {
      source: this.#precedence.sources[store.source(reference)]?.name ?? '',
      resource: store.resource(reference),
      revision: store.revision(reference),
      stamp: store.stamp(reference),
      shadowed: !moment.hears(reference),
    };
    const file = store.place(reference)?.file;
    if (file !== undefined) said.file = file;
    return said;
  }

  /** Every VPC and namespace that has something effective in it now; `namespace` is empty for a VPC itself. */
  *scopes(vpc?: string): Generator<{ vpc: string; namespace: string }, void, undefined> {
    const { scopes } = this.#store;
    for (const scope of this.#scopesOf(vpc)) {
      if (!this.#isReferred(this.#state(), scope)) continue;
      yield { vpc: scopes.vpc(scope), namespace: scopes.namespace(scope) };
    }
    if (!this.#precedence.foreign.empty) yield* this.#implied(this.#state(), { vpc });
  }

  /** Namespaces that have nothing effective in them, but overlays that pods of others name; sorted. */
  #implied(state: { count(place: number): number }, { vpc, namespace }: ListFilter): ScopeNames[] {
    const found = new Map<string, ScopeNames>();
    for (const each of this.#precedence.foreign.list(vpc)) {
      if (namespace !== undefined && each.namespace !== namespace) continue;
      const scope = this.#store.scopes.find(each.vpc, each.namespace);
      if (scope >= 0 && this.#isReferred(state, scope)) continue;
      found.set(`${each.vpc}/${each.namespace}`, { vpc: each.vpc, namespace: each.namespace });
    }
    return [...found.values()].sort(compareScopes);
  }

  /** How many effective resources of a kind there are in a VPC, or in one namespace of it. */
  count(kind: Kind, vpc: string, namespace?: string): number {
    const state = this.#state();
    let count = 0;
    for (const scope of this.#scopesOf(vpc, namespace)) {
      count += state.count(Members.place(scope, KIND_NUMBERS[kind]));
    }
    return count;
  }

  /** 16 hex digits that are equal for equal effective resources, whatever their order; paced. */
  *digest(vpc?: string): Generator<undefined, string, undefined> {
    let sum = 0n;
    let count = 0;
    for (const record of this.effective(vpc === undefined ? undefined : new Set([vpc]))) {
      if (record !== undefined) {
        const text = JSON.stringify(record.resource);
        sum += createHash('sha256').update(text).digest().readBigUInt64BE(0);
      }
      if (record === undefined || ++count % LOOKED_AT === 0) yield;
    }
    return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
  }

  #open(): Moment {
    return this.#store.openMoment(this.#precedence.counts);
  }

  /** What tells how many there are now, between commits. */
  #state(): { count(place: number): number } {
    const { moments, members } = this.#store;
    return this.#precedence.busy ? moments.before : { count: (place) => members.heard(place) };
  }

  #isReferred(state: { count(place: number): number }, scope: number): boolean {
    for (let kind = 0; kind < KINDS.length; kind++)
      if (state.count(Members.place(scope, kind)) > 0) return true;
    return false;
  }

  *#listScope(moment: Moment, kind: number, scope: number, sorted: boolean): Paced<Resource> {
    const place = Members.place(scope, kind);
    if (!sorted) {
      for (const reference of this.#heardIn(moment, place)) {
        yield reference === undefined ? undefined : this.#effective(moment, reference).resource;
      }
      return;
    }
    const references = new Uint32Array(moment.count(place));
    let count = 0;
    for (const reference of this.#heardIn(moment, place)) {
      if (reference !== undefined) references[count++] = reference;
      if (reference === undefined || count % LOOKED_AT === 0) yield;
    }
    yield* checked(moment, sortPaced(references, byName(this.#store)));
    for (const reference of references) {
      moment.check();
      yield this.#effective(moment, reference).resource;
    }
  }

  /** References of what was effective in a place. */
  *#heardIn(moment: Moment, place: number): Paced<number> {
    const { members } = this.#store;
    let looked = 0;
    moment.check();
    for (let reference = members.first(place); reference !== 0; reference = members.after(reference)) {
      if (moment.has(reference) && moment.hears(reference)) yield reference;
      else if (++looked % LOOKED_AT === 0) yield;
      else continue;
      moment.check();
    }
  }

  #effective(moment: Moment, reference: number): EffectiveRecord {
    const store = this.#store;
    if (store.kind(reference) === VPC) {
      const told = this.#told(moment, store.key(reference).vpc);
      return { resource: JSON.parse(told!.text) as Resource, stamp: told!.stamp };
    }
    return { resource: store.resource(reference), stamp: store.stamp(reference) };
  }

  #vpc(moment: Moment, name: string): Vpc | undefined {
    const told = this.#told(moment, name);
    return told && (JSON.parse(told.text) as Vpc);
  }

  #told(moment: Moment, vpc: string) {
    return moment.told.has(vpc) ? moment.told.get(vpc) : this.#precedence.told(vpc);
  }

  /** The scopes that a filter leaves, by VPC and namespace if `sorted`. */
  *#scopes(
    { vpc, namespace }: ListFilter,
    sorted: boolean,
  ): Generator<undefined, Iterable<number>, undefined> {
    if (vpc !== undefined && (namespace !== undefined || !sorted)) return this.#scopesOf(vpc, namespace);
    let list = new Uint32Array(64);
    let count = 0;
    let looked = 0;
    for (const scope of this.#scopesOf(vpc)) {
      if (++looked % LOOKED_AT === 0) yield;
      if (namespace !== undefined && this.#store.scopes.namespace(scope) !== namespace) continue;
      if (count === list.length) {
        const more = new Uint32Array(count * 2);
        more.set(list);
        list = more;
      }
      list[count++] = scope;
    }
    list = list.subarray(0, count);
    if (sorted) yield* sortPaced(list, byScope(this.#store));
    return list;
  }

  *#scopesOf(vpc?: string, namespace?: string): Generator<number, void, undefined> {
    const { members, scopes } = this.#store;
    if (vpc === undefined) {
      const end = members.scopes;
      for (let scope = 0; scope < end; scope++) if (members.used(scope)) yield scope;
    } else if (namespace !== undefined) {
      const scope = scopes.find(vpc, namespace);
      if (scope >= 0 && members.used(scope)) yield scope;
    } else yield* members.scopesOf(vpc);
  }
}

/** The steps of a work, as long as the moment that they belong to can be read. */
function* checked(moment: Moment, steps: Iterable<undefined>): Generator<undefined, void, undefined> {
  for (const _ of steps) {
    yield;
    moment.check();
  }
}
