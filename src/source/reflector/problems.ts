/** Which problems of a stream still stand: each is cleared when its resource is well again, and their number is bounded. */

import type { Problem, Sink } from '../../model.ts';

/** So many scopes are listed one by one; what comes on top is only counted. */
const LISTED = 1000;
const MORE_SCOPE = 'more';

export class ProblemBook {
  private readonly sink: Sink;
  /** Scope → the full list during which it was last reported; 0 before any. */
  private readonly standing = new Map<string, number>();
  private list = 0;
  private listing = false;
  private unlisted = 0;
  private told = 0;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  report(scope: string, problems: Problem[]): void {
    if (!this.standing.has(scope) && this.standing.size >= LISTED) {
      this.unlisted++;
      this.tellMore();
      return;
    }
    this.standing.set(scope, this.list);
    this.sink.problems(scope, problems);
  }

  /** Whether any problem is listed. */
  get any(): boolean {
    return this.standing.size > 0;
  }

  /** The resource of this scope is well, or gone. */
  clear(scope: string): void {
    if (this.standing.delete(scope)) this.sink.problems(scope, []);
  }

  beginList(): void {
    this.list++;
    this.listing = true;
    this.unlisted = 0;
  }

  endList(): void {
    if (!this.listing) return;
    this.listing = false;
    for (const [scope, list] of this.standing) {
      if (list < this.list) this.clear(scope);
    }
    this.tellMore();
  }

  private tellMore(): void {
    if (this.unlisted === this.told) return;
    this.told = this.unlisted;
    const reason = `${this.unlisted} further problems are not listed`;
    this.sink.problems(MORE_SCOPE, this.unlisted === 0 ? [] : [{ severity: 'error', reason }]);
  }
}
