/** Owners of `net6` prefixes found before, by the first 64 bits of a source: nearly all prefixes are that long or shorter. */

const ENTRIES = 256;

export class Net6Cache {
  /** First two words, stamp of the prefixes, owner: each. */
  readonly entries = new Int32Array(ENTRIES * 4);
}
