/** Upstreams by suffix: finds those of the longest suffix that a question is, or lies below. */
import { encodeName } from '../../dns/name.ts';
import type { Query } from '../../dns/query.ts';
import type { NameLists } from '../../model.ts';

export interface SuffixRoute {
  /** `corp.example`. */
  suffix: string;
  /** In order; none where there are no such names. */
  upstreams: readonly string[];
  /** Every VPC has it. */
  isShared: boolean;
}

export class Suffixes {
  /** By the octets of the name on the wire. */
  private readonly routes = new Map<string, SuffixRoute>();
  /** Labels of the longest suffix. */
  private readonly depth: number;

  constructor(routes: NameLists = {}, isShared = false) {
    let depth = 0;
    for (const [suffix, upstreams] of Object.entries(routes)) {
      this.routes.set(keyOf(encodeName(suffix)), { suffix, upstreams, isShared });
      depth = Math.max(depth, suffix.split('.').length);
    }
    this.depth = depth;
  }

  /** The route for the question's last `labels` labels. */
  at(query: Query, labels: number): SuffixRoute | undefined {
    if (labels > this.depth) return undefined;
    const from = query.labelOffsets[query.labelCount - labels];
    return this.routes.get(keyOf(query.name.subarray(from, query.qnameLength)));
  }

  /** The longest of these and of `others`; these among equals. */
  longest(others: Suffixes, query: Query): SuffixRoute | undefined {
    for (let labels = Math.min(query.labelCount, Math.max(this.depth, others.depth)); labels > 0; labels--) {
      const route = this.at(query, labels) ?? others.at(query, labels);
      if (route !== undefined) return route;
    }
    return undefined;
  }
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
}
