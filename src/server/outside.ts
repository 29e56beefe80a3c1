/** Hands outside names to the forwarder, with what it must know of the client and of the VPC. */
import type { OutsideNames } from '../answer/deferred.ts';
import { payloadLimit } from '../answer/encode.ts';
import type { Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { formatAddress } from '../dns/address.ts';
import { Forwarder } from '../forward/forwarder.ts';
import type { ForwarderStatus, ForwardRequest } from '../forward/options.ts';
import * as layout from '../trie/layout.ts';

export interface OutsideOptions {
  config: Config;
  catalog: Catalog;
  /** The main thread's: its encoder writes the OPT records of relayed answers. */
  responder: Responder;
  /** What is bound now: upstreams that lead here are left out. */
  listeners: () => readonly { address: string; port: number }[];
}

interface Request extends ForwardRequest {
  peer: Peer;
}

const encoder = new TextEncoder();
const NO_TEXT = new Uint8Array(0);

export class Outside implements OutsideNames {
  readonly forwarder: Forwarder<Request>;
  private readonly catalog: Catalog;
  /** By VPC; forgotten at every change, because asking the catalog parses a record. */
  private readonly upstreams = new Map<string, readonly string[] | undefined>();

  constructor({ config, catalog, responder, listeners }: OutsideOptions) {
    this.catalog = catalog;
    const { opt } = responder.encoder;
    this.forwarder = new Forwarder<Request>({
      upstreams: config.upstreams,
      resolvConf: config.resolvConf,
      listeners,
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
    const vpc = client.vpc === 0 ? '' : view.labelText(view.words[client.vpc + layout.VPC_NODE]);
    this.forwarder.ask(
      {
        packet,
        peer,
        vpc,
        upstreams: this.upstreamsOf(vpc),
        clientKey: formatAddress(peer.address, 0),
        limit: payloadLimit(query, peer.tcp),
        tcp: peer.tcp,
      },
      reply,
    );
  }

  /** After a commit. */
  changed(): void {
    this.upstreams.clear();
  }

  /** A VPC is gone, and with it what it asked. */
  forget(vpc: string): void {
    this.forwarder.forget(vpc);
  }

  status(): ForwarderStatus {
    return this.forwarder.status();
  }

  close(graceMs?: number): Promise<void> {
    return this.forwarder.close(graceMs);
  }

  private upstreamsOf(vpc: string): readonly string[] | undefined {
    if (this.upstreams.has(vpc)) return this.upstreams.get(vpc);
    const resource = this.catalog.get({ kind: 'vpc', vpc, namespace: '', name: '' });
    const upstreams = resource?.kind === 'vpc' ? resource.upstreams : undefined;
    this.upstreams.set(vpc, upstreams);
    return upstreams;
  }
}
