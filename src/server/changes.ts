/** Changes of the library's own records: their check, and their order. */
import type { Resource, ResourceKey, Sink } from '../model.ts';
import { didYouMean } from '../config/suggest.ts';
import { issueText, validateKey } from '../source/validate/by-schema.ts';
import { validateResource } from '../source/validate/validate.ts';
import type { Issue } from '../source/validate/by-schema.ts';

export interface Changes {
  /** Resources as in a watch stream: fields with a default may be missing. */
  put?: object[];
  /** The keys of resources, as in a watch stream: a `ResourceKey` or a whole resource. */
  delete?: (object | ResourceKey)[];
  /** True if the change deletes everything that it does not put. */
  full?: boolean;
  revision?: string;
}

/** Changes after their check. */
export interface ValidChanges {
  put: Resource[];
  delete: ResourceKey[];
  full: boolean;
  revision: string | undefined;
}

const KEYS = ['put', 'delete', 'full', 'revision'];

/** Throws a TypeError with every problem of each invalid resource, each with its place. */
export function validated(raw: Changes, zone: string): ValidChanges {
  const faults: string[] = [];
  const fail = (place: string, reason: string): void => void faults.push(`${place}: ${reason}`);
  if (typeof raw !== 'object' || raw === null) throw new TypeError('changes: an object is expected');
  for (const key of Object.keys(raw))
    if (!KEYS.includes(key)) fail(key, `unknown key${didYouMean(key, KEYS)}`);
  const { full = false, revision } = raw;
  if (typeof full !== 'boolean') fail('full', 'true or false is expected');
  if (revision !== undefined && (typeof revision !== 'string' || revision === ''))
    fail('revision', 'text is expected');
  const each = <T>(key: 'put' | 'delete', read: (object: unknown) => T | Issue[]): T[] => {
    const list: unknown = raw[key] ?? [];
    const good: T[] = [];
    if (!Array.isArray(list)) fail(key, 'a list is expected');
    else
      list.forEach((object: unknown, i) => {
        const result = read(object);
        if (Array.isArray(result)) for (const issue of result) fail(`${key}[${i}]`, issueText(issue));
        else good.push(result);
      });
    return good;
  };
  const put = each('put', (object): Resource | Issue[] => {
    const { resource, issues } = validateResource(object, { unknownKeys: 'error', zone });
    return resource ?? issues!;
  });
  const gone = each('delete', (object): ResourceKey | Issue[] => {
    const { key, issues } = validateKey(namedAsInStream(object));
    return key ?? issues!;
  });
  if (faults.length > 0) throw new TypeError(faults.join('\n'));
  return { put, delete: gone, full, revision };
}

/** A `ResourceKey` names a VPC by `vpc` and a namespace by `namespace`; a stream names both by `name`. */
function namedAsInStream(object: unknown): unknown {
  if (typeof object !== 'object' || object === null) return object;
  const { kind, vpc, namespace, name } = object as Record<string, unknown>;
  if (name !== undefined && name !== '') return object;
  if (kind === 'vpc') return { ...object, name: vpc };
  return kind === 'namespace' ? { ...object, name: namespace } : object;
}

/** The sink of the library's own records: one change at a time, in the order of the calls. */
export class ApiChanges {
  private readonly open: () => Sink;
  private sink: Sink | undefined;
  private revision = 0;
  private last: Promise<void> = Promise.resolve();

  /** Calls `open` once, for the first change. */
  constructor(open: () => Sink) {
    this.open = open;
  }

  /** Resolves when the change is answerable. A failure does not affect other changes. */
  apply(changes: ValidChanges): Promise<void> {
    const done = this.last.then(() => this.deliver(changes));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async deliver(changes: ValidChanges): Promise<void> {
    if (this.sink === undefined) {
      this.sink = this.open();
      this.sink.state('live');
      // The library's records are a whole state from the first call on.
      this.sink.begin(true, '0');
      await this.sink.commit();
    }
    const { sink } = this;
    sink.begin(changes.full, changes.revision ?? String(++this.revision));
    try {
      for (const key of changes.delete) sink.delete(key);
      for (const resource of changes.put) sink.put(resource);
    } catch (error) {
      sink.rollback();
      throw error;
    }
    await sink.commit();
  }
}
