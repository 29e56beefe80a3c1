/** Which records lie in which scope: by kind a chain through the records themselves, and how many are effective. */
import { chunkOf, wordOf } from './arena.ts';
import { CHAIN_NEXT, CHAIN_PREVIOUS } from './layout.ts';
import type { Records } from './records.ts';

/** Kinds a scope has room for; a power of two. */
const KINDS_BITS = 3;

/** A place is a scope and a kind. 0 ends a chain of records, -1 one of scopes. */
export class Members {
  readonly #records: Records;
  /** By place: the record that came last. */
  #heads = new Uint32Array(16 << KINDS_BITS);
  /** By place: how many records are effective. */
  #heard = new Uint32Array(16 << KINDS_BITS);
  /** By scope: how many records there are, of all kinds, and the scopes of the same VPC around it. */
  #linked = new Uint32Array(16);
  #next = new Int32Array(16);
  #previous = new Int32Array(16);
  /** By VPC: the scope that came last. */
  readonly #vpcs = new Map<string, number>();

  constructor(records: Records) {
    this.#records = records;
  }

  static place(scope: number, kind: number): number {
    return (scope << KINDS_BITS) | kind;
  }

  placeOf(reference: number): number {
    return Members.place(this.#records.word(reference, 1), this.#records.kind(reference));
  }

  /** The first record of a place, 0 for none. */
  first(place: number): number {
    return this.#heads[place] ?? 0;
  }

  /** The record after this one in its place, 0 for none. */
  after(reference: number): number {
    return this.#records.word(reference, CHAIN_NEXT);
  }

  heard(place: number): number {
    return this.#heard[place] ?? 0;
  }

  count(place: number, by: number): void {
    this.#heard[place]! += by;
  }

  /** Scopes have numbers below this. */
  get scopes(): number {
    return this.#linked.length;
  }

  /** Whether a scope has records. */
  used(scope: number): boolean {
    return (this.#linked[scope] ?? 0) > 0;
  }

  /** The scopes of a VPC that have records. One that is added while they are read may be missing. */
  *scopesOf(vpc: string): Generator<number, void, undefined> {
    for (let scope = this.#vpcs.get(vpc) ?? -1; scope >= 0; scope = this.#next[scope]!) yield scope;
  }

  /** Octets. */
  get bytes(): number {
    return this.#heads.byteLength + this.#heard.byteLength + 3 * this.#linked.byteLength;
  }

  link(reference: number): void {
    const place = this.placeOf(reference);
    const scope = place >>> KINDS_BITS;
    if (scope >= this.#linked.length) this.#grow(scope);
    const head = this.#heads[place]!;
    this.#set(reference, CHAIN_NEXT, head);
    this.#set(reference, CHAIN_PREVIOUS, 0);
    if (head !== 0) this.#set(head, CHAIN_PREVIOUS, reference);
    this.#heads[place] = reference;
    if (this.#linked[scope]!++ === 0) this.#linkScope(scope);
  }

  unlink(reference: number): void {
    const place = this.placeOf(reference);
    const scope = place >>> KINDS_BITS;
    const next = this.after(reference);
    const previous = this.#records.word(reference, CHAIN_PREVIOUS);
    if (next !== 0) this.#set(next, CHAIN_PREVIOUS, previous);
    if (previous !== 0) this.#set(previous, CHAIN_NEXT, next);
    else this.#heads[place] = next;
    if (--this.#linked[scope]! === 0) this.#unlinkScope(scope);
  }

  /** A linked record lies elsewhere now, with the words that it had. */
  moved(reference: number): void {
    const next = this.after(reference);
    const previous = this.#records.word(reference, CHAIN_PREVIOUS);
    if (next !== 0) this.#set(next, CHAIN_PREVIOUS, reference);
    if (previous !== 0) this.#set(previous, CHAIN_NEXT, reference);
    else this.#heads[this.placeOf(reference)] = reference;
  }

  #linkScope(scope: number): void {
    const vpc = this.#records.scopes.vpc(scope);
    const head = this.#vpcs.get(vpc) ?? -1;
    this.#next[scope] = head;
    this.#previous[scope] = -1;
    if (head >= 0) this.#previous[head] = scope;
    this.#vpcs.set(vpc, scope);
  }

  #unlinkScope(scope: number): void {
    const next = this.#next[scope]!;
    const previous = this.#previous[scope]!;
    if (next >= 0) this.#previous[next] = previous;
    if (previous >= 0) this.#next[previous] = next;
    else if (next >= 0) this.#vpcs.set(this.#records.scopes.vpc(scope), next);
    else this.#vpcs.delete(this.#records.scopes.vpc(scope));
  }

  #grow(scope: number): void {
    const size = Math.max(scope + 1, Math.ceil(this.#linked.length * 1.5));
    this.#linked = grown(this.#linked, new Uint32Array(size));
    this.#next = grown(this.#next, new Int32Array(size));
    this.#previous = grown(this.#previous, new Int32Array(size));
    this.#heads = grown(this.#heads, new Uint32Array(size << KINDS_BITS));
    this.#heard = grown(this.#heard, new Uint32Array(size << KINDS_BITS));
  }

  #set(reference: number, index: number, value: number): void {
    this.#records.arena.words[chunkOf(reference)]![wordOf(reference) + index] = value;
  }
}

function grown<A extends Uint32Array | Int32Array>(old: A, fresh: A): A {
  fresh.set(old);
  return fresh;
}
