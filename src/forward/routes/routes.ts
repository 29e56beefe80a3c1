/**
 * Which upstreams a question goes to: the VPC's own, else the configured ones, else those of the host's resolv.conf.
 */
import { EDE_NO_REACHABLE_AUTHORITY, RCODE_SERVFAIL } from '../../dns/constants.ts';
import { EndpointError, parseEndpoint } from '../upstream/endpoint.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Health } from '../upstream/health.ts';
import { withoutLocal, withoutOwn } from './own-addresses.ts';
import type { LocalAddresses, OwnListener } from './own-addresses.ts';
import type { ResolvConf } from './resolv-conf.ts';
import type { ResolutionResult } from '../resolution.ts';
import type { UpstreamContext } from '../upstream/upstream-context.ts';
import { Upstream } from '../upstream/upstream.ts';

/** An ordered list of upstreams, without our own listeners. */
export interface Route {
  /** Equal for equal lists. */
  key: string;
  upstreams: Upstream[];
  /** Taken out because they are listeners of ours. */
  own: string[];
  /** Texts that are no upstream, with the reason. */
  problems: string[];
  /** Who names them, for messages: `this VPC`, `the configuration`, `/etc/resolv.conf`. */
  source: string;
}

export interface RoutesOptions {
  configured: readonly string[];
  resolvConf: ResolvConf;
  listeners: () => readonly OwnListener[];
  localAddresses: LocalAddresses;
  /** VPCs may name addresses of this host. */
  localUpstreams: boolean;
  shared: UpstreamContext;
}

/** Whose upstreams a question goes to: as in `ForwardRequest`. */
export interface Wanted {
  upstreams: readonly string[] | undefined;
  suffix?: string | undefined;
  isShared?: boolean;
}

/** Milliseconds for which a route is kept as it is: listeners and the host's addresses may change. */
const CHECK_AGAIN = 5000;
/** Kept at most: tenants, routes of one tenant, and upstreams that tenants share. Those used least recently go. */
const TENANTS_KEPT = 4096;
const ROUTES_KEPT = 32;
const SHARED_KEPT = 256;

interface Known {
  route: Route;
  checkedAt: number;
}

/** What one tenant has asked lately. */
interface Tenant {
  /** By list; the one used least recently first. */
  routes: Map<string, Known>;
  /** By whether it is shared, and address. */
  upstreams: Map<string, Upstream>;
  /** The upstreams that it names for itself. */
  healths: Map<string, Health>;
}

export class Routes {
  /** The upstreams that tenants share, by address. */
  readonly healths = new Map<string, Health>();
  private readonly options: RoutesOptions;
  /** The one used least recently first. */
  private readonly tenants = new Map<number, Tenant>();

  constructor(options: RoutesOptions) {
    this.options = options;
  }

  /** What a tenant has under way with an upstream, and what it thinks of those that it names, is no other's. */
  find(tenant: number, { upstreams, suffix, isShared = false }: Wanted): Route {
    const { configured, resolvConf } = this.options;
    if (suffix !== undefined) return this.route(tenant, upstreams ?? [], `the route for ${suffix}`, isShared);
    if (upstreams !== undefined && upstreams.length > 0) {
      return this.route(tenant, upstreams, 'this VPC', isShared);
    }
    if (configured.length > 0) return this.route(tenant, configured, 'the configuration', true);
    const texts = resolvConf.servers().map(({ text }) => text);
    return this.route(tenant, texts, resolvConf.path, true);
  }

  /** What serves VPCs without upstreams of their own. */
  defaultRoute(): Route {
    return this.find(0, { upstreams: undefined });
  }

  /** Every upstream in use; where tenants share it and one names it besides, what they share. */
  known(): Health[] {
    const all = new Map<string, Health>();
    for (const { healths } of this.tenants.values()) {
      for (const [text, health] of healths) all.set(text, health);
    }
    for (const [text, health] of this.healths) all.set(text, health);
    return [...all.values()];
  }

  /** A VPC is gone, or asks others: what is under way ends by itself. */
  forget(tenant: number, now = false): void {
    const known = this.tenants.get(tenant);
    if (known === undefined) return;
    this.tenants.delete(tenant);
    for (const upstream of known.upstreams.values()) upstream.close(now);
    for (const health of known.healths.values()) health.close();
  }

  close(): void {
    for (const tenant of [...this.tenants.keys()]) this.forget(tenant, true);
    for (const health of this.healths.values()) health.close();
    this.healths.clear();
  }

