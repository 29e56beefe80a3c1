/** How many queries may wait for upstreams at the same time: in all, for one VPC, for one client. */

export interface BoundLimits {
  all: number;
  vpc: number;
  client: number;
}

export class QueryLimits {
  all = 0;
  private readonly limits: BoundLimits;
  private readonly vpcs = new Map<number, number>();
  private readonly clients = new Map<string, number>();

  constructor(limits: BoundLimits) {
    this.limits = limits;
  }

  /** Takes a place; otherwise says in words which bound is reached. */
  enter(vpc: number, client: string): string | undefined {
    const { limits } = this;
    const ofVpc = this.vpcs.get(vpc) ?? 0;
    const ofClient = this.clients.get(client) ?? 0;
    if (ofClient >= limits.client) return 'too many queries of this client are waiting for upstreams';
    if (ofVpc >= limits.vpc) return 'too many queries of this VPC are waiting for upstreams';
    if (this.all >= limits.all) return 'too many queries are waiting for upstreams';
    this.all++;
    this.vpcs.set(vpc, ofVpc + 1);
    this.clients.set(client, ofClient + 1);
    return undefined;
  }

  leave(vpc: number, client: string): void {
    this.all--;
    lower(this.vpcs, vpc);
    lower(this.clients, client);
  }

  /** True while `used` leaves plenty of room: work that nobody waits for must not take it from those who wait. */
  isQuiet(used: number): boolean {
    return Math.max(used, this.all) * 2 < this.limits.all;
  }
}

function lower<K>(counts: Map<K, number>, key: K): void {
  const count = counts.get(key)!;
  if (count === 1) counts.delete(key);
  else counts.set(key, count - 1);
}
