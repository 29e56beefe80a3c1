/** One line of the watch stream (NDJSON) to one event of the reflector. */

import { isRevision, type StreamEvent } from './reflector-dialect.ts';
import { issueText, validateKey, validateResource, type Issue } from './validate.ts';
import type { Line } from './lines.ts';
import { keyText, type Place, type Problem, type ResourceKey } from '../model.ts';

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
      const { resource, issues } = validateResource(said.object, { unknownKeys: 'ignore', zone });
      if (issues === undefined) {
        const own = isStamp(said.stamp) ? String(said.stamp) : undefined;
        return { type, revision, resource, place, more, at, own };
      }
      const { key } = validateKey(said.object);
      return { type: 'refused', revision, ...refusal(key, issues, place), more, at };
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

function isStamp(stamp: unknown): boolean {
  return Number.isSafeInteger(stamp) && (stamp as number) >= 0;
}

/** Milliseconds since 1970; undefined where it is missing or no date. Only statistics need it. */
function timeOf(at: unknown): number | undefined {
  if (typeof at !== 'string') return undefined;
  const time = Date.parse(at);
  return Number.isNaN(time) ? undefined : time;
}
