/** Hands outside names to the forwarder, with what it must know of the client and of the VPC. */
import type { OutsideNames } from '../answer/defer/deferred.ts';
import { routeOf } from '../answer/decide/outside.ts';
import { payloadLimit } from '../answer/encode/encode.ts';
import type { Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import { CachedAnswers } from '../answer/cached-answer.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { formatAddress } from '../dns/address.ts';
import { systemClock } from '../forward/clock.ts';
import type { ForwardCounters } from '../forward/counters.ts';
import { Forwarder } from '../forward/forwarder.ts';
import type { ForwarderStatus, ForwardRequest } from '../forward/options.ts';
import { Suffixes } from '../forward/routes/suffixes.ts';
import type { Vpc } from '../model.ts';
import { OWN_READER } from '../shared-cache/layout.ts';
import { reserveSharedCache } from '../shared-cache/memory.ts';
import { SharedCacheReader } from '../shared-cache/cache-reader.ts';
import { SharedCache } from '../shared-cache/shared-cache.ts';
import * as layout from '../trie/layout.ts';
import type { View } from '../trie/read/view.ts';
import { IdleCleanup } from './idle-cleanup.ts';
import { releaseMemory } from './release-memory.ts';
import { UpstreamTally } from './upstream-counts.ts';

export interface ForwardingOptions {
  config: Config;
  catalog: Catalog;
  /** The main thread's: it takes from the shared cache too, and its encoder writes the OPT records of relayed answers. */
  responder: Responder;
  /** What is bound now: upstreams that lead here are left out. */
  listeners: () => readonly { address: string; port: number }[];
}

interface Request extends ForwardRequest {
  peer: Peer;
}

/** A VPC that has asked for outside names. */
interface Tenant {
  /** Asking the catalog parses a record: the answer is kept until the VPC changes. */
  upstreams: readonly string[] | undefined;
  routes: Suffixes;
  /** What these were made of, as text. */
  text: string;
}

const NO_VPC: Tenant = tenantOf(undefined);

const encoder = new TextEncoder();
const NO_TEXT = new Uint8Array(0);

export class Forwarding implements OutsideNames {
  /** What the forwarder has in its cache, for everyone who may answer with it. */
  readonly sharedCache: SharedCache;
  readonly forwarder: Forwarder<Request>;
  readonly upstreams = new UpstreamTally();
  private readonly cleanup: IdleCleanup;
  private readonly catalog: Catalog;
  /** Of the configuration. */
  private readonly routes: Suffixes;
  /** By number, and the numbers by name. A VPC that comes back under its old name has another number. */
  private readonly tenants = new Map<number, Tenant>();
  private readonly numbers = new Map<string, number>();

  constructor({ config, catalog, responder, listeners }: ForwardingOptions) {
    this.catalog = catalog;
    this.routes = new Suffixes(config.routes, true);
    const { opt } = responder.encoder;
    const sharedCache = new SharedCache(reserveSharedCache(config.cacheSize));
    this.sharedCache = sharedCache;
    const clock = { ...systemClock, now: () => sharedCache.now() };
    // Sockets, timers and messages of ten thousand misses are three times what the answers take.
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
      writeOpt: (query, tcp, ede, out, at, { peer }) => {
        const text = ede === undefined ? NO_TEXT : encoder.encode(ede.text);
        return opt.put(out, at, query, peer.address, tcp, 0, ede?.code ?? -1, text);
      },
    });
  }

  ask(packet: Uint8Array, responder: Responder, peer: Peer, reply: (answer: Uint8Array) => void): void {
    const { client, query, view } = responder;
    const tenant = client.vpc === 0 ? 0 : view.words[client.vpc + layout.VPC_NUMBER];
    const { upstreams, routes } = this.tenant(tenant, view, client.vpc);
    const route = routes.longest(this.routes, query);
    // What the view takes for routed must not go anywhere else, though its route may be gone here already.
    const isRouted = route !== undefined || routeOf(view, client, query) !== 0;
    this.forwarder.ask(
      {
        packet,
        peer,
        tenant,
        upstreams: isRouted ? (route?.upstreams ?? []) : upstreams,
        suffix: isRouted ? (route?.suffix ?? 'this name') : undefined,
        isShared: route?.isShared ?? false,
        clientKey: formatAddress(peer.address, 0),
        limit: payloadLimit(query, peer.tcp),
        tcp: peer.tcp,
      },
      reply,
    );
  }

  /** A VPC has been declared anew: where it asks others now, what those before said is forgotten at once. */
  changed(vpc: Vpc): void {
    const number = this.numbers.get(vpc.name);
    const tenant = number === undefined ? undefined : this.tenants.get(number);
    if (number === undefined || tenant === undefined) return;
    const now = tenantOf(vpc);
    if (now.text !== tenant.text) this.forwarder.forget(number);
    this.tenants.set(number, now);
  }

  /** A VPC is gone, and with it what it asked. */
  forget(name: string): void {
    const number = this.numbers.get(name);
    if (number === undefined) return;
    this.numbers.delete(name);
    this.tenants.delete(number);
    this.forwarder.forget(number);
  }

  /** Everything counted so far, what workers took off the shared cache included. */
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
      const name = view.labelText(view.words[vpc + layout.VPC_NODE]);
      // One that nobody had declared goes without a word, with the last thing inside it.
      this.forget(name);
      const resource = this.catalog.get({ kind: 'vpc', vpc: name, namespace: '', name: '' });
      tenant = tenantOf(resource?.kind === 'vpc' ? resource : undefined);
      this.tenants.set(number, tenant);
      this.numbers.set(name, number);
    }
    return tenant;
  }
}

function tenantOf(vpc: Vpc | undefined): Tenant {
  const { upstreams = [], routes = {} } = vpc ?? {};
  return { upstreams, routes: new Suffixes(routes), text: JSON.stringify([upstreams, routes]) };
}
