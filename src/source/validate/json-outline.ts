/** The known parts of a JSON text that is not parsed as a whole. */
import { boundFault } from './bounds.ts';

/** The frame and the short members of a text. */
export interface Outline {
  frame: unknown;
  /** The JSON text of short members of the containers that `at` names. */
  members: Map<string, string>;
}

/** The key of a piece as text; '' if it has none. */
export function keyOf(json: string): string {
  try {
    return JSON.parse(json) as string;
  } catch {
    return '';
  }
}

/** The members of an outline as values; leaves out members that are not JSON. */
export function valuesOf(members: ReadonlyMap<string, string>): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [key, text] of members) {
    try {
      if (boundFault(text) === undefined) values[key] = JSON.parse(text);
    } catch {
      // A broken member stays unknown.
    }
  }
  return values;
}
