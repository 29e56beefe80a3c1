/** From changes of the catalog to the projection: in slices, and what the projection refuses. */
import type { Catalog, Change, EffectiveRecord } from '../catalog/catalog.ts';
import type { Paced } from '../catalog/lists.ts';
import { MomentLost } from '../catalog/moments.ts';
import { TURN_MS } from './feeder.ts';
import { keyOf, keyText, type Problem, type Projection, type Resource, type ResourceKey } from '../model.ts';

export interface ProjectingOptions {
  catalog: Catalog;
  projection: Projection;
  /** Called for each effective change before its transaction is visible. */
  onChange?(change: Change, source: string, at: number | undefined): void;
  /** All problems of a scope of a source, none when they are settled. */
  onProblems(source: string, scope: string, problems: readonly Problem[]): void;
}

/** Changes between two readings of the clock. */
const CHANGES_A_LOOK = 64;

export class Projecting {
  private readonly options: ProjectingOptions;
  /** Keys of resources that the projection has refused: the catalog has a newer version of them than the projection. */
  private readonly refused = new Set<string>();
  /** The pods of outdated VPCs that are still to be put once more. */
  private again: Paced<EffectiveRecord> | undefined;

  constructor(options: ProjectingOptions) {
    this.options = options;
  }

  /**
   * A resource as the projection has it, with its stamp; undefined if the projection has refused its newest version.
   */
  known(key: ResourceKey): { resource: Resource; stamp: bigint } | undefined {
    const { catalog } = this.options;
    if (this.isRefused(key)) return undefined;
    const resource = catalog.get(key);
    return resource && { resource, stamp: catalog.said(key)!.stamp };
  }

  /**
   * Applies changes of a source for a while, and counts them. True when none is left. `at`: when they were committed,
   * milliseconds since 1970.
   */
  some(
    source: { readonly name: string; changes: number },
    changes: IterableIterator<Change>,
    at: number | undefined,
  ): boolean {
    const { projection, onChange } = this.options;
    const until = performance.now() + TURN_MS;
    for (let n = 1; ; n++) {
      const { value: change, done } = changes.next();
      if (done === true) return this.putAgain(source.name, until);
      source.changes++;
      try {
        if (change.type === 'delete') projection.remove(change.key);
        // A refused resource was never put.
        else if (change.renewed && projection.renew && !this.isRefused(keyOf(change.resource)))
          projection.renew(change.resource, change.stamp);
        else projection.put(change.resource, change.stamp);
        if (this.refused.size > 0) this.admit(source.name, keyText(keyOfChange(change)));
      } catch (error) {
        this.refuse(source.name, keyOfChange(change), error);
      }
      onChange?.(change, source.name, at);
      if (n % CHANGES_A_LOOK === 0 && performance.now() > until) return false;
    }
  }

  /**
   * Once all changes are applied: puts the pods of outdated VPCs once more, which nobody else is told of. True when none
   * is left.
   */
  private putAgain(source: string, until: number): boolean {
    const { projection } = this.options;
    if (this.again === undefined) {
      const vpcs = projection.outdated?.() ?? [];
      if (vpcs.length === 0) return true;
      this.again = this.podsOf(new Set(vpcs));
    }
    for (let n = 1; ; n++) {
      const { value: record, done } = this.again.next();
      if (done === true) break;
      if (record?.resource.kind === 'pod' && record.resource.overlays.length > 0) {
        const key = keyOf(record.resource);
        try {
          projection.put(record.resource, record.stamp);
          if (this.refused.size > 0) this.admit(source, keyText(key));
        } catch (error) {
          this.refuse(source, key, error);
        }
      }
      if (n % CHANGES_A_LOOK === 0 && performance.now() > until) return false;
    }
    this.again = undefined;
    return true;
  }

  /** All of these VPCs, some of it twice if the list has to begin anew. */
  private *podsOf(vpcs: ReadonlySet<string>): Paced<EffectiveRecord> {
    for (;;) {
      try {
        yield* this.options.catalog.effective(vpcs);
        return;
      } catch (error) {
        if (!(error instanceof MomentLost)) throw error;
      }
    }
  }

  private isRefused(key: ResourceKey): boolean {
    return this.refused.size > 0 && this.refused.has(keyText(key));
  }

  /** The projection has no room for the newest version of this key. */
  private refuse(source: string, key: ResourceKey, error: unknown): void {
    const text = keyText(key);
    this.refused.add(text);
    const reason = `${text}: ${error instanceof Error ? error.message : String(error)}`;
    this.options.onProblems(source, `view ${text}`, [{ kind: 'memory', severity: 'error', key, reason }]);
  }

  /** The projection has taken the newest version of this key, or let go of it. */
  private admit(source: string, key: string): void {
    if (this.refused.delete(key)) this.options.onProblems(source, `view ${key}`, []);
  }
}

function keyOfChange(change: Change): ResourceKey {
  return change.type === 'put' ? keyOf(change.resource) : change.key;
}
