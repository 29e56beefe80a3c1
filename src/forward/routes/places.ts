/** Places for TCP connections to upstreams: a number in all and of one tenant, where idle ones make room. */

export interface Guest {
  readonly tenant: number;
  /** Ends a connection on which nothing is under way. */
  leave(): void;
}

export class Places {
  private readonly most: number;
  private readonly mostOfTenant: number;
  private readonly tenants = new Map<number, number>();
  /** Those without work, the longest idle first. */
  private readonly resting = new Set<Guest>();
  private taken = 0;

  constructor(most: number, mostOfTenant: number) {
    this.most = most;
    this.mostOfTenant = mostOfTenant;
  }

  /** False when all are taken. */
  enter(guest: Guest): boolean {
    if (this.of(guest) >= this.mostOfTenant) this.clear(guest.tenant);
    if (this.of(guest) >= this.mostOfTenant) return false;
    if (this.taken >= this.most) this.clear(undefined);
    if (this.taken >= this.most) return false;
    this.taken++;
    this.tenants.set(guest.tenant, this.of(guest) + 1);
    return true;
  }

  leave(guest: Guest): void {
    this.resting.delete(guest);
    this.taken--;
    const left = this.of(guest) - 1;
    if (left === 0) this.tenants.delete(guest.tenant);
    else this.tenants.set(guest.tenant, left);
  }

  rest(guest: Guest): void {
    this.resting.add(guest);
  }

  work(guest: Guest): void {
    this.resting.delete(guest);
  }

  private of({ tenant }: Guest): number {
    return this.tenants.get(tenant) ?? 0;
  }

  /** Ends the one that has rested longest, of one tenant or of all. */
  private clear(tenant: number | undefined): void {
    for (const guest of this.resting) {
      if (tenant !== undefined && guest.tenant !== tenant) continue;
      guest.leave();
      return;
    }
  }
}
