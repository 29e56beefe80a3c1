/** Turns one line of the watch stream (NDJSON) into one event of the reflector. */

import { boundFault, jsonFault, shown } from '../validate/bounds.ts';
import { outlineOf } from './json-cutter.ts';
import { valuesOf } from '../validate/json-outline.ts';
import { compareRevisions, isRevision, type StreamEvent } from '../reflector/dialect.ts';
import { slices } from '../reflector/slices.ts';
import { issueText, validateKey, type Issue } from '../validate/by-schema.ts';
import { validateResource } from '../validate/validate.ts';
import type { Line } from './line-splitter.ts';
import type { PlainLine } from './plain-line.ts';
import { keyText, type Place, type Problem, type ResourceKey } from '../../model.ts';

/** The container with the key of the resource; its short members are read even if the line is refused. */
export const OUTLINE_AT: readonly string[] = ['object'];
const STAMP_MOST = '18446744073709551615';

/**
 * A line that is not a JSON object with a known `type` and a revision is `malformed`, because its change is unknown.
 * If a line is only too large, or broken only inside its object, the object alone is refused.
 */
export function eventOfLine(line: Line<PlainLine>, zone: string | undefined): StreamEvent {
  const place = { text: `line ${line.number}` };
  slices.record(line.read?.octets ?? line.text.length);
  const { said, fault } = readLine(line);
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    return { type: 'malformed', place, reason: fault ?? 'not a JSON object' };
  }
  const { type, revision } = said;
  if (!isRevision(revision)) {
    return { type: 'malformed', place, reason: '"revision" must be a decimal number as a string' };
  }
  switch (type) {
    case 'snapshot':
      return { type, revision, at: timeOf(said.at) };
    case 'synced':
      return { type, revision };
    case 'bookmark': {
      const lost = timeOf(said.lost);
      return lost === undefined ? { type, revision } : { type, revision, lost };
    }
    case 'put': {
      const more = said.more === true;
      const at = timeOf(said.at);
      const stamp = stampOf(said.stamp);
      let { resource, issues } =
        fault === undefined
          ? validateResource(said.object, { unknownKeys: 'ignore', zone })
          : { issues: [{ path: [], reason: fault }] };
      if (stamp === null) issues = [{ path: ['stamp'], reason: NO_STAMP }, ...(issues ?? [])];
      else if (issues === undefined) return { type, revision, resource: resource!, place, more, at, stamp };
      const { key } = validateKey(said.object);
      const refused = refusal(key, issues, place);
      return { type: 'refused', revision, ...refused, stamp: stamp ?? undefined, more, at };
    }
    case 'delete': {
      const more = said.more === true;
      const at = timeOf(said.at);
      const { key, issues } = validateKey(said.object);
      if (issues === undefined) return { type, revision, key, more, at };
      return { type: 'refused', revision, ...refusal(undefined, issues, place), more, at };
    }
    default:
      return { type: 'malformed', place, reason: `unknown type ${shown(type)}` };
  }
}

/** The content of a line; with a `fault` only the members around the object, and those that name it. */
function readLine(line: Line<PlainLine>): {
  said: Partial<Record<keyof PlainLine | 'lost', unknown>> | undefined;
  fault?: string;
} {
  if (line.read !== undefined) return { said: line.read };
  let fault = line.error ?? boundFault(line.text, 1);
  if (fault === undefined) {
    try {
      return { said: JSON.parse(line.text) as Partial<PlainLine> };
    } catch (error) {
      fault = jsonFault(error);
    }
  }
  const outline = line.outline ?? outlineOf(Buffer.from(line.text), OUTLINE_AT);
  const frame = outline?.frame;
  if (typeof frame !== 'object' || frame === null) return { said: undefined, fault };
  return { said: { ...frame, object: valuesOf(outline!.members) }, fault };
}

/** The report of a refused resource. */
export function refusal(
  key: ResourceKey | undefined,
  issues: Issue[],
  place: Place,
): { key: ResourceKey | undefined; scope: string; problems: Problem[] } {
  const problems = issues.map((issue): Problem => {
    const problem: Problem = { severity: 'error', place, reason: issueText(issue) };
    if (key !== undefined) problem.key = key;
    return problem;
  });
  return { key, scope: key === undefined ? (place.text ?? '') : keyText(key), problems };
}

const NO_STAMP = 'must be a whole number below 2^64; above 2^53 - 1 as text, because JSON would round it';

/** Null for an invalid value. */
function stampOf(stamp: unknown): string | undefined | null {
  if (stamp === undefined) return undefined;
  if (typeof stamp === 'number') return Number.isSafeInteger(stamp) && stamp >= 0 ? String(stamp) : null;
  return isRevision(stamp) && compareRevisions(stamp, STAMP_MOST) <= 0 ? stamp : null;
}

/** Milliseconds since 1970; undefined if it is missing or not a date. Only statistics use it. */
function timeOf(at: unknown): number | undefined {
  if (typeof at !== 'string') return undefined;
  const time = Date.parse(at);
  return Number.isNaN(time) ? undefined : time;
}