  private route(number: number, texts: readonly string[], source: string, isShared: boolean): Route {
    const now = this.options.shared.clock.now();
    const tenant = this.tenant(number);
    const key = texts.join();
    const place = `${isShared} ${source} ${key}`;
    let known = tenant.routes.get(place);
    tenant.routes.delete(place);
    if (known === undefined || now - known.checkedAt >= CHECK_AGAIN) {
      known = { route: this.make(number, tenant, texts, key, source, isShared), checkedAt: now };
    }
    tenant.routes.set(place, known);
    if (tenant.routes.size > ROUTES_KEPT) {
      tenant.routes.delete(first(tenant.routes));
      this.prune(tenant);
    }
    return known.route;
  }

  private tenant(number: number): Tenant {
    const tenant = this.tenants.get(number) ?? {
      ...{ routes: new Map(), upstreams: new Map(), healths: new Map() },
    };
    this.tenants.delete(number);
    this.tenants.set(number, tenant);
    if (this.tenants.size > TENANTS_KEPT) this.forget(first(this.tenants));
    return tenant;
  }

  private make(
    number: number,
    tenant: Tenant,
    texts: readonly string[],
    key: string,
    source: string,
    isShared: boolean,
  ): Route {
    const endpoints: Endpoint[] = [];
    const problems: string[] = [];
    for (const text of texts) {
      try {
        const endpoint = parseEndpoint(text);
        if (!endpoints.some((other) => other.text === endpoint.text)) endpoints.push(endpoint);
      } catch (error) {
        if (!(error instanceof EndpointError)) throw error;
        problems.push(error.message);
      }
    }
    const { listeners, localAddresses, localUpstreams } = this.options;
    const { others, own } = withoutOwn(endpoints, listeners(), localAddresses);
    const far = isShared || localUpstreams ? others : this.farOf(others, problems);
    return {
      key,
      upstreams: far.map((endpoint) => this.upstream(number, tenant, endpoint, isShared)),
      own: own.map(({ text }) => text),
      problems,
      source,
    };
  }

  /** Those that are not on this host. */
  private farOf(endpoints: Endpoint[], problems: string[]): Endpoint[] {
    const { others, local } = withoutLocal(endpoints, this.options.localAddresses);
    for (const { text } of local) problems.push(`${text} is this host or its link (see local_upstreams)`);
    return others;
  }

  private upstream(number: number, tenant: Tenant, endpoint: Endpoint, isShared: boolean): Upstream {
    const place = `${isShared} ${endpoint.text}`;
    let upstream = tenant.upstreams.get(place);
    if (upstream === undefined) {
      const { shared } = this.options;
      const healths = isShared ? this.healths : tenant.healths;
      let health = healths.get(endpoint.text);
      if (health === undefined) {
        health = new Health(endpoint, shared, isShared);
        healths.set(endpoint.text, health);
        if (isShared && healths.size > SHARED_KEPT) this.pruneShared();
      }
      upstream = new Upstream(health, shared, number);
      tenant.upstreams.set(place, upstream);
    }
    return upstream;
  }

  /** Gives up what no route of the tenant leads to any more. */
  private prune(tenant: Tenant): void {
    const used = new Set<Upstream>();
    for (const { route } of tenant.routes.values()) for (const one of route.upstreams) used.add(one);
    for (const [place, upstream] of tenant.upstreams) {
      if (used.has(upstream)) continue;
      upstream.close(false);
      tenant.upstreams.delete(place);
      if (upstream.health.isShared) continue;
      tenant.healths.get(upstream.endpoint.text)?.close();
      tenant.healths.delete(upstream.endpoint.text);
    }
  }

  /** Those used least recently are forgotten; who holds one still goes on with it. */
  private pruneShared(): void {
    const oldest = [...this.healths.values()].sort((a, b) => a.usedAt - b.usedAt);
    for (const health of oldest.slice(0, SHARED_KEPT / 4)) this.healths.delete(health.endpoint.text);
  }
}

function first<K>(map: Map<K, unknown>): K {
  return map.keys().next().value!;
}

/** All of the upstreams are failing, and none has answered since this moment or before. */
export function isSilent({ upstreams }: Route, before: number): boolean {
  return upstreams.every(({ failingSince, health }) => failingSince <= before && health.heardAt <= before);
}

/** What a question gets whose route leads nowhere. */
export function nowhere(route: Route, { path, problem }: ResolvConf): ResolutionResult {
  const text = whyNowhere(route, route.source === path ? problem : '');
  const ede = { code: EDE_NO_REACHABLE_AUTHORITY, text };
  return { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede } };
}

/** Why a route leads nowhere, for a person. */
function whyNowhere(route: Route, resolvConfProblem: string): string {
  if (route.own.length > 0) {
    return `no upstream: ${route.source} names only podns itself (${route.own.join(', ')})`;
  }
  if (route.problems.length > 0) return `no upstream: ${route.problems.join('; ')}`;
  if (resolvConfProblem !== '') return `no upstream: ${resolvConfProblem}`;
  return `no upstream: ${route.source} names none`;
}
