/** The list of `ls --watch`: built from a watch stream, and compared with what has been printed. */
import { keyOf, keyText, type Kind, type Resource, type ResourceKey } from '../model.ts';

export interface LiveListOptions {
  /** The kinds that the list depends on. */
  kinds: readonly Kind[];
  /** The resources that the list shows, in order; `all` holds those of `kinds`. */
  select(all: Resource[]): Resource[];
  /** Whether `select` gives a resource whatever else there is. Then a change costs nothing but its own row. */
  direct: boolean;
  list(resources: Resource[]): void;
  changed(change: 'put' | 'delete', resource: Resource): void;
  /** Runs the work soon, once for many changes. */
  later(work: () => void): void;
}

/** The lines of /v1/watch. */
type WatchLine =
  | { type: 'snapshot' | 'synced' | 'bookmark' }
  | { type: 'put'; object: Resource; more?: boolean }
  | { type: 'delete'; object: Partial<ResourceKey> & { kind: Kind; name: string }; more?: boolean };

/** Two resources are equal if their texts are. */
interface Shown {
  resource: Resource;
  text: string;
}

export class LiveList {
  private readonly options: LiveListOptions;
  private all = new Map<string, Resource>();
  private incoming: Map<string, Resource> | undefined;
  private touched = new Set<string>();
  private shown: Map<string, Shown> | undefined;
  private waits = false;

  constructor(options: LiveListOptions) {
    this.options = options;
  }

  line(text: string): void {
    const line = JSON.parse(text) as WatchLine;
    if (line.type === 'snapshot') this.incoming = new Map();
    else if (line.type === 'synced') this.synced();
    else if (line.type === 'put' || line.type === 'delete') this.change(line);
  }

  private change(line: Extract<WatchLine, { object: unknown }>): void {
    const { type, object, more } = line;
    if (!this.options.kinds.includes(object.kind)) return this.committed(more);
    const key = keyText(keyOf(object as Resource));
    const state = this.incoming ?? this.all;
    if (type === 'put') state.set(key, object);
    else state.delete(key);
    if (this.incoming !== undefined) return;
    this.touched.add(key);
    this.committed(more);
  }

  private synced(): void {
    this.all = this.incoming ?? this.all;
    this.incoming = undefined;
    this.compareAll();
  }

  /** Rows appear when a revision is complete. */
  private committed(more: boolean | undefined): void {
    if (more === true || this.incoming !== undefined || this.touched.size === 0) return;
    if (this.options.direct) {
      for (const key of this.touched) this.compareOne(key);
      this.touched.clear();
    } else if (!this.waits) {
      this.waits = true;
      this.options.later(() => {
        this.waits = false;
        this.compareAll();
      });
    }
  }

  private compareOne(key: string): void {
    const resource = this.all.get(key);
    const [selected] = resource === undefined ? [] : this.options.select([resource]);
    this.show(key, selected);
  }

  private compareAll(): void {
    this.touched.clear();
    const selected = this.options.select([...this.all.values()]);
    const rows = new Map(selected.map((resource) => [keyText(keyOf(resource)), resource]));
    if (this.shown === undefined) {
      this.shown = new Map([...rows].map(([key, resource]) => [key, shownOf(resource)]));
      this.options.list(selected);
      return;
    }
    for (const key of this.shown.keys()) if (!rows.has(key)) this.show(key, undefined);
    for (const [key, resource] of rows) this.show(key, resource);
  }

  private show(key: string, resource: Resource | undefined): void {
    const shown = (this.shown ??= new Map<string, Shown>());
    const before = shown.get(key);
    if (resource === undefined) {
      shown.delete(key);
      if (before !== undefined) this.options.changed('delete', before.resource);
      return;
    }
    const now = shownOf(resource);
    if (before?.text === now.text) return;
    shown.set(key, now);
    this.options.changed('put', resource);
  }
}

function shownOf(resource: Resource): Shown {
  return { resource, text: JSON.stringify(resource) };
}
