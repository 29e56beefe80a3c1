/** Answers of upstreams by rcode and by time, each upstream by itself as long as there are not too many. */
import { Histogram } from './histogram.ts';

/** Upstreams that are counted one by one; VPCs may name any number of them. */
const COUNTED = 256;
const REST = 'other';

export interface UpstreamCounts {
  /** By rcode. */
  answers: Map<number, number>;
  durations: Histogram;
}

export class UpstreamTally {
  readonly upstreams = new Map<string, UpstreamCounts>();

  /** For `ForwarderOptions.observe`. */
  observe(upstream: string, rcode: number, milliseconds: number): void {
    let counts = this.upstreams.get(upstream);
    if (counts === undefined) {
      const name = this.upstreams.size < COUNTED ? upstream : REST;
      counts = this.upstreams.get(name) ?? { answers: new Map(), durations: new Histogram() };
      this.upstreams.set(name, counts);
    }
    counts.answers.set(rcode, (counts.answers.get(rcode) ?? 0) + 1);
    counts.durations.observe(milliseconds);
  }
}
