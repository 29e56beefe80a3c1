/** Questions and answers for the shelf, as short as they can be said. */
import { buildQuery } from '../../src/dns/build.ts';
import type { QueryParts } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { encodeName } from '../../src/dns/name.ts';
import { Query } from '../../src/dns/query.ts';
import { reserveShelf } from '../../src/shared-cache/memory.ts';
import { ShelfReader } from '../../src/shared-cache/cache-reader.ts';
import { Shelf } from '../../src/shared-cache/shared-cache.ts';
import type { ShelfAnswer, ShelfQuestion } from '../../src/shared-cache/shared-cache.ts';

export const SEED: [number, number] = [0x01234567, 0x89abcdef];

export function questionFor(tenant: number, name: string, type = 1): ShelfQuestion {
  const wire = encodeName(name.toLowerCase());
  return { tenant, name: wire, type, class: 1, dnssecOk: false, checkingDisabled: false };
}

/** One record of `type` with these octets. */
export function answerOf(question: ShelfQuestion, data: Uint8Array, ttl = 300): ShelfAnswer {
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

/** A shelf with a clock moved by hand, and readers on it. */
export class Stand {
  now = 1_000_000;
  readonly shelf: Shelf;

  constructor(cacheSize = 1 << 20) {
    this.shelf = new Shelf(reserveShelf(cacheSize, SEED), () => this.now);
    this.shelf.lease(1_000_000);
  }

  reader(number: number): ShelfReader {
    return new ShelfReader(this.shelf.memory, number, () => this.now);
  }

  put(tenant: number, name: string, data: Uint8Array, seconds = 300): number {
    const question = questionFor(tenant, name);
    const times = { storedAt: this.shelf.now(), seconds, negative: false };
    return this.shelf.publish(question, answerOf(question, data, seconds), times);
  }
}

/** The data of the one record that a reader gives, undefined when it gives none. */
export function taken(reader: ShelfReader, tenant: number, parts: QueryParts): Buffer | undefined {
  const out = new Uint8Array(2048);
  const query = queryOf(parts);
  reader.enter();
  const found = reader.find(tenant, query);
  const end = found === 0 ? 0 : reader.write(found, query, out, 0);
  reader.leave();
  return found === 0 ? undefined : Buffer.from(out.subarray(12 + query.qnameLength + 4 + 12, end));
}
