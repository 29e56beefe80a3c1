/** The files of a zones directory taken together: which of several statements of one resource counts. */
import { keyOf, keyText, placeText } from '../model.ts';
import type { Place, Problem, ResourceKey } from '../model.ts';
import type { Placed, ZoneFile } from './zone-file.ts';

export interface ZoneSet {
  /** By `keyText`: what is served. */
  placed: Map<string, Placed>;
  /** By file name: repeated statements, each reported where it is written. */
  repeated: Map<string, Problem[]>;
  /** `keyText` of refused resources whose last good version is served. */
  kept: Set<string>;
  /** By `keyText`: what is refused and nowhere said in earnest. A version from before our start may stay. */
  wanting: Map<string, ResourceKey>;
  /** `keyText` of all VPCs by the place of what counts of them, refused or not: the order of their ages. */
  vpcs: string[];
}

/** Room between two ages. */
const STRIDE = 2 ** 20;

/**
 * The first file in name order wins, and in a file the first statement. A VPC or namespace that says nothing
 * of itself never wins over one that does, and is no repetition. What is said in earnest only where it is refused
 * stays as it was in `before`.
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
  const wanting = new Map<string, ResourceKey>();
  const places = new Map<string, Place>();
  for (const name of names) {
    for (const [text, { key, place }] of files.get(name)!.refused) {
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
  // The files of one directory: their paths are ordered as their names are.
  vpcs.sort(([, one], [, other]) => comparePlaces(one, other));
  return { placed, repeated, kept, wanting, vpcs: vpcs.map(([text]) => text) };
}

/**
 * Numbers that grow along this order, for `Sink.put`; those of `before` stay wherever the order lets them, so that
 * few have to be said again when one comes in between.
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
