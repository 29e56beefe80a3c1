/** Overlays that effective pods of other namespaces name: they, and their namespaces, are there though nobody declares them. */
import { overlayPlace } from '../model.ts';

/** An overlay, and how many attachments of pods of other namespaces it has. */
export interface ForeignOverlay {
  vpc: string;
  namespace: string;
  name: string;
}

export class ForeignOverlays {
  /** By VPC, then by `namespace/name`: the attachments. */
  readonly #counts = new Map<string, Map<string, number>>();

  get empty(): boolean {
    return this.#counts.size === 0;
  }

  /** `path`: `namespace/name`. */
  count(vpc: string, path: string, by: number): void {
    let counts = this.#counts.get(vpc);
    if (counts === undefined) this.#counts.set(vpc, (counts = new Map()));
    const count = (counts.get(path) ?? 0) + by;
    if (count > 0) counts.set(path, count);
    else counts.delete(path);
    if (counts.size === 0) this.#counts.delete(vpc);
  }

  /** Those of a VPC, or all. */
  *list(vpc?: string): Generator<ForeignOverlay, void, undefined> {
    const vpcs = vpc === undefined ? this.#counts.keys() : [vpc];
    for (const each of vpcs)
      for (const path of this.#counts.get(each)?.keys() ?? []) yield { vpc: each, ...overlayPlace(path, '') };
  }
}
