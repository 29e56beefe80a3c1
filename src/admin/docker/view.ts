/** What a base path shows of the running server: all VPCs, or one. */
import type { ServerCore } from '../../server.ts';

export type Catalog = ServerCore['catalog'];

export interface DockerView {
  catalog: Catalog;
  /** The only VPC that is shown; undefined for all. */
  vpc: string | undefined;
  /** The canonical suffix. */
  zone: string;
  nodeName: string;
  version: string;
}

/** Resources that are read, or a few times as many octets compared, between two pauses: about a millisecond of work. */
const SLICE = 64;

/** Counts work, and tells when it is time for a pause, in which others run. */
export class Slice {
  private left = SLICE;

  /** True when it is time to pause. */
  spend(units = 1): boolean {
    this.left -= units;
    if (this.left > 0) return false;
    this.left = SLICE;
    return true;
  }
}

/** Values, with `undefined` where their reader may pause. */
export type Paced<T> = Generator<T | undefined, void, undefined>;

/** A list that shows the moment of this call, and not that of its first step. */
export function opened<T>(list: Paced<T>): Paced<T> {
  let step = list.next();
  return (function* () {
    try {
      for (; step.done !== true; step = list.next()) yield step.value;
    } finally {
      list.return();
    }
  })();
}

/** Goes through all, with pauses in which others run, until `isGone`, when nobody waits for the result any more. */
export async function eachPaced<T>(
  values: Paced<T>,
  use: (value: T) => void,
  isGone: () => boolean = () => false,
): Promise<void> {
  const slice = new Slice();
  // Leaving the loop closes the list.
  for (const value of values) {
    if (value !== undefined) use(value);
    if (value !== undefined && !slice.spend()) continue;
    await new Promise(setImmediate);
    if (isGone()) return;
  }
}
