/** One line of the watch stream (NDJSON) to one event of the reflector. */

import { compareRevisions, isRevision, type StreamEvent } from './reflector-dialect.ts';
import { issueText, validateKey, validateResource, type Issue } from './validate.ts';
import type { Line } from './lines.ts';
import { keyText, type Place, type Problem, type ResourceKey } from '../model.ts';

const STAMP_MOST = '18446744073709551615';

/** A line that is no JSON object of a known `type` with a revision is `malformed`: nobody knows what it changed. */
export function eventOfLine(line: Line, zone: string | undefined): StreamEvent {
  const place = { text: `line ${line.number}` };
  if (line.error !== undefined) return { type: 'malformed', place, reason: line.error };
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(line.text) as Record<string, unknown>;
  } catch (error) {
    return { type: 'malformed', place, reason: `not JSON: ${(error as Error).message}` };
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    return { type: 'malformed', place, reason: 'not a JSON object' };
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
      let { resource, issues } = validateResource(said.object, { unknownKeys: 'ignore', zone });
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
      return { type: 'malformed', place, reason: `unknown type ${JSON.stringify(type)?.slice(0, 80)}` };
  }
}

/** What a refused resource is reported as. */
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

const NO_STAMP = 'must be a whole number below 2^64; above 2^53 - 1 as text, for JSON would round it';

/** Null where it is something else. */
function stampOf(stamp: unknown): string | undefined | null {
  if (stamp === undefined) return undefined;
  if (typeof stamp === 'number') return Number.isSafeInteger(stamp) && stamp >= 0 ? String(stamp) : null;
  return isRevision(stamp) && compareRevisions(stamp, STAMP_MOST) <= 0 ? stamp : null;
}

/** Milliseconds since 1970; undefined where it is missing or no date. Only statistics need it. */
function timeOf(at: unknown): number | undefined {
  if (typeof at !== 'string') return undefined;
  const time = Date.parse(at);
  return Number.isNaN(time) ? undefined : time;
}
