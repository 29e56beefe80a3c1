/** What the library's own records may change at once, its check, and that one change waits for the other. */
import type { Resource, ResourceKey, Sink } from '../model.ts';
import { didYouMean } from '../config/suggest.ts';
import { issueText, validateKey, validateResource } from '../source/validate/validate.ts';
import type { Issue } from '../source/validate/validate.ts';

export interface Changes {
  /** Resources as in a watch stream: fields that have a default may be missing. */
  put?: object[];
  /** What names a resource, as in a watch stream: a `ResourceKey` will do, and so will a whole resource. */
  delete?: (object | ResourceKey)[];
  /** What is not put is gone. */
  full?: boolean;
  revision?: string;
}

/** Changes that may be applied. */
export interface ValidChanges {
  put: Resource[];
  delete: ResourceKey[];
  full: boolean;
  revision: string | undefined;
}

const KEYS = ['put', 'delete', 'full', 'revision'];

/** Throws TypeError with every fault of every resource that is none, each with its place. */
export function validated(raw: Changes, zone: string): ValidChanges {
  const faults: string[] = [];
  const fail = (place: string, reason: string): void => void faults.push(`${place}: ${reason}`);
  if (typeof raw !== 'object' || raw === null) throw new TypeError('changes: an object is expected');
  for (const key of Object.keys(raw))
    if (!KEYS.includes(key)) fail(key, `unknown key${didYouMean(key, KEYS)}`);
  const { full = false, revision } = raw;
  if (typeof full !== 'boolean') fail('full', 'true or false is expected');
  if (revision !== undefined && (typeof revision !== 'string' || revision === ''))
    fail('revision', 'a text is expected');
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

/** A `ResourceKey` names a VPC by `vpc` and a namespace by `namespace`, a stream both by `name`. */
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

  /** `open` is called once, for the first change. */
  constructor(open: () => Sink) {
    this.open = open;
  }

  /** Resolves when it is answerable. One that fails fails alone. */
  apply(changes: ValidChanges): Promise<void> {
    const done = this.last.then(() => this.deliver(changes));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async deliver(changes: ValidChanges): Promise<void> {
    if (this.sink === undefined) {
      this.sink = this.open();
      this.sink.state('live');
      // The library's records are whole from the first call on.
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
