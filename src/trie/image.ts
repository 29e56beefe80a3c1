/**
 * An image: the memory of the trie as readers see it at one moment, to be placed in the memory of another process.
 *
 * It is the words of the arena that may be in use, the slots of the active copy of both tables, and of the head what
 * belongs to that copy. References are word indices, so every stretch comes to lie where it was. Readers use a placed image
 * like any other copy; the writer begins in another stretch of the arena and in the idle copy, and flips once.
 */
import type { Vpc } from '../model.ts';
import { MemoryFullError } from './memory.ts';
import type { TrieMemory } from './memory.ts';
import * as layout from './layout.ts';
import type { KnownVpc } from './write/directory.ts';
import { FIRST_WORD, type Stretch } from './write/arena.ts';

/** All but the words themselves. JSON can carry it. */
export interface TrieImage {
  /** The copy that the slots are of. */
  copy: 0 | 1;
  generation: number;
  seed: [number, number];
  /** Slots of the tables. */
  names: number;
  addresses: number;
  /** Words of the head: the roots of VPCs, special and outside names, and the record of the only VPC. */
  roots: [number, number, number, number];
  net6Stamp: number;
  net6Lengths: number[];
  /** Of the arena, in order. */
  stretches: Stretch[];
}

/** A VPC of an image: its record, the serial of its SOA, and what it declares where that concerns outside names. */
export type ImageVpc = [name: string, record: number, serial: number, declared?: Vpc];

/** An image that has been placed, and its VPCs. */
export interface PlacedImage {
  image: TrieImage;
  vpcs: readonly ImageVpc[];
}

/** The active copy; `stretches` is what the writer knows of it. */
export function imageOf(head: Int32Array, stretches: Stretch[]): TrieImage {
  const copy = head[layout.HEAD_ACTIVE] === 0 ? 0 : 1;
  const lengths = layout.HEAD_NET6_LENGTHS + copy * layout.NET6_LENGTH_WORDS;
  return {
    copy,
    generation: head[layout.HEAD_GENERATION],
    seed: [head[layout.HEAD_SEED0], head[layout.HEAD_SEED1]],
    names: head[layout.HEAD_NAME_CAPACITY + copy],
    addresses: head[layout.HEAD_ADDRESS_CAPACITY + copy],
    roots: [
      head[layout.HEAD_VPC_ROOT + copy],
      head[layout.HEAD_SPECIAL_ROOT + copy],
      head[layout.HEAD_OUTSIDE_ROOT + copy],
      head[layout.HEAD_ONLY_VPC + copy],
    ],
    net6Stamp: head[layout.HEAD_NET6_STAMP + copy],
    net6Lengths: [...head.subarray(lengths, lengths + layout.NET6_LENGTH_WORDS)],
    stretches,
  };
}

/** Where the words of an image lie in a memory, in their order: to be read from one, or to be written into another. */
export function partsOf(image: TrieImage, memory: TrieMemory): Uint8Array[] {
  const { copy, names, addresses, stretches } = image;
  return [
    ...stretches.map(({ from, to }) => new Uint8Array(memory.arena, from * 4, (to - from) * 4)),
    new Uint8Array(memory.names[copy], 0, names * layout.NAME_SLOT * 4),
    new Uint8Array(memory.addresses[copy], 0, addresses * layout.ADDRESS_SLOT * 4),
  ];
}

/** Octets of all parts. */
export function imageOctets({ names, addresses, stretches }: TrieImage): number {
  const words = stretches.reduce((sum, { from, to }) => sum + to - from, 0);
  return 4 * (words + names * layout.NAME_SLOT + addresses * layout.ADDRESS_SLOT);
}

/**
 * Throws MemoryFullError where the image does not fit into the memory together with what is built beside it, and
 * RangeError where its words are no image of any memory.
 */
export function checkFits(image: TrieImage, memory: TrieMemory): void {
  const { copy, names, addresses, stretches } = image;
  const words = memory.arena.byteLength >>> 2;
  const isCount = (value: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= 0 && value <= most;
  if (copy !== 0 && copy !== 1) throw new RangeError('the image is of no copy');
  let at = FIRST_WORD;
  let used = 0;
  for (const { from, to } of stretches) {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < at || to < from)
      throw new RangeError('the stretches of the image are not in order');
    used += to - from;
    at = to;
  }
  if (at > words) throw new MemoryFullError('the image lies beyond the end of the arena');
  if (!isCount(names, (memory.names[copy].byteLength >>> 2) / layout.NAME_SLOT))
    throw new MemoryFullError('the names of the image do not fit');
  if (!isCount(addresses, (memory.addresses[copy].byteLength >>> 2) / layout.ADDRESS_SLOT))
    throw new MemoryFullError('the addresses of the image do not fit');
  const { from, to } = stretchBeside(image, words);
  // The writer keeps a quarter of a small arena, and a constant part of a large one, for what it must not refuse.
  if (to - from < 2 * used + Math.min(1 << 21, words >>> 2))
    throw new MemoryFullError('the view does not fit a second time beside its image');
}

/**
 * Makes readers use the image, whose words have been written into the memory. Every VPC is stale, and has the number of its
 * place in the list, beginning with 1.
 */
export function placeImage({ image, vpcs }: PlacedImage, memory: TrieMemory): void {
  const head = new Int32Array(memory.head);
  const words = new Int32Array(memory.arena);
  const { copy, roots } = image;
  head[layout.HEAD_GENERATION] = image.generation;
  head[layout.HEAD_SEED0] = image.seed[0];
  head[layout.HEAD_SEED1] = image.seed[1];
  head[layout.HEAD_NAME_CAPACITY + copy] = image.names;
  head[layout.HEAD_ADDRESS_CAPACITY + copy] = image.addresses;
  head[layout.HEAD_VPC_ROOT + copy] = roots[0];
  head[layout.HEAD_SPECIAL_ROOT + copy] = roots[1];
  head[layout.HEAD_OUTSIDE_ROOT + copy] = roots[2];
  head[layout.HEAD_ONLY_VPC + copy] = roots[3];
  head[layout.HEAD_NET6_STAMP + copy] = image.net6Stamp;
  head.set(image.net6Lengths, layout.HEAD_NET6_LENGTHS + copy * layout.NET6_LENGTH_WORDS);
  vpcs.forEach(([, record], i) => {
    words[record + layout.VPC_NUMBER] = i + 1;
    words[record + layout.VPC_STALE] = layout.VPC_IS_STALE;
  });
  Atomics.store(head, layout.HEAD_ACTIVE, copy);
}

/** The numbers and serials that the VPCs of a placed image have. */
export function knownOf({ vpcs }: PlacedImage): Map<string, KnownVpc> {
  return new Map(vpcs.map(([name, , serial], i) => [name, { number: i + 1, serial }]));
}

/** The longest stretch of an arena of so many words that the image leaves free. */
export function stretchBeside({ stretches }: TrieImage, words: number): Stretch {
  let best: Stretch = { from: FIRST_WORD, to: FIRST_WORD };
  let at = FIRST_WORD;
  for (const { from, to } of [...stretches, { from: words, to: words }]) {
    // Whole pages of the system belong to one or the other.
    const begin = Math.ceil(at / PAGE_WORDS) * PAGE_WORDS;
    if (from - begin > best.to - best.from) best = { from: begin, to: from };
    at = to;
  }
  return best;
}

const PAGE_WORDS = 1024;
