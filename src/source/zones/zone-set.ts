/** All files of a zones directory together: which of several definitions of a resource counts, and what has changed. */
import { isDeepStrictEqual } from 'node:util';
import { keyOf, keyText, placeText } from '../../model.ts';
import type { Place, Problem, ResourceKey } from '../../model.ts';
import { slices } from '../reflector/slices.ts';
import type { Placed, ZoneFile } from './zone-file.ts';

export interface ZoneSet {
  /** The served resources, by `keyText`. */
  placed: Map<string, Placed>;
  /** Duplicate definitions by file name, each reported at its place. */
  repeated: Map<string, Problem[]>;
  /** The `keyText` of refused resources whose last good version is served. */
  kept: Set<string>;
  /** Refused resources without any valid definition, by `keyText`. A version from before the start may stay. */
  wanting: Map<string, ResourceKey>;
  /**
   * The `keyText` of all VPCs, sorted by the place of the definition that counts, refused or not: the order of their
   * ages.
   */
  vpcs: string[];
}

/** The gap between two new ages. */
const STRIDE = 2 ** 20;

/**
 * The first file in name order wins, and in a file the first definition. A VPC or namespace without fields never wins
 * over one with fields, and is not a duplicate. A resource with only refused definitions stays as it was in `before`.
 * Yields after each record, so that a slice may end there.
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
      yield slices.record();
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
  const wanting = new Map<string, ResourceKey>();
  const places = new Map<string, Place>();
  for (const name of names) {
    for (const [text, { key, place }] of files.get(name)!.refused) {
      yield slices.record();
      if (placed.get(text)?.bare === false && !kept.has(text)) continue;
      if (!places.has(text)) places.set(text, place);
      const last = before.get(text);
      if (last === undefined || last.bare) wanting.set(text, key);
      else {
        placed.set(text, last);
        kept.add(text);
      }
    }
  }
  for (const [text, { resource, place }] of placed) {
    if (resource.kind === 'vpc' && !places.has(text)) places.set(text, place);
  }
  const vpcs = [...places].filter(([text]) => text.startsWith('vpc '));
  // In one directory the order of paths is the order of names.
  vpcs.sort(([, one], [, other]) => comparePlaces(one, other));
  return { placed, repeated, kept, wanting, vpcs: vpcs.map(([text]) => text) };
}

/**
 * Stamps for `Sink.put` that grow along this order. It keeps stamps of `before` where the order allows it, so that a
 * new VPC in between changes few others.
 */
export function agesOf(order: readonly string[], before: ReadonlyMap<string, number>): Map<string, number> {
  const behind: number[] = [];
  let known = Infinity;
  for (let i = order.length - 1; i >= 0; i--) {
    behind[i] = known;
    known = before.get(order[i]!) ?? known;
  }
  const ages = new Map<string, number>();
  let last = 0;
  order.forEach((text, i) => {
    const age = before.get(text) ?? 0;
    const step = Math.max(1, Math.min(STRIDE, Math.floor((behind[i]! - last) / 2)));
    last = age > last ? age : last + step;
    ages.set(text, last);
  });
  return ages;
}

function comparePlaces(one: Place, other: Place): number {
  const [file, otherFile] = [one.file!, other.file!];
  if (file !== otherFile) return file < otherFile ? -1 : 1;
  return one.line! - other.line! || one.column! - other.column!;
}

/** The same without slices, for the command line. */
export function joinZoneFiles(files: ReadonlyMap<string, ZoneFile>): ZoneSet {
  const joining = joiningZoneFiles(files);
  for (;;) {
    const { value, done } = joining.next();
    if (done === true) return value;
  }
}

/** What the sink has. */
export interface Delivered {
  set: ZoneSet;
  /** Stamps by `keyText` of a VPC; see `Sink.put`. */
  ages: Map<string, number>;
  /** Refused resources of which the sink may have a version from before the start. */
  held: Map<string, ResourceKey>;
}

/** The changes to deliver. */
export interface Delivery {
  delivered: Delivered;
  /** By `keyText`. */
  puts: [string, Placed][];
  kept: [string, ResourceKey][];
  gone: ResourceKey[];
}

/** The changes of a set, or all of it with `full`; what is gone since `before` is named in both. Yields after each record. */
export function* deliveryOf(
  set: ZoneSet,
  before: Delivered | undefined,
  full: boolean,
): Generator<void, Delivery> {
  const { placed } = set;
  const ages = agesOf(set.vpcs, before?.ages ?? new Map());
  const isAged = (text: string): boolean => full || ages.get(text) !== before?.ages.get(text);
  const wasHeld = (text: string): boolean => before?.held.has(text) === true;
  const held = new Map([...set.wanting].filter(([text]) => full || wasHeld(text)));
  const puts: [string, Placed][] = [];
  for (const [text, each] of placed) {
    yield slices.record();
    const old = before?.set.placed.get(text);
    const isNew = old === undefined || changed(old, each) || wasHeld(text) || isAged(text);
    if (isNew && !held.has(text)) puts.push([text, each]);
  }
  const gone: ResourceKey[] = [];
  for (const [text, { resource }] of before?.set.placed ?? []) {
    yield slices.record();
    if (!placed.has(text)) gone.push(keyOf(resource));
  }
  for (const [text, key] of before?.held ?? []) {
    yield slices.record();
    if (!held.has(text) && !placed.has(text)) gone.push(key);
  }
  const kept = [...held].filter(([text]) => isAged(text));
  return { delivered: { set, ages, held }, puts, kept, gone };
}

function changed(old: Placed, placed: Placed): boolean {
  return old !== placed && !isDeepStrictEqual(old.resource, placed.resource);
}

/** Adds to an error what podns serves instead. */
export function sayKept(problem: Problem, zone: ZoneFile, set: ZoneSet): Problem {
  if (!zone.usable && zone.placed.length + zone.refused.size > 0)
    return {
      ...problem,
      kind: 'file',
      reason: `${problem.reason}; podns serves the last good state of the file`,
    };
  if (!zone.usable) return { ...problem, kind: 'file' };
  if (problem.severity !== 'error') return problem;
  if (problem.key !== undefined && set.kept.has(keyText(problem.key)))
    return { ...problem, reason: `${problem.reason}; podns serves its last good version` };
  return problem;
}
