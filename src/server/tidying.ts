/** Cleans up what a large change has left in the catalog, a little in each pass of the event loop. */
import type { Catalog } from '../catalog/catalog.ts';

/** Records that are cleaned up in one pass. */
const TIDIED = 512;

export class Tidying {
  private readonly catalog: Pick<Catalog, 'tidy'>;
  private isBusy = false;

  constructor(catalog: Pick<Catalog, 'tidy'>) {
    this.catalog = catalog;
  }

  begin(): void {
    if (this.isBusy) return;
    this.isBusy = this.catalog.tidy(TIDIED);
    if (!this.isBusy) return;
    setImmediate(() => {
      this.isBusy = false;
      this.begin();
    });
  }
}
