/** podns.yaml: read with the position of every value, so that each error names its line and column. */
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Place, Problem } from '../model.ts';
import { didYouMean } from './suggest.ts';
import { fileKey, KEYS, SETTINGS, type Config, type Key } from './table.ts';

/** The settings of a file, each with its place. Values with an error are left out. */
export interface FileSettings {
  values: Partial<Config>;
  places: Partial<Record<Key, Place>>;
  problems: Problem[];
}

/**
 * Reads the text of a podns.yaml. Messages name `path`, and relative paths in the file start from its folder.
 * Never throws: `problems` holds everything that is wrong.
 */
export function readConfigText(path: string, text: string): FileSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const values: Record<string, unknown> = {};
  const places: Partial<Record<Key, Place>> = {};
  const problems: Problem[] = [];

  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file: path, line, column: col };
  };
  const placeOf = (node: unknown, otherwise: Place): Place => {
    const range = (node as Node | null | undefined)?.range;
    return range ? placeAt(range[0]) : otherwise;
  };
  const fail = (place: Place, reason: string): void =>
    void problems.push({ severity: 'error', place, reason });

  for (const error of document.errors) fail(placeAt(error.pos[0]), firstLine(error.message));
  for (const warning of document.warnings) fail(placeAt(warning.pos[0]), firstLine(warning.message));
  const top = document.contents;
  if (problems.length > 0 || top === null || (isScalar(top) && top.value === null)) {
    return { values, places, problems };
  }
  if (!isMap(top)) {
    fail(placeOf(top, placeAt(0)), 'a map of settings is expected, such as "ttl: 1"');
    return { values, places, problems };
  }

  for (const pair of top.items) {
    const place = placeOf(pair.key, placeAt(0));
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const key = KEYS.find((candidate) => fileKey(candidate) === name);
    if (key === undefined) {
      fail(place, `unknown key "${name}"${didYouMean(name, KEYS.map(fileKey))}`);
      continue;
    }
    const valuePlace = placeOf(pair.value, place);
    const plain = (pair.value as Node | null)?.toJS(document) as unknown;
    if (plain === null || plain === undefined) {
      fail(valuePlace, `${name} has no value; remove the key to use the default`);
      continue;
    }
    const result = SETTINGS[key].schema.safeParse(plain);
    if (!result.success) {
      for (const issue of result.error.issues) {
        fail(
          placeOf(nearest(document, [name, ...issue.path]), valuePlace),
          `${[name, ...issue.path].join('.')}: ${issue.message}`,
        );
      }
      continue;
    }
    places[key] = valuePlace;
    values[key] = SETTINGS[key].path ? fromFolder(dirname(path), result.data) : result.data;
  }
  return { values: values as Partial<Config>, places, problems };
}

/** The node at a path, or the last one on the way to it: a short form has no node of its own for each part. */
function nearest(document: Document, path: PropertyKey[]): unknown {
  for (let length = path.length; length > 1; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (node !== undefined) return node;
  }
  return document.get(path[0], true);
}

function fromFolder(folder: string, value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((path: string) => resolve(folder, path))
    : resolve(folder, value as string);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]!.replace(/:$/, '');
}
