/** One YAML file as values: scalars keep their text, aliases and merge keys are resolved. */
import {
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import type { Place } from '../../model.ts';
import { quote } from '../../source/validate/names.ts';
import { offsetOf, textOf } from '../../source/zones/zone-yaml.ts';
import type { MapValue, Value } from './values.ts';

/** Replaces the variables in a text that stands at `place`. */
export type Fill = (text: string, at: { place: Place; path: string }) => string;

/** Makes the whole file unusable. */
export class DocumentFault extends Error {
  readonly place: Place;
  constructor(place: Place, reason: string) {
    super(reason);
    this.place = place;
  }
}

/** The maximum of values in a document with all aliases expanded: this many, plus one per character of the file. */
const WRITTEN_OUT = 100_000;
const DEPTH_MAX = 64;

/** A file after parsing, before its variables are replaced. */
export class ComposeDocuments {
  readonly #documents: Document.Parsed[];
  readonly #lines = new LineCounter();
  readonly #most: number;
  readonly file: string;

  /** Throws a `DocumentFault` for the first fault. */
  constructor(text: string, file: string) {
    this.file = file;
    this.#most = WRITTEN_OUT + text.length;
    const parsed = parseAllDocuments(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      schema: 'core',
      merge: false,
      // The yaml package needs quadratic time to look for duplicate keys.
      uniqueKeys: false,
    });
    this.#documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : [];
    for (const { errors } of this.#documents) {
      const [error] = errors;
      if (error === undefined) continue;
      const deep = error.message.startsWith('Maximum call stack');
      throw this.fault(error.pos[0], deep ? 'is nested too deeply' : error.message.split('\n', 1)[0]!);
    }
  }

  /** The raw text of a top-level key, from the last document that has it. */
  topLevel(key: string): string | undefined {
    const texts = this.#documents.map(({ contents }) => {
      const value: unknown = isMap(contents) ? contents.get(key, true) : undefined;
      return isScalar(value) && value.value !== null ? textOf(value) : undefined;
    });
    return texts.findLast((text) => text !== undefined);
  }

  /** The documents that are maps; skips those without content. */
  values(fill: Fill): MapValue[] {
    const maps: MapValue[] = [];
    for (const { contents } of this.#documents) {
      if (contents === null) continue;
      const value = new Conversion(this, fill, this.#most).convert(contents, '');
      if (value.kind === 'map') maps.push(value);
      else if (value.kind !== 'null') throw new DocumentFault(value.place, 'a compose file must be a map');
    }
    return maps;
  }

  place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  fault(offset: number, reason: string): DocumentFault {
    return new DocumentFault(this.place(offset), reason);
  }
}

interface Converted {
  value: Value;
  /** The number of values with all aliases expanded. */
  size: number;
}

/** Converts one document. It converts each node once, however many aliases lead to it. */
class Conversion {
  readonly #documents: ComposeDocuments;
  readonly #fill: Fill;
  readonly #most: number;
  readonly #anchors = new Map<string, Node>();
  /** Undefined while the conversion runs. */
  readonly #done = new Map<Node, Converted | undefined>();

  constructor(documents: ComposeDocuments, fill: Fill, most: number) {
    this.#documents = documents;
    this.#fill = fill;
    this.#most = most;
  }

  convert(node: Node, path: string): Value {
    return this.#convert(node, path, 0).value;
  }

  #convert(node: Node, path: string, depth: number): Converted {
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined)
        throw this.#fault(node, `there is no anchor &${node.source} before this alias`);
      // The anchor of a key has no value yet.
      if (!this.#done.has(target)) return this.#convert(target, path, depth + 1);
      const done = this.#done.get(target);
      if (done === undefined) throw this.#fault(node, `anchor &${node.source} contains itself`);
      return done;
    }
    if (depth > DEPTH_MAX) throw this.#fault(node, 'is nested too deeply');
    const { anchor, tag } = node as { anchor?: string; tag?: string };
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    this.#done.set(node, undefined);
    const converted = this.#written(node, path, depth);
    if (tag === '!reset') converted.value.tag = 'reset';
    else if (tag === '!override') converted.value.tag = 'override';
    if (converted.size > this.#most) {
      const reason = `its aliases expand to more than ${this.#most} values: use fewer aliases`;
      throw this.#fault(node, reason);
    }
    this.#done.set(node, converted);
    return converted;
  }

  #written(node: Node, path: string, depth: number): Converted {
    const at = { place: this.#documents.place(offsetOf(node)), path };
    if (isScalar(node)) {
      if (node.value === null) return { value: { kind: 'null', ...at }, size: 1 };
      return { value: { kind: 'text', ...at, text: this.#fill(textOf(node), at) }, size: 1 };
    }
    if (isSeq(node)) {
      let size = 1;
      const items = node.items.map((item, index) => {
        const converted = this.#convert(item as Node, `${path}[${index}]`, depth + 1);
        size += converted.size;
        return converted.value;
      });
      return { value: { kind: 'list', ...at, items: items.filter(({ tag }) => tag !== 'reset') }, size };
    }
    if (isMap(node)) return this.#map(node, at, depth);
    throw this.#fault(node, 'must be text, a list or a map');
  }

  /** The entries that `<<` merges come after the map's own keys, and never replace one. */
  #map(node: YAMLMap, at: { place: Place; path: string }, depth: number): Converted {
    const entries = new Map<string, Value>();
    const merged: { from: Node; value: Value }[] = [];
    let size = 1;
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null;
      const name = isAlias(keyNode) ? this.#anchors.get(keyNode.source) : keyNode;
      if (!isScalar(name)) throw this.#fault(keyNode ?? node, 'a key must be text');
      if (name.anchor !== undefined) this.#anchors.set(name.anchor, name);
      const key = textOf(name);
      const path = at.path === '' ? key : `${at.path}.${key}`;
      const first = entries.get(key);
      if (first !== undefined) {
        const { line, column } = first.place;
        throw this.#fault(name, `${quote(key)} is written twice, the first value is at ${line}:${column}`);
      }
      const converted: Converted =
        pair.value === null
          ? { value: { kind: 'null', place: this.#documents.place(offsetOf(name)), path }, size: 1 }
          : this.#convert(pair.value as Node, path, depth + 1);
      size += converted.size;
      if (key === '<<' && name.type === 'PLAIN')
        merged.push({ from: (pair.value ?? name) as Node, value: converted.value });
      else entries.set(key, converted.value);
    }
    for (const { from, value } of merged)
      for (const source of value.kind === 'list' ? value.items : [value]) {
        if (source.kind !== 'map')
          throw this.#fault(from, '<<: needs an alias of a map, or a list of such aliases');
        for (const [key, item] of source.entries) if (!entries.has(key)) entries.set(key, item);
      }
    return { value: { kind: 'map', ...at, entries }, size };
  }

  #fault(node: Node, reason: string): DocumentFault {
    return this.#documents.fault(offsetOf(node), reason);
  }
}
