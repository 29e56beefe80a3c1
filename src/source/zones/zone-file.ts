/** Parses the text of one zone file: its resources with their places, and what is refused, with reasons. */
import { LineCounter, isMap, isScalar, parseAllDocuments } from 'yaml';
import type { Document, YAMLMap } from 'yaml';
import { keyOf, keyText } from '../../model.ts';
import type { Kind, Place, Problem, Resource, ResourceKey } from '../../model.ts';
import { quote } from '../validate/names.ts';
import { FIELD_NAMES } from '../validate/schemas.ts';
import { issueText, validateKey } from '../validate/by-schema.ts';
import { validateResource } from '../validate/validate.ts';
import { ZoneFault, ZoneNodes, isExtension, offsetOf, textOf } from './zone-yaml.ts';
import type { Entry, NodeFault } from './zone-yaml.ts';

export interface ZoneOptions {
  /** The canonical suffix. Default `vpc.internal`. */
  zone?: string;
}

/** A resource and its place. */
export interface Placed {
  resource: Resource;
  place: Place;
  /** True for a VPC or namespace that only holds others and has no fields: it may be in several files. */
  bare: boolean;
}

export interface Refused {
  key: ResourceKey;
  place: Place;
}

export interface ZoneFile {
  /** False if the whole file is unusable, so that its last good state should stay; `placed` is then empty. */
  usable: boolean;
  placed: Placed[];
  /** The first place of each refused resource, by `keyText`: its last good version should stay. */
  refused: Map<string, Refused>;
  problems: Problem[];
}

/** The maximum of listed problems per file. */
const PROBLEMS_MAX = 100;

/** The keys of a document and of a namespace that contain resources. */
const HOLDERS: Partial<Record<Kind, readonly string[]>> = {
  vpc: ['vpc', 'namespaces'],
  namespace: ['overlays', 'pods', 'services'],
};
const ARTICLES: Record<Kind, string> = {
  vpc: 'a vpc',
  namespace: 'a namespace',
  overlay: 'an overlay',
  pod: 'a pod',
  service: 'a service',
};
const MEMBERS = [
  ['overlays', 'overlay'],
  ['pods', 'pod'],
  ['services', 'service'],
] as const;

/** Reads all documents of `text`; only places use `file`. Never throws. */
export function parseZoneFile(text: string, file: string, options: ZoneOptions = {}): ZoneFile {
  const reader = new ZoneReader(file, options.zone ?? 'vpc.internal');
  try {
    reader.readAll(text);
  } catch (error) {
    if (error instanceof ZoneFault) reader.problem(error.offset, error.message);
    else if (error instanceof RangeError) reader.problem(0, 'is nested too deeply');
    else throw error;
    reader.result.usable = false;
  }
  const { result } = reader;
  if (!result.usable) result.placed = [];
  result.problems = inOrder(result.problems, file);
  return result;
}

/** Sorted by place, and limited, because one unclosed bracket can cause a thousand problems. */
function inOrder(problems: Problem[], file: string): Problem[] {
  problems.sort(
    (a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0),
  );
  if (problems.length <= PROBLEMS_MAX) return problems;
  const more = problems.length - PROBLEMS_MAX;
  const rest: Problem = {
    severity: 'error',
    place: { file },
    reason: `${more} more problems are not listed`,
  };
  return [...problems.slice(0, PROBLEMS_MAX), rest];
}

class ZoneReader {
  readonly result: ZoneFile = { usable: true, placed: [], refused: new Map(), problems: [] };
  readonly #file: string;
  readonly #zone: string;
  readonly #lines = new LineCounter();
  #nodes!: ZoneNodes;
  #octets = 0;

  constructor(file: string, zone: string) {
    this.#file = file;
    this.#zone = zone;
  }

