/** What the catalog tells: changes, and who said what; and how a revision becomes a stamp. */
import type { Place, Resource, ResourceKey } from '../model.ts';

/**
 * What an applied transaction changes for those who ask. A `put` adds or replaces. `stamp` orders claims to one
 * address: the revision where that is a whole decimal number up to 2^53 - 1, else a count of the source's own
 * change sets. Within a source a later claim has no lower stamp. Between sources stamps compare as plain
 * numbers, which is arbitrary but the same everywhere.
 */
export type Change =
  | { type: 'put'; resource: Resource; stamp: number; source: string; revision: string }
  | { type: 'delete'; key: ResourceKey; source: string; revision: string };

/** What a snapshot knows beyond the revision: the stamp, and for a VPC the stamps of older claims in `net6`. */
export interface Kept {
  stamp: number;
  claims?: Readonly<Record<string, number>>;
}

/** The number in a revision that is a whole decimal number below 2^53, else -1. */
export function revisionNumber(revision: string): number {
  const { length } = revision;
  if (length === 0 || length > 16) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = revision.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER || (revision.charCodeAt(0) === 0x30 && length > 1)) return -1;
  return value;
}

/** Who is heard for a key, and who is not. */
export interface Said {
  source: string;
  revision: string;
  stamp: number;
  /** In a file; streams' places are not kept. */
  place?: Place;
  /** Other sources that say the same key, in order of preference. */
  shadowed: string[];
}

/** What those who ask get of one key. */
export interface EffectiveRecord {
  resource: Resource;
  stamp: number;
}

/** One record as its source said it. */
export interface SaidRecord {
  source: string;
  resource: Resource;
  revision: string;
  stamp: number;
  /** For a VPC: prefixes of `net6` whose claim is older than its stamp. */
  claims: Record<string, number> | undefined;
  /** Another source is heard for this key. */
  shadowed: boolean;
}
