/** The plainest sink there can be: two maps. It complains about every call that its contract forbids. */

import { keyOf, keyText, type Problem, type Resource, type ResourceKey, type Sink } from '../../src/model.ts';

export class MapSink implements Sink {
  /** What queries would see: key text → resource. */
  visible = new Map<string, Resource>();
  revision = '';
  /** Every call in order, in short: `begin full 41`, `put pod aep/shop/app`, `commit`, `state live`. */
  readonly log: string[] = [];
  readonly states: { state: string; reason: string }[] = [];
  readonly standing = new Map<string, Problem[]>();
  readonly violations: string[] = [];
  commits = 0;
  /** What `commit` waits for, where a test wants it slow. */
  beforeCommit: (() => Promise<void>) | undefined;
  lastAt: number | undefined;

  private draft: Map<string, Resource> | undefined;
  private full = false;
  private draftRevision = '';
  private committing = false;
  private readonly waiting: { holds: () => boolean; resolve: () => void }[] = [];

  begin(full: boolean, revision: string, at?: number): void {
    if (this.draft !== undefined) this.violations.push('begin inside a transaction');
    this.idle('begin');
    this.full = full;
    this.draft = full ? new Map() : new Map(this.visible);
    this.draftRevision = revision;
    this.lastAt = at;
    this.note(`begin ${full ? 'full' : 'delta'} ${revision}`);
  }

  /** Nothing was saved before. */
  savedIn(): Promise<ResourceKey[]> {
    return Promise.resolve([]);
  }

  put(resource: Resource): void {
    const key = keyText(keyOf(resource));
    this.inside('put').set(key, resource);
    this.note(`put ${key}`);
  }

  delete(key: ResourceKey): void {
    this.inside('delete').delete(keyText(key));
    this.note(`delete ${keyText(key)}`);
  }

  keep(key: ResourceKey): boolean {
    const draft = this.inside('keep');
    if (!this.full && key.kind !== 'vpc') this.violations.push('keep in a delta');
    const text = keyText(key);
    const last = this.visible.get(text);
    if (last !== undefined) draft.set(text, last);
    this.note(`keep ${text}`);
    return last !== undefined;
  }

  async commit(): Promise<void> {
    const draft = this.inside('commit');
    this.draft = undefined;
    if (this.beforeCommit !== undefined) {
      this.committing = true;
      await this.beforeCommit();
      this.committing = false;
    }
    this.visible = draft;
    this.revision = this.draftRevision;
    this.commits++;
    this.note('commit');
  }

  gather(): void {}

  resumed(): void {}

  rollback(): void {
    this.inside('rollback');
    this.draft = undefined;
    this.note('rollback');
  }

  bookmark(revision: string): void {
    this.idle('bookmark');
    if (this.draft !== undefined) this.violations.push('bookmark inside a transaction');
    this.revision = revision;
    this.note(`bookmark ${revision}`);
  }

  state(state: string, reason = ''): void {
    this.states.push({ state, reason });
    this.note(`state ${state}`);
  }

  problems(scope: string, problems: Problem[]): void {
    if (problems.length === 0) this.standing.delete(scope);
    else this.standing.set(scope, problems);
    this.note(`problems ${scope} ${problems.length}`);
  }

  /** Resolves as soon as it holds after some call; the test's own time-out ends it otherwise. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ holds, resolve }));
  }

  get reasons(): string[] {
    return [...this.standing.values()].flat().map((problem) => problem.reason);
  }

  get lastState(): string | undefined {
    return this.states.at(-1)?.state;
  }

  private inside(call: string): Map<string, Resource> {
    this.idle(call);
    if (this.draft === undefined) this.violations.push(`${call} outside a transaction`);
    return this.draft ?? new Map();
  }

  private idle(call: string): void {
    if (this.committing) this.violations.push(`${call} before the commit was done`);
  }

  private note(line: string): void {
    if (this.log.length < 5000) this.log.push(line);
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      if (this.waiting[i]!.holds()) this.waiting.splice(i, 1)[0]!.resolve();
    }
  }
}
