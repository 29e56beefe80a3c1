/** YAML nodes as plain values with the text of the file, and the node at which to report a fault. */
import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Alias, Document, Node, Scalar, YAMLMap } from 'yaml';
import { quote } from '../validate/names.ts';

/** A fault that makes a whole file unusable; `offset` is its place in the text. */
export class ZoneFault extends Error {
  readonly offset: number;
  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

/** One key of a map and its value, with aliases resolved. */
export interface Entry {
  key: string;
  keyNode: Node;
  /** Null if the key has no value. */
  value: Node | null;
}

/** A fault inside one resource, which spoils that resource alone. */
export interface NodeFault {
  offset: number;
  reason: string;
}

/** The keys whose values are numbers or booleans; every other value is text, even if it looks like a number. */
const NUMBERS: ReadonlySet<string> = new Set(['port']);
const TRUTHS: ReadonlySet<string> = new Set(['ready', 'pinned', 'internal']);

/**
 * The maximum of values in a file with all aliases expanded: this many, plus one per octet. No honest file comes
 * near it, and the cost stays in proportion to the size of the file.
 */
const WRITTEN_OUT = 100_000;
const DEPTH_MAX = 32;

/** Reads the nodes of one document. */
export class ZoneNodes {
  /** The node of each alias: the last anchor of its name before it. */
  readonly #targets: Map<Alias, Node>;
  readonly #most: number;
  #read = 0;

  /** `octets`: the size of the whole file. */
  constructor(document: Document.Parsed, octets: number) {
    this.#targets = targetsOf(document);
    this.#most = WRITTEN_OUT + octets;
  }

  /** The node itself, or the node of an alias. */
  follow(node: unknown): Node | null {
    if (++this.#read > this.#most) {
      const reason = `its aliases expand to more than ${this.#most} values: use fewer aliases`;
      throw new ZoneFault(offsetOf(node as Node), reason);
    }
    if (!isAlias(node)) return (node ?? null) as Node | null;
    const target = this.#targets.get(node);
    if (target === undefined)
      throw new ZoneFault(offsetOf(node), `there is no anchor &${node.source} before this alias`);
    return target;
  }

  /**
   * The entries of a map in their order, then those that `<<` merges, which never replace one. A repeated key goes
   * to `repeated` instead, with its first entry.
   */
  entries(map: YAMLMap, repeated: (entry: Entry, first: Entry) => void, depth = 0): Entry[] {
    if (depth > DEPTH_MAX) throw new ZoneFault(offsetOf(map), 'is nested too deeply');
    const seen = new Map<string, Entry>();
    const merged: unknown[] = [];
    for (const pair of map.items) {
      const keyNode = this.follow(pair.key);
      if (keyNode === null || !isScalar(keyNode))
        throw new ZoneFault(offsetOf(keyNode ?? map), 'a key must be text');
      const key = textOf(keyNode);
      if (key === '<<' && keyNode.type === 'PLAIN') {
        merged.push(pair.value);
        continue;
      }
      const entry = { key, keyNode: (pair.key ?? map) as Node, value: this.follow(pair.value) };
      const first = seen.get(key);
      if (first === undefined) seen.set(key, entry);
      else repeated(entry, first);
    }
    for (const value of merged)
      for (const source of this.#merged(value, map))
        for (const entry of this.entries(source, repeated, depth + 1))
          if (!seen.has(entry.key)) seen.set(entry.key, entry);
    return [...seen.values()];
  }

  /** The maps after `<<`: one, or a list. */
  #merged(value: unknown, at: YAMLMap): YAMLMap[] {
    const node = this.follow(value);
    const sources = isSeq(node) ? node.items.map((item) => this.follow(item)) : [node];
    return sources.map((source) => {
      if (isMap(source)) return source;
      throw new ZoneFault(offsetOf(source ?? at), '<<: needs an alias of a map, or a list of such aliases');
    });
  }

  /** The plain value of a node; repeated keys go to `faults`. `key` is the key before it. */
  plain(node: Node | null, key: string, faults: NodeFault[], depth = 0): unknown {
    if (node === null) return null;
    if (depth > DEPTH_MAX) throw new ZoneFault(offsetOf(node), 'is nested too deeply');
    if (isScalar(node)) return scalarValue(node, key);
    if (isSeq(node)) {
      return node.items.map((item) => {
        const value = this.follow(item);
        if (isScalar(value) && value.value === null) return value.source ? value.source : null;
        return this.plain(value, key, faults, depth + 1);
      });
    }
    if (!isMap(node)) throw new ZoneFault(offsetOf(node), 'must be text, a list or a map');
    const object: Record<string, unknown> = Object.create(null);
    const entries = this.entries(node, (entry) =>
      faults.push({ offset: offsetOf(entry.keyNode), reason: `${quote(entry.key)} is written twice` }),
    );
    for (const entry of entries) {
      // The keys of a field's own map are names; deeper keys are those of the format.
      if (depth > 0 && isExtension(entry.key)) continue;
      if (entry.key === '__proto__')
        faults.push({ offset: offsetOf(entry.keyNode), reason: '"__proto__" is reserved' });
      else object[entry.key] = this.plain(entry.value, entry.key, faults, depth + 1);
    }
    return object;
  }

  /** The place of the value at `path` below the given entries, or of its last key; the deepest one that exists. */
  locate(entries: Entry[], path: (string | number)[], atKey: boolean, fallback: number): number {
    let offset = fallback;
    let level: Entry[] | null = entries;
    let node: Node | null = null;
    for (const [index, step] of path.entries()) {
      const last = index === path.length - 1;
      if (level !== null) {
        const entry: Entry | undefined = level.find((candidate) => candidate.key === step);
        if (entry === undefined) return offset;
        offset = offsetOf(entry.keyNode);
        if (last && atKey) return offset;
        node = entry.value;
      } else if (isSeq(node)) node = this.follow(node.items[step as number]);
      else return offset;
      if (node === null || (isScalar(node) && node.value === null && !node.source)) return offset;
      offset = offsetOf(node);
      level = isMap(node) ? this.entries(node, () => {}) : null;
    }
    return offset;
  }
}

/** A key that authors may use freely, for example for anchors. */
export function isExtension(key: string): boolean {
  return key.startsWith('x-');
}

/** Finds all anchors in one walk; a search per anchor would take quadratic time. */
function targetsOf(document: Document.Parsed): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** The offset of a node in the text of its file. */
export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** The text of a scalar as the author wrote it, `007` and `1e3` included. */
export function textOf(node: Scalar): string {
  if (typeof node.value === 'string') return node.value;
  return node.source ?? String(node.value);
}

function scalarValue(node: Scalar, key: string): unknown {
  const { value } = node;
  if (typeof value === 'number' && NUMBERS.has(key)) return value;
  if (typeof value === 'boolean' && TRUTHS.has(key)) return value;
  return value === null ? null : textOf(node);
}
