/**
 * Notices when a VPC has other upstreams than those that filled its cache: the answers of the old ones no longer
 * count.
 */
import type { SharedCache } from '../../shared-cache/shared-cache.ts';
import type { Clock } from '../../base/clock.ts';
import type { Route, Routes } from './routes.ts';

/** Seconds for which answers are taken from the shared cache without a check whether resolv.conf is still the same. */
const LEASE = 5;

export class RouteTracker {
  private readonly routes: Routes;
  private readonly sharedCache: SharedCache;
  private readonly clock: Clock;
  private readonly forget: (tenant: number) => void;
  /** Key of each VPC's route, and of the one for VPCs without upstreams of their own. */
  private readonly keys = new Map<number, string>();
  private defaultKey = '';
  /** Second of the clock from which on readers of the shared cache ask here. */
  private leasedUntil = Number.NEGATIVE_INFINITY;

  constructor(routes: Routes, sharedCache: SharedCache, clock: Clock, forget: (tenant: number) => void) {
    this.routes = routes;
    this.sharedCache = sharedCache;
    this.clock = clock;
    this.forget = forget;
  }

  /** Before the cache is read for a VPC that asks these; undefined: a suffix has a route of its own. */
  follow(tenant: number, route: Route | undefined): void {
    this.lease();
    if (route === undefined) return;
    const known = this.keys.get(tenant);
    if (known === route.key) return;
    if (known !== undefined) this.forget(tenant);
    this.keys.set(tenant, route.key);
  }

  delete(tenant: number): void {
    this.keys.delete(tenant);
  }

  /**
   * Readers of the shared cache see no resolv.conf: once in a while one of their queries has to come here, and then it
   * is checked for all VPCs. No timer runs for this.
   */
  private lease(): void {
    const now = Math.floor(this.clock.now() / 1000);
    if (now < this.leasedUntil) return;
    const { key } = this.routes.defaultRoute();
    if (key !== this.defaultKey) {
      for (const [tenant, known] of this.keys) if (known === this.defaultKey) this.forget(tenant);
      this.defaultKey = key;
    }
    this.leasedUntil = now + LEASE;
    this.sharedCache.lease(LEASE);
  }
}
