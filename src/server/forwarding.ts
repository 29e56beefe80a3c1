/** Passes outside names to the forwarder, with the facts of the client and the VPC that it needs. */
import type { OutsideNames } from '../answer/defer/deferred.ts';
import { routeOf } from '../answer/decide/outside.ts';
import { payloadLimit } from '../answer/encode/encode.ts';
import type { Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import { CachedAnswers } from '../answer/cached-answer.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { formatAddress } from '../dns/address.ts';
import { systemClock } from '../base/clock.ts';
import type { ForwardCounters } from '../forward/counters.ts';
import { Forwarder } from '../forward/forwarder.ts';
import type { ForwarderStatus, ForwardRequest } from '../forward/options.ts';
import type { OutsideExplained } from '../explain/explanation.ts';
import { Suffixes } from '../forward/routes/suffixes.ts';
import type { SuffixRoute } from '../forward/routes/suffixes.ts';
import type { ForwardPolicy, Vpc } from '../model.ts';
import { OWN_READER } from '../shared-cache/layout.ts';
import { reserveSharedCache } from '../shared-cache/memory.ts';
import { SharedCacheReader } from '../shared-cache/cache-reader.ts';
import { SharedCache } from '../shared-cache/shared-cache.ts';
import * as layout from '../trie/layout.ts';
import { vpcName } from '../trie/read/names.ts';
import type { View } from '../trie/read/view.ts';
import { IdleCleanup } from './idle-cleanup.ts';
import { releaseMemory } from './release-memory.ts';
import { UpstreamTally } from './upstream-counts.ts';

export interface ForwardingOptions {
  config: Config;
  catalog: Pick<Catalog, 'get'>;
  /** The main thread's responder: it reads the shared cache too, and its encoder writes the OPT of relayed answers. */
  responder: Responder;
  /** The bound listeners: upstreams at these addresses are left out. */
  listeners: () => readonly { address: string; port: number }[];
}

interface Request extends ForwardRequest {
  peer: Peer;
}

/** A VPC that has asked for outside names. */
interface Tenant {
  /** Kept until the VPC changes, because reading the catalog parses a record. */
  upstreams: readonly string[] | undefined;
  routes: Suffixes;
  /** The settings that these were made from, as text. */
  text: string;
}

const NO_VPC: Tenant = tenantOf(undefined);

const encoder = new TextEncoder();
const NO_TEXT = new Uint8Array(0);

export class Forwarding implements OutsideNames {
  /** The cached answers of the forwarder, which workers read too. */
  readonly sharedCache: SharedCache;
  readonly forwarder: Forwarder<Request>;
  readonly upstreams = new UpstreamTally();
  private readonly cleanup: IdleCleanup;
  private readonly catalog: Pick<Catalog, 'get'>;
  /** The routes of the configuration. */
  private readonly routes: Suffixes;
  /** Tenants by number, and numbers by name. A VPC that returns under its old name gets another number. */
  private readonly policy: ForwardPolicy;
  private readonly tenants = new Map<number, Tenant>();
  private readonly numbers = new Map<string, number>();

  constructor({ config, catalog, responder, listeners }: ForwardingOptions) {
    this.catalog = catalog;
    this.routes = new Suffixes(config.routes, true);
    this.policy = config.forward;
    const { opt } = responder.encoder;
    const sharedCache = new SharedCache(reserveSharedCache(config.cacheSize));
    this.sharedCache = sharedCache;
    const clock = { ...systemClock, now: () => sharedCache.now() };
    // The sockets, timers and messages of ten thousand misses take three times the memory of the answers.
    this.cleanup = new IdleCleanup(clock, () => void releaseMemory());
    responder.cached = new CachedAnswers(
      new SharedCacheReader(sharedCache.memory, OWN_READER),
      responder.view,
      opt,
    );
    this.forwarder = new Forwarder<Request>({
      upstreams: config.upstreams,
      localUpstreams: config.localUpstreams,
      resolvConf: config.resolvConf,
      listeners,
      sharedCache,
      clock,
      kept: () => this.cleanup.note(),
      observe: (upstream, rcode, ms) => this.upstreams.observe(upstream, rcode, ms),
      cacheSize: config.cacheSize,
      serveStale: config.serveStale,
      queries: config.forwardQueries,
      queriesClient: config.forwardClient,
      upstreamRate: config.upstreamRate,
      writeOpt: (query, tcp, ede, out, at, { peer }) => {
        const text = ede === undefined ? NO_TEXT : encoder.encode(ede.text);
        return opt.put(out, at, query, peer.address, tcp, 0, ede?.code ?? -1, text);
      },
    });
  }

  ask(packet: Uint8Array, responder: Responder, peer: Peer, reply: (answer: Uint8Array) => void): void {
    this.forwarder.ask(this.requestOf(packet, responder, peer).request, reply);
  }

  /** What `ask` would do, for people; nobody is asked. */
  look(
    packet: Uint8Array,
    responder: Responder,
    peer: Peer,
  ): { facts: OutsideExplained; answer: Uint8Array | undefined } {
    const { request, route } = this.requestOf(packet, responder, peer);
    const { source, upstreams, leftOut, cache, seconds, answer } = this.forwarder.look(request);
    const { view, client } = responder;
    const vpc = client.vpc === 0 ? undefined : this.declared(vpcName(view, client.vpc));
    const facts: OutsideExplained = {
      policy: vpc?.forward ?? this.policy,
      route:
        route === undefined ? null : { suffix: route.suffix, of: route.isShared ? 'configuration' : 'vpc' },
      from: source,
      upstreams,
      leftOut,
      cache: { state: cache, seconds },
    };
    return { facts, answer };
  }

  private requestOf(
    packet: Uint8Array,
    responder: Responder,
    peer: Peer,
  ): { request: Request; route: SuffixRoute | undefined } {
    const { client, query, view } = responder;
    const tenant = client.vpc === 0 ? 0 : view.words[client.vpc + layout.VPC_NUMBER]!;
    const { upstreams, routes } = this.tenant(tenant, view, client.vpc);
    const route = routes.longest(this.routes, query);
    // A name that is routed in the view must not go elsewhere, even if its route is already gone here.
    const isRouted = route !== undefined || routeOf(view, client, query) !== 0;
    const request: Request = {
      packet,
      peer,
      tenant,
      upstreams: isRouted ? (route?.upstreams ?? []) : upstreams,
      suffix: isRouted ? (route?.suffix ?? 'this name') : undefined,
      isShared: route?.isShared ?? false,
      clientKey: formatAddress(peer.address, 0),
      limit: payloadLimit(query, peer.tcp),
      tcp: peer.tcp,
    };
    return { request, route };
  }

  /** A VPC has changed: if its upstreams are different now, the forwarder forgets the answers of the old ones. */
  changed(vpc: Vpc): void {
    const number = this.numbers.get(vpc.name);
    const tenant = number === undefined ? undefined : this.tenants.get(number);
    if (number === undefined || tenant === undefined) return;
    const now = tenantOf(vpc);
    if (now.text !== tenant.text) this.forwarder.forget(number);
    this.tenants.set(number, now);
  }

  /** A VPC is gone, so its cached answers go too. */
  forget(name: string): void {
    const number = this.numbers.get(name);
    if (number === undefined) return;
    this.numbers.delete(name);
    this.tenants.delete(number);
    this.forwarder.forget(number);
  }

  /** All counters, including the answers that workers took from the shared cache. */
  get counters(): ForwardCounters {
    return this.forwarder.counters;
  }

  status(): ForwarderStatus {
    return this.forwarder.status();
  }

  close(graceMs?: number): Promise<void> {
    this.cleanup.close();
    return this.forwarder.close(graceMs);
  }

  private tenant(number: number, view: View, vpc: number): Tenant {
    if (number === 0) return NO_VPC;
    let tenant = this.tenants.get(number);
    if (tenant === undefined) {
      const name = vpcName(view, vpc);
      // An implied VPC disappears without an event, together with the last resource in it.
      this.forget(name);
      tenant = tenantOf(this.declared(name));
      this.tenants.set(number, tenant);
      this.numbers.set(name, number);
    }
    return tenant;
  }

  private declared(name: string): Vpc | undefined {
    const resource = this.catalog.get({ kind: 'vpc', vpc: name, namespace: '', name: '' });
    return resource?.kind === 'vpc' ? resource : undefined;
  }
}

function tenantOf(vpc: Vpc | undefined): Tenant {
  const { upstreams = [], routes = {} } = vpc ?? {};
  return { upstreams, routes: new Suffixes(routes), text: JSON.stringify([upstreams, routes]) };
}
