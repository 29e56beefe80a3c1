/** What a setting is: a row of the table in `table.ts`. */
import type { z } from 'zod';

/** One row. Its key in camel case is the file's key in snake case, `--kebab-case`, and `PODNS_UPPER_CASE`. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  group: Group;
  /** What the help of a flag shows as its argument; undefined for settings that have no flag, or a switch. */
  takes?: string;
  schema: S;
  default: z.output<S>;
  /** One line: what it is for. */
  doc: string;
  /** May be given several times. */
  many?: boolean;
  /** What the flag stands for where it has no value. */
  implied?: string;
  /** Relative values are relative to the folder of the file that holds them. */
  path?: boolean;
}

export type Group = 'Serving' | 'Sources' | 'Answers' | 'Clients' | 'Outside names' | 'Time' | 'Limits';

export function setting<S extends z.ZodType>(
  group: Group,
  takes: string | undefined,
  schema: S,
  fallback: z.output<S>,
  doc: string,
  more: { many?: boolean; path?: boolean; implied?: string } = {},
): Setting<S> {
  return { group, takes, schema, default: fallback, doc, ...more };
}

/** Milliseconds. */
export const SECOND = 1000;
