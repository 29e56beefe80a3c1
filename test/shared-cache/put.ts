/** Questions and answers for the shared cache, as short as they can be said. */
import { buildQuery } from '../../src/dns/build.ts';
import type { QueryParts } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { encodeName } from '../../src/dns/name.ts';
import { Query } from '../../src/dns/query.ts';
import { reserveSharedCache } from '../../src/shared-cache/memory.ts';
import { SharedCacheReader } from '../../src/shared-cache/cache-reader.ts';
import { SharedCache } from '../../src/shared-cache/shared-cache.ts';
import type { CacheEntry, CacheQuestion } from '../../src/shared-cache/shared-cache.ts';

export const SEED: [number, number] = [0x01234567, 0x89abcdef];

export function questionFor(tenant: number, name: string, type = 1): CacheQuestion {
  const wire = encodeName(name.toLowerCase());
  return { tenant, name: wire, type, class: 1, dnssecOk: false, checkingDisabled: false };
}

/** One record of `type` with these octets. */
export function answerOf(question: CacheQuestion, data: Uint8Array, ttl = 300): CacheEntry {
  const recordsAt = 12 + question.name.length + 4;
  const octets = Buffer.alloc(recordsAt + 12 + data.length);
  octets.writeUInt16BE(0xc00c, recordsAt);
  octets.writeUInt16BE(question.type, recordsAt + 2);
  octets.writeUInt16BE(1, recordsAt + 4);
  octets.writeUInt32BE(ttl, recordsAt + 6);
  octets.writeUInt16BE(data.length, recordsAt + 10);
  octets.set(data, recordsAt + 12);
  return {
    octets,
    recordsAt,
    ttlOffsets: Uint16Array.of(recordsAt + 6),
    answers: 1,
    authorities: 0,
    additionals: 0,
    rcode: 0,
    authenticData: false,
    edns: true,
  };
}

export function queryOf(parts: QueryParts): Query {
  const packet = buildQuery(parts);
  const query = new Query();
  if (parseQuery(packet, 0, packet.length, query) !== 0) throw new Error('not a query');
  return query;
}

/** A shared cache with a clock moved by hand, and readers on it. */
export class Stand {
  now = 1_000_000;
  readonly sharedCache: SharedCache;

  constructor(cacheSize = 1 << 20) {
    this.sharedCache = new SharedCache(reserveSharedCache(cacheSize, SEED), () => this.now);
    this.sharedCache.lease(1_000_000);
  }

  reader(number: number): SharedCacheReader {
    return new SharedCacheReader(this.sharedCache.memory, number, () => this.now);
  }

  put(tenant: number, name: string, data: Uint8Array, seconds = 300): number {
    const question = questionFor(tenant, name);
    const times = { storedAt: this.sharedCache.now(), seconds, negative: false };
    return this.sharedCache.publish(question, answerOf(question, data, seconds), times);
  }
}

/** The data of the one record that a reader gives, undefined when it gives none. */
export function taken(reader: SharedCacheReader, tenant: number, parts: QueryParts): Buffer | undefined {
  const out = new Uint8Array(2048);
  const query = queryOf(parts);
  reader.enter();
  const found = reader.find(tenant, query);
  const end = found === 0 ? 0 : reader.write(found, query, out, 0);
  reader.leave();
  return found === 0 ? undefined : Buffer.from(out.subarray(12 + query.qnameLength + 4 + 12, end));
}
