/** Cleans up what a large change has left in the catalog, a little in each pass of the event loop. */
import type { Catalog } from '../catalog/catalog.ts';

/** Records that are cleaned up in one pass of the event loop. */
const TIDIED = 512;

/** Returns what begins it; it does nothing while one is under way. */
export function tidying(catalog: Pick<Catalog, 'tidy'>): () => void {
  let busy = false;
  const tidy = (): void => {
    if (busy) return;
    busy = catalog.tidy(TIDIED);
    if (!busy) return;
    setImmediate(() => {
      busy = false;
      tidy();
    });
  };
  return tidy;
}
