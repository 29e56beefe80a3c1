/** Answers outside names that are on the shared cache, for a client who may ask for them. */
import type { Query } from '../dns/query.ts';
import type { SharedCacheReader } from '../shared-cache/cache-reader.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/read/view.ts';
import type { Client } from './decide/client.ts';
import type { OptWriter } from './encode/opt.ts';
import type { Peer } from './peer.ts';
import { FLAG_RD } from '../dns/flags.ts';

const NO_TEXT = new Uint8Array(0);

export class CachedAnswers {
  /** To be left after the last packet of a batch, if any packet has entered it. */
  readonly reader: SharedCacheReader;
  private readonly view: View;
  private readonly opt: OptWriter;

  constructor(reader: SharedCacheReader, view: View, opt: OptWriter) {
    this.reader = reader;
    this.view = view;
    this.opt = opt;
  }

  /**
   * Only after the decision that this question of this client goes outside. Returns the octets written; 0 when the
   * main thread has to see the query: there is no fresh answer, or it must be cut for this client, or the query is
   * an unusual one.
   */
  answer(query: Query, client: Client, peer: Peer, out: Uint8Array, base: number, limit: number): number {
    // Without RD the cache is not read; options for local use may be the marks of a loop.
    if (client.vpc === 0 || (query.flags & FLAG_RD) === 0 || query.hasLocalOption) return 0;
    const { reader } = this;
    reader.enter();
    const found = reader.find(this.view.words[client.vpc + layout.VPC_NUMBER], query);
    if (found === 0) return 0;
    const opt = query.edns ? this.opt.size(query, peer.tcp, -1, 0) : 0;
    if (reader.lengthOf(found) + opt > limit) return 0;
    let end = reader.write(found, query, out, base);
    if (query.edns) {
      end = this.opt.put(out, end, query, peer.address, peer.tcp, 0, -1, NO_TEXT);
      const additionals = ((out[base + 10] << 8) | out[base + 11]) + 1;
      out[base + 10] = additionals >>> 8;
      out[base + 11] = additionals;
    }
    return end - base;
  }
}