  readAll(text: string): void {
    this.#octets = text.length;
    const documents = parseAllDocuments(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
      schema: 'core',
      merge: false,
    });
    for (const document of documents) {
      for (const warning of document.warnings) this.problem(warning.pos[0], warning.message, 'warning');
      // Further faults of a document mostly follow from the first one.
      const error = document.errors[0];
      if (error === undefined) continue;
      this.result.usable = false;
      const stack = error.message.startsWith('Maximum call stack');
      this.problem(error.pos[0], stack ? 'is nested too deeply' : error.message);
    }
    if (this.result.usable) for (const document of documents) this.#document(document as Document.Parsed);
  }

  problem(offset: number, reason: string, severity: Problem['severity'] = 'error'): void {
    this.result.problems.push({ severity, place: this.#place(offset), reason });
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #document(document: Document.Parsed): void {
    this.#nodes = new ZoneNodes(document, this.#octets);
    const root = this.#nodes.follow(document.contents);
    if (root === null || (isScalar(root) && root.value === null)) return;
    if (!isMap(root))
      throw new ZoneFault(offsetOf(root), 'a document must be a map that begins with vpc: NAME');
    const faults: NodeFault[] = [];
    const entries = this.#entriesOf(root, 'vpc', faults);
    const named = entries.find((entry) => entry.key === 'vpc');
    if (named === undefined) throw new ZoneFault(offsetOf(root), 'vpc: is missing');
    const vpc = isScalar(named.value) && named.value.value !== null ? textOf(named.value) : undefined;
    const identity = validateKey({ kind: 'vpc', name: vpc });
    if (vpc === undefined || identity.issues !== undefined) {
      const reason = identity.issues?.[0]?.reason ?? 'must be text';
      throw new ZoneFault(offsetOf(named.value ?? named.keyNode), `vpc: ${reason}`);
    }
    this.#take('vpc', { name: vpc }, offsetOf(named.value!), entries, faults);
    const namespaces = this.#childMap(entries, 'namespaces');
    if (namespaces === undefined) return;
    const children = this.#nodes.entries(namespaces, (entry, first) => this.#twice(entry, first));
    for (const entry of children) this.#namespace(vpc, entry);
  }

  #namespace(vpc: string, entry: Entry): void {
    const at = offsetOf(entry.keyNode);
    const identity = validateKey({ kind: 'namespace', vpc, name: entry.key });
    if (identity.issues !== undefined) {
      this.problem(at, `namespace ${identity.issues[0]!.reason}; it is left out with its content`);
      return;
    }
    const map = this.#bodyMap(entry);
    if (map === undefined) throw new ZoneFault(offsetOf(entry.value!), 'a namespace must be a map');
    const faults: NodeFault[] = [];
    const entries = map === null ? [] : this.#entriesOf(map, 'namespace', faults);
    this.#take('namespace', { vpc, name: entry.key }, at, entries, faults);
    for (const [holder, kind] of MEMBERS) {
      const members = this.#childMap(entries, holder);
      if (members === undefined) continue;
      const children = this.#nodes.entries(members, (second, first) => {
        const { line, column } = this.#place(offsetOf(first.keyNode));
        const reason = `${kind} ${quote(second.key)} is written twice; the first, at ${this.#file}:${line}:${column}, counts`;
        this.problem(offsetOf(second.keyNode), reason);
      });
      for (const child of children) this.#member(kind, { vpc, namespace: entry.key, name: child.key }, child);
    }
  }

  #member(kind: Kind, identity: Record<string, string>, entry: Entry): void {
    const faults: NodeFault[] = [];
    const map = this.#bodyMap(entry);
    if (map === undefined)
      faults.push({
        offset: offsetOf(entry.value!),
        reason: `${ARTICLES[kind]} must be a map of keys to values`,
      });
    const entries = map ? this.#entriesOf(map, kind, faults) : [];
    this.#take(kind, identity, offsetOf(entry.keyNode), entries, faults);
  }

  /** Validates one resource, and accepts or refuses it. */
  #take(
    kind: Kind,
    identity: Record<string, string>,
    at: number,
    entries: Entry[],
    faults: NodeFault[],
  ): void {
    const raw: Record<string, unknown> = { kind, ...identity };
    const holders = HOLDERS[kind] ?? [];
    let bare = holders.length > 0;
    for (const entry of entries) {
      if (holders.includes(entry.key) || isExtension(entry.key)) continue;
      bare = false;
      if (FIELD_NAMES[kind].includes(entry.key)) {
        raw[entry.key] = this.#nodes.plain(entry.value, entry.key, faults);
        continue;
      }
      const keys = [...holders, ...FIELD_NAMES[kind]].join(', ');
      const reason = `${quote(entry.key)} is not a key of ${ARTICLES[kind]}; its keys are ${keys}`;
      faults.push({ offset: offsetOf(entry.keyNode), reason });
    }
    const result = validateResource(raw, { unknownKeys: 'error', zone: this.#zone });
    for (const issue of result.issues ?? []) {
      const offset =
        issue.path[0] === 'name' ? at : this.#nodes.locate(entries, issue.path, issue.atKey === true, at);
      faults.push({ offset, reason: issueText(issue) });
    }
    if (result.resource !== undefined && faults.length === 0) {
      this.result.placed.push({ resource: result.resource, place: this.#place(at), bare });
      return;
    }
    const key = result.resource === undefined ? validateKey(raw).key : keyOf(result.resource);
    const who = key === undefined ? `${kind} ${quote(identity.name!)}` : keyText(key);
    if (key !== undefined && !this.result.refused.has(keyText(key)))
      this.result.refused.set(keyText(key), { key, place: this.#place(at) });
    for (const { offset, reason } of faults)
      this.result.problems.push({
        severity: 'error',
        place: this.#place(offset),
        reason: `${who}: ${reason}`,
        key,
      });
  }

  /**
   * The entries of a resource's body. A duplicate map of resources makes the file unusable, a duplicate field only its
   * resource.
   */
  #entriesOf(map: YAMLMap, kind: Kind, faults: NodeFault[]): Entry[] {
    return this.#nodes.entries(map, (entry, first) => {
      if (HOLDERS[kind]?.includes(entry.key)) this.#twice(entry, first);
      faults.push({ offset: offsetOf(entry.keyNode), reason: `${quote(entry.key)} is written twice` });
    });
  }

  #twice(entry: Entry, first: Entry): never {
    const { line, column } = this.#place(offsetOf(first.keyNode));
    const reason = `${quote(entry.key)} is written twice, first at ${this.#file}:${line}:${column}`;
    throw new ZoneFault(offsetOf(entry.keyNode), reason);
  }

  /** The map of resources after a key; without a value it is empty. */
  #childMap(entries: Entry[], holder: string): YAMLMap | undefined {
    const entry = entries.find((candidate) => candidate.key === holder);
    if (entry === undefined) return undefined;
    const map = this.#bodyMap(entry);
    if (map === undefined)
      throw new ZoneFault(offsetOf(entry.value!), `${holder}: must be a map of names to resources`);
    return map ?? undefined;
  }

  /** Null without a value, undefined if the value is not a map. */
  #bodyMap(entry: Entry): YAMLMap | null | undefined {
    if (entry.value === null || (isScalar(entry.value) && entry.value.value === null)) return null;
    return isMap(entry.value) ? entry.value : undefined;
  }
}
