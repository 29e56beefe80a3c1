/** Every record of the catalog at a moment, as lines: what is saved whole, and what a successor is handed. */
import type { Catalog } from '../catalog.ts';
import type { Moment } from '../moments.ts';
import { recordLine, SLICE, WRITE } from './saved-lines.ts';
import type { SavedSource } from './saved-lines.ts';

export function numbersOf(sources: readonly SavedSource[]): Map<string, number> {
  return new Map(sources.map(({ name }, number) => [name, number]));
}

/** Pieces of whole lines, with pauses for the event loop between. `look` may throw to give it up. */
export async function* everyRecord(
  catalog: Catalog,
  moment: Moment,
  sources: readonly SavedSource[],
  look: () => void = () => undefined,
): AsyncGenerator<string> {
  const numbers = numbersOf(sources);
  let text = '';
  let count = 0;
  for (const said of catalog.recordsAt(moment)) {
    const source = said && numbers.get(said.source);
    if (source !== undefined) text += recordLine(said!, source);
    if (said !== undefined && ++count % SLICE !== 0) continue;
    if (text.length < WRITE) await new Promise(setImmediate);
    else {
      yield text;
      text = '';
    }
    look();
  }
  yield text;
}
