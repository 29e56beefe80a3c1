/** The files of a zones directory taken together: which of several statements of one resource counts, what changed. */
import { isDeepStrictEqual } from 'node:util';
import { keyOf, keyText, placeText } from '../model.ts';
import type { Problem } from '../model.ts';
import { turns } from './turns.ts';
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
 * in `before`. Stops after each record, where a turn may end.
 */
export function* joiningZoneFiles(
  files: ReadonlyMap<string, ZoneFile>,
  before: ReadonlyMap<string, Placed> = new Map(),
): Generator<void, ZoneSet> {
  const placed = new Map<string, Placed>();
  const repeated = new Map<string, Problem[]>();
  const names = [...files.keys()].sort();
  for (const name of names) {
    for (const candidate of files.get(name)!.placed) {
      yield turns.record();
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
      yield turns.record();
      const last = before.get(text);
      if (last === undefined || placed.has(text)) continue;
      placed.set(text, last);
      kept.add(text);
    }
  }
  return { placed, repeated, kept };
}

/** The same in one piece, for the command line. */
export function joinZoneFiles(files: ReadonlyMap<string, ZoneFile>): ZoneSet {
  const joining = joiningZoneFiles(files);
  for (;;) {
    const { value, done } = joining.next();
    if (done === true) return value;
  }
}

/** What the second set has more or otherwise, and what it has no more. Stops after each record. */
export function* differences(
  before: ReadonlyMap<string, Placed> | undefined,
  after: ReadonlyMap<string, Placed>,
): Generator<void, { puts: Placed[]; gone: Placed[] }> {
  const puts: Placed[] = [];
  const gone: Placed[] = [];
  for (const [text, placed] of after) {
    const old = before?.get(text);
    if (old === undefined || changed(old, placed)) puts.push(placed);
    yield turns.record();
  }
  for (const [text, placed] of before ?? []) {
    if (!after.has(text)) gone.push(placed);
    yield turns.record();
  }
  return { puts, gone };
}

function changed(old: Placed, placed: Placed): boolean {
  return old !== placed && !isDeepStrictEqual(old.resource, placed.resource);
}

/** Says of an error what is served instead. */
export function sayKept(problem: Problem, zone: ZoneFile, set: ZoneSet): Problem {
  if (problem.severity !== 'error') return problem;
  if (!zone.usable && zone.placed.length > 0)
    return { ...problem, reason: `${problem.reason}; the file's last good state is served` };
  if (problem.key !== undefined && set.kept.has(keyText(problem.key)))
    return { ...problem, reason: `${problem.reason}; its last good version is served` };
  return problem;
}
