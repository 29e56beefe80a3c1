/** Which upstreams a question goes to: the VPC's own, else the configured ones, else those of the host's resolv.conf. */
import type { Clock } from './clock.ts';
import { EndpointError, parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { withoutOwn } from './own-addresses.ts';
import type { LocalAddresses, OwnListener } from './own-addresses.ts';
import type { ResolvConf } from './resolv-conf.ts';
import type { Upstream } from './upstream.ts';

/** An ordered list of upstreams, without our own listeners. */
export interface Route {
  /** Equal for equal lists. */
  key: string;
  upstreams: Upstream[];
  /** Taken out because they are listeners of ours. */
  own: string[];
  /** Texts that are no upstream, with the reason. */
  problems: string[];
  /** Who says so, for messages: `this VPC`, `the configuration`, `/etc/resolv.conf`. */
  source: string;
}

export interface RoutesOptions {
  configured: readonly string[];
  resolvConf: ResolvConf;
  listeners: () => readonly OwnListener[];
  localAddresses: LocalAddresses;
  clock: Clock;
  makeUpstream: (endpoint: Endpoint) => Upstream;
}

/** Milliseconds for which a route is kept as it is: listeners and the host's addresses may change. */
const CHECK_AGAIN = 5000;
/** Routes and upstreams that nobody used for this long are given up when new ones come. Milliseconds. */
const UNUSED = 600_000;
const KEPT = 64;

interface Known {
  route: Route;
  checkedAt: number;
  usedAt: number;
}

export class Routes {
  readonly upstreams = new Map<string, Upstream>();
  private readonly options: RoutesOptions;
  private readonly known = new Map<string, Known>();

  constructor(options: RoutesOptions) {
    this.options = options;
  }

  /** `own`: the list of the VPC or of the route for `suffix`, if there is one. */
  find(own: readonly string[] | undefined, suffix?: string): Route {
    const { configured, resolvConf } = this.options;
    if (suffix !== undefined) return this.route(own ?? [], `the route for ${suffix}`);
    if (own !== undefined && own.length > 0) return this.route(own, 'this VPC');
    if (configured.length > 0) return this.route(configured, 'the configuration');
    const servers = resolvConf.servers();
    const texts = servers.map(({ text }) => text);
    return this.route(texts, resolvConf.path);
  }

  /** What serves VPCs without upstreams of their own. */
  defaultRoute(): Route {
    return this.find(undefined);
  }

  close(): void {
    for (const upstream of this.upstreams.values()) upstream.close();
    this.upstreams.clear();
    this.known.clear();
  }

  private route(texts: readonly string[], source: string): Route {
    const now = this.options.clock.now();
    const key = texts.join();
    const known = this.known.get(key);
    if (known !== undefined && now - known.checkedAt < CHECK_AGAIN) {
      known.usedAt = now;
      return known.route;
    }
    const route = this.make(texts, key, source);
    if (known === undefined && this.known.size >= KEPT) this.prune(now);
    this.known.set(key, { route, checkedAt: now, usedAt: now });
    return route;
  }

  private make(texts: readonly string[], key: string, source: string): Route {
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
    const { others, own } = withoutOwn(endpoints, this.options.listeners(), this.options.localAddresses);
    return {
      key,
      upstreams: others.map((endpoint) => this.upstream(endpoint)),
      own: own.map(({ text }) => text),
      problems,
      source,
    };
  }

  private upstream(endpoint: Endpoint): Upstream {
    let upstream = this.upstreams.get(endpoint.text);
    if (upstream === undefined) {
      upstream = this.options.makeUpstream(endpoint);
      this.upstreams.set(endpoint.text, upstream);
    }
    return upstream;
  }

  private prune(now: number): void {
    const used = new Set<Upstream>();
    for (const [key, { route, usedAt }] of this.known) {
      if (now - usedAt > UNUSED) this.known.delete(key);
      else for (const upstream of route.upstreams) used.add(upstream);
    }
    for (const [text, upstream] of this.upstreams) {
      if (used.has(upstream) || now - upstream.usedAt <= UNUSED) continue;
      upstream.close();
      this.upstreams.delete(text);
    }
  }
}

/** Why a route leads nowhere, for a person. */
export function whyNowhere(route: Route, resolvConfProblem: string): string {
  if (route.own.length > 0) {
    return `no upstream: ${route.source} names only podns itself (${route.own.join(', ')})`;
  }
  if (route.problems.length > 0) return `no upstream: ${route.problems.join('; ')}`;
  if (resolvConfProblem !== '') return `no upstream: ${resolvConfProblem}`;
  return `no upstream: ${route.source} names none`;
}
