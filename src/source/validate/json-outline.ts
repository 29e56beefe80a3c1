/** What is known of a JSON text that is not parsed as a whole. */
import { boundFault } from './bounds.ts';

/** A text of which only the frame and short members are kept. */
export interface Outline {
  frame: unknown;
  /** The JSON text of members of the containers that `at` names, where it is short. */
  members: Map<string, string>;
}

/** The key of a piece as text; '' where it is none. */
export function keyOf(json: string): string {
  try {
    return JSON.parse(json) as string;
  } catch {
    return '';
  }
}

/** The members of an outline as values; those that are no JSON are left out. */
export function valuesOf(members: ReadonlyMap<string, string>): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [key, text] of members) {
    try {
      if (boundFault(text) === undefined) values[key] = JSON.parse(text);
    } catch {
      // What is broken stays unknown.
    }
  }
  return values;
}
