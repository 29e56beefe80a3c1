/** The files of a zones directory taken together: which of several statements of one resource counts. */
import { keyOf, keyText, placeText } from '../model.ts';
import type { Problem } from '../model.ts';
import type { Placed, ZoneFile } from './zone-file.ts';

export interface ZoneSet {
  /** By `keyText`: what is served. */
  placed: Map<string, Placed>;
  /** By file name: repeated statements, each reported where it is written. */
  repeated: Map<string, Problem[]>;
  /** `keyText` of refused resources whose last good version is served. */
  kept: Set<string>;
}

/**
 * The first file in name order wins, and in a file the first statement. A VPC or namespace that says nothing
 * of itself never wins over one that does, and is no repetition. What is refused everywhere stays as it was
 * in `before`.
 */
export function joinZoneFiles(
  files: ReadonlyMap<string, ZoneFile>,
  before: ReadonlyMap<string, Placed> = new Map(),
): ZoneSet {
  const placed = new Map<string, Placed>();
  const repeated = new Map<string, Problem[]>();
  const names = [...files.keys()].sort();
  for (const name of names) {
    for (const candidate of files.get(name)!.placed) {
      const key = keyOf(candidate.resource);
      const text = keyText(key);
      const first = placed.get(text);
      if (first === undefined || (first.bare && !candidate.bare)) placed.set(text, candidate);
      else if (!candidate.bare) {
        const reason = `${text} is already at ${placeText(first.place)}, which counts`;
        const list = repeated.get(name) ?? [];
        list.push({ severity: 'error', place: candidate.place, reason, key });
        repeated.set(name, list);
      }
    }
  }
  const kept = new Set<string>();
  for (const name of names) {
    for (const text of files.get(name)!.refused.keys()) {
      const last = before.get(text);
      if (last === undefined || placed.has(text)) continue;
      placed.set(text, last);
      kept.add(text);
    }
  }
  return { placed, repeated, kept };
}
