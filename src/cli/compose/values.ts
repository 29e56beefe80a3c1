/** The values of compose files, each with its place, and the way compose merges them. */
import type { Place } from '../../model.ts';

interface Written {
  place: Place;
  /** `services.web.ports[1]`, in the file of `place`. */
  path: string;
  /** What a tag does to the value of an earlier file: removes it, or replaces it instead of merging. */
  tag?: 'reset' | 'override';
}

export interface TextValue extends Written {
  kind: 'text';
  text: string;
}

export interface NullValue extends Written {
  kind: 'null';
}

export interface ListValue extends Written {
  kind: 'list';
  items: readonly Value[];
}

export interface MapValue extends Written {
  kind: 'map';
  entries: ReadonlyMap<string, Value>;
}

/** Immutable, because aliases share values. */
export type Value = TextValue | NullValue | ListValue | MapValue;

/** The value of a path of keys; undefined if there is none. */
export function valueAt(value: Value | undefined, ...keys: string[]): Value | undefined {
  let at = value;
  for (const key of keys) at = at?.kind === 'map' ? at.entries.get(key) : undefined;
  return at?.kind === 'null' ? undefined : at;
}

/** The maximum of values that all merges together may visit. */
const WORK_MAX = 1_000_000;

/** The files multiply each other beyond `WORK_MAX`. */
export class TooMuch extends Error {
  constructor() {
    super(`its files merge more than ${WORK_MAX} values: extend or include less often`);
  }
}

export class Merging {
  #work = 0;

  /** `over` is the later file, or the service that extends `base`. */
  merge(base: Value | undefined, over: Value, path: readonly string[] = []): Value {
    this.#count();
    if (base === undefined || over.tag !== undefined) return over;
    if (over.kind === 'null' || base.tag === 'reset') return base.tag === 'reset' ? over : base;
    const [left, right] = sameForm(base, over, path);
    if (left.kind === 'list' && right.kind === 'list') {
      this.#count(left.items.length + right.items.length);
      return { ...right, items: [...left.items, ...right.items] };
    }
    if (left.kind !== 'map' || right.kind !== 'map') return over;
    this.#count(left.entries.size);
    const entries = new Map(left.entries);
    for (const [key, value] of right.entries)
      entries.set(key, this.merge(entries.get(key), value, [...path, key]));
    return { ...right, entries };
  }

  /** The value without removed entries and without tags, which have had their effect. */
  settled(value: Value): Value {
    this.#count();
    const { tag: _tag, ...rest } = value;
    if (rest.kind === 'list') return { ...rest, items: rest.items.map((item) => this.settled(item)) };
    if (rest.kind !== 'map') return rest;
    const entries = new Map<string, Value>();
    for (const [key, item] of rest.entries) if (item.tag !== 'reset') entries.set(key, this.settled(item));
    return { ...rest, entries };
  }

  #count(more = 1): void {
    this.#work += more;
    if (this.#work > WORK_MAX) throw new TooMuch();
  }
}

/** `networks` of a service and `extra_hosts` may be a list in one file and a map in the other. */
function sameForm(base: Value, over: Value, [room, , key]: readonly string[]): [Value, Value] {
  if (room !== 'services' || base.kind === over.kind) return [base, over];
  if (key === 'networks') return [asMap(base), asMap(over)];
  if (key === 'extra_hosts') return [asList(base), asList(over)];
  return [base, over];
}

/** A list of names as a map of names to null. */
function asMap(value: Value): Value {
  if (value.kind !== 'list') return value;
  const entries = new Map<string, Value>();
  for (const item of value.items)
    if (item.kind === 'text') entries.set(item.text, { kind: 'null', place: item.place, path: item.path });
  return { ...value, kind: 'map', entries };
}

/** A map of names to one or more texts as a list of `name=text`. */
function asList(value: Value): Value {
  if (value.kind !== 'map') return value;
  const items = [...value.entries].flatMap(([key, entry]) =>
    (entry.kind === 'list' ? entry.items : [entry]).map((item) =>
      item.kind === 'text' ? { ...item, text: `${key}=${item.text}` } : item,
    ),
  );
  return { ...value, kind: 'list', items };
}
