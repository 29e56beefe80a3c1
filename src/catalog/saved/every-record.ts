/** Every record of the catalog at a moment, as lines: what is saved whole, and what a successor is handed. */
import type { Catalog } from '../catalog.ts';
import type { Moment } from '../moments.ts';
import { SLICE, WRITE } from './saved-lines.ts';
import type { SavedSource } from './saved-lines.ts';

/** Pieces of whole lines, with pauses for the event loop between. `look` may throw to give it up. */
export async function* everyRecord(
  catalog: Catalog,
  moment: Moment,
  sources: readonly SavedSource[],
  look: () => void = () => undefined,
): AsyncGenerator<Buffer> {
  const lines = catalog.linesAt(moment, sources);
  let count = 0;
  for (const reference of catalog.recordsAt(moment)) {
    if (reference !== undefined) lines.record(reference);
    if (reference !== undefined && ++count % SLICE !== 0) continue;
    if (lines.length < WRITE) await new Promise(setImmediate);
    else yield lines.take();
    look();
  }
  yield lines.take();
}
