/** Small integers for strings that many records share, counted so that a string goes with its last user. */

/** Ids count from 0 and are used again after their last release. */
export class StringPool {
  readonly #ids = new Map<string, number>();
  readonly #texts: (string | undefined)[] = [];
  #users = new Uint32Array(16);
  readonly #vacant: number[] = [];
  #lastText: string | undefined = undefined;
  #lastId = -1;

  get size(): number {
    return this.#ids.size;
  }

  /** The id of a text, and one more user of it. */
  take(text: string): number {
    let id = this.#lastId;
    if (text !== this.#lastText) {
      const known = this.#ids.get(text);
      id = known ?? this.#add(text);
      this.#lastText = text;
      this.#lastId = id;
    }
    this.#users[id]!++;
    return id;
  }

  /** One more user of a known id. */
  retain(id: number): void {
    this.#users[id]!++;
  }

  release(id: number): void {
    if (--this.#users[id]! > 0) return;
    const text = this.#texts[id]!;
    this.#ids.delete(text);
    this.#texts[id] = undefined;
    this.#vacant.push(id);
    if (this.#lastId === id) this.#lastText = undefined;
  }

  /** The id of a text that has users, else -1. */
  find(text: string): number {
    return this.#ids.get(text) ?? -1;
  }

  text(id: number): string {
    return this.#texts[id]!;
  }

  #add(text: string): number {
    const id = this.#vacant.pop() ?? this.#texts.length;
    if (id === this.#users.length) {
      const more = new Uint32Array(id * 2);
      more.set(this.#users);
      this.#users = more;
    }
    this.#users[id] = 0;
    this.#texts[id] = text;
    this.#ids.set(text, id);
    return id;
  }
}

/** The pairs of VPC and namespace that records live in; the namespace is empty for a VPC itself. */
export class Scopes {
  readonly #pairs = new StringPool();
  /** By scope id; kept after the last release, until the id means another pair. */
  readonly #vpcs: string[] = [];
  readonly #namespaces: string[] = [];
  #vpc = '';
  #namespace = '';
  #last = -1;

  get size(): number {
    return this.#pairs.size;
  }

  take(vpc: string, namespace: string): number {
    if (this.#last >= 0 && namespace === this.#namespace && vpc === this.#vpc) {
      this.#pairs.retain(this.#last);
      return this.#last;
    }
    const id = this.#pairs.take(`${vpc}\0${namespace}`);
    this.#vpcs[id] = vpc;
    this.#namespaces[id] = namespace;
    this.#vpc = vpc;
    this.#namespace = namespace;
    this.#last = id;
    return id;
  }

  release(id: number): void {
    this.#pairs.release(id);
    // The id may soon mean another pair.
    if (id === this.#last) this.#last = -1;
  }

  retain(id: number): void {
    this.#pairs.retain(id);
  }

  find(vpc: string, namespace: string): number {
    return this.#pairs.find(`${vpc}\0${namespace}`);
  }

  vpc(id: number): string {
    return this.#vpcs[id]!;
  }

  namespace(id: number): string {
    return this.#namespaces[id]!;
  }
}
