/** Answers of upstreams, kept by octets; each VPC has a part of its own, which alone grows and is evicted from. */
import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

export interface Entry {
  answer: UpstreamAnswer;
  /** Milliseconds of the clock. */
  storedAt: number;
  /** Seconds for which it is fresh. */
  seconds: number;
  negative: boolean;
  /** Times it was given while fresh. */
  hits: number;
}

export interface CacheOptions {
  /** Octets, in all. */
  maxSize: number;
  /** Octets, for one VPC. */
  vpcMaxSize: number;
  /** Milliseconds for which an expired answer is kept for bad times. */
  serveStale: number;
  clock: Clock;
}

/** Objects, map slots and lists of an entry, roughly; measured as heap over 100,000 entries. */
const ENTRY_OVERHEAD = 800;

type Part = LRUCache<string, Entry>;

export class AnswerCache {
  private readonly options: CacheOptions;
  private readonly parts = new Map<string, Part>();
  /** Octets, in all. */
  size = 0;

  constructor(options: CacheOptions) {
    this.options = options;
  }

  get entries(): number {
    let entries = 0;
    for (const part of this.parts.values()) entries += part.size;
    return entries;
  }

  /** The entry, be it fresh or expired. */
  get(vpc: string, key: string): Entry | undefined {
    const part = this.parts.get(vpc);
    if (part === undefined) return undefined;
    const before = part.calculatedSize;
    const entry = part.get(key);
    this.size += part.calculatedSize - before;
    return entry;
  }

  isFresh(entry: Entry): boolean {
    return this.options.clock.now() < entry.storedAt + entry.seconds * 1000;
  }

  set(vpc: string, key: string, entry: Entry): void {
    const { maxSize, serveStale } = this.options;
    if (maxSize <= 0) return;
    let part = this.parts.get(vpc);
    if (part === undefined) this.parts.set(vpc, (part = this.newPart()));
    const before = part.calculatedSize;
    part.set(key, entry, { ttl: Math.ceil(entry.seconds * 1000 + serveStale) });
    this.size += part.calculatedSize - before;
    while (this.size > maxSize && this.evict());
  }

  delete(vpc: string, key: string): void {
    const part = this.parts.get(vpc);
    if (part === undefined) return;
    const before = part.calculatedSize;
    part.delete(key);
    this.size += part.calculatedSize - before;
  }

  /** Everything of a VPC goes. */
  forget(vpc: string): void {
    this.size -= this.parts.get(vpc)?.calculatedSize ?? 0;
    this.parts.delete(vpc);
  }

  clear(): void {
    this.parts.clear();
    this.size = 0;
  }

  private newPart(): Part {
    const { maxSize, vpcMaxSize, clock } = this.options;
    const part = Math.max(1, Math.min(maxSize, vpcMaxSize));
    return new LRUCache<string, Entry>({
      maxSize: part,
      // One message of 64 KiB must not empty a small part.
      maxEntrySize: Math.max(1, part >>> 2),
      sizeCalculation: ({ answer }, key) =>
        answer.octets.length + 2 * answer.ttlOffsets.length + key.length + ENTRY_OVERHEAD,
      perf: clock,
      // The clock is asked each time: lru-cache would remember its answer by a real timer.
      ttlResolution: 0,
    });
  }

  /** Takes one entry from the largest part: who fills the cache pays for it, and nobody else. */
  private evict(): boolean {
    let largest = '';
    let part: Part | undefined;
    for (const [vpc, other] of this.parts) {
      if (part !== undefined && other.calculatedSize <= part.calculatedSize) continue;
      largest = vpc;
      part = other;
    }
    if (part === undefined) return false;
    const before = part.calculatedSize;
    part.pop();
    this.size += part.calculatedSize - before;
    if (part.size === 0) this.parts.delete(largest);
    return true;
  }
}
