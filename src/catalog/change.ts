/** What the catalog tells: changes, and the provenance of resources. */
import type { Place, Resource, ResourceKey } from '../model.ts';

/**
 * What an applied transaction changes for those who ask. A `put` adds or replaces.
 *
 * `stamp` orders claims, and follows from the state alone. To one address, of pods and services: the higher owns it;
 * it is the one that the source gave, else the revision where that is a whole decimal number, else a count of the
 * source's own change sets. Between sources stamps compare as plain numbers, which is arbitrary but the same
 * everywhere. To `net6` prefixes, of VPCs: the lower is older and stands, see `Overlaps`; it is the one that the
 * source gave, else the VPC's place in the order of the state.
 */
export type Change =
  | {
      type: 'put';
      resource: Resource;
      stamp: bigint;
      source: string;
      revision: string;
      /** Only the stamp has changed: a pod or service was put again, and so claims its addresses again. */
      renewed: boolean;
    }
  | { type: 'delete'; key: ResourceKey; source: string; revision: string };

/** Which source is effective for a key, and which are shadowed. */
export interface Provenance {
  source: string;
  revision: string;
  stamp: bigint;
  /** In a file; streams' places are not kept. */
  place?: Place;
  /** Other sources that report the same key, in order of preference. */
  shadowed: string[];
}

/** What those who ask get of one key. */
export interface EffectiveRecord {
  resource: Resource;
  stamp: bigint;
}

/** One record as its source reported it. */
export interface SourceRecord {
  source: string;
  resource: Resource;
  revision: string;
  stamp: bigint;
  /** Another source is effective for this key. */
  shadowed: boolean;
  /** Where it is written, if in a file. */
  file?: string;
}
