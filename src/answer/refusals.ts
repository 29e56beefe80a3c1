/** How often an unknown source is told that it is refused, before it is only dropped. */

const BUCKETS = 1024;
/** Refusals a second and bucket; sources that fall into one bucket share them. */
const PER_SECOND = 50;

export class RefusalLimit {
  private readonly counts = new Int32Array(BUCKETS);
  private second = 0;
  private readonly now: () => number;

  constructor(nowSeconds: () => number) {
    this.now = nowSeconds;
  }

  /** `address`: 16 octets. */
  allow(address: Uint8Array): boolean {
    const second = this.now();
    if (second !== this.second) {
      this.second = second;
      this.counts.fill(0);
    }
    let hash = 0;
    // An IPv6 source is its /64: within one, addresses are free.
    const ip6 = address[10] !== 0xff || address[11] !== 0xff || address[0] !== 0;
    for (let i = ip6 ? 0 : 12; i < (ip6 ? 8 : 16); i++) hash = (Math.imul(hash, 31) + address[i]) | 0;
    return ++this.counts[hash & (BUCKETS - 1)] <= PER_SECOND;
  }
}
