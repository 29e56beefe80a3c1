/** YAML nodes as plain values with the text people wrote, and the node at which a fault is to be shown. */
import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Alias, Document, Node, Scalar, YAMLMap } from 'yaml';
import { quote } from '../validate/names.ts';

/** A fault that leaves a file unreadable as a whole; `offset` is where in its text. */
export class ZoneFault extends Error {
  readonly offset: number;
  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

/** One key of a map and its value, aliases followed. */
export interface Entry {
  key: string;
  keyNode: Node;
  /** Null where nothing was written behind the key. */
  value: Node | null;
}

/** A fault inside one resource. */
export interface NodeFault {
  offset: number;
  reason: string;
}

/** Values that are numbers or truths; everything else is text, however much it looks like a number. */
const NUMBERS: ReadonlySet<string> = new Set(['port']);
const TRUTHS: ReadonlySet<string> = new Set(['ready', 'pinned', 'internal']);

/**
 * Values a file may have when every alias is written out: this many, and one more for each octet of it. Nobody
 * comes near it who does not mean to, and what it costs stays in proportion to the file.
 */
const WRITTEN_OUT = 100_000;
const DEPTH_MAX = 32;

/** Reads the nodes of one document. */
export class ZoneNodes {
  /** What each alias stands for: the last anchor of its name before it. */
  readonly #targets: Map<Alias, Node>;
  readonly #most: number;
  #read = 0;

  /** `octets`: of the whole file. */
  constructor(document: Document.Parsed, octets: number) {
    this.#targets = targetsOf(document);
    this.#most = WRITTEN_OUT + octets;
  }

  /** The node itself, or what an alias stands for. */
  follow(node: unknown): Node | null {
    if (++this.#read > this.#most) {
      const reason = `its aliases stand for more than ${this.#most} values: repeat less by aliases`;
      throw new ZoneFault(offsetOf(node as Node), reason);
    }
    if (!isAlias(node)) return (node ?? null) as Node | null;
    const target = this.#targets.get(node);
    if (target === undefined)
      throw new ZoneFault(offsetOf(node), `no anchor &${node.source} before this alias`);
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

  /** The maps that stand behind `<<`: one, or a list of several. */
  #merged(value: unknown, at: YAMLMap): YAMLMap[] {
    const node = this.follow(value);
    const sources = isSeq(node) ? node.items.map((item) => this.follow(item)) : [node];
    return sources.map((source) => {
      if (isMap(source)) return source;
      throw new ZoneFault(
        offsetOf(source ?? at),
        '<<: must be followed by an alias of a map, or a list of such',
      );
    });
  }

  /** The plain value of a node; repeated keys go to `faults`. `key` is the key it stands behind. */
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
      // The keys of a field's own map are names; those further inside are words of ours.
      if (depth > 0 && isExtension(entry.key)) continue;
      if (entry.key === '__proto__')
        faults.push({ offset: offsetOf(entry.keyNode), reason: '"__proto__" is reserved' });
      else object[entry.key] = this.plain(entry.value, entry.key, faults, depth + 1);
    }
    return object;
  }

  /** Where the value at `path` below the given entries is written, or its last key; the deepest that exists. */
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

/** A key that is left to the people who write the file, as a place for anchors. */
export function isExtension(key: string): boolean {
  return key.startsWith('x-');
}

/** In one walk: looking for each anchor by itself would make the whole quadratic. */
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

/** Where a node begins in the text of its file. */
export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** The text of a scalar as it was written, `007` and `1e3` included. */
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
