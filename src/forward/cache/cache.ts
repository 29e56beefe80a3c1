/**
 * Answers of upstreams, kept by octets; each VPC has a part of its own, which alone grows and is evicted from.
 *
 * What can be is put on the shared cache, where workers take it, and only there: an entry is then a reference.
 * Whatever leaves the cache is taken off the shared cache at once.
 */
import { LRUCache } from 'lru-cache';
import { isDue } from '../../shared-cache/layout.ts';
import type { SharedCache } from '../../shared-cache/shared-cache.ts';
import type { Clock } from '../../base/clock.ts';
import type { Question } from '../question.ts';
import type { Freshness, UpstreamAnswer } from '../upstream/upstream-answer.ts';

export interface Entry {
  /** On the shared cache, or 0: then the answer is here. */
  cached: number;
  answer: UpstreamAnswer | undefined;
  /** Milliseconds of the clock. */
  storedAt: number;
  /** Seconds for which it is fresh. */
  seconds: number;
  negative: boolean;
  /** Times it was given while fresh, where it is not on the shared cache. */
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
  sharedCache: SharedCache;
}

/**
 * Objects, map slots and lists of an entry, and its slot on the shared cache; measured as heap over 100,000 entries.
 */
const ENTRY_OVERHEAD = 260;
/** What an answer takes besides its octets where it is not in the shared cache; also measured. */
const ANSWER_OVERHEAD = 530;
/** Oldest entries checked before one is added to a part that is nearly full. */
const SECOND_CHANCES = 4;

type Part = LRUCache<string, Entry>;

export class AnswerCache {
  private readonly options: CacheOptions;
  private readonly parts = new Map<number, Part>();
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
  get(tenant: number, key: string): Entry | undefined {
    const part = this.parts.get(tenant);
    if (part === undefined) return undefined;
    const before = part.calculatedSize;
    const entry = part.get(key);
    this.size += part.calculatedSize - before;
    return entry;
  }

  /** The same, without a trace in the recency of entries. */
  peek(tenant: number, key: string): Entry | undefined {
    return this.parts.get(tenant)?.peek(key);
  }

  /** The answer of an entry that is in the cache now; a copy that outlives the entry. */
  answerOf(entry: Entry): UpstreamAnswer {
    if (entry.answer !== undefined) return entry.answer;
    return { ...this.options.sharedCache.read(entry.cached), truncated: false, ede: undefined, found: true };
  }

  isFresh(entry: Entry): boolean {
    return this.options.clock.now() < entry.storedAt + entry.seconds * 1000;
  }

  /** Counts that it was given; true when it is time to ask for it again. */
  hit(entry: Entry): boolean {
    const hits = entry.cached === 0 ? ++entry.hits : this.options.sharedCache.hit(entry.cached);
    return isDue(hits, entry.seconds, entry.storedAt + entry.seconds * 1000 - this.options.clock.now());
  }

  set(tenant: number, key: string, question: Question, answer: UpstreamAnswer, fresh: Freshness): void {
    const { maxSize, serveStale, sharedCache, clock } = this.options;
    if (maxSize <= 0) return;
    let part = this.parts.get(tenant);
    if (part === undefined) this.parts.set(tenant, (part = this.newPart()));
    this.favourTouched(part);
    const times = { ...fresh, storedAt: clock.now() };
    // An extended error is a rare thing, and only the main thread passes it on.
    const cached = answer.ede === undefined ? sharedCache.publish({ tenant, ...question }, answer, times) : 0;
    const entry: Entry = { cached, answer: cached === 0 ? answer : undefined, ...times, hits: 0 };
    const before = part.calculatedSize;
    part.set(key, entry, { ttl: Math.ceil(entry.seconds * 1000 + serveStale) });
    // One that is too large is refused without a word.
    if (part.peek(key) !== entry) this.takeOff(entry);
    this.size += part.calculatedSize - before;
    while (this.size > maxSize && this.evict());
  }

  delete(tenant: number, key: string): void {
    const part = this.parts.get(tenant);
    if (part === undefined) return;
    const before = part.calculatedSize;
    part.delete(key);
    this.size += part.calculatedSize - before;
  }

  /** Everything of a VPC goes. */
  forget(tenant: number): void {
    const part = this.parts.get(tenant);
    if (part === undefined) return;
    this.size -= part.calculatedSize;
    this.parts.delete(tenant);
    part.clear();
  }

  clear(): void {
    for (const tenant of [...this.parts.keys()]) this.forget(tenant);
  }

  private newPart(): Part {
    const { clock, sharedCache } = this.options;
    const part = this.partMax;
    return new LRUCache<string, Entry>({
      maxSize: part,
      // One message of 64 KiB must not empty a small part.
      maxEntrySize: Math.max(1, part >>> 2),
      sizeCalculation: ({ cached, answer }, key) => {
        const octets =
          answer === undefined
            ? sharedCache.sizeOf(cached)
            : answer.octets.length + 2 * answer.ttlOffsets.length + ANSWER_OVERHEAD;
        return octets + key.length + ENTRY_OVERHEAD;
      },
      dispose: (entry) => this.takeOff(entry),
      perf: clock,
      // The clock is asked each time: lru-cache would remember its answer by a real timer.
      ttlResolution: 0,
    });
  }

  private get partMax(): number {
    return Math.max(1, Math.min(this.options.maxSize, this.options.vpcMaxSize));
  }

  private takeOff(entry: Entry): void {
    const { cached } = entry;
    entry.cached = 0;
    if (cached !== 0) this.options.sharedCache.remove(cached);
  }

  /**
   * What workers give is not seen here: before something is pushed out, the oldest few are checked, and those
   * that were given since become the youngest.
   */
  private favourTouched(part: Part): void {
    const { maxSize, sharedCache } = this.options;
    if (part.calculatedSize < this.partMax * 0.75 && this.size < maxSize * 0.75) return;
    const oldest: string[] = [];
    for (const key of part.rkeys()) {
      oldest.push(key);
      if (oldest.length === SECOND_CHANCES) break;
    }
    for (const key of oldest) {
      const entry = part.peek(key);
      if (entry !== undefined && entry.cached !== 0 && sharedCache.wasTouched(entry.cached)) part.get(key);
    }
  }

  /** Takes one entry from the largest part: only the VPC that fills the cache pays for it. */
  private evict(): boolean {
    let largest = 0;
    let part: Part | undefined;
    for (const [tenant, other] of this.parts) {
      if (part !== undefined && other.calculatedSize <= part.calculatedSize) continue;
      largest = tenant;
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
