/** Prints problems on stderr, one per line: `file:line:col: error: reason`. */
import { placeText, type Problem } from '../model.ts';
import { errorLine, type Io } from './io.ts';

export function problemLine({ severity, place, reason }: Problem): string {
  const where = placeText(place);
  return where === '' ? `${severity}: ${reason}` : `${where}: ${severity}: ${reason}`;
}

/** For programs: the place is not nested. */
export function problemJson({ severity, place, reason }: Problem): object {
  return { severity, ...place, reason };
}

export function reportProblems(problems: readonly Problem[], io: Io): void {
  for (const problem of problems) errorLine(io, problemLine(problem));
}
